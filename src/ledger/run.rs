//! Runs of the bot, for the crash back-off and for counting starts against a supervisor's limit.

use rusqlite::{Connection, OptionalExtension, params};

use crate::timestamp::Timestamp;

/// One run of the bot. All instants are of our clock.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Run {
    /// When it began.
    pub started_at: Timestamp,
    /// When it became ready, if it did.
    pub ready_at: Option<Timestamp>,
    /// When it ended, if it could say so.
    pub ended_at: Option<Timestamp>,
    /// How it ended, in one word, if it could say so.
    pub exit: Option<String>,
    /// The program's version.
    pub version: String,
    /// The boot of the host.
    pub boot_id: String,
    /// The process.
    pub pid: u32,
}

impl Run {
    /// How many runs are read back.
    pub const KEPT: u32 = 50;
}

/// Inserts the row of a run that begins now; returns its id.
pub(super) fn begin(
    connection: &Connection,
    version: &str,
    boot_id: &str,
) -> rusqlite::Result<i64> {
    connection.execute(
        "INSERT INTO run (started_at, version, boot_id, pid) VALUES (?, ?, ?, ?)",
        params![Timestamp::now(), version, boot_id, std::process::id()],
    )?;
    Ok(connection.last_insert_rowid())
}

/// Records that run `id` became ready.
pub(super) fn ready(connection: &Connection, id: i64) -> rusqlite::Result<()> {
    connection
        .execute(
            "UPDATE run SET ready_at = coalesce(ready_at, ?) WHERE id = ?",
            params![Timestamp::now(), id],
        )
        .map(drop)
}

/// Records how run `id` ends.
pub(super) fn end(connection: &Connection, id: i64, exit: &str) -> rusqlite::Result<()> {
    connection
        .execute(
            "UPDATE run SET ended_at = ?, exit = ? WHERE id = ?",
            params![Timestamp::now(), exit, id],
        )
        .map(drop)
}

/// Whether the latest run said how it ended.
pub(super) fn ended(connection: &Connection) -> rusqlite::Result<bool> {
    let latest = connection.query_row(
        "SELECT ended_at IS NOT NULL FROM run ORDER BY id DESC LIMIT 1",
        [],
        |row| row.get(0),
    );
    Ok(latest.optional()?.unwrap_or(false))
}

/// The latest runs, newest first.
pub(super) fn latest(connection: &Connection) -> rusqlite::Result<Vec<Run>> {
    connection
        .prepare("SELECT started_at, ready_at, ended_at, exit, version, boot_id, pid FROM run ORDER BY id DESC LIMIT ?")?
        .query_map([Run::KEPT], |row| {
            Ok(Run {
                started_at: row.get(0)?,
                ready_at: row.get(1)?,
                ended_at: row.get(2)?,
                exit: row.get(3)?,
                version: row.get(4)?,
                boot_id: row.get(5)?,
                pid: row.get(6)?,
            })
        })?
        .collect()
}
