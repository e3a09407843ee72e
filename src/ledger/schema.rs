//! The schema of the ledger: how a file is checked, migrated and made ready to serve.

use std::io;
use std::path::Path;

use rusqlite::{Connection, params};
use rustix::fs::{Mode, OFlags};

use super::file::{LedgerFile, OpenError};
use super::migrations::MIGRATIONS;
use super::store::Store;
use super::{Recovered, outbox, run};

/// Bytes that are checked at every start; it takes some 50 ms.
const ALWAYS_CHECKED: u64 = 16 * 1024 * 1024;

/// Marks the file as ours (`PRAGMA application_id`), the letters `mbld`.
const APPLICATION_ID: i32 = 0x6d62_6c64;

/// Opens, checks and migrates the ledger in `directory`, and reads what an earlier process left.
pub(super) fn open(directory: &Path) -> Result<(Store, Recovered), OpenError> {
    let file = LedgerFile::new(directory)?;
    file.prepare()?;
    let mut connection = file.connect()?;
    file.check_schema(&connection)?;
    file.in_context(configure(&connection))?;
    file.check_content(&connection)?;
    file.migrate(&mut connection, MIGRATIONS)?;
    let store = file.in_context(Store::new(connection))?;
    let recovered = file.in_context(store.recovered())?;
    Ok((store, recovered))
}

/// Checks that this program can open the ledger in `directory`, if there is one; a bot may be using it.
///
/// # Errors
/// See [`OpenError`]. Damage is found only where it strikes the eye.
pub fn check(directory: &Path) -> Result<(), OpenError> {
    LedgerFile::new(directory)?.read(|_| Ok(())).map(drop)
}

impl LedgerFile {
    /// Fails unless the database is empty, or is ours and of a schema that this program knows.
    pub(super) fn check_schema(&self, connection: &Connection) -> Result<(), OpenError> {
        let known = MIGRATIONS.len();
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
        self.write_copy(connection, &temporary)?;
        std::fs::rename(&temporary, &target).map_err(|source| OpenError::Io {
            path: target.clone(),
            source,
        })?;
        self.sync_directory()
    }

    /// Writes the database, without its free pages, to `target`; what had that name is gone.
    pub(super) fn write_copy(
        &self,
        connection: &Connection,
        target: &Path,
    ) -> Result<(), OpenError> {
        let failed = |source| OpenError::Io {
            path: target.to_owned(),
            source,
        };
        match std::fs::remove_file(target) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        // SQLite fills an empty file that exists, and would make one that everybody can read.
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::open(target, flags, Mode::from_raw_mode(0o600))
            .map_err(|errno| failed(errno.into()))?;
        self.in_context(connection.execute("VACUUM INTO ?", params![target.to_string_lossy()]))?;
        rustix::fs::fsync(&file).map_err(|errno| failed(errno.into()))
    }
}

pub(super) fn version(connection: &Connection) -> rusqlite::Result<usize> {
    let version: u16 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    Ok(version.into())
}

/// A full disk must be noticed by the commit, a power loss must not undo it, and the whole process should stay small;
/// so should a log that grew while somebody else read for long.
fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    connection.execute_batch(
        "PRAGMA synchronous = FULL;
         PRAGMA journal_size_limit = 4194304;
         PRAGMA cache_size = -256;
         PRAGMA temp_store = MEMORY;",
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const NEXT: &[&str] = &[
        MIGRATIONS[0],
        MIGRATIONS[1],
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
        assert_eq!(version(&connection), Ok(3));
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
        assert_eq!(version(&copy), Ok(2));
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
                    found: 3,
                    known: 2,
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
            NEXT[1],
            "ALTER TABLE run ADD COLUMN note TEXT; SELECT nonsense;",
        ];
        file.migrate(&mut connection, &broken).unwrap_err();
        assert_eq!(version(&connection), Ok(2));
        assert!(connection.prepare("SELECT note FROM run").is_err());
        file.migrate(&mut connection, NEXT).unwrap();
    }
}
