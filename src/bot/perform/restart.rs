//! The deeds of a restart: the marker, the announcement, the refusal, and the return.

use std::sync::Arc;

use crate::audit::{Entry, Verdict};
use crate::bot::causes::causes;
use crate::bot::context::Context;
use crate::bot::event::Event;
use crate::bot::recovery::Unsettled;
use crate::bot::reply;
use crate::bot::restart::{Manner, Request, Return};
use crate::bot::serve::{Outcome, answer, record};
use crate::bot::unrecorded::entry_of;
use crate::ledger::{Call, CallState, Kind, Part, Reply, Settlement};
use crate::lifecycle::marker::{self, Marker};
use crate::timestamp::Timestamp;

/// Writes the marker on a thread where a slow disk holds nobody.
pub(super) async fn leave_marker(context: &Arc<Context>, marker: Marker) -> Result<(), String> {
    let shared = Arc::clone(context);
    let write = move || {
        marker::obstacle(&shared.directory, Timestamp::now())
            .map_err(|obstacle| obstacle.to_string())?;
        marker::leave(&shared.directory, &marker).map_err(|error| causes(&error).to_string())
    };
    match tokio::task::spawn_blocking(write).await {
        Ok(result) => result,
        Err(error) => Err(format!("the restart marker could not be written: {error}")),
    }
}

/// Says "Restarting now" to whoever asked.
pub(super) async fn announce(context: Arc<Context>, request: Box<Request>, joined: bool) {
    tracing::info!("restarting");
    let Some(ticket) = &request.asker else { return };
    let reply = Reply {
        kind: Kind::Progress,
        ..answer(&context, ticket, &reply::restarting(joined))
    };
    context
        .post(reply, "the restart could not be announced")
        .await;
}

/// Tells whoever asked that there is no restart.
pub(super) async fn refuse(context: Arc<Context>, request: Box<Request>, reason: String) {
    tracing::error!("the restart is refused: {reason}");
    context
        .notify
        .status(&format!("A restart was refused: {reason}"));
    let Some(ticket) = &request.asker else { return };
    let sentence = reply::restart_refused(&reason);
    let record = record(&context, ticket, Outcome::failed(reason, sentence));
    context.record_or_keep(record).await;
    let (key, written) = (ticket.key(), true);
    context.tell(Event::Ended { key, written });
}

/// One transaction: the restart is over, its calls are done, a notice for each; then the marker goes.
pub(super) async fn announce_return(
    context: Arc<Context>,
    back: Box<Return>,
    unsettled: Arc<Unsettled>,
) {
    let text = reply::back(&back, env!("CARGO_PKG_VERSION"));
    match back.manner {
        Manner::Silent => {
            tracing::info!("{text} Nobody is told: whoever asked did so more than a day ago.");
        }
        Manner::Prompt | Manner::Late => tracing::info!("{text}"),
    }
    let requests = &back.marker.requests;
    let settlements: Vec<Settlement> = requests
        .iter()
        .map(|request| settlement(unsettled.call(request), &back, &text))
        .collect();
    let entries: Vec<Entry> = settlements
        .iter()
        .map(|settlement| entry(&settlement.call, back.manner))
        .collect();
    let nonce = &back.marker.nonce;
    let settled = context.ledger.settle_restart(nonce, settlements).await;
    let told = match settled {
        Ok(deliveries) => {
            // If it was settled before, its lines stand in the audit trail.
            if let Some(deliveries) = deliveries {
                entries
                    .into_iter()
                    .for_each(|entry| context.audit.record(entry));
                context.outbox.send(deliveries);
            }
            if let Err(error) = marker::remove(&context.directory) {
                let error = anyhow::Error::new(error);
                tracing::error!("the restart marker could not be removed: {error:#}");
            }
            true
        }
        Err(error) => {
            tracing::error!(error = %causes(&error), "the return could not be recorded");
            false
        }
    };
    context.tell(Event::Returned { told });
}

/// `call` asked for the restart that is over.
fn settlement(call: Call, back: &Return, text: &str) -> Settlement {
    let notice = Reply::outcome(&call, vec![Part::of(text.to_owned())]);
    let is_told = back.manner != Manner::Silent;
    Settlement {
        call,
        state: CallState::Done,
        // The budget counts a restart once, however many have asked for it.
        detail: format!("restart {}", back.marker.nonce),
        replies: is_told.then_some(notice).into_iter().collect(),
    }
}

/// The audit's line about the outcome of `call`; the one about its start stands there already.
fn entry(call: &Call, manner: Manner) -> Entry {
    let outcome = match manner {
        Manner::Prompt => "restarted",
        Manner::Late => "restarted, and told late",
        Manner::Silent => "restarted, and too late to tell",
    };
    Entry {
        outcome: Some(outcome.to_owned()),
        ..entry_of(call, format!("@{}", call.key.name), Verdict::Allowed)
    }
}
