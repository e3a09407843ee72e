//! What modules ask the bot for: so much of it at once, and the rest is refused.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::module::protocol::FailureReason;

use super::host::Host;
use super::id::ProcessId;
use super::module_line;

/// So many requests of a process may be under way: asked, or answered and not read.
const MOST: usize = 64;

/// So many refusals may wait to be read; a process that asks on and reads nothing is ended.
const MOST_REFUSALS: usize = 4_096;

/// The requests of a process.
#[derive(Debug)]
pub(super) struct Requests {
    turns: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
    /// The turns of those that the bot has not answered; it does not matter which is whose.
    unanswered: Vec<OwnedSemaphorePermit>,
}

impl Default for Requests {
    fn default() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(MOST)),
            refusals: Arc::new(Semaphore::new(MOST_REFUSALS)),
            unanswered: Vec::new(),
        }
    }
}

impl Host {
    /// Passes a request on to the bot, unless too many are under way.
    pub(super) fn pass_request(
        &mut self,
        process: ProcessId,
        id: String,
        (line, room): (Vec<u8>, Option<OwnedSemaphorePermit>),
    ) {
        let Some(asker) = self.processes.get_mut(&process) else {
            return;
        };
        let requests = &mut asker.requests;
        if let Ok(turn) = Arc::clone(&requests.turns).try_acquire_owned() {
            requests.unanswered.push(turn);
            return self.bot.send(line, room);
        }
        let Ok(turn) = Arc::clone(&requests.refusals).try_acquire_owned() else {
            let why = "it asks on, and does not read what it is answered".to_owned();
            asker.fault = Some((FailureReason::Malformed, why));
            return self.kill(process);
        };
        if let Some(input) = &asker.input {
            let why = format!("{MOST} requests of this module are under way already");
            input.send(module_line::refusal(id, &why), Some(turn));
        }
    }

    /// Passes a response on; its turn is over once it has been written.
    pub(super) fn pass_response(&mut self, process: ProcessId, line: Vec<u8>) {
        // A process that ended has nobody who waits for it.
        if let Some(process) = self.processes.get_mut(&process) {
            let turn = process.requests.unanswered.pop();
            if let Some(input) = &process.input {
                input.send(line, turn);
            }
        }
    }
}
