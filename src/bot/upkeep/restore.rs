//! `matterbot ledger restore`: back to the last copy.

use crate::bot::StartFailure;
use crate::config;
use crate::ledger;
use crate::lifecycle::terminal::print;

/// Sets the ledger aside, and says what took its place.
pub(super) fn run(options: &config::Options) -> Result<(), StartFailure> {
    let (directory, _lock) = super::take(options)?;
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
