//! A hundred command modules in Python: how long until they can be called, beside an interpreter that only imports them,
//! and what a call costs beside one of a function.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use matterbot::module::link::Link;
use matterbot::module::protocol::{Call, FromHost, Loading, Stage, Staged, ToHost};
use matterbot::playground::{Options, Playground};
use tokio::process::Command;

use crate::asker::Askers;
use crate::client::{Client, Settings};
use crate::samples::Samples;

/// How many modules there are, how often they are loaded, and how often one is called.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    pub(crate) modules: usize,
    loads: usize,
    calls: usize,
}

impl Extent {
    pub(crate) const FULL: Self = Self {
        modules: 100,
        loads: 7,
        calls: 1_000,
    };
    pub(crate) const BRIEF: Self = Self {
        modules: 10,
        loads: 1,
        calls: 10,
    };
}

/// What was measured.
#[derive(Debug, Default)]
pub(crate) struct Loads {
    /// From the start of the module host until all modules are greeted.
    pub(crate) ready: Samples,
    /// From the start of an interpreter until it has imported all modules.
    pub(crate) floor: Samples,
    /// From sending a call to its answer.
    pub(crate) call: Samples,
    /// A call of the same function inside an interpreter.
    pub(crate) direct: Samples,
    pub(crate) modules: usize,
    /// What a bot without modules holds at rest, in bytes.
    pub(crate) memory_without: u64,
    /// What one with these modules holds itself, after it called one of them.
    pub(crate) memory_with: u64,
}

/// The bot's second look after a start is over by then.
const SECOND_LOOK_IS_OVER: Duration = Duration::from_secs(11);

/// A bot that has nothing to do comes to rest in this time.
const REST: Duration = Duration::from_millis(500);

/// No load may take longer.
const AT_MOST: Duration = Duration::from_secs(60);

/// What upstream's modules begin with: their own settings, and some of the standard library.
const COMMAND: &str = r#"import collections
import datetime
import importlib
import json
import logging
import re
import urllib.parse
from pathlib import Path
from types import SimpleNamespace

_package = __package__ or Path(__file__).parent.name
settings = SimpleNamespace()
for _name in (".defaults", ".settings"):
    try:
        _found = importlib.import_module(_name, package=_package)
    except ModuleNotFoundError:
        continue
    vars(settings).update({key: value for key, value in vars(_found).items() if not key.startswith("__")})

log = logging.getLogger("MatterBot")


def process(command, channel, username, params, files, conn):
    return {"messages": [{"text": f"{command} of {username} in {channel}: {' '.join(params)}"}]}
"#;

/// The floor: one interpreter that imports the modules, and calls one of them; prints the nanoseconds of each call.
const FLOOR: &str = r#"
import importlib, os, sys, time
folder, calls = sys.argv[1], int(sys.argv[2])
sys.path.insert(0, os.path.dirname(folder))
package = os.path.basename(folder)
names = sorted(os.listdir(folder))
modules = [importlib.import_module(f"{package}.{name}.command") for name in names]
print("imported", flush=True)
for _ in range(calls):
    begun = time.perf_counter_ns()
    modules[0].process("@m000", "town-square", "@olga", ["hello"], [], None)
    print(time.perf_counter_ns() - begun)
"#;

/// Makes the folder of the modules in `home`.
///
/// # Errors
/// It cannot be written.
pub(crate) fn generate(count: usize, home: &Path) -> anyhow::Result<std::path::PathBuf> {
    let folder = home.join("commands");
    for number in 0..count {
        let module = folder.join(format!("m{number:03}"));
        fs::create_dir_all(&module)?;
        fs::write(module.join("command.py"), COMMAND)?;
        let defaults = format!(
            "BINDS = ['@m{number:03}']\nCHANS = ['any']\nHELP = {{'DEFAULT': {{'desc': 'number {number}'}}}}\n"
        );
        fs::write(module.join("defaults.py"), defaults)?;
    }
    Ok(folder)
}

/// Loads the modules again and again, in turns with the floor, and then calls one of them.
///
/// # Errors
/// Whatever goes wrong.
pub(crate) async fn run(extent: Extent, home: &Path) -> anyhow::Result<Loads> {
    let folder = generate(extent.modules, home)?;
    let mut loads = Loads {
        modules: extent.modules,
        ..Loads::default()
    };
    // Both then find the compiled files of an earlier import.
    floor(&folder, 0).await?;
    drop(load(&folder).await?);
    for _ in 0..extent.loads {
        loads.floor.push(floor(&folder, 0).await?.0);
        let (link, ready) = load(&folder).await?;
        loads.ready.push(ready);
        end(link).await?;
    }
    loads.direct = floor(&folder, extent.calls).await?.1;
    let (mut link, _) = load(&folder).await?;
    for number in 0..=extent.calls {
        let taken = call(&mut link, number).await?;
        // The first one forks.
        if number > 0 {
            loads.call.push(taken);
        }
    }
    end(link).await?;
    loads.memory_without = memory(0, &home.join("without")).await?;
    loads.memory_with = memory(extent.modules, &home.join("with")).await?;
    Ok(loads)
}

