//! Outcomes that the ledger did not take: kept in memory, and written as soon as it can be written.
//!
//! A call that ran, or that was answered, must not run again; its outcome is all that is missing. Until it is written its
//! row says `running`, or there is none: a process that ends before that leaves the call to its successor.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::audit::Entry;
use crate::ledger::{CallKey, Delivery, Settlement, Unwritable};

use super::causes::causes;
use super::context::Context;

/// The ledger is tried again after this long.
const RETRY: Duration = Duration::from_secs(3);
/// So many are written in one transaction.
const BATCH: usize = 100;
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

impl Context {
    /// Writes `record` down, and sends the answers that it holds.
    ///
    /// # Errors
    /// The ledger cannot be written, and nothing was recorded.
    pub async fn record(&self, record: Record) -> Result<(), Unwritable> {
        let deliveries = self.ledger.settle(vec![record.settlement]).await?;
        self.decided(record.entry);
        self.outbox.send(deliveries);
        Ok(())
    }

    /// The same for a call that must not run again: its outcome is kept if it cannot be written now.
    pub async fn record_or_keep(self: &Arc<Self>, record: Record) {
        if let Err(unwritable) = self.record(record.clone()).await {
            tracing::error!(error = %causes(&unwritable), post = %record.settlement.call.key.post,
                "an outcome waits until the ledger can be written");
            self.keep(record);
        }
    }

    /// Keeps `record` until it can be written.
    pub fn keep(self: &Arc<Self>, record: Record) {
        let mut kept = self.unrecorded.kept();
        kept.add(record);
        if kept.records.len() == 1 {
            let context = Arc::clone(self);
            drop(self.chores.spawn(async move { context.retry().await }));
        }
    }

    async fn retry(&self) {
        while !self.unrecorded.kept().records.is_empty() {
            tokio::time::sleep(RETRY).await;
            self.outbox.send(self.write_unrecorded().await);
        }
    }

    /// Writes what is kept, as far as the ledger takes it; gives what is to be sent then.
    pub async fn write_unrecorded(&self) -> Vec<Delivery> {
        let _turn = self.unrecorded.writing.lock().await;
        let mut deliveries = Vec::new();
        loop {
            let settlements: Vec<Settlement> = {
                let kept = self.unrecorded.kept();
                let oldest = kept.records.iter().take(BATCH);
                oldest.map(|record| record.settlement.clone()).collect()
            };
            let count = settlements.len();
            if count == 0 {
                return deliveries;
            }
            let Ok(owed) = self.ledger.settle(settlements).await else {
                return deliveries;
            };
            deliveries.extend(owed);
            // What was kept meanwhile stands behind these.
            for record in self.unrecorded.kept().remove(count) {
                self.decided(record.entry);
            }
        }
    }
}
