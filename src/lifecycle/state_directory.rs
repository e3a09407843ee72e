//! The state directory: ours, writable by nobody else, and locked by the one process that serves from it.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A directory that is ours and that nobody else can write; what lies in it is reached through its descriptor.
#[derive(Debug)]
pub struct StateDirectory {
    path: PathBuf,
    descriptor: OwnedFd,
}

/// The lock of a state directory, held until it is dropped; it does not survive an exec.
#[derive(Debug)]
pub struct Lock {
    #[expect(dead_code, reason = "held for its effect")]
    descriptor: OwnedFd,
}

/// Why a state directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateDirectoryError {
    /// It cannot be opened, created or read.
    #[error("the state directory {} cannot be used", path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It belongs to somebody else.
    #[error("the state directory {} belongs to user id {owner}, not to us: chown it, or choose another", path.display())]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// Its owner.
        owner: u32,
    },
    /// Others can write it.
    #[error("the state directory {} can be written by others (mode {mode:04o}): type `chmod go-w {}`", path.display(), path.display())]
    Writable {
        /// The directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Another process serves from it.
    #[error("the state directory {} is in use by {}", path.display(), holder_in_words(*holder))]
    Locked {
        /// The directory.
        path: PathBuf,
        /// The process that holds the lock, as far as it said.
        holder: Option<u32>,
    },
}

fn holder_in_words(holder: Option<u32>) -> String {
    holder.map_or_else(
        || "another process".to_owned(),
        |pid| format!("process {pid}"),
    )
}

impl StateDirectory {
    /// Opens `path`, creating it (0750) if only its last component is missing.
    ///
    /// # Errors
    /// It is a symbolic link, not a directory, not ours, or writable by group or others.
    pub fn open(path: &Path) -> Result<Self, StateDirectoryError> {
        let source = std::io::ErrorKind::Unsupported.into();
        Err(StateDirectoryError::Io {
            path: path.to_owned(),
            source,
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the lock, waiting up to `wait` for a predecessor to let go. Blocks the thread.
    ///
    /// # Errors
    /// Somebody else still holds it, or the lock file cannot be opened.
    pub fn lock(&self, wait: Duration) -> Result<Lock, StateDirectoryError> {
        let _ = (wait, &self.descriptor);
        Err(StateDirectoryError::Locked {
            path: self.path.clone(),
            holder: None,
        })
    }
}
