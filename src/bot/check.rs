//! `matterbot check`: whether the bot would start. Errors go to standard error, everything else to standard output.

mod binds;

use std::path::Path;
use std::time::Duration;

use crate::audit::{Audit, AuditError};
use crate::config::{self, Config, Environment, Matterbot, Report, Severity};
use crate::ledger;
use crate::lifecycle::state_directory::{StateDirectory, StateDirectoryError};
use crate::lifecycle::terminal::{print, print_error};
use crate::lifecycle::{Status, linger, marker};
use crate::mattermost::api::{Api, ApiError, Connection, Timeouts};
use crate::timestamp::Timestamp;

use super::identity::{Identity, Unidentified};
use super::process::runtime;
use super::{StartFailure, advice, refusal, report};

/// How long the server may take to answer all questions; with the rest it stays below the preflight's patience.
const SERVER_PATIENCE: Duration = Duration::from_secs(8);

/// How long it may take to answer one of them.
const ANSWER_PATIENCE: Duration = Duration::from_secs(3);

const NO_LINGER: &str = "this bot is a service of your user, and ends with your last session; to let it stay: loginctl \
                         enable-linger";

/// The arguments of `matterbot check`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Ask the server too, whether it lets the bot in and has the team and the channels
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
    let mut findings = Findings::default();
    findings.state(&config);
    runtime.block_on(findings.ask(&config, arguments.online));
    Ok(findings.print(arguments.online))
}

/// What is the matter with the server.
enum Trouble {
    /// A person must mend it.
    Final(String),
    /// It may pass.
    Passing(String),
}

/// Whether the server accepts the token, and has what the configuration names; gives what is odd about it.
async fn ask(config: &Config) -> Result<Option<String>, Trouble> {
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
    token(&api, &config.matterbot).await?;
    match Identity::ask(&api, config).await {
        Ok(identity) => Ok(report::odd_account(&identity)),
        Err(Unidentified::Misconfigured(sentence)) => Err(Trouble::Final(sentence)),
        Err(Unidentified::NotNow(error)) => Err(Trouble::Passing(format!("{error:#}"))),
    }
}

/// A refusal counts only from a server that is well before it and after it: a database that is down answers 401 too.
async fn token(api: &Api, matterbot: &Matterbot) -> Result<(), Trouble> {
    let passing = |error: ApiError| Trouble::Passing(advice::unreachable(&error, matterbot));
    match api.me().await {
        Ok(_) => return Ok(()),
        Err(error) if error.is_unauthorized() => {}
        Err(error) => return Err(passing(error)),
    }
    let healthy_before = api.healthy().await;
    match api.me().await {
        Ok(_) => Ok(()),
        Err(error) if !error.is_unauthorized() => Err(passing(error)),
        Err(_) => {
            let healthy = healthy_before && api.healthy().await;
            let sentence = report::refused(&matterbot.token_source, healthy);
            Err(if healthy {
                Trouble::Final(sentence)
            } else {
                Trouble::Passing(sentence)
            })
        }
    }
}

impl Findings {
    /// Asks all who can be asked at the same time: whoever waits for the verdict has little patience.
    async fn ask(&mut self, config: &Config, online: bool) {
        let server = async {
            if online {
                self.server(config).await;
            }
        };
        let (alone, ()) = tokio::join!(linger::is_missing(), server);
        if alone {
            self.warnings.push(NO_LINGER.to_owned());
        }
    }

    /// Whether the server lets us in; no module is imported.
    async fn server(&mut self, config: &Config) {
        let waits = " (the bot starts, and waits for it)";
        match tokio::time::timeout(SERVER_PATIENCE, ask(config)).await {
            Ok(Ok(oddity)) => self.warnings.extend(oddity),
            Ok(Err(Trouble::Final(text))) => self.errors.push(text),
            Ok(Err(Trouble::Passing(text))) => self.warnings.push(format!("{text}{waits}")),
            Err(_) => self.warnings.push(format!(
                "the server did not answer within {} s{waits}",
                SERVER_PATIENCE.as_secs()
            )),
        }
    }

    /// The state directory and what lies in it, as far as they exist: what a start would stumble over.
    fn state(&mut self, config: &Config) {
        if let Err(StartFailure { error, .. }) = self.look(&config.lifecycle.state_dir) {
            self.errors.push(format!("{error:#}"));
        }
        self.warnings.extend(binds::warnings(config));
    }

    fn look(&mut self, path: &Path) -> Result<(), StartFailure> {
        let Some(directory) = StateDirectory::look(path).map_err(refusal::directory)? else {
            StateDirectory::can_be_made(path).map_err(refusal::directory)?;
            self.warnings.push(format!(
                "the state directory {} does not exist yet; the bot makes it",
                path.display()
            ));
            return Ok(());
        };
        match directory.verify() {
            Err(StateDirectoryError::Foreign { owner, .. })
                if rustix::process::geteuid().is_root() =>
            {
                self.warnings.push(format!(
                    "the state directory {} belongs to user id {owner}, which is right if the bot runs as that user; \
                     what lies in it was not looked at",
                    path.display()
                ));
                return Ok(());
            }
            verified => verified.map_err(refusal::directory)?,
        }
        directory.can_be_locked().map_err(refusal::directory)?;
        if let Err(reason) = marker::peek(&directory, Timestamp::now()) {
            self.warnings.push(format!(
                "the restart marker in {} will be set aside by the next start, and no restart is announced for it: {reason}",
                path.display()
            ));
        }
        match Audit::check(directory.path()) {
            Err(AuditError::Open { path, source }) if ledger::wants_room(&source) => {
                self.warnings.push(format!(
                    "{} cannot be written at present ({source}); the bot starts, and runs nothing until it can",
                    path.display()
                ));
            }
            checked => checked.map_err(refusal::audit)?,
        }
        ledger::check(directory.path()).map_err(refusal::ledger)
    }

    fn print(self, online: bool) -> Status {
        for warning in &self.warnings {
            print(format_args!("warning: {warning}"));
        }
        for error in &self.errors {
            print_error(error);
        }
        if !self.errors.is_empty() {
            print("the bot would not start");
            return Status::Configuration;
        }
        if online {
            print("the bot would start");
        }
        Status::Stopped
    }
}
