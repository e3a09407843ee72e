//! `matterbot try`: runs what somebody would write in chat, without a Mattermost.
//!
//! The modules run below a module host, as in service; what the bot does for them is answered with an error. Answers go to
//! standard output, everything else to standard error.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;

use crate::command::catalogue::{Catalogue, Loaded, Roster};
use crate::command::indicator;
use crate::command::parse::{Invocation, Target, Vocabulary};
use crate::config::{self, Environment};
use crate::lifecycle::ExitStatus;
use crate::lifecycle::reexec::Origin;
use crate::lifecycle::terminal::{print, print_error};
use crate::module::protocol::{
    Answer, Call, FailureReason, FromHost, Loading, Log, Stage, Staged, ToHost,
};
use crate::module::standalone::StandaloneHost;
use crate::tasks;

/// The only generation.
const GENERATION: u64 = 1;

/// How many calls a module may run at once; it gets one.
const WORKERS: usize = 1;

/// How long a command may take that no configuration tells of.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How long loading may take; as long as the bot's does.
const LOADING: Duration = Duration::from_secs(300);

/// The host ends a call at its deadline; if it does not, we do, so much later.
const GRACE: Duration = Duration::from_secs(5);

/// The arguments of `matterbot try`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// What somebody would write in chat: '@dice 2d6'
    #[arg(required = true, value_name = "TEXT")]
    text: Vec<String>,
    /// The folder of the modules [default: Modules.commanddir of the configuration]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

/// Runs the modules that the text calls: 0 if all answer, 1 if one does not, 64 if there is none.
///
/// # Errors
/// There is no folder of modules, or the module host cannot be started.
pub fn run(
    options: &config::Options,
    arguments: &Arguments,
    origin: &Origin,
) -> anyhow::Result<ExitStatus> {
    let (stage, timeout) = prepare(options, arguments)?;
    tasks::runtime()?.block_on(async {
        let host =
            StandaloneHost::start(origin.program(), tell).context("starting the module host")?;
        let mut trial = Trial(host);
        let status = trial.run(stage, &arguments.text.join(" "), timeout).await;
        if !trial.0.end().await {
            print_error("the module host does not end");
        }
        status
    })
}

/// What to load, and how long a command may take.
fn prepare(options: &config::Options, arguments: &Arguments) -> anyhow::Result<(Stage, Duration)> {
    let configured = |path: PathBuf| config::modules(&path, &Environment::of_process());
    let found = config::find(options.path.as_deref());
    let (folder, python, timeout) = match (&arguments.folder, found) {
        (Some(folder), Err(_)) => (folder.clone(), None, TIMEOUT),
        (folder, found) => {
            let found = found.context(
                "name the folder of the modules with --folder, or a configuration that tells it",
            )?;
            let (modules, timeout) = configured(found)?;
            let folder = folder.clone().unwrap_or(modules.commanddir);
            (folder, modules.python, timeout)
        }
    };
    let stage = Stage {
        generation: GENERATION,
        folder: std::path::absolute(folder)?,
        python,
        workers: WORKERS,
    };
    Ok((stage, timeout))
}

/// A module host, and what is tried with it.
struct Trial(StandaloneHost);

impl Trial {
    async fn run(
        &mut self,
        stage: Stage,
        text: &str,
        timeout: Duration,
    ) -> anyhow::Result<ExitStatus> {
        let folder = stage.folder.clone();
        let staged = tokio::time::timeout(LOADING, self.0.load(stage)).await;
        let staged = staged.with_context(|| {
            let seconds = LOADING.as_secs();
            format!("the modules were not loaded within {seconds} s")
        })?;
        let catalogue = catalogue(staged?, text);
        let generations = catalogue
            .modules()
            .map(|module| (module.name.clone(), GENERATION))
            .collect();
        self.0.order(&ToHost::Serve { generations }).await?;
        let invocations = Vocabulary::new(&[], &[]).parse(text, |word| catalogue.is_bind(word));
        let calls = calls(&invocations, &catalogue);
        if calls.is_empty() {
            explain(&invocations, &catalogue);
            if catalogue.modules().next().is_none() {
                print_error(format_args!("no module of {} was loaded", folder.display()));
            }
            return Ok(ExitStatus::Usage);
        }
        let mut status = ExitStatus::Success;
        let are_several = calls.len() > 1;
        for (number, (module, invocation)) in calls.into_iter().enumerate() {
            if are_several {
                print(format_args!("{module} answers {}:", invocation.word));
            }
            let call = call(number, invocation, timeout);
            let called = tokio::time::timeout(timeout + GRACE, self.call(&module, call)).await;
            if !called.context("the module host does not end the call")?? {
                status = ExitStatus::Failure;
            }
        }
        Ok(status)
    }

