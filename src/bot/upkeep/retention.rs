//! Forgetting in a bot that runs: at its start, and once a day.

use std::time::Duration;

use crate::bot::causes::causes;
use crate::ledger::{Forgotten, Ledger, Pass, RETENTION, Unwritable};
use crate::timestamp::Timestamp;

/// The distance of two passes.
const EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// The pause between two batches, so that the disk has time for others.
const PAUSE: Duration = Duration::from_millis(50);

/// Forgets what is older than [`RETENTION`]. If only the waiting for it is given up, a batch that was begun is done by the
/// ledger's thread.
pub async fn keep(ledger: Ledger) {
    loop {
        match pass(&ledger).await {
            Ok(forgotten) if forgotten == Forgotten::default() => {}
            Ok(forgotten) => tracing::info!(?forgotten, "what is older than 90 days is forgotten"),
            Err(error) => {
                let error = causes(&error);
                tracing::warn!(%error, "what is old could not be forgotten; it is tried again tomorrow");
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// One pass over the ledger.
async fn pass(ledger: &Ledger) -> Result<Forgotten, Unwritable> {
    let mut pass = Pass::new(Timestamp::now(), RETENTION);
    while !pass.is_over() {
        pass = ledger.forget(pass).await?;
        tokio::time::sleep(PAUSE).await;
    }
    Ok(pass.forgotten)
}
