//! `matterbot ledger`: what a person does to the ledger while the bot is down.

use std::time::Duration;

use crate::config::{self, Environment};
use crate::ledger;
use crate::lifecycle::Status;
use crate::lifecycle::state_directory::StateDirectory;
use crate::lifecycle::terminal::print;

use super::StartFailure;

/// The arguments of `matterbot ledger`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Set a damaged ledger aside, and go back to its last copy; without a copy the bot starts with an empty one
    Restore,
}

/// Does what `arguments` say to the ledger of the configured bot.
///
/// # Errors
/// The bot runs, or the state directory or the ledger cannot be used.
pub fn run(options: &config::Options, arguments: &Arguments) -> Result<Status, StartFailure> {
    let Command::Restore = arguments.command;
    let environment = Environment::of_process().without_server();
    let path = config::find(options.path.as_deref()).map_err(StartFailure::configuration)?;
    let loaded =
        config::load(&path, &environment, options.strict).map_err(StartFailure::configuration)?;
    let directory = StateDirectory::open(&loaded.config.lifecycle.state_dir)?;
    let _lock = directory.lock(Duration::ZERO)?;
    let restored = ledger::restore(directory.path())?;
    match &restored.set_aside {
        Some(old) => print(format_args!("The old ledger is now {}.", old.display())),
        None => print(format_args!("There was no ledger to set aside.")),
    }
    match &restored.copy {
        Some(copy) => print(format_args!(
            "The copy {} has taken its place.",
            copy.display()
        )),
        None => print(format_args!(
            "There is no copy: the next start begins with an empty ledger."
        )),
    }
    print(format_args!(
        "The bot takes commands from its next start on; what was asked before is not answered."
    ));
    Ok(Status::Stopped)
}
