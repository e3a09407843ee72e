//! Greeting: programs, and modules with an interpreter of their own, are started when they are loaded; programs say what
//! they are, then and whenever they are started again.

use std::sync::Arc;

use tokio::time::Instant;

use crate::module::protocol::{Description, FailureReason, LoadFailure, Loading, PROTOCOL};

use super::host::Host;
use super::id::{CodeId, ProcessId};
use super::process::Condition;

/// How many programs are greeted at the same time.
const AT_ONCE: usize = 16;

impl Host {
    /// Starts programs to greet them, a few at a time.
    pub(super) fn greet_next(&mut self, generation: u64, now: Instant) {
        while let Some(staging) = self.stagings.get_mut(&generation)
            && staging.greeting.len() < AT_ONCE
            && let Some(id) = staging.to_greet.pop_front()
        {
            staging.greeting.insert(id);
            if let Err(reason) = self.start_process(id, now) {
                self.not_greeted(id, &reason, "", now);
            }
        }
        self.finish_if_loaded(generation);
    }

    /// A process has said hello.
    pub(super) fn greeted(&mut self, id: ProcessId, description: Description, now: Instant) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        if process.greeted {
            return;
        }
        if description.protocol != PROTOCOL {
            let theirs = description.protocol;
            let why = format!(
                "it speaks version {theirs} of the protocol; this matterbot speaks {PROTOCOL}"
            );
            process.fault = Some((FailureReason::Died, why));
            return self.kill(id);
        }
        process.greeted = true;
        if let Condition::Starting(_) = process.condition {
            process.condition = Condition::Serving;
        }
        process.recent_output.clear();
        let code = process.code;
        if self
            .codes
            .get(&code)
            .is_some_and(|code| code.description.is_none())
        {
            self.describe(code, description.clone());
            self.loaded(code, Loading::Description(description), now);
        }
        self.advance(code, now);
    }

    pub(super) fn describe(&mut self, id: CodeId, description: Description) {
        if let Some(code) = self.codes.get_mut(&id) {
            code.concurrency = description.concurrency.max(1);
            code.description = Some(description);
        }
    }

    /// A process ended before it said hello: the module could not be loaded, or its calls have failed.
    pub(super) fn not_greeted(&mut self, id: CodeId, reason: &str, printed: &str, now: Instant) {
        let mut stagings = self.stagings.values();
        if !stagings.any(|staging| staging.greeting.contains(&id)) {
            return self.fail_waiting(id, reason);
        }
        // What follows the first line was printed.
        let (summary, more) = reason.split_once('\n').unwrap_or((reason, ""));
        let failure = LoadFailure {
            summary: summary.to_owned(),
            text: None,
            trace: [more, printed].join("\n").trim().to_owned(),
            nothing_is_left: false,
        };
        self.loaded(id, Loading::Failure(failure), now);
    }

    /// A module with a process of its own was loaded, or could not be.
    pub(super) fn loaded(&mut self, id: CodeId, loading: Loading, now: Instant) {
        let Some(code) = self.codes.get(&id) else {
            return;
        };
        let (name, fingerprint) = (Arc::clone(&code.name), code.fingerprint.clone());
        let mut stagings = self.stagings.iter_mut();
        let staging = stagings.find_map(|(generation, staging)| {
            staging
                .greeting
                .remove(&id)
                .then_some((*generation, staging))
        });
        let Some((generation, staging)) = staging else {
            return;
        };
        if let Loading::Failure(_) = &loading
            && let Some(roster) = self.rosters.get_mut(&generation)
        {
            roster.remove(&*name);
        }
        staging.put(&name, fingerprint, loading);
        self.greet_next(generation, now);
    }
}
