//! The `matterbot` program: arguments, configuration, logging, runtime, outcome.

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser, Subcommand};
use matterbot::bot::{StartFailure, check, process, survey, upkeep};
use matterbot::config;
use matterbot::install;
use matterbot::lifecycle::notify::Notify;
use matterbot::lifecycle::reexec::Origin;
use matterbot::lifecycle::terminal::print_error;
use matterbot::lifecycle::{Status, parent};
use matterbot::playground;

/// A chat-ops bot for Mattermost: each command has exactly one outcome.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = false)]
struct Arguments {
    #[command(flatten)]
    options: config::Options,
    /// The process that started us, and without which we end
    #[arg(long, value_name = "PID", hide = true, global = true)]
    parent: Option<u32>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read the configuration as the bot would, and report every error and warning
    Check(check::Arguments),
    /// Tell from the state directory whether the bot runs, and how its last runs ended
    Status,
    /// Look into the ledger of calls, or mend it while the bot is down
    Ledger(upkeep::Arguments),
    /// Show the last decisions: who asked for what, and may or may not
    Audit(upkeep::trail::Arguments),
    /// Run a Mattermost-compatible server on loopback, and the bot against it
    Playground(playground::launch::Arguments),
    /// Make the bot a service of this host, or of this user, and say each thing done
    Install(install::InstallArguments),
    /// Take the service away; state and configuration stay
    Uninstall(install::UninstallArguments),
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse().and_then(Arguments::without_contradiction) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are no errors; that they could not be printed changes nothing.
            error.print().ok();
            return ExitCode::from(
                if error.use_stderr() {
                    Status::Usage
                } else {
                    Status::Stopped
                }
                .code(),
            );
        }
    };
    match run(&arguments) {
        Ok(status) => ExitCode::from(status.code()),
        Err(StartFailure {
            status,
            error,
            seen,
        }) => {
            if !seen {
                print_error(format_args!("matterbot: {error:#}"));
            }
            // The last words stay in `systemctl status`, when the supervisor has given up.
            Notify::of_process().status(&format!("{error:#}"));
            ExitCode::from(status.code())
        }
    }
}

impl Arguments {
    /// Refuses options that the command would pass over in silence.
    fn without_contradiction(self) -> Result<Self, clap::Error> {
        let why = match self.command {
            Some(Command::Playground(_)) => "the playground writes its bot's configuration itself",
            Some(Command::Install(_) | Command::Uninstall(_)) => {
                "the service's configuration is in its usual place"
            }
            _ => return Ok(self),
        };
        let given = match (&self.options.path, self.options.strict) {
            (Some(_), _) => "--config",
            (None, true) => "--strict",
            (None, false) => return Ok(self),
        };
        let text = format!("{given} means nothing here: {why}");
        Err(Self::command().error(ErrorKind::ArgumentConflict, text))
    }
}

fn run(arguments: &Arguments) -> Result<Status, StartFailure> {
    let origin = Origin::remember()?;
    if let Some(parent) = arguments.parent {
        parent::end_with(parent)?;
    }
    let options = &arguments.options;
    match &arguments.command {
        None => process::serve(options, &origin),
        Some(Command::Check(arguments_of_check)) => check::run(options, arguments_of_check),
        Some(Command::Status) => survey::run(options),
        Some(Command::Ledger(arguments_of_ledger)) => upkeep::run(options, arguments_of_ledger),
        Some(Command::Audit(arguments_of_audit)) => upkeep::trail::run(options, arguments_of_audit),
        Some(Command::Playground(arguments)) => {
            let debug = options.debug;
            let run = playground::launch::run(arguments, debug, &origin);
            Ok(process::runtime()?.block_on(run)?)
        }
        Some(Command::Install(arguments)) => Ok(install::install(arguments)?),
        Some(Command::Uninstall(arguments)) => Ok(install::uninstall(arguments)?),
    }
}
