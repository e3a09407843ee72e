//! Outcomes that the ledger did not take: kept in memory, and written as soon as it can be written.
//!
//! A call that ran, or that was answered, must not run again; its outcome is all that is missing. Until it is written its
//! row says `running`, or there is none: a process that ends before that leaves the call to its successor.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::audit::Entry;
use crate::ledger::{CallKey, Delivery, Settlement, Unwritable};

use super::causes::causes;
use super::context::Context;

/// The ledger is tried again after this long.
const RETRY: Duration = Duration::from_secs(3);

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
    records: Mutex<Vec<Record>>,
    /// Held by whoever writes them.
    writing: tokio::sync::Mutex<()>,
}

impl Unrecorded {
    /// Those that are still to be written from before.
    #[must_use]
    pub fn of(records: Vec<Record>) -> Self {
        Self {
            records: Mutex::new(records),
            ..Self::default()
        }
    }

    /// Whether the outcome of `key` is among them.
    #[must_use]
    pub fn holds(&self, key: &CallKey) -> bool {
        let is_it = |record: &Record| record.settlement.call.key == *key;
        self.records().iter().any(is_it)
    }

    /// Takes them all.
    pub fn take(&self) -> Vec<Record> {
        std::mem::take(&mut *self.records())
    }

    fn records(&self) -> MutexGuard<'_, Vec<Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
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
        let mut records = self.unrecorded.records();
        records.push(record);
        if records.len() == 1 {
            let context = Arc::clone(self);
            drop(self.chores.spawn(async move { context.retry().await }));
        }
    }

    async fn retry(&self) {
        while !self.unrecorded.records().is_empty() {
            tokio::time::sleep(RETRY).await;
            self.outbox.send(self.write_unrecorded().await);
        }
    }

    /// Writes what is kept, if the ledger takes it; gives what is to be sent then.
    pub async fn write_unrecorded(&self) -> Vec<Delivery> {
        let _turn = self.unrecorded.writing.lock().await;
        let records = self.unrecorded.records().clone();
        let settlements: Vec<Settlement> = records
            .iter()
            .map(|record| record.settlement.clone())
            .collect();
        if settlements.is_empty() {
            return Vec::new();
        }
        let Ok(deliveries) = self.ledger.settle(settlements).await else {
            return Vec::new();
        };
        // What was kept meanwhile stands behind these.
        self.unrecorded.records().drain(..records.len());
        for record in records {
            self.decided(record.entry);
        }
        deliveries
    }
}
