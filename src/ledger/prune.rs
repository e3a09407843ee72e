//! Forgetting by hand, while no bot runs: the same rules as in a running bot, and then the file gives back its space.

use std::error::Error as _;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, Row, params};

use super::file::{COMPANIONS, LedgerFile, NAME, OpenError};
use super::retention::{FORGETTABLE, Forgotten, OTHERS, Pass};
use super::schema;
use crate::timestamp::Timestamp;

/// The pages that a commit dirties go through the log, which takes as much space meanwhile.
const BATCHES_PER_COMMIT: usize = 50;

/// What was forgotten, or would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pruned {
    /// The rows.
    pub forgotten: Forgotten,
    /// How many calls are old enough and stay: they have no outcome, or are the last of all.
    pub kept: usize,
    /// Whether the server's clock was ever read; without it no call may go.
    pub clock_known: bool,
    /// The size of the file in bytes.
    pub size_before: u64,
    /// The size of the file in bytes afterwards.
    pub size: u64,
    /// Why the file could not be made smaller, though it has much free space now.
    pub obstacle: Option<String>,
}

/// Forgets what is older than `keep` in the ledger in `directory`; `None` if there is no ledger.
///
/// The caller holds the lock of the state directory.
///
/// # Errors
/// See [`OpenError`]; what was forgotten until then stays forgotten.
pub fn prune(directory: &Path, keep: Duration) -> Result<Option<Pruned>, OpenError> {
    let file = LedgerFile::new(directory)?;
    if !file.path.try_exists().map_err(|source| file.io(source))? {
        return Ok(None);
    }
    let size_before = file.size()?;
    let (store, _) = schema::open(directory)?;
    let connection = store.connection;
    let mut pass = Pass::thorough(Timestamp::now(), keep);
    file.in_context(complete(&connection, &mut pass))?;
    let pruned = file.in_context(leftover(&connection, &pass))?;
    let obstacle = file.shrink(connection)?;
    Ok(Some(Pruned {
        size_before,
        size: file.size()?,
        obstacle,
        ..pruned
    }))
}

/// Does all of `pass`. Nobody waits meanwhile, so a commit has many batches, and the memory for it.
fn complete(connection: &Connection, pass: &mut Pass) -> rusqlite::Result<()> {
    connection.execute_batch("PRAGMA cache_size = -16384")?;
    while !pass.is_over() {
        let transaction = connection.unchecked_transaction()?;
        for _ in 0..BATCHES_PER_COMMIT {
            pass.step(&transaction)?;
        }
        transaction.commit()?;
    }
    Ok(())
}

/// Tells what [`prune`] would do, and changes nothing; a bot may be using the ledger.
///
/// # Errors
/// See [`OpenError`].
pub fn would_prune(directory: &Path, keep: Duration) -> Result<Option<Pruned>, OpenError> {
    let file = LedgerFile::new(directory)?;
    let pass = Pass::thorough(Timestamp::now(), keep);
    let pruned = file.read(|connection| {
        let mut pass = pass.clone();
        pass.forgotten = pass.count(connection)?;
        leftover(connection, &pass)
    })?;
    let size = || file.size();
    pruned
        .map(|pruned| {
            Ok(Pruned {
                kept: pruned.kept - pruned.forgotten.calls,
                size_before: size()?,
                size: size()?,
                ..pruned
            })
        })
        .transpose()
}

/// What `pass` did, and what it left although it is old.
fn leftover(connection: &Connection, pass: &Pass) -> rusqlite::Result<Pruned> {
    let (ours, servers) = pass.limits(connection)?;
    let kept = connection.query_row(
        "SELECT count(*) FROM call WHERE recorded_at < ?1 AND asked_at < ?2",
        params![ours, servers],
        number,
    )?;
    Ok(Pruned {
        forgotten: pass.forgotten,
        kept,
        clock_known: servers.is_some(),
        size_before: 0,
        size: 0,
        obstacle: None,
    })
}

fn number(row: &Row<'_>) -> rusqlite::Result<usize> {
    row.get::<_, u32>(0).map(|number| number as usize)
}

impl LedgerFile {
    /// The size of the file in bytes.
    fn size(&self) -> Result<u64, OpenError> {
        let metadata = std::fs::metadata(&self.path).map_err(|source| self.io(source))?;
        Ok(metadata.len())
    }

    /// Closes the ledger; if a quarter of the file or more is free, a copy without that takes its place. Gives the
    /// reason if that is not possible, which does no harm: free pages are used again.
    fn shrink(&self, connection: Connection) -> Result<Option<String>, OpenError> {
        let copy = self.directory.join(format!("{NAME}.smaller"));
        let (pages, free): (u32, u32) = self.in_context(connection.query_row(
            "SELECT page_count, freelist_count FROM pragma_page_count, pragma_freelist_count",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        ))?;
        let copied = match free > 0 && free >= pages / 4 {
            true => self.write_copy(&connection, &copy).map(|()| true),
            false => Ok(false),
        };
        self.in_context(connection.close().map_err(|(_, error)| error))?;
        // Somebody who reads keeps the log alive, and a log must never meet a file that it does not belong to.
        let alone = COMPANIONS.iter().all(|suffix| {
            let beside = self.directory.join(format!("{NAME}{suffix}"));
            matches!(beside.try_exists(), Ok(false))
        });
        let obstacle = match copied {
            Ok(false) => return Ok(None),
            Ok(true) if alone => {
                std::fs::rename(&copy, &self.path).map_err(|source| self.io(source))?;
                return self.sync_directory().map(|()| None);
            }
            Ok(true) => "somebody else has it open".to_owned(),
            Err(error) => match error.source() {
                Some(cause) => cause.to_string(),
                None => error.to_string(),
            },
        };
        std::fs::remove_file(&copy).ok();
        Ok(Some(obstacle))
    }
}

impl Pass {
    /// What the whole pass would forget.
    fn count(&self, connection: &Connection) -> rusqlite::Result<Forgotten> {
        let (ours, servers) = self.limits(connection)?;
        let calls = connection.query_row(
            &format!("SELECT count(*) FROM call WHERE {FORGETTABLE}"),
            params![ours, servers],
            number,
        )?;
        let mut others = [0; 3];
        for (count, table) in others.iter_mut().zip(OTHERS) {
            // No limit: all of it.
            *count = connection.query_row(
                &format!("SELECT count(*) FROM {table}"),
                params![ours, -1],
                number,
            )?;
        }
        let [undeliverable, restarts, runs] = others;
        Ok(Forgotten {
            calls,
            undeliverable,
            restarts,
            runs,
        })
    }
}
