//! Reading the ledger from outside, whether a bot uses it or not: no lock is taken, no file is made or changed.
//!
//! ```text
//!  beside ledger.db     what that means                      how it is read
//!  a log and its index  a bot runs, or one was killed        as one reader of many, with the index read-only
//!  nothing              no bot runs; all stands in the file  as a file that nobody changes, and again if somebody did
//! ```
//!
//! A connection in the usual way would make the log and its index, and as root they would be in the bot's way.

use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::file::{LedgerFile, NAME, OpenError};
use super::schema;

/// How often a reading is tried that somebody got in the way of, and how far apart.
const ATTEMPTS: usize = 40;
const APART: Duration = Duration::from_millis(50);

/// What shows that a file was not changed.
#[derive(Debug, PartialEq, Eq)]
struct Trace {
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds.
    changed: (i64, i64),
    /// Whether the file has it all: there is no log, or nothing stands in it.
    quiet: bool,
}

impl LedgerFile {
    /// Reads by `read` what belongs together; `None` if there is no ledger yet. The connection has a schema that this
    /// program knows, and `read` may be called again if somebody got in the way.
    pub(super) fn read<T>(
        &self,
        mut read: impl FnMut(&Connection) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, OpenError> {
        let mut attempt = 1;
        loop {
            let Some(before) = self.trace()? else {
                return Ok(None);
            };
            let result = self.read_once(before.quiet, &mut read);
            let disturbed = match &result {
                _ if before.quiet => self.trace()? != Some(before),
                Err(error) => is_passing(error),
                Ok(_) => false,
            };
            if !disturbed || attempt == ATTEMPTS {
                return result;
            }
            attempt += 1;
            std::thread::sleep(APART);
        }
    }

    fn read_once<T>(
        &self,
        quiet: bool,
        read: &mut impl FnMut(&Connection) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, OpenError> {
        let how = if quiet {
            "immutable=1"
        } else {
            "readonly_shm=1"
        };
        let address = format!("file:{}?mode=ro&{how}", escaped(&self.path));
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_URI
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let connection = Connection::open_with_flags(address, flags)
            .and_then(|connection| connection.busy_timeout(APART).map(|()| connection));
        let connection = match connection {
            Ok(connection) => connection,
            Err(error) => return Err(self.not_opened(error)),
        };
        self.check_schema(&connection)?;
        self.in_context((|| {
            connection.execute_batch("BEGIN")?;
            match schema::version(&connection)? {
                0 => Ok(None),
                _ => read(&connection).map(Some),
            }
        })())
    }

    /// SQLite does not say why; the system does.
    fn not_opened(&self, error: rusqlite::Error) -> OpenError {
        match File::open(&self.path) {
            Err(source) => self.io(source),
            Ok(_) => OpenError::Database {
                path: self.path.clone(),
                source: error,
            },
        }
    }

    fn trace(&self) -> Result<Option<Trace>, OpenError> {
        let look = |path: &Path| match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_file() => Ok(Some(metadata)),
            // SQLite would wait for the writer of a pipe.
            Ok(_) => Err(OpenError::Refused {
                path: path.to_owned(),
                reason: "it is not a regular file",
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(OpenError::Io {
                path: path.to_owned(),
                source,
            }),
        };
        let beside = |suffix: &str| -> PathBuf { self.directory.join(format!("{NAME}{suffix}")) };
        let Some(file) = look(&self.path)? else {
            return Ok(None);
        };
        let log = look(&beside("-wal"))?.map(|log| log.len());
        let index = look(&beside("-shm"))?;
        let quiet = match log {
            None => true,
            Some(0) => index.is_none(),
            Some(_) => false,
        };
        Ok(Some(Trace {
            inode: file.ino(),
            size: file.size(),
            changed: (file.mtime(), file.mtime_nsec()),
            quiet,
        }))
    }
}

/// Whether `error` is one that another moment does not have: the bot opens, closes or restores the ledger just now.
fn is_passing(error: &OpenError) -> bool {
    let OpenError::Database { source, .. } = error else {
        return false;
    };
    matches!(
        source.sqlite_error_code(),
        Some(
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::ReadOnly
                | ErrorCode::CannotOpen
                | ErrorCode::FileLockingProtocolFailed
        )
    )
}

/// `path` as it stands in the address of a file (RFC 3986).
fn escaped(path: &Path) -> String {
    let escape = |byte: &u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => {
            char::from(*byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    path.as_os_str().as_bytes().iter().map(escape).collect()
}