/// What a bot with so many modules holds at rest, in bytes; none of it is the modules'.
async fn memory(count: usize, home: &Path) -> anyhow::Result<u64> {
    let playground = Playground::start(Options::default()).await?;
    let mut askers = Askers::gather(&playground).await?;
    generate(count, home)?;
    let settings = if count > 0 {
        Settings::WITH_MODULES
    } else {
        Settings::SERVING
    };
    let client = Client::start_bot(settings, home, &playground)?;
    let measured = async {
        askers.first_answer().await?;
        if count > 0 {
            let who = askers.people.first().context("nobody asks")?;
            let said = askers.server.say(who, &askers.channel, "@m000 hello");
            let asked = said.await?;
            while askers.answers.recv().await.context("no answer")?.root != asked {}
        }
        tokio::time::sleep(SECOND_LOOK_IS_OVER.saturating_sub(client.started().elapsed())).await;
        askers.quiet(REST).await;
        client.resident()
    };
    let measured = tokio::time::timeout(AT_MOST, measured).await;
    let measured = measured
        .context("the bot with modules took too long")
        .flatten();
    let measured = measured.with_context(|| client.last_words());
    client.kill().await?;
    drop(askers);
    playground.stop().await;
    measured
}

async fn floor(folder: &Path, calls: usize) -> anyhow::Result<(Duration, Samples)> {
    #[expect(clippy::disallowed_methods, reason = "the floor of a benchmark")]
    let mut command = Command::new("python3");
    let begun = Instant::now();
    let output = command
        .args(["-c", FLOOR])
        .arg(folder)
        .arg(calls.to_string())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(AT_MOST, output)
        .await
        .context("the floor took too long")??;
    let taken = begun.elapsed();
    anyhow::ensure!(
        output.status.success(),
        "the floor ended with {}",
        output.status
    );
    let mut samples = Samples::default();
    for line in String::from_utf8(output.stdout)?.lines().skip(1) {
        samples.push(Duration::from_nanos(line.parse()?));
    }
    Ok((taken, samples))
}

/// Starts a module host and waits until it has loaded everything.
async fn load(folder: &Path) -> anyhow::Result<(Link, Duration)> {
    let begun = Instant::now();
    let mut link = Link::spawn(Path::new(env!("CARGO_BIN_EXE_matterbot")))?;
    let stage = ToHost::Stage(Stage {
        generation: 1,
        folder: folder.to_owned(),
        python: None,
        workers: 8,
    });
    link.sender.send(&stage).await?;
    let staged = loop {
        match next(&mut link).await? {
            FromHost::Staged(staged) => break staged,
            _ => continue,
        }
    };
    let taken = begun.elapsed();
    let generations = greeted(&staged)?;
    link.sender.send(&ToHost::Serve { generations }).await?;
    Ok((link, taken))
}

fn greeted(staged: &Staged) -> anyhow::Result<std::collections::BTreeMap<String, u64>> {
    let mut generations = std::collections::BTreeMap::new();
    for module in &staged.modules {
        if let Loading::Failure(failure) = &module.loading {
            bail!("{}: {}", module.name, failure.summary);
        }
        generations.insert(module.name.clone(), staged.generation);
    }
    Ok(generations)
}

async fn call(link: &mut Link, number: usize) -> anyhow::Result<Duration> {
    let id = format!("call:{number}");
    let call = ToHost::Call {
        module: "m000".to_owned(),
        generation: 1,
        call: Call {
            id: id.clone(),
            command: "@m000".to_owned(),
            parameters: vec!["hello".to_owned()],
            channel: "town-square".to_owned(),
            username: "@olga".to_owned(),
            deadline_ms: 30_000,
            ..Call::default()
        },
    };
    let begun = Instant::now();
    link.sender.send(&call).await?;
    loop {
        match next(link).await? {
            FromHost::Result(answer) if answer.call == id => return Ok(begun.elapsed()),
            FromHost::Error(failure) => bail!("the call failed: {}", failure.trace),
            _ => {}
        }
    }
}

async fn next(link: &mut Link) -> anyhow::Result<FromHost> {
    let said = tokio::time::timeout(AT_MOST, link.receiver.next()).await;
    said.context("the module host took too long")??
        .context("the module host has ended")
}

/// Ends the host, and waits until it has.
async fn end(link: Link) -> anyhow::Result<()> {
    let Link {
        receiver,
        sender,
        child,
    } = link;
    drop((receiver, sender));
    let mut child = child.context("the module host is not a child")?;
    tokio::time::timeout(AT_MOST, child.wait())
        .await
        .context("the module host does not end")??;
    Ok(())
}
