//! `matterbot playground`: the server, and the bot as its child.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process;
use std::time::Duration;

use anyhow::Context as _;
use tokio::process::{Child, Command};

use crate::lifecycle::ExitStatus;
use crate::lifecycle::reexec::Origin;
use crate::lifecycle::signals::{Signal, Signals};
use crate::lifecycle::state_directory::{Lock, StateDirectory};
use crate::lifecycle::terminal::{greet, print_error};
use crate::module::trampoline;

use super::{Options, Playground, StartError};

/// The arguments of `matterbot playground`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The loopback address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8065")]
    listen: SocketAddr,
    /// Only the server: the bot is yours to start
    #[arg(long)]
    server_only: bool,
    /// Keep accounts, posts and the bot's state in this directory, and go on from there the next time
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// The folder of the bot's command modules [default: one with `@dice`]
    #[arg(long, value_name = "FOLDER", conflicts_with = "server_only")]
    modules: Option<PathBuf>,
}

/// The files of the module that the playground shows.
const DICE: [(&str, &str); 2] = [
    (
        "command.py",
        include_str!("../../examples/modules/dice/command.py"),
    ),
    (
        "defaults.py",
        include_str!("../../examples/modules/dice/defaults.py"),
    ),
];

/// Runs the server, and the bot unless it is not wanted, until a signal or the bot's end.
///
/// # Errors
/// The address is taken, the directory cannot be written, or the bot cannot be started.
pub async fn run(
    arguments: &Arguments,
    debug: bool,
    origin: &Origin,
) -> anyhow::Result<ExitStatus> {
    let mut signals = Signals::listen().context("listening to signals")?;
    let directory = match &arguments.state {
        Some(directory) => Directory::kept(directory)?,
        None => Directory::forgotten()?,
    };
    let state = arguments.state.as_ref().map(|_| directory.path.clone());
    let playground = Playground::start(Options {
        listen: arguments.listen,
        state,
        ..Options::default()
    })
    .await
    .map_err(refuse)?;
    greet(greeting(&playground, arguments.server_only));
    if arguments.server_only {
        while signals.next().await == Signal::Reload {}
        playground.stop().await;
        return Ok(ExitStatus::Success);
    }
    let modules = match &arguments.modules {
        Some(folder) => fs::canonicalize(folder)
            .with_context(|| format!("--modules {} cannot be used", folder.display()))?,
        None => write_dice(&directory.path).context("writing the module @dice")?,
    };
    let config = write_config(&directory.path, &playground, &modules)
        .context("writing the bot's configuration")?;
    let mut bot = start_bot(origin, &config, debug)?;
    let ended = loop {
        tokio::select! {
            // Both only wait; what is not returned here is returned by the next call.
            ended = bot.wait() => break ended,
            signal = signals.next() => pass_on(&bot, signal),
        }
    };
    playground.stop().await;
    let ended = ended.context("waiting for the bot")?;
    if !ended.success() {
        print_error(format_args!(
            "matterbot: the bot ended ({ended}), so the playground ends too"
        ));
    }
    Ok(outcome(ended))
}

/// Why the server does not start, and what to do.
fn refuse(error: StartError) -> anyhow::Error {
    let in_use = matches!(&error, StartError::Listen { source, .. } if source.kind() == ErrorKind::AddrInUse);
    let chain = format!("{:#}", anyhow::Error::new(error));
    if in_use {
        anyhow::anyhow!(
            "{chain}; is another playground running? --listen 127.0.0.1:0 takes a port that is free"
        )
    } else {
        anyhow::anyhow!(chain)
    }
}

/// Where the server and the bot keep their files.
#[derive(Debug)]
struct Directory {
    path: PathBuf,
    /// Nobody else keeps his files there meanwhile; none in a directory that is forgotten.
    #[expect(dead_code, reason = "held for its effect")]
    lock: Option<Lock>,
    forgotten: bool,
}

impl Directory {
    fn kept(path: &Path) -> anyhow::Result<Self> {
        let context = || format!("--state {} cannot be used", path.display());
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        if let Some(parent) = parent.filter(|parent| !parent.exists()) {
            let parent = parent.display();
            anyhow::bail!(
                "{}: make {parent} first, with `mkdir -p {parent}`",
                context()
            );
        }
        let directory = StateDirectory::open(path).with_context(context)?;
        let lock = directory.lock(Duration::ZERO).with_context(context)?;
        Ok(Self {
            path: fs::canonicalize(path)?,
            lock: Some(lock),
            forgotten: false,
        })
    }

