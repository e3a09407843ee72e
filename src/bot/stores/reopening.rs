//! Opening the ledger and the audit trail after all, beside a bot that had to start without them.

use std::sync::Arc;
use std::time::Duration;

use crate::backoff::Backoff;
use crate::bot::context::Context;
use crate::bot::event::Event;
use crate::ledger::Ledger;
use crate::lifecycle::ExitStatus;

use super::{Unopened, begin};

/// The ceiling of the first wait before what could not be opened is tried again...
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// ...and of the longest: to open a large ledger takes its time.
const LAST_RETRY: Duration = Duration::from_secs(30);

/// Tries again what found no room, until there is room; then the bot is to start over.
pub async fn reopen(context: Arc<Context>) {
    let mut backoff = Backoff::new(FIRST_RETRY, LAST_RETRY, fastrand::u64(..));
    loop {
        tokio::time::sleep(backoff.next_delay()).await;
        let directory = context.directory.path().to_owned();
        // To read a large ledger takes longer than the loop may wait.
        let path = directory.clone();
        let Ok(opened) = tokio::task::spawn_blocking(move || Ledger::open(&path)).await else {
            continue;
        };
        match begin(opened, &directory).await {
            Ok(stores) => {
                context.reopened.put(stores);
                return context.tell(Event::Reopened);
            }
            Err(Unopened::Failure(failure)) if failure.status == ExitStatus::Configuration => {
                return context.tell(Event::Misconfigured(format!("{:#}", failure.error)));
            }
            Err(_) => {}
        }
    }
}
