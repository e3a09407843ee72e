//! What an earlier process left: calls that were cut off are settled, and those of a restart are kept for its return.

use std::collections::HashMap;

use anyhow::Context as _;

use crate::audit::{Entry, Verdict};
use crate::command::Builtin;
use crate::command::table;
use crate::id::PostId;
use crate::ledger::{Call, CallKey, CallState, Delivery, Part, Reply, Run, Settlement, Unwritable};
use crate::lifecycle::marker::{self, Marker};
use crate::lifecycle::state_directory::StateDirectory;
use crate::timestamp::Timestamp;

use super::reply;
use super::status::StartReason;
use super::stores::Stores;
use super::unrecorded::{Record, entry_of};
use super::watermark::{Marks, SETTLING};

/// The calls that the marker names, to be settled when we are back.
#[derive(Debug, Default)]
pub struct Unsettled {
    calls: HashMap<(PostId, u16), Call>,
}

impl Unsettled {
    fn of(calls: Vec<Call>) -> Self {
        let named = calls
            .into_iter()
            .map(|call| ((call.key.post, call.key.ordinal), call));
        Self {
            calls: named.collect(),
        }
    }

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

/// What an earlier process left, settled as far as that is possible before the server is asked.
#[derive(Debug, Default)]
pub struct Estate {
    /// The answers that are still to be sent.
    pub owed: Vec<Delivery>,
    /// Which commands were cut off, one for each call.
    pub interrupted: Vec<String>,
    /// The restart that is over when we are back.
    pub marker: Option<Marker>,
    /// The calls that it names.
    pub unsettled: Unsettled,
    /// How far each channel was read.
    pub marks: Marks,
    /// From when on channels without an anchor are read, on the server's clock.
    pub read_from: Option<Timestamp>,
    /// Whether the server ever accepted a token here.
    pub token_worked: bool,
    /// Why this process was started.
    pub start: StartReason,
    /// When the bot was started by somebody else in this boot, this process included; not known without the ledger.
    pub starts: Option<Vec<Timestamp>>,
    /// When the last runs before this one began, whoever began them; not known without the ledger.
    pub earlier: Option<Vec<Timestamp>>,
}

/// What a bot that had to do without its ledger hands to the one that has it.
#[derive(Debug, Default)]
pub struct Carried {
    /// What it answered from memory.
    pub records: Vec<Record>,
    /// When it heard the server first, on the server's clock.
    pub heard_since: Option<Timestamp>,
}

/// Takes over what an earlier process left: what was answered without the ledger is written down, what was cut off is
/// settled, and the calls of a restart are kept for its return.
///
/// # Errors
/// The ledger cannot be written.
pub async fn inherit(
    stores: &Stores,
    marker: Option<Marker>,
    carried: &Carried,
    boot_id: &str,
) -> Result<Estate, Unwritable> {
    let recovered = stores.recovered.clone();
    if let (None, Some(first)) = (recovered.proof_of_life, carried.heard_since) {
        // It rides on the commit that follows.
        stores.ledger.proof_of_life(first.plus(SETTLING));
    }
    let (kept, cut_off): (Vec<Call>, Vec<Call>) = recovered
        .unfinished
        .into_iter()
        .partition(|call| marker.as_ref().is_some_and(|marker| names(marker, call)));
    let interrupted = cut_off.iter().map(|call| call.key.name.clone()).collect();
    let mut records = carried.records.clone();
    records.extend(cut_off.into_iter().map(cut_off_record));
    let mut owed = undelivered(recovered.undelivered);
    owed.extend(settle(stores, records).await?);
    let alive = recovered.proof_of_life.map(|alive| alive.minus(SETTLING));
    Ok(Estate {
        owed,
        interrupted,
        marker,
        unsettled: Unsettled::of(kept),
        marks: Marks::recovered(recovered.watermarks),
        read_from: alive.or(carried.heard_since),
        token_worked: recovered.token_worked,
        start: start_reason(&recovered.runs),
        starts: Some(starts(own_run(Timestamp::now(), boot_id), &recovered.runs)),
        earlier: Some(recovered.runs.iter().map(|run| run.started_at).collect()),
    })
}

/// Whether `call` asked for the restart of `marker`.
fn names(marker: &Marker, call: &Call) -> bool {
    let is_it = |request: &marker::Request| {
        request.post == call.key.post && request.ordinal == call.key.ordinal
    };
    call.key.name == restart_name() && marker.requests.iter().any(is_it)
}

/// Writes `records` down; gives the answers to send.
///
/// # Errors
/// The ledger cannot be written.
pub async fn settle(stores: &Stores, records: Vec<Record>) -> Result<Vec<Delivery>, Unwritable> {
    let (settlements, entries): (Vec<_>, Vec<_>) = records
        .into_iter()
        .map(|record| (record.settlement, record.entry))
        .unzip();
    let deliveries = stores.ledger.settle(settlements).await?;
    entries
        .into_iter()
        .for_each(|entry| stores.audit.record(entry));
    Ok(deliveries)
}

/// What an earlier process had still to send. It may have tried without a note of it, at the latest until just now.
fn undelivered(mut owed: Vec<Delivery>) -> Vec<Delivery> {
    for delivery in &mut owed {
        delivery.first_attempt_at.get_or_insert(delivery.queued_at);
        delivery.last_attempt_ended_at = Some(Timestamp::now());
    }
    owed
}

/// What the start row tells of a call.
#[derive(Debug, Default, serde::Deserialize)]
struct Plan {
    /// The word that was typed.
    word: Option<String>,
    /// The module that was called, if one was.
    module: Option<String>,
}

/// The outcome of a call that ran when its process ended.
fn cut_off_record(call: Call) -> Record {
    let plan: Plan = serde_json::from_str(&call.plan).unwrap_or_default();
    let typed = plan.word.filter(|_| plan.module.is_some());
    let word = typed.unwrap_or_else(|| format!("@{}", call.key.name));
    let entry = Entry {
        module: plan.module,
        ..entry_of(&call, word.clone(), Verdict::Interrupted)
    };
    let sentence = reply::interrupted(&word, call.key.name == restart_name());
    let reply = Reply::outcome(&call, vec![Part::of(sentence)]);
    // Whoever only talked, and used a word of a module, is owed nothing.
    let owed = word.starts_with(['@', '!']);
    let settlement = Settlement {
        call,
        state: CallState::Interrupted,
        detail: "the process ended while it ran".to_owned(),
        replies: owed.then_some(reply).into_iter().collect(),
    };
    Record { settlement, entry }
}

/// Why this process was started, from how the one before ended.
#[must_use]
pub fn start_reason(runs: &[Run]) -> StartReason {
    match runs.first() {
        None => StartReason::First,
        Some(run) => match run.exit.as_deref() {
            None => StartReason::Crashed,
            Some(RESTART | REEXEC) => StartReason::Restarted,
            Some(_) => StartReason::Stopped,
        },
    }
}

/// When those of `runs` began that ended before they were ready, and not because they were asked to.
pub fn failed_starts(runs: &[Run]) -> impl Iterator<Item = Timestamp> {
    let asked_to_end = |run: &Run| matches!(run.exit.as_deref(), Some(STOP | RESTART | REEXEC));
    runs.iter()
        .filter(move |run| run.ready_at.is_none() && !asked_to_end(run))
        .map(|run| run.started_at)
}

/// The run of this process, that begins `now`.
#[must_use]
pub fn own_run(now: Timestamp, boot_id: &str) -> Run {
    Run {
        started_at: now,
        ready_at: None,
        ended_at: None,
        exit: None,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        boot_id: boot_id.to_owned(),
        pid: std::process::id(),
    }
}

/// When the bot was started by somebody else in the boot of its run `own`, newest first: a run that an exec began was
/// not. The `earlier` runs are newest first.
#[must_use]
pub fn starts(own: Run, earlier: &[Run]) -> Vec<Timestamp> {
    let by_exec = |run: &Run, before: Option<&Run>| {
        before.is_some_and(|before| {
            before.exit.as_deref() == Some(REEXEC)
                && (before.pid, &before.boot_id) == (run.pid, &run.boot_id)
        })
    };
    std::iter::once(&own)
        .chain(earlier)
        .enumerate()
        .filter(|(_, run)| run.boot_id == own.boot_id)
        // The run before the first is the first of the earlier ones.
        .filter(|(index, run)| !by_exec(run, earlier.get(*index)))
        .map(|(_, run)| run.started_at)
        .collect()
}

/// The ledger's word for a run that ended with status 75, to be started again.
pub const RESTART: &str = "restart";
/// The ledger's word for a run that ended in an exec.
pub const REEXEC: &str = "reexec";
/// The ledger's word for a run that ended because it was asked to.
pub const STOP: &str = "stop";
/// The ledger's word for a run that ended with an error.
pub const FAILURE: &str = "failure";

#[cfg(test)]
mod tests {
    use super::*;

