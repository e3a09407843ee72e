//! Writing outcomes down: at once, or again and again until the ledger takes them.

use std::sync::Arc;
use std::time::Duration;

use crate::bot::causes::causes;
use crate::bot::context::Context;
use crate::ledger::{Delivery, Reply, Settlement, Unwritable};

use super::Record;

/// The ledger is tried again after this long.
const RETRY: Duration = Duration::from_secs(3);
/// So many are written in one transaction.
const BATCH: usize = 100;

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

    /// Posts `reply`, for which nobody waits; if the ledger does not take it, the log says that it was `undone`.
    pub async fn post(&self, reply: Reply, undone: &str) {
        match self.ledger.queue(vec![reply]).await {
            Ok(deliveries) => self.outbox.send(deliveries),
            Err(error) => tracing::warn!(error = %causes(&error), "{undone}"),
        }
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