    fn forgotten() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!(
            "matterbot-playground-{}",
            crate::id::random_token()
        ));
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .with_context(|| format!("making {}", path.display()))?;
        Ok(Self {
            path,
            lock: None,
            forgotten: true,
        })
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if self.forgotten
            && let Err(error) = fs::remove_dir_all(&self.path)
        {
            print_error(format_args!(
                "matterbot: {} could not be removed: {error}",
                self.path.display()
            ));
        }
    }
}

/// What somebody who sees it for the first time needs.
fn greeting(playground: &Playground, server_only: bool) -> String {
    let address = playground.base_url();
    let mut text = format!(
        "The playground is at {address}, a Mattermost-compatible server for this host alone.\n\
         Team `ops`; accounts admin, olga (an operator), pat, guest, all with the password {}.\n",
        super::PASSWORD
    );
    if server_only {
        text.push_str(&format!(
            "Only the server runs. The token of the account matter-bot is {}",
            playground.bot_token()
        ));
    } else {
        text.push_str("The bot matter-bot serves the team. Post `@help`, `@dice 2d6` or `@restart` as olga; Ctrl-C ends both.");
    }
    text
}

/// The folder of the module that the playground shows.
fn write_dice(directory: &Path) -> std::io::Result<PathBuf> {
    let folder = directory.join("modules");
    let dice = folder.join("dice");
    fs::create_dir_all(&dice)?;
    for (name, text) in DICE {
        fs::write(dice.join(name), text)?;
    }
    Ok(folder)
}

/// By this line of its configuration the playground knows the file again.
const FIRST_LINE: &str = "# Written by `matterbot playground` at each start.";

/// The configuration that the bot is started with, as one would write it for a real server.
fn write_config(
    directory: &Path,
    playground: &Playground,
    modules: &Path,
) -> anyhow::Result<PathBuf> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory.join("bot"))?;
    let operator = playground
        .user_id("olga")
        .context("the playground has lost the account olga")?;
    let address = playground.address();
    let (host, port, token) = (address.ip(), address.port(), playground.bot_token());
    // A JSON string is a YAML one, whatever the path is.
    let modules = serde_json::to_string(&modules.to_string_lossy())?;
    let text = format!(
        "{FIRST_LINE}\n\
         Matterbot:\n\
         \x20 host: \"{host}\"\n\
         \x20 port: {port}\n\
         \x20 scheme: http\n\
         \x20 basepath: /api/v4\n\
         \x20 username: matter-bot\n\
         \x20 password: {token}\n\
         \x20 teamname: ops\n\
         \x20 botadmins: [system_admin]\n\
         \x20 botoperators: [{operator}] # olga\n\
         \x20 service_manager: none\n\
         \x20 logfile: \"-\"\n\
         \x20 bindmap: bot/bindmap.json\n\
         \x20 feedmap: bot/feedmap.json\n\
         Modules:\n\
         \x20 commanddir: {modules}\n\
         Lifecycle:\n\
         \x20 state_dir: bot\n"
    );
    let path = directory.join("config.yaml");
    let is_another = fs::read_to_string(&path).is_ok_and(|found| !found.starts_with(FIRST_LINE));
    anyhow::ensure!(
        !is_another,
        "{} is not the playground's: give --state a directory of its own",
        path.display()
    );
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)?;
    file.write_all(text.as_bytes())?;
    Ok(path)
}

/// The bot in a process group of its own, so that a terminal's Ctrl-C reaches it once, through us; it ends when we do,
/// also when we are killed.
fn start_bot(origin: &Origin, config: &Path, debug: bool) -> anyhow::Result<Child> {
    // What a supervisor around the playground gave it, the bot must not take for its own.
    let mut command = Command::from(trampoline::scrubbed(origin.program()));
    command
        .arg("--config")
        .arg(config)
        .args(["--parent", &process::id().to_string()])
        .args(debug.then_some("--debug"))
        .process_group(0)
        .kill_on_drop(true);
    command
        .spawn()
        .with_context(|| format!("starting {}", origin.program().display()))
}

/// Gives the bot the signal that we got.
fn pass_on(bot: &Child, signal: Signal) {
    let signal = match signal {
        Signal::Stop(_) => rustix::process::Signal::TERM,
        Signal::Reload => rustix::process::Signal::HUP,
        Signal::Restart => rustix::process::Signal::USR1,
    };
    let pid = bot
        .id()
        .and_then(|pid| i32::try_from(pid).ok())
        .and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid
        && let Err(error) = rustix::process::kill_process(pid, signal)
    {
        print_error(format_args!(
            "matterbot: the bot could not be signalled: {error}"
        ));
    }
}

fn outcome(ended: process::ExitStatus) -> ExitStatus {
    match ended.code() {
        Some(0) => ExitStatus::Success,
        Some(78) => ExitStatus::Configuration,
        _ => ExitStatus::Failure,
    }
}
