//! `matterbot check`: whether the bot would start. Errors go to standard error, everything else to standard output.

use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Pid, getppid};

use crate::config::{self, Config, Environment, Report, Severity};
use crate::ledger;
use crate::lifecycle::state_directory::StateDirectory;
use crate::lifecycle::terminal::{print, print_error};
use crate::lifecycle::{Status, linger, marker};
use crate::mattermost::api::{Api, ApiError, Connection, Timeouts};
use crate::timestamp::Timestamp;

use super::StartFailure;
use super::identity::{Identity, Unidentified};
use super::process::runtime;

/// How long the server may take to answer all questions; with the rest it stays below the preflight's patience.
const SERVER_PATIENCE: Duration = Duration::from_secs(8);

/// How long it may take to answer one of them.
const ANSWER_PATIENCE: Duration = Duration::from_secs(3);

/// How often a check looks whether somebody still waits for it.
const PARENT_POLL: Duration = Duration::from_millis(500);

const NO_LINGER: &str = "warning: this bot is a service of your user, and ends with your last session; to let it stay: \
                         loginctl enable-linger";

/// The arguments of `matterbot check`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Ask the server too, and look at the state directory and the ledger; nothing is changed
    #[arg(long)]
    online: bool,
}

/// What was found beyond the configuration.
#[derive(Debug, Default)]
struct Findings {
    errors: Vec<String>,
    warnings: Vec<String>,
}

/// Checks, and reports: 0, or 78 if the bot would not start.
///
/// # Errors
/// The kernel gives no event queue.
pub fn run(options: &config::Options, arguments: &Arguments) -> Result<Status, StartFailure> {
    let parent = getppid();
    let path = config::find(options.path.as_deref()).map_err(StartFailure::configuration)?;
    let loaded = config::load(&path, &Environment::of_process(), options.strict);
    let (config, diagnostics) = match loaded {
        Ok(loaded) => (Some(loaded.config), loaded.warnings),
        Err(invalid) => (None, invalid.diagnostics),
    };
    for diagnostic in &diagnostics {
        match diagnostic.severity {
            Severity::Error => print_error(diagnostic),
            Severity::Warning => print(diagnostic),
        }
    }
    let verdict = Report {
        file: path,
        diagnostics,
    }
    .verdict();
    let Some(config) = config else {
        print_error(verdict);
        return Ok(Status::Configuration);
    };
    print(verdict);
    let runtime = runtime()?;
    if runtime.block_on(linger::is_missing()) {
        print(NO_LINGER);
    }
    if !arguments.online {
        return Ok(Status::Stopped);
    }
    let findings = runtime.block_on(async {
        tokio::select! {
            // Whoever waited for the verdict is gone, and nothing is left undone.
            () = orphaned(parent) => None,
            findings = online(&config) => Some(findings),
        }
    });
    Ok(findings.map_or(Status::Failure, |findings| findings.print()))
}

/// Completes when `parent` has ended, and we have another one.
async fn orphaned(parent: Option<Pid>) {
    while getppid() == parent {
        tokio::time::sleep(PARENT_POLL).await;
    }
}

/// Everything that a start needs beside the configuration; no module is imported.
async fn online(config: &Config) -> Findings {
    let mut findings = Findings::default();
    findings.state(config);
    let asked = tokio::time::timeout(SERVER_PATIENCE, server(config)).await;
    match asked {
        Ok(Ok(())) => {}
        Ok(Err(Trouble::Final(text))) => findings.errors.push(text),
        Ok(Err(Trouble::Passing(error))) => {
            findings
                .warnings
                .push(format!("{error:#}; the bot starts, and waits for it"));
        }
        Err(_) => findings.warnings.push(format!(
            "the server did not answer within {} s; the bot starts, and waits for it",
            SERVER_PATIENCE.as_secs()
        )),
    }
    findings
}

/// What is the matter with the server.
enum Trouble {
    /// A person must mend it.
    Final(String),
    /// It may pass.
    Passing(anyhow::Error),
}

/// Whether the server accepts the token, and has what the configuration names.
async fn server(config: &Config) -> Result<(), Trouble> {
    let timeouts = Timeouts {
        connect: ANSWER_PATIENCE,
        answer: ANSWER_PATIENCE,
        all_attempts: ANSWER_PATIENCE,
        ..Timeouts::default()
    };
    let connection = Connection {
        timeouts,
        ..Connection::new(config.matterbot.api_url(), config.matterbot.token.clone())
    };
    let api = Api::new(&connection)
        .map_err(|error| Trouble::Final(format!("{:#}", anyhow::Error::new(error))))?;
    token(&api).await?;
    match Identity::ask(&api, config).await {
        Ok(_) => Ok(()),
        Err(Unidentified::Misconfigured(sentence)) => Err(Trouble::Final(sentence)),
        Err(Unidentified::NotNow(error)) => Err(Trouble::Passing(error)),
    }
}

/// A refusal counts only from a server that is well before it and after it: a database that is down answers 401 too.
async fn token(api: &Api) -> Result<(), Trouble> {
    let passing = |error: ApiError| {
        Trouble::Passing(anyhow::Error::new(error).context("the server cannot be asked who we are"))
    };
    match api.me().await {
        Ok(_) => return Ok(()),
        Err(error) if error.is_unauthorized() => {}
        Err(error) => return Err(passing(error)),
    }
    let healthy_before = api.healthy().await;
    match api.me().await {
        Ok(_) => Ok(()),
        Err(error) if !error.is_unauthorized() => Err(passing(error)),
        Err(_) if healthy_before && api.healthy().await => Err(Trouble::Final(
            "the server refuses the token (Matterbot.password): it was revoked, or is of another server".to_owned(),
        )),
        Err(error) => Err(passing(error)),
    }
}

impl Findings {
    /// The state directory and the ledger, as far as they exist.
    fn state(&mut self, config: &Config) {
        if let Err(error) = self.look(config) {
            self.errors.push(format!("{error:#}"));
        }
    }

    fn look(&mut self, config: &Config) -> anyhow::Result<()> {
        let path = &config.lifecycle.state_dir;
        let Some(directory) = StateDirectory::look(path)? else {
            self.warnings.push(format!(
                "the state directory {} does not exist yet; the bot makes it, but not what it lies in",
                path.display()
            ));
            return Ok(());
        };
        directory.verify()?;
        if let Err(obstacle) = marker::obstacle(&directory, Timestamp::now()) {
            self.errors.push(obstacle.to_string());
        }
        ledger::check(directory.path()).context("the ledger cannot be used")
    }

    fn print(self) -> Status {
        for warning in &self.warnings {
            print(format_args!("warning: {warning}"));
        }
        for error in &self.errors {
            print_error(error);
        }
        if self.errors.is_empty() {
            print("the bot would start");
            Status::Stopped
        } else {
            Status::Configuration
        }
    }
}
