//! The `matterbot` program: arguments, configuration, logging, runtime, outcome.

mod arguments;

use std::process::ExitCode;

use matterbot::bot::{StartFailure, check, process, survey, upkeep};
use matterbot::install;
use matterbot::lifecycle::notify::Notify;
use matterbot::lifecycle::reexec::Origin;
use matterbot::lifecycle::terminal::print_error;
use matterbot::lifecycle::{Status, parent};
use matterbot::{module_host, playground, scaffold};

use arguments::{Arguments, Command};

fn main() -> ExitCode {
    let arguments = match Arguments::of_process() {
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
        Some(Command::ModuleHost(arguments)) => Ok(module_host::run(arguments, &origin)?),
        Some(Command::Module(arguments_of_module)) => {
            Ok(scaffold::run(options, arguments_of_module)?)
        }
        Some(Command::Install(arguments)) => Ok(install::install(arguments)?),
        Some(Command::Uninstall(arguments)) => Ok(install::uninstall(arguments)?),
    }
}
