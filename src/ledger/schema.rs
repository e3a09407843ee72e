//! The file of the ledger: how it is opened, checked and migrated.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, params};
use rustix::fs::{FileType, Mode, OFlags};

use super::Recovered;
use super::outbox;
use super::run;
use super::store::Store;

/// The ledger's file in the state directory.
pub(super) const NAME: &str = "ledger.db";

/// What SQLite puts beside a database in WAL mode.
pub(super) const COMPANIONS: [&str; 2] = ["-wal", "-shm"];

/// Bytes that are checked at every start; it takes some 50 ms.
const ALWAYS_CHECKED: u64 = 16 * 1024 * 1024;

/// Marks the file as ours (`PRAGMA application_id`), the letters `mbld`.
const APPLICATION_ID: i32 = 0x6d62_6c64;

/// The steps from nothing to the schema that this program knows; `PRAGMA user_version` counts the steps done.
const STEPS: &[&str] = &[include_str!("schema.sql")];

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

fn copy_in_words(copy: Option<&Path>) -> String {
    copy.map_or_else(
        || "an empty one (there is no copy)".to_owned(),
        |copy| copy.display().to_string(),
    )
}

/// Opens, checks and migrates the ledger in `directory`, and reads what an earlier process left.
pub(super) fn open(directory: &Path) -> Result<(Store, Recovered), OpenError> {
    let file = LedgerFile::new(directory)?;
    file.prepare()?;
    let mut connection = file.connect()?;
    file.check_schema(&connection)?;
    file.in_context(configure(&connection))?;
    file.check_content(&connection)?;
    file.migrate(&mut connection, STEPS)?;
    let store = file.in_context(Store::new(connection))?;
    let recovered = file.in_context(store.recovered())?;
    Ok((store, recovered))
}

/// Checks that this program can open the ledger in `directory`, if there is one; a bot may be using it.
///
/// # Errors
/// See [`OpenError`]. Damage is found only where it strikes the eye.
pub fn check(directory: &Path) -> Result<(), OpenError> {
    let file = LedgerFile::new(directory)?;
    if !file.path.try_exists().map_err(|source| file.io(source))? {
        return Ok(());
    }
    file.check_schema(&file.connect()?)
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
    fn prepare(&self) -> Result<(), OpenError> {
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

    /// Fails unless the database is empty, or is ours and of a schema that this program knows.
    fn check_schema(&self, connection: &Connection) -> Result<(), OpenError> {
        let known = STEPS.len();
        let found = self.in_context(version(connection))?;
        let (application, tables): (i32, i64) = self.in_context(connection.query_row(
            "SELECT application_id, (SELECT count(*) FROM sqlite_schema) FROM pragma_application_id",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        ))?;
        if application != APPLICATION_ID && (found, tables) != (0, 0) {
            return Err(OpenError::Refused {
                path: self.path.clone(),
                reason: "it is the database of another program",
            });
        }
        if found > known {
            let copy = self.newest_copy();
            return Err(OpenError::Newer {
                path: self.path.clone(),
                found,
                known,
                copy,
            });
        }
        Ok(())
    }

    /// Fails if the database is damaged. A large one is read only after a run that could not say how it ended: to
    /// read it takes seconds, which a planned restart has not.
    fn check_content(&self, connection: &Connection) -> Result<(), OpenError> {
        let size = std::fs::metadata(&self.path)
            .map_err(|source| self.io(source))?
            .len();
        if size > ALWAYS_CHECKED && self.in_context(run::ended(connection))? {
            return Ok(());
        }
        self.check_pages(connection)
    }

    pub(super) fn check_pages(&self, connection: &Connection) -> Result<(), OpenError> {
        match self.in_context(
            connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0)),
        )? {
            fine if fine == "ok" => Ok(()),
            reason => Err(self.corrupt(reason)),
        }
    }

    /// Does the `steps` that are missing, in one transaction, after a copy of what there is.
    fn migrate(&self, connection: &mut Connection, steps: &[&str]) -> Result<(), OpenError> {
        let found = self.in_context(version(connection))?;
        let missing = steps.get(found..).unwrap_or_default();
        if missing.is_empty() {
            return Ok(());
        }
        if found > 0 {
            self.copy(connection, found)?;
        }
        self.in_context((|| {
            let transaction = connection.transaction()?;
            for step in missing {
                transaction.execute_batch(step)?;
            }
            if found == 0 {
                transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
                transaction.execute("INSERT INTO state (tag) VALUES (?)", [outbox::new_tag()])?;
            }
            transaction.execute_batch(&format!("PRAGMA user_version = {}", steps.len()))?;
            transaction.commit()
        })())
    }

    /// Copies the database of schema `version` to the name that [`LedgerFile::newest_copy`] finds.
    fn copy(&self, connection: &Connection, version: usize) -> Result<(), OpenError> {
        let target = self.copy_path(version);
        let temporary = target.with_extension("bak.tmp");
        let failed = |source| OpenError::Io {
            path: target.clone(),
            source,
        };
        match std::fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        // SQLite fills an empty file that exists, and would make one that everybody can read.
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::open(&temporary, flags, Mode::from_raw_mode(0o600))
            .map_err(|errno| failed(errno.into()))?;
        self.in_context(connection.execute("VACUUM INTO ?", params![temporary.to_string_lossy()]))?;
        rustix::fs::fsync(&file).map_err(|errno| failed(errno.into()))?;
        std::fs::rename(&temporary, &target).map_err(failed)?;
        self.sync_directory()
    }

    fn copy_path(&self, version: usize) -> PathBuf {
        self.directory.join(format!("{NAME}.v{version}.bak"))
    }

    /// The copy with the newest schema that this program knows.
    pub(super) fn newest_copy(&self) -> Option<PathBuf> {
        (1..=STEPS.len())
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

    fn corrupt(&self, reason: String) -> OpenError {
        OpenError::Corrupt {
            path: self.path.clone(),
            reason,
            copy: self.newest_copy(),
        }
    }

    fn io(&self, source: io::Error) -> OpenError {
        OpenError::Io {
            path: self.path.clone(),
            source,
        }
    }
}