    /// Calls a module, and prints what comes of it; says whether that is an answer.
    async fn call(&mut self, module: &str, call: Call) -> anyhow::Result<bool> {
        let id = call.id.clone();
        let order = ToHost::Call {
            module: module.to_owned(),
            generation: GENERATION,
            call,
        };
        self.0.order(&order).await?;
        loop {
            match self.0.next().await? {
                FromHost::Progress(progress) if progress.call == id => print(progress.text),
                FromHost::Result(answer) if answer.call == id => {
                    show(&answer);
                    return Ok(true);
                }
                FromHost::Error(failure) if failure.call == id => {
                    let why = words(failure.reason);
                    print_error(format_args!("{module} {why}\n{}", failure.trace.trim_end()));
                    return Ok(false);
                }
                _ => {}
            }
        }
    }
}

/// The modules that were loaded; what was not is told, with its trace if `text` asks for it by its name.
fn catalogue(staged: Staged, text: &str) -> Catalogue {
    let words = text.split_whitespace();
    let words: Vec<String> = words.map(str::to_lowercase).collect();
    let is_asked_for = |name: &str| {
        let mut words = words.iter();
        words.any(|word| word.strip_prefix('@') == Some(name))
    };
    for problem in &staged.problems {
        print_error(problem);
    }
    let mut roster = Roster::new();
    for module in staged.modules {
        match module.loading {
            Loading::Description(description) => {
                let loaded = Loaded {
                    description,
                    generation: GENERATION,
                };
                roster.insert(module.name, loaded);
            }
            Loading::Failure(failure) => {
                let summary = failure.text.unwrap_or(failure.summary);
                let summary = summary.lines().next().unwrap_or_default();
                print_error(format_args!("{} was not loaded: {summary}", module.name));
                if is_asked_for(&module.name) {
                    print_error(failure.trace.trim_end());
                }
            }
        }
    }
    Catalogue::merge(&BTreeMap::new(), Some(&roster))
}

/// The modules to call, in order, each with what calls it.
fn calls<'a>(
    invocations: &'a [Invocation],
    catalogue: &Catalogue,
) -> Vec<(String, &'a Invocation)> {
    let mut calls = Vec::new();
    for invocation in invocations {
        if invocation.target != Target::Bind {
            continue;
        }
        let first = invocation.arguments.first();
        for module in catalogue.bound_to(&invocation.word) {
            let is_taken = |first: &String| indicator::takes(module, indicator::classify(first));
            if first.is_none_or(is_taken) {
                calls.push((module.name.clone(), invocation));
            }
        }
    }
    calls
}

/// Why no module is called.
fn explain(invocations: &[Invocation], catalogue: &Catalogue) {
    let Some(invocation) = invocations.first() else {
        let binds = catalogue.modules().flat_map(|module| module.binds.clone());
        let binds: std::collections::BTreeSet<String> = binds.collect();
        let binds: Vec<String> = binds.into_iter().collect();
        let known = binds.join(" ");
        return print_error(format_args!(
            "no word of it calls a module; these do: {known}"
        ));
    };
    let word = &invocation.word;
    match invocation.target {
        Target::Builtin(_) => print_error(format_args!(
            "{word} is a command of the bot itself, not of a module"
        )),
        Target::Bind => print_error(format_args!(
            "no module of {word} takes {:?}: it is not among the types that they accept",
            invocation.arguments.first().map_or("", String::as_str)
        )),
    }
}

fn call(number: usize, invocation: &Invocation, timeout: Duration) -> Call {
    Call {
        id: format!("try:{number}"),
        command: invocation.word.clone(),
        parameters: invocation.arguments.clone(),
        channel: "town-square".to_owned(),
        username: "@try".to_owned(),
        deadline_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
        ..Call::default()
    }
}

fn show(answer: &Answer) {
    if answer.messages.is_empty() {
        print("(no answer: the bot would react with ✅)");
    }
    for message in &answer.messages {
        if !message.text.is_empty() {
            print(&message.text);
        }
        for upload in &message.uploads {
            let padding = upload.bytes.bytes().rev().take_while(|byte| *byte == b'=');
            let bytes = (upload.bytes.len() / 4 * 3).saturating_sub(padding.count());
            print(format_args!("(file {}, {bytes} bytes)", upload.filename));
        }
    }
}

fn words(reason: FailureReason) -> &'static str {
    match reason {
        FailureReason::Raised => "failed:",
        FailureReason::Died => "ended before it answered:",
        FailureReason::Deadline => "did not answer in time:",
        FailureReason::Malformed => "said what is no answer:",
        FailureReason::Unknown => "is not there any more:",
    }
}

/// Prints what is meant for the log.
fn tell(log: &Log) {
    let whose = match &*log.module {
        "" => "modules",
        module => module,
    };
    if log.level != "debug" {
        print_error(format_args!("{whose}: {}", log.text));
    }
}
