//! The `matterbot` program: arguments, configuration, logging, runtime, outcome.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use matterbot::bot::{StartFailure, check, process, survey, upkeep};
use matterbot::config;
use matterbot::install;
use matterbot::lifecycle::Status;
use matterbot::lifecycle::notify::Notify;
use matterbot::lifecycle::reexec::Origin;
use matterbot::lifecycle::terminal::print_error;
use matterbot::playground;

/// A chat-ops bot for Mattermost: each command has exactly one outcome.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = false)]
struct Arguments {
    #[command(flatten)]
    options: config::Options,
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
    let arguments = match Arguments::try_parse() {
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

fn run(arguments: &Arguments) -> Result<Status, StartFailure> {
    let origin = Origin::remember()?;
    match &arguments.command {
        None => process::serve(&arguments.options, &origin),
        Some(Command::Check(arguments_of_check)) => {
            check::run(&arguments.options, arguments_of_check)
        }
        Some(Command::Status) => survey::run(&arguments.options),
        Some(Command::Ledger(arguments_of_ledger)) => {
            upkeep::run(&arguments.options, arguments_of_ledger)
        }
        Some(Command::Audit(arguments_of_audit)) => {
            upkeep::trail::run(&arguments.options, arguments_of_audit)
        }
        Some(Command::Playground(arguments)) => {
            Ok(process::runtime()?.block_on(playground::launch::run(arguments, &origin))?)
        }
        Some(Command::Install(arguments)) => Ok(install::install(arguments)?),
        Some(Command::Uninstall(arguments)) => Ok(install::uninstall(arguments)?),
    }
}
