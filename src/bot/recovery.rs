//! What an earlier process left: calls that were cut off are settled, and those of a restart are kept for its return.

use std::collections::HashMap;

use anyhow::Context as _;

use crate::audit::{Audit, Entry, Verdict};
use crate::command::Builtin;
use crate::command::table;
use crate::id::PostId;
use crate::ledger::{
    Call, CallKey, CallState, Delivery, Kind, Ledger, Part, Reply, Run, Settlement,
};
use crate::lifecycle::marker::{self, Marker};
use crate::lifecycle::state_directory::StateDirectory;
use crate::timestamp::Timestamp;

use super::reply;
use super::status::StartReason;

/// The calls that the marker names, to be settled when we are back.
#[derive(Debug, Default)]
pub struct Unsettled {
    calls: HashMap<(PostId, u16), Call>,
}

impl Unsettled {
    /// The call of `request`; made up from the marker if the ledger has lost its row.
    #[must_use]
    pub fn call(&self, request: &marker::Request) -> Call {
        self.calls
            .get(&(request.post, request.ordinal))
            .cloned()
            .unwrap_or_else(|| Call {
                key: CallKey {
                    post: request.post,
                    ordinal: request.ordinal,
                    name: restart_name(),
                },
                channel: request.channel,
                root: request.root,
                user: request.user,
                text: String::new(),
                plan: "{}".to_owned(),
                asked_at: Timestamp::default(),
            })
    }
}

fn restart_name() -> String {
    table::row(Builtin::Restart).name.to_owned()
}

/// Reads the marker of a predecessor. One that is not believed is in the log, and counts as none.
///
/// # Errors
/// What a predecessor left half-written cannot be removed.
pub fn marker(directory: &StateDirectory) -> anyhow::Result<Option<Marker>> {
    marker::sweep(directory)
        .context("removing what an interrupted restart left in the state directory")?;
    match marker::read(directory, Timestamp::now()) {
        Ok(marker) => Ok(marker),
        Err(refused) => {
            let renamed = match &refused.renamed {
                Ok(name) => format!("it is now named {name}"),
                Err(error) => format!(
                    "and it cannot be renamed ({error}): @restart is refused until it is removed"
                ),
            };
            tracing::error!("{refused}; {renamed}");
            Ok(None)
        }
    }
}

/// Settles the calls that were cut off: all but those that `marker` names. Gives the answers to send, how many there
/// are, and what is kept.
///
/// # Errors
/// The ledger cannot be written.
pub async fn settle(
    ledger: &Ledger,
    audit: &Audit,
    unfinished: Vec<Call>,
    marker: Option<&Marker>,
) -> anyhow::Result<(Vec<Delivery>, usize, Unsettled)> {
    let named = |call: &Call| {
        let names = |request: &marker::Request| {
            request.post == call.key.post && request.ordinal == call.key.ordinal
        };
        call.key.name == restart_name()
            && marker.is_some_and(|marker| marker.requests.iter().any(names))
    };
    let (kept, cut_off): (Vec<Call>, Vec<Call>) = unfinished.into_iter().partition(named);
    let count = cut_off.len();
    let settlements = cut_off
        .into_iter()
        .map(|call| interrupted(audit, call))
        .collect();
    let deliveries = ledger
        .settle(settlements)
        .await
        .context("recording what was cut off")?;
    let calls = kept
        .into_iter()
        .map(|call| ((call.key.post, call.key.ordinal), call))
        .collect();
    Ok((deliveries, count, Unsettled { calls }))
}

fn interrupted(audit: &Audit, call: Call) -> Settlement {
    audit.record(Entry {
        at: Timestamp::now(),
        post: call.key.post,
        ordinal: call.key.ordinal,
        channel: call.channel,
        user: call.user,
        command: call.key.name.clone(),
        verdict: Verdict::Interrupted,
        reason: None,
        outcome: None,
    });
    let text = reply::interrupted(&call, call.key.name == restart_name());
    let replies = vec![Reply {
        channel: call.channel,
        root: Some(call.root),
        kind: Kind::Outcome,
        calls: vec![call.key.clone()],
        parts: vec![Part {
            text,
            attachment: None,
        }],
    }];
    Settlement {
        call,
        state: CallState::Interrupted,
        detail: "the process ended while it ran".to_owned(),
        replies,
    }
}

/// Why this process was started, from how the one before ended.
#[must_use]
pub fn start_reason(runs: &[Run]) -> StartReason {
    match runs.first() {
        None => StartReason::First,
        Some(run) => match run.exit.as_deref() {
            None => StartReason::Crashed,
            Some(RESTART) => StartReason::Restarted,
            Some(_) => StartReason::Stopped,
        },
    }
}

/// The ledger's word for a run that ended in a restart.
pub const RESTART: &str = "restart";
/// The ledger's word for a run that ended because it was asked to.
pub const STOP: &str = "stop";
/// The ledger's word for a run that ended with an error.
pub const FAILURE: &str = "failure";
