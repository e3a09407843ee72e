//! The `matterbot` program: arguments, configuration, logging, runtime, outcome.

mod arguments;

use std::process::ExitCode;

use matterbot::bot::{StartFailure, check, process, survey, upkeep};
use matterbot::install;
use matterbot::lifecycle::notify::Notify;
use matterbot::lifecycle::reexec::Origin;
use matterbot::lifecycle::terminal::{self, print_error};
use matterbot::lifecycle::{ExitStatus, parent};
use matterbot::{module_host, playground, scaffold, tasks};

use arguments::{Arguments, Command};

fn main() -> ExitCode {
    let arguments = match Arguments::of_process() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are no errors, and printed to standard output.
            let printed = error.print();
            if error.use_stderr() {
                return ExitCode::from(ExitStatus::Usage.code());
            }
            terminal::note(printed);
            return end(ExitStatus::Success);
        }
    };
    match run(&arguments) {
        Ok(status) => end(status),
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

/// The end with `status`; without the result that was to be printed a success is none.
fn end(status: ExitStatus) -> ExitCode {
    let Some(error) = terminal::failure() else {
        return ExitCode::from(status.code());
    };
    print_error(format_args!(
        "matterbot: standard output could not be written: {error}"
    ));
    let status = match status {
        ExitStatus::Success => ExitStatus::Failure,
        other => other,
    };
    ExitCode::from(status.code())
}

fn run(arguments: &Arguments) -> Result<ExitStatus, StartFailure> {
    let origin = Origin::remember()?;
    if let Some(parent) = arguments.parent {
        parent::end_with(parent)?;
    }
    let options = &arguments.options;
    match &arguments.command {
        None => process::serve(options, &origin),
        Some(Command::Check(arguments_of_check)) => {
            let for_restart = arguments.parent.is_some();
            check::run(options, arguments_of_check, for_restart, origin.program())
        }
        Some(Command::Status(arguments)) => survey::run(options, arguments),
        Some(Command::Ledger(arguments_of_ledger)) => upkeep::run(options, arguments_of_ledger),
        Some(Command::Audit(arguments_of_audit)) => upkeep::trail::run(options, arguments_of_audit),
        Some(Command::Playground(arguments)) => {
            let debug = options.debug;
            let run = playground::launch::run(arguments, debug, &origin);
            Ok(tasks::runtime()?.block_on(run)?)
        }
        Some(Command::Try(text)) => Ok(module_host::trial::run(options, text, &origin)?),
        Some(Command::ModuleHost(arguments)) => Ok(module_host::run(arguments, &origin)?),
        Some(Command::Module(arguments_of_module)) => {
            Ok(scaffold::run(options, arguments_of_module)?)
        }
        Some(Command::Install(arguments)) => Ok(install::install(arguments)?),
        Some(Command::Uninstall(arguments)) => Ok(install::uninstall(arguments)?),
    }
}