    fn run(started_at: i64, pid: u32, ready: bool, exit: Option<&str>) -> Run {
        Run {
            started_at: Timestamp(started_at),
            ready_at: ready.then_some(Timestamp(started_at + 1)),
            ended_at: None,
            exit: exit.map(str::to_owned),
            version: "1.0.0".to_owned(),
            boot_id: "boot".to_owned(),
            pid,
        }
    }

    #[test]
    fn an_exec_is_no_start() {
        let runs = [
            run(40, 7, true, Some(REEXEC)),
            run(30, 7, true, Some(REEXEC)),
            run(20, 5, true, Some(RESTART)),
            run(10, 4, true, None),
        ];
        assert_eq!(
            starts(run(50, 7, false, None), &runs),
            [30, 20, 10].map(Timestamp)
        );
    }

    #[test]
    fn a_process_that_died_in_the_exec_was_started_again_by_somebody() {
        let before = [run(10, 7, true, Some(REEXEC))];
        assert_eq!(
            starts(run(20, 8, false, None), &before),
            [20, 10].map(Timestamp)
        );
    }

    #[test]
    fn a_boot_forgets_the_starts_before_it() {
        let mut before = run(10, 7, true, None);
        before.boot_id = "another".to_owned();
        assert_eq!(starts(run(20, 8, false, None), &[before]), [Timestamp(20)]);
    }

    #[test]
    fn a_start_fails_that_ends_before_it_is_ready_and_unasked() {
        let runs = [
            run(60, 1, false, None),
            run(50, 1, false, Some(FAILURE)),
            run(40, 1, false, Some(STOP)),
            run(30, 1, false, Some(REEXEC)),
            run(20, 1, true, None),
            run(10, 1, true, Some(RESTART)),
        ];
        let failed: Vec<Timestamp> = failed_starts(&runs).collect();
        assert_eq!(failed, [60, 50].map(Timestamp));
    }
}