fn version(connection: &Connection) -> rusqlite::Result<usize> {
    let version: u16 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    Ok(version.into())
}

/// A full disk must be noticed by the commit, a power loss must not undo it, and the whole process should stay small.
fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    connection.execute_batch(
        "PRAGMA synchronous = FULL;
         PRAGMA cache_size = -256;
         PRAGMA temp_store = MEMORY;",
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const NEXT: &[&str] = &[
        include_str!("schema.sql"),
        "ALTER TABLE run ADD COLUMN note TEXT; UPDATE run SET note = version;",
    ];

    fn with_a_run() -> (tempfile::TempDir, LedgerFile, Connection) {
        let home = tempfile::tempdir().unwrap();
        let file = LedgerFile::new(home.path()).unwrap();
        let (store, _) = open(home.path()).unwrap();
        store.begin_run("1.0.0", "boot").unwrap();
        (home, file, store.connection)
    }

    #[test]
    fn a_migration_keeps_the_rows_and_a_copy() {
        let (_home, file, mut connection) = with_a_run();
        file.migrate(&mut connection, NEXT).unwrap();
        assert_eq!(version(&connection), Ok(2));
        let note: String = connection
            .query_row("SELECT note FROM run", [], |row| row.get(0))
            .unwrap();
        assert_eq!(note, "1.0.0");

        let copy = file.newest_copy().unwrap();
        assert_eq!(
            std::fs::metadata(&copy).unwrap().permissions().mode() & 0o7777,
            0o600
        );
        let copy = Connection::open(copy).unwrap();
        assert_eq!(version(&copy), Ok(1));
        assert!(
            run::latest(&copy)
                .unwrap()
                .iter()
                .any(|run| run.version == "1.0.0")
        );
        let refused = file.check_schema(&connection).unwrap_err();
        assert!(
            matches!(
                refused,
                OpenError::Newer {
                    found: 2,
                    known: 1,
                    copy: Some(_),
                    ..
                }
            ),
            "{refused}"
        );
    }

    #[test]
    fn a_migration_that_fails_changes_nothing() {
        let (_home, file, mut connection) = with_a_run();
        let broken = [
            NEXT[0],
            "ALTER TABLE run ADD COLUMN note TEXT; SELECT nonsense;",
        ];
        file.migrate(&mut connection, &broken).unwrap_err();
        assert_eq!(version(&connection), Ok(1));
        assert!(connection.prepare("SELECT note FROM run").is_err());
        file.migrate(&mut connection, NEXT).unwrap();
    }
}
