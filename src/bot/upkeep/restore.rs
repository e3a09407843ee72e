//! `matterbot ledger restore`: back to the last copy.

use anyhow::anyhow;

use crate::bot::StartFailure;
use crate::config;
use crate::ledger;
use crate::lifecycle::terminal::print;

/// The arguments of `matterbot ledger restore`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Set aside a ledger that is sound, too
    #[arg(long)]
    force: bool,
}

/// Sets the ledger aside, and says what took its place. A ledger that is sound stays where it is, unless told otherwise.
pub(super) fn run(options: &config::Options, arguments: &Arguments) -> Result<(), StartFailure> {
    let (directory, _lock) = super::take(options)?;
    if !arguments.force && ledger::is_sound(directory.path())? {
        return Err(anyhow!(
            "the ledger in {} is sound, so there is nothing to restore; with --force it is set aside all the same, and \
             the bot forgets what it has done and what it owes",
            directory.path().display()
        )
        .into());
    }
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
    Ok(())
}
