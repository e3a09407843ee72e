//! The file of the ledger: who may reach it, where its copies are, and why it cannot be opened.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};
use rustix::fs::{FileType, Mode, OFlags};

use super::migrations::MIGRATIONS;

/// The ledger's file in the state directory.
pub(super) const NAME: &str = "ledger.db";

/// What SQLite puts beside a database in WAL mode.
pub(super) const COMPANIONS: [&str; 2] = ["-wal", "-shm"];

/// Why the ledger cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file is not one that we would have made.
    #[error("{} is refused: {reason}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The file was written by a newer version.
    #[error(
        "{} has schema {found}, and this program knows none above {known}: run the newer version again, or type \
         `matterbot ledger restore` to go back to {}", path.display(), copy_in_words(copy.as_deref())
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: usize,
        /// The newest schema that this program knows.
        known: usize,
        /// The newest copy that this program can read.
        copy: Option<PathBuf>,
    },
    /// The file is damaged.
    #[error(
        "{} is damaged ({reason}): type `matterbot ledger restore` to set it aside and go back to {}",
        path.display(), copy_in_words(copy.as_deref())
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What the check found.
        reason: String,
        /// The newest copy that this program can read.
        copy: Option<PathBuf>,
    },
    /// The file, or the one beside it that is named, cannot be opened, read or written.
    #[error("{} cannot be used", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The database cannot be used for a reason of its own, such as a full disk.
    #[error("{} cannot be used", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
}

impl OpenError {
    /// Why, in the system's words, if the disk is full or must not be written: that passes, and says nothing against the
    /// ledger.
    #[must_use]
    pub fn wants_room(&self) -> Option<String> {
        match self {
            Self::Io { source, .. } if wants_room(source) => Some(source.to_string()),
            // The file itself could be opened for writing: what SQLite cannot open or write lies beside it.
            Self::Database { source, .. } => match source.sqlite_error_code()? {
                ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::ReadOnly
                | ErrorCode::CannotOpen => Some(source.to_string()),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Whether `error` says that the disk is full, or must not be written.
#[must_use]
pub fn wants_room(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge
            | io::ErrorKind::ReadOnlyFilesystem
    )
}

fn copy_in_words(copy: Option<&Path>) -> String {
    copy.map_or_else(
        || "an empty one (there is no copy)".to_owned(),
        |copy| copy.display().to_string(),
    )
}

/// The path of the ledger, and how an error about it reads.
pub(super) struct LedgerFile {
    pub(super) directory: PathBuf,
    pub(super) path: PathBuf,
}

impl LedgerFile {
    pub(super) fn new(directory: &Path) -> Result<Self, OpenError> {
        // SQLite refuses a symbolic link anywhere in the path; only one in place of the file itself is dangerous.
        let directory = directory.canonicalize().map_err(|source| OpenError::Io {
            path: directory.to_owned(),
            source,
        })?;
        Ok(Self {
            path: directory.join(NAME),
            directory,
        })
    }

    /// Creates the file if there is none; refuses one that others made or can reach under another name.
    pub(super) fn prepare(&self) -> Result<(), OpenError> {
        let created = !self.path.try_exists().map_err(|source| self.io(source))?;
        self.secure(&self.path, OFlags::CREATE)?;
        for suffix in COMPANIONS {
            let companion = self.directory.join(format!("{NAME}{suffix}"));
            match self.secure(&companion, OFlags::empty()) {
                Err(OpenError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
                other => other?,
            }
        }
        if created {
            self.sync_directory()
        } else {
            Ok(())
        }
    }

    fn secure(&self, path: &Path, create: OFlags) -> Result<(), OpenError> {
        let refused = |reason| OpenError::Refused {
            path: path.to_owned(),
            reason,
        };
        let failed = |errno: rustix::io::Errno| OpenError::Io {
            path: path.to_owned(),
            source: errno.into(),
        };
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | create;
        let file = match rustix::fs::open(path, flags, Mode::from_raw_mode(0o600)) {
            Ok(file) => file,
            Err(rustix::io::Errno::LOOP) => return Err(refused("it is a symbolic link")),
            Err(rustix::io::Errno::ISDIR) => return Err(refused("it is not a regular file")),
            Err(errno) => return Err(failed(errno)),
        };
        let status = rustix::fs::fstat(&file).map_err(failed)?;
        if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
            return Err(refused("it is not a regular file"));
        }
        if status.st_uid != rustix::process::geteuid().as_raw() {
            return Err(refused("it belongs to another user"));
        }
        if status.st_nlink != 1 {
            return Err(refused("it has another name too (hard link)"));
        }
        if status.st_mode & 0o7777 != 0o600 {
            rustix::fs::fchmod(&file, Mode::from_raw_mode(0o600)).map_err(failed)?;
        }
        Ok(())
    }

    pub(super) fn sync_directory(&self) -> Result<(), OpenError> {
        File::open(&self.directory)
            .and_then(|directory| directory.sync_all())
            .map_err(|source| OpenError::Io {
                path: self.directory.clone(),
                source,
            })
    }

    pub(super) fn connect(&self) -> Result<Connection, OpenError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let connection = self.in_context(Connection::open_with_flags(&self.path, flags))?;
        // Only a command that reads the ledger of a running bot can be in the way, and only for a moment.
        self.in_context(connection.busy_timeout(Duration::from_secs(1)))?;
        Ok(connection)
    }

    pub(super) fn copy_path(&self, version: usize) -> PathBuf {
        self.directory.join(format!("{NAME}.v{version}.bak"))
    }

    /// The copy with the newest schema that this program knows.
    pub(super) fn newest_copy(&self) -> Option<PathBuf> {
        (1..=MIGRATIONS.len())
            .rev()
            .map(|version| self.copy_path(version))
            .find(|path| path.is_file())
    }

    pub(super) fn in_context<T>(&self, result: rusqlite::Result<T>) -> Result<T, OpenError> {
        result.map_err(|error| match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                self.corrupt(error.to_string())
            }
            None => self.corrupt(error.to_string()),
            Some(_) => OpenError::Database {
                path: self.path.clone(),
                source: error,
            },
        })
    }

    pub(super) fn corrupt(&self, reason: String) -> OpenError {
        OpenError::Corrupt {
            path: self.path.clone(),
            reason,
            copy: self.newest_copy(),
        }
    }

    pub(super) fn io(&self, source: io::Error) -> OpenError {
        OpenError::Io {
            path: self.path.clone(),
            source,
        }
    }
}
