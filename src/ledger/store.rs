//! The open ledger as its thread sees it: what one transaction does.

use std::cell::Cell;

use rusqlite::{Connection, params};

use super::Recovered;
use super::call::{self, Call, CallState};
use super::outbox::{self, Delivery, Reply};
use super::run;
use super::watermark;
use crate::timestamp::Timestamp;

/// The outcome of one call, with the replies that tell of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// The call; it needs no start row.
    pub call: Call,
    /// Its outcome, never [`CallState::Running`].
    pub state: CallState,
    /// What the operator should know beyond the state, for example the reason of a denial.
    pub detail: String,
    /// What to post about it. A summary of many calls goes with any one of them.
    pub replies: Vec<Reply>,
}

/// The connection, and what is known beside it.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) connection: Connection,
    tag: String,
    /// Rows of the outbox are deleted, but no id is used twice in a process: a late mark must not hit another row.
    next_delivery: Cell<i64>,
    run: Cell<Option<i64>>,
    /// What was done last dirtied many pages: they are to go from the log into the file before others wait for that.
    pub(super) bulky: Cell<bool>,
}

impl Store {
    pub(super) fn new(connection: Connection) -> rusqlite::Result<Self> {
        let tag = connection.query_row("SELECT tag FROM state", [], |row| row.get(0))?;
        let next_delivery = Cell::new(outbox::next_id(&connection)?);
        Ok(Self {
            connection,
            tag,
            next_delivery,
            run: Cell::new(None),
            bulky: Cell::new(false),
        })
    }

    pub(super) fn tag(&self) -> &str {
        &self.tag
    }

    pub(super) fn recovered(&self) -> rusqlite::Result<Recovered> {
        let connection = &self.connection;
        let (proof_of_life, token_worked) =
            connection.query_row("SELECT proof_of_life, token_worked FROM state", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
        Ok(Recovered {
            unfinished: call::unfinished(connection)?,
            undelivered: outbox::undelivered(connection)?,
            watermarks: watermark::all(connection)?,
            proof_of_life,
            runs: run::latest(connection)?,
            token_worked,
        })
    }

    pub(super) fn settle(&self, settlements: Vec<Settlement>) -> rusqlite::Result<Vec<Delivery>> {
        let mut deliveries = Vec::new();
        for Settlement {
            call,
            state,
            detail,
            replies,
        } in settlements
        {
            if call::settle(&self.connection, &call, state, &detail)? {
                deliveries.extend(self.queue(replies)?);
            }
        }
        Ok(deliveries)
    }

    pub(super) fn queue(&self, replies: Vec<Reply>) -> rusqlite::Result<Vec<Delivery>> {
        let mut deliveries = Vec::new();
        for reply in replies {
            let queued =
                outbox::queue(&self.connection, reply, self.next_delivery.get(), &self.tag)?;
            if let Some(last) = queued.last() {
                self.next_delivery.set(last.id + 1);
            }
            deliveries.extend(queued);
        }
        Ok(deliveries)
    }

    pub(super) fn settle_restart(
        &self,
        nonce: &str,
        settlements: Vec<Settlement>,
    ) -> rusqlite::Result<Option<Vec<Delivery>>> {
        let inserted = self.connection.execute(
            "INSERT INTO restart (nonce, settled_at) VALUES (?, ?) ON CONFLICT DO NOTHING",
            params![nonce, Timestamp::now()],
        )?;
        if inserted == 0 {
            return Ok(None);
        }
        self.settle(settlements).map(Some)
    }

    pub(super) fn token_worked(&self) -> rusqlite::Result<()> {
        self.connection
            .execute("UPDATE state SET token_worked = 1", [])
            .map(drop)
    }

    pub(super) fn begin_run(&self, version: &str, boot_id: &str) -> rusqlite::Result<()> {
        self.run
            .set(Some(run::begin(&self.connection, version, boot_id)?));
        Ok(())
    }

    pub(super) fn ready(&self) -> rusqlite::Result<()> {
        self.run
            .get()
            .map_or(Ok(()), |run| run::ready(&self.connection, run))
    }

    pub(super) fn end_run(&self, exit: &str) -> rusqlite::Result<()> {
        self.run
            .get()
            .map_or(Ok(()), |run| run::end(&self.connection, run, exit))
    }
}
