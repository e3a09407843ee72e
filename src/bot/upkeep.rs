//! `matterbot ledger` and `matterbot audit`: what a person does with the state, and learns from it, without the bot.

mod columns;
mod list;
mod prune;
mod restore;
pub mod retention;
mod show;
pub mod trail;

use std::io;
use std::time::Duration;

use anyhow::anyhow;
use serde::Serialize;
use serde_json::Value;

use crate::config::{self, Environment};
use crate::id::PostId;
use crate::lifecycle::ExitStatus;
use crate::lifecycle::state_directory::{Lock, StateDirectory, StateDirectoryError};
use crate::lifecycle::terminal::print;
use crate::timestamp::Timestamp;

use super::StartFailure;

/// The arguments of `matterbot ledger`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show the newest calls, and what became of them; the bot may run
    List(list::Arguments),
    /// Show everything that is known of one call; the bot may run
    Show(show::Arguments),
    /// Delete what is old, and make the file smaller; the bot has to be down
    Prune(prune::Arguments),
    /// Set a damaged ledger aside, and go back to its last copy; without a copy the bot starts with an empty one
    Restore(restore::Arguments),
}

/// Does what `arguments` say to the ledger of the configured bot.
///
/// # Errors
/// The state directory or the ledger cannot be used, or the bot runs where it must not.
pub fn run(options: &config::Options, arguments: &Arguments) -> Result<ExitStatus, StartFailure> {
    let done = match &arguments.command {
        Command::List(arguments) => list::run(options, arguments),
        Command::Show(arguments) => show::run(options, arguments),
        Command::Prune(arguments) => prune::run(options, arguments),
        Command::Restore(arguments) => restore::run(options, arguments),
    };
    done.map(|()| ExitStatus::Success)
        .map_err(|failure| who_may(failure).naming(options))
}

/// The state directory of the configured bot, to look into; none, and a word about it, if it does not exist.
fn look(options: &config::Options) -> Result<Option<StateDirectory>, StartFailure> {
    let path = state_directory(options)?;
    let directory = StateDirectory::look(&path)?;
    if directory.is_none() {
        print(format_args!(
            "The state directory {} does not exist: the bot never ran.",
            path.display()
        ));
    }
    Ok(directory)
}

/// The state directory of the configured bot, and its lock, which a bot that runs has.
fn take(options: &config::Options) -> Result<(StateDirectory, Lock), StartFailure> {
    let directory = StateDirectory::open(&state_directory(options)?)?;
    let lock = match directory.lock(Duration::ZERO) {
        Err(StateDirectoryError::Locked { path, holder }) => {
            let holder = holder.map_or_else(String::new, |pid| format!(" (process {pid})"));
            return Err(anyhow!(
                "{} belongs to a bot that runs{holder}: stop it first, with `systemctl stop matterbot` for example",
                path.display()
            )
            .into());
        }
        other => other?,
    };
    Ok((directory, lock))
}

fn state_directory(options: &config::Options) -> Result<std::path::PathBuf, StartFailure> {
    config::find(options.path.as_deref())
        .and_then(|path| config::state_directory(&path, &Environment::of_process()))
        .map_err(StartFailure::configuration)
}

fn print_no_ledger(directory: &StateDirectory) {
    print(format_args!(
        "There is no ledger in {} yet.",
        directory.path().display()
    ));
}

/// Adds who may, where the system says that this user may not.
fn who_may(failure: StartFailure) -> StartFailure {
    let refused = failure.error.chain().any(|cause| {
        let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        kind == Some(io::ErrorKind::PermissionDenied)
    });
    let foreign = failure
        .error
        .downcast_ref::<StateDirectoryError>()
        .is_some_and(|error| matches!(error, StateDirectoryError::Foreign { .. }));
    let advice = if foreign {
        "type this as the bot's user, for example with `sudo -u matterbot`"
    } else if refused {
        "type this as the bot's user or as root, for example with `sudo`"
    } else {
        return failure;
    };
    StartFailure {
        error: anyhow!("{:#}: {advice}", failure.error),
        ..failure
    }
}

/// `instant` in a table whose head says that it is UTC.
fn instant(instant: Timestamp) -> String {
    instant.to_string().replace('T', " ").replace('Z', "")
}

/// The call `ordinal` of `post`, as `show` takes it; a post has rarely more than one.
fn which(post: PostId, ordinal: u16) -> String {
    match ordinal {
        0 => post.to_string(),
        ordinal => format!("{post}:{ordinal}"),
    }
}

/// The word that stands for `value` in our files.
fn word(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}
