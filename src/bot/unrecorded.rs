//! Outcomes that the ledger did not take: kept in memory, and written as soon as it can be written.
//!
//! A call that ran, or that was answered, must not run again; its outcome is all that is missing. Until it is written its
//! row says `running`, or there is none: a process that ends before that leaves the call to its successor.

mod recording;

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::audit::{Entry, Verdict};
use crate::ledger::{Call, CallKey, Settlement};
use crate::timestamp::Timestamp;

/// From so many on nothing more is answered from memory.
const PLENTY: usize = 1_000;

/// An outcome with its line of the audit trail.
#[derive(Debug, Clone)]
pub struct Record {
    /// For the ledger.
    pub settlement: Settlement,
    /// For the audit trail, once the ledger has taken the outcome: what is tried again is one decision.
    pub entry: Entry,
}

/// The audit's line about `call`, which was typed as `command`.
#[must_use]
pub fn entry_of(call: &Call, command: String, verdict: Verdict) -> Entry {
    Entry {
        at: Timestamp::now(),
        post: call.key.post,
        ordinal: call.key.ordinal,
        channel: call.channel,
        user: call.user,
        command,
        module: None,
        verdict,
        reason: None,
        outcome: None,
    }
}

/// The records that are still to be written.
#[derive(Debug, Default)]
pub struct Unrecorded {
    kept: Mutex<Kept>,
    /// Held by whoever writes them.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Kept {
    /// Oldest first.
    records: VecDeque<Record>,
    /// Whose they are.
    keys: HashSet<CallKey>,
}

impl Kept {
    fn add(&mut self, record: Record) {
        self.keys.insert(record.settlement.call.key.clone());
        self.records.push_back(record);
    }

    fn remove(&mut self, count: usize) -> Vec<Record> {
        let count = count.min(self.records.len());
        let removed: Vec<Record> = self.records.drain(..count).collect();
        for record in &removed {
            self.keys.remove(&record.settlement.call.key);
        }
        removed
    }
}

impl Unrecorded {
    /// Those that are still to be written from before.
    #[must_use]
    pub fn of(records: Vec<Record>) -> Self {
        let mut kept = Kept::default();
        records.into_iter().for_each(|record| kept.add(record));
        Self {
            kept: Mutex::new(kept),
            ..Self::default()
        }
    }

    /// Whether the outcome of `key` is among them.
    #[must_use]
    pub fn holds(&self, key: &CallKey) -> bool {
        self.kept().keys.contains(key)
    }

    /// Whether they are so many that what need not be kept should not be.
    #[must_use]
    pub fn is_plenty(&self) -> bool {
        self.kept().records.len() >= PLENTY
    }

    /// Takes them all.
    pub fn take(&self) -> Vec<Record> {
        self.kept().remove(usize::MAX)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
