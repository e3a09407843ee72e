//! Why the state cannot be used: what only a person can mend ends the process with 78 and says how; the rest may pass.

use std::io;
use std::path::Path;

use rustix::io::Errno;

use crate::audit::AuditError;
use crate::ledger::OpenError;
use crate::lifecycle::state_directory::StateDirectoryError;

use super::StartFailure;

/// The state directory cannot be used.
#[must_use]
pub fn directory(error: StateDirectoryError) -> StartFailure {
    match &error {
        StateDirectoryError::Foreign { .. } | StateDirectoryError::Writable { .. } => {
            StartFailure::configuration(error)
        }
        StateDirectoryError::Locked { .. } => error.into(),
        StateDirectoryError::Io { path, source } => advised(directory_advice(path, source), error),
        StateDirectoryError::Lock { path, source } => advised(file_advice(path, source), error),
    }
}

/// The ledger cannot be opened.
#[must_use]
pub fn ledger(error: OpenError) -> StartFailure {
    match &error {
        OpenError::Newer { .. } | OpenError::Corrupt { .. } | OpenError::Refused { .. } => {
            StartFailure::configuration(error)
        }
        OpenError::Io { path, source } => advised(file_advice(path, source), error),
        OpenError::Database { .. } => error.into(),
    }
}

/// The audit trail cannot be kept.
#[must_use]
pub fn audit(error: AuditError) -> StartFailure {
    match &error {
        AuditError::NotOurs { .. } => StartFailure::configuration(error),
        AuditError::Open { path, source } => advised(file_advice(path, source), error),
        AuditError::Write(_) | AuditError::Behind | AuditError::Closed => error.into(),
    }
}

/// With advice it is a person's to mend.
fn advised(
    advice: Option<String>,
    error: impl std::error::Error + Send + Sync + 'static,
) -> StartFailure {
    match advice {
        Some(advice) => {
            let chain = format!("{:#}", anyhow::Error::new(error));
            StartFailure::configuration(anyhow::anyhow!("{chain}: {advice}"))
        }
        None => error.into(),
    }
}

fn us() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// What a person has to do about a directory that cannot be made or opened.
fn directory_advice(path: &Path, error: &io::Error) -> Option<String> {
    let elsewhere = "or name another one in Lifecycle.state_dir";
    let (us, shown) = (us(), path.display());
    let advice = match Errno::from_io_error(error)? {
        Errno::NOENT => {
            let parent = path.parent().unwrap_or(path).display();
            format!(
                "the bot makes it, but not the directory that it lies in: type `mkdir -p {parent}`, {elsewhere}"
            )
        }
        Errno::NOTDIR | Errno::LOOP => {
            format!(
                "the path has to lead to a directory, and not by a symbolic link at its end: mend it, {elsewhere}"
            )
        }
        Errno::ACCESS | Errno::PERM => format!(
            "the bot runs as user id {us}: type `sudo install -d -m 0750 -o {us} {shown}`, {elsewhere}"
        ),
        Errno::ROFS => {
            format!("mount it for writing, {elsewhere}")
        }
        _ => return None,
    };
    Some(advice)
}

/// What a person has to do about a file of ours in the state directory that cannot be opened.
fn file_advice(path: &Path, error: &io::Error) -> Option<String> {
    let (us, shown) = (us(), path.display());
    match Errno::from_io_error(error)? {
        Errno::ISDIR | Errno::LOOP => Some(format!(
            "it has to be a file of the bot's own: move {shown} away"
        )),
        Errno::ACCESS | Errno::PERM => {
            let directory = path.parent().unwrap_or(path).display();
            Some(format!(
                "the bot runs as user id {us}, and {directory} and all in it have to be its own: type \
                 `sudo chown -R {us} {directory}` and `sudo chmod -R u+rwX {directory}`"
            ))
        }
        Errno::ROFS => Some("mount it for writing".to_owned()),
        _ => None,
    }
}
