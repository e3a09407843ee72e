//! What the ledger may forget, and how: in small batches, so that nobody waits for long.
//!
//! A row is all that keeps a call from being started again. So it goes only when it has an outcome and is old by our
//! clock *and* by the server's, since either may have been wrong for a while; and with it the ledger remembers up to
//! which instant its memory has gaps. A post that was created until then and has no row is passed over by whoever
//! finds it later, be it that an edit brings it up, or a sweep from an anchor that is older than the retention.

use std::time::Duration;

use rusqlite::{Connection, params};

use super::run::Run;
use super::{Ledger, Unwritable};
use crate::timestamp::Timestamp;

/// How long everything is kept.
pub const RETENTION: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Nothing younger is ever deleted, whatever a person asks for: catch-up reads a day back.
pub const SHORTEST_RETENTION: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How many rows are looked at, and at most deleted, in one transaction. Each may dirty a page of the index.
const BATCH: u32 = 100;

/// Which calls may go, given the limits of our clock (`?1`) and of the server's (`?2`).
///
/// The last row stays: rows are numbered after it, and a number that came back would lie below the settled ones.
pub(super) const FORGETTABLE: &str = "state <> 'running' AND recorded_at < ?1 AND asked_at < ?2
     AND id < (SELECT max(id) FROM call)";

/// The other tables, in the order of a pass, with what may go of each: `?1` is the limit of our clock, `?2` the most
/// rows.
pub(super) const OTHERS: [&str; 3] = [
    "undeliverable WHERE id IN (SELECT id FROM undeliverable WHERE at < ?1 LIMIT ?2)",
    "restart WHERE nonce IN (SELECT nonce FROM restart WHERE settled_at < ?1 LIMIT ?2)",
    // What counts starts reads the latest runs, however old they are.
    "run WHERE id IN (SELECT id FROM run WHERE started_at < ?1
                      AND id <= (SELECT max(id) FROM run) - 50 LIMIT ?2)",
];

const _: () = assert!(Run::KEPT == 50, "the runs that are read back are kept");

/// How many rows were deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Calls.
    pub calls: usize,
    /// Posts that could never be posted.
    pub undeliverable: usize,
    /// Restarts that were told of.
    pub restarts: usize,
    /// Runs of the bot.
    pub runs: usize,
}

/// A pass over the ledger, batch by batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    limit: Timestamp,
    keep: Duration,
    at: At,
    /// To the last row, or only as far as old ones are found.
    thorough: bool,
    /// What was deleted so far.
    pub forgotten: Forgotten,
}

/// Where a pass stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// After the call with this id.
    Calls(i64),
    /// In one of the other tables.
    Others(usize),
}

impl Pass {
    /// A pass that forgets what is older than `keep`, but no less than [`SHORTEST_RETENTION`], at `now` of our clock.
    /// Rows stand in the order of their recording, so it ends with the first batch that has nothing old.
    #[must_use]
    pub fn new(now: Timestamp, keep: Duration) -> Self {
        let keep = keep.max(SHORTEST_RETENTION);
        Self {
            limit: now.minus(keep),
            keep,
            at: At::Calls(i64::MIN),
            thorough: false,
            forgotten: Forgotten::default(),
        }
    }

    /// A pass that looks at every row: a clock that was wrong for a while may have left them in disorder.
    pub(super) fn thorough(now: Timestamp, keep: Duration) -> Self {
        Self {
            thorough: true,
            ..Self::new(now, keep)
        }
    }

    /// Whether nothing is left to do.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.at == At::Others(OTHERS.len())
    }

    /// The limits of our clock and of the server's; without the latter no call may go.
    pub(super) fn limits(
        &self,
        connection: &Connection,
    ) -> rusqlite::Result<(Timestamp, Option<Timestamp>)> {
        let alive: Option<Timestamp> =
            connection.query_row("SELECT proof_of_life FROM state", [], |row| row.get(0))?;
        Ok((self.limit, alive.map(|alive| alive.minus(self.keep))))
    }

    /// Does the next batch.
    pub(super) fn step(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        match self.at {
            At::Calls(after) => {
                self.at = self
                    .forget_calls(connection, after)?
                    .map_or(At::Others(0), At::Calls);
            }
            At::Others(index) => {
                let Some(table) = OTHERS.get(index) else {
                    return Ok(());
                };
                let deleted = connection
                    .execute(&format!("DELETE FROM {table}"), params![self.limit, BATCH])?;
                let Forgotten {
                    undeliverable,
                    restarts,
                    runs,
                    ..
                } = &mut self.forgotten;
                *[undeliverable, restarts, runs][index] += deleted;
                if deleted == 0 {
                    self.at = At::Others(index + 1);
                }
            }
        }
        Ok(())
    }

    /// Forgets what may go of the calls that follow `after`; gives the last one that was looked at, if more may follow.
    fn forget_calls(
        &mut self,
        connection: &Connection,
        after: i64,
    ) -> rusqlite::Result<Option<i64>> {
        let (ours, servers) = self.limits(connection)?;
        let mut statement = connection.prepare_cached(&format!(
            "SELECT id, asked_at, recorded_at < ?1 OR asked_at < ?2, {FORGETTABLE}
             FROM call WHERE id > ?3 ORDER BY id LIMIT {BATCH}"
        ))?;
        let mut rows = statement.query(params![ours, servers, after])?;
        let (mut last, mut any_old) = (None, self.thorough);
        let mut forgettable: Vec<(i64, Timestamp)> = Vec::new();
        while let Some(row) = rows.next()? {
            let id = row.get(0)?;
            last = Some(id);
            any_old |= row.get::<_, Option<bool>>(2)?.unwrap_or(false);
            if row.get::<_, Option<bool>>(3)?.unwrap_or(false) {
                forgettable.push((id, row.get(1)?));
            }
        }
        delete_calls(connection, &forgettable)?;
        self.forgotten.calls += forgettable.len();
        Ok(last.filter(|_| any_old))
    }
}

fn delete_calls(connection: &Connection, calls: &[(i64, Timestamp)]) -> rusqlite::Result<()> {
    let Some(latest) = calls.iter().map(|(_, asked_at)| *asked_at).max() else {
        return Ok(());
    };
    connection.execute(
        "UPDATE state SET forgotten_until = max(coalesce(forgotten_until, ?1), ?1)",
        [latest],
    )?;
    let mut delete = connection.prepare_cached("DELETE FROM call WHERE id = ?")?;
    for (id, _) in calls {
        delete.execute([id])?;
    }
    Ok(())
}

impl Ledger {
    /// Does the next batch of `pass`; it is to be repeated until the pass is over.
    ///
    /// # Errors
    /// The ledger cannot be written; the batch was not done.
    pub async fn forget(&self, mut pass: Pass) -> Result<Pass, Unwritable> {
        self.transact(move |store| {
            let before = pass.forgotten;
            pass.step(&store.connection)?;
            if pass.forgotten != before {
                store.bulky.set(true);
            }
            Ok(pass)
        })
        .await
    }

    /// The instant of the server's clock until which posts may have had calls whose rows are forgotten, if any are.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn forgotten_until(&self) -> Result<Option<Timestamp>, Unwritable> {
        self.transact(|store| {
            let query = "SELECT forgotten_until FROM state";
            store.connection.query_row(query, [], |row| row.get(0))
        })
        .await
    }
}
