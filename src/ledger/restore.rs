//! Going back from a ledger that cannot be opened: it is set aside, and the last copy takes its place.

use std::path::{Path, PathBuf};

use super::file::{COMPANIONS, LedgerFile, NAME, OpenError};
use crate::timestamp::Timestamp;

/// What [`restore`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Where the old ledger is now, if there was one.
    pub set_aside: Option<PathBuf>,
    /// The copy that took its place; without one the next start begins with an empty ledger.
    pub copy: Option<PathBuf>,
}

/// Sets the ledger in `directory` aside and puts the newest copy in its place that this program can read.
///
/// The caller holds the lock of the state directory. The copy knows nothing of the calls that came after it, so what
/// would make the bot look back is removed from it: it starts from now, as with an empty ledger.
///
/// # Errors
/// See [`OpenError`]; a ledger that was set aside stays so.
pub fn restore(directory: &Path) -> Result<Restored, OpenError> {
    let file = LedgerFile::new(directory)?;
    let copy = file.newest_copy();
    let staged = copy.as_deref().map(|copy| stage(&file, copy)).transpose()?;
    let set_aside = set_aside(&file)?;
    if let Some(staged) = staged {
        std::fs::rename(staged, &file.path).map_err(|source| file.io(source))?;
    }
    file.sync_directory()?;
    Ok(Restored { set_aside, copy })
}

/// Makes a ledger of `copy` that does not look back, beside the one that it shall replace.
fn stage(file: &LedgerFile, copy: &Path) -> Result<PathBuf, OpenError> {
    let staged = LedgerFile {
        directory: file.directory.clone(),
        path: file.directory.join(format!("{NAME}.restore")),
    };
    std::fs::copy(copy, &staged.path).map_err(|source| staged.io(source))?;
    let connection = staged.connect()?;
    staged.check_pages(&connection)?;
    staged.in_context(connection.execute_batch(
        "PRAGMA journal_mode = DELETE;
         BEGIN;
         UPDATE call SET state = 'interrupted', detail = 'restored from a copy' WHERE state = 'running';
         UPDATE state SET proof_of_life = NULL;
         DELETE FROM watermark;
         DELETE FROM outbox;
         COMMIT;",
    ))?;
    staged.in_context(connection.close().map_err(|(_, error)| error))?;
    Ok(staged.path)
}

/// Whether there is a ledger in `directory` that is whole, and that this program can read; changes nothing.
///
/// # Errors
/// The file cannot be read at all.
pub fn is_sound(directory: &Path) -> Result<bool, OpenError> {
    let file = LedgerFile::new(directory)?;
    match file.read(|connection| Ok(file.check_pages(connection).is_ok())) {
        Err(error @ OpenError::Io { .. }) => Err(error),
        found => Ok(found.ok().flatten().unwrap_or(false)),
    }
}

/// Moves the ledger and what SQLite keeps beside it; the names still belong together afterwards.
fn set_aside(file: &LedgerFile) -> Result<Option<PathBuf>, OpenError> {
    let name = unused_name(
        &file.directory,
        &format!("{NAME}.set-aside-{}", Timestamp::now()),
    );
    let mut found = false;
    for suffix in COMPANIONS.into_iter().chain([""]) {
        let from = file.directory.join(format!("{NAME}{suffix}"));
        match std::fs::rename(&from, file.directory.join(format!("{name}{suffix}"))) {
            Ok(()) => found = true,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(OpenError::Io { path: from, source }),
        }
    }
    Ok(found.then(|| file.directory.join(name)))
}

/// `name`, or with a number if something in `directory` has it already. Whoever asks holds the lock of the directory.
fn unused_name(directory: &Path, name: &str) -> String {
    let numbered = (1..).map(|number| format!("{name}.{number}"));
    std::iter::once(name.to_owned())
        .chain(numbered)
        .find(|name| directory.join(name).symlink_metadata().is_err())
        .unwrap_or_else(|| name.to_owned())
}
