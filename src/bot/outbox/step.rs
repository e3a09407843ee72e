//! What is done next for one delivery. Pure: the present is a parameter.
//!
//! ```text
//!                          an attempt ends without a clear answer
//! Clear ─▶ attempt ─────────────────────────────────────────────▶ Unclear, for 35 s from that end
//!   ▲                                                              │  20 s from the first such attempt's begin:
//!   │                                                              │    look, attempt, look, attempt, …
//!   │                                                              │  then: wait for the end of the 35 s, look
//!   └───────────── a look that began after the 35 s found nothing ─┘
//! ```

use std::time::Duration;

use tokio::time::Instant;

use crate::ledger::Delivery;
use crate::timestamp::Timestamp;

/// A refusal must repeat itself so often, from a server that is well, before it is believed: a database outage
/// answers 400, 401 and 403 too.
const FINAL_REFUSALS: u32 = 3;

/// So many posts that are not ours in answer to our requests are enough: each may be visible somewhere.
const FINAL_STRANGERS: u32 = 3;

/// How long the server's memory is relied on. Tests shorten it; nothing else does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// As long as this after the first attempt's begin another one cannot make a second post; 20 s. The server knows
    /// a `pending_post_id` for 30 s (`PendingPostIDsCacheTTL`), and a request may be under way for 10 s.
    pub same_post: Duration,
    /// What the server saved is readable at the latest this long after our request's end; 35 s.
    pub readable: Duration,
    /// The ceiling of the first wait between two requests; it doubles. 500 ms.
    pub retry_min: Duration,
    /// The ceiling of the longest; 30 s.
    pub retry_max: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            same_post: Duration::from_secs(20),
            readable: Duration::from_secs(35),
            retry_min: Duration::from_millis(500),
            retry_max: Duration::from_secs(30),
        }
    }
}

/// The begin of this process on both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    /// For this process.
    pub(super) instant: Instant,
    /// For what an earlier process wrote down.
    pub(super) time: Timestamp,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Post it.
    Attempt,
    /// See whether it is there.
    Look,
    /// Nothing, until then.
    Wait(Instant),
}

/// What an attempt without success did to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Saved {
    /// Nothing was saved.
    No,
    /// Nobody knows.
    Unclear,
    /// A post that is not the one we asked for. Ours may exist too; asking again at once brings the same one.
    Other,
}

/// How far one delivery has come.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    timing: Timing,
    standing: Standing,
    refusals: u32,
    strangers: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Standing {
    /// No attempt so far can have saved anything.
    Clear,
    /// One may have.
    Unclear {
        /// When the first of them began; none if the server has forgotten its key, or may have.
        first: Option<Instant>,
        /// When what they saved is readable.
        until: Instant,
        /// Whether a look since the last attempt found nothing.
        looked: bool,
    },
}

impl Progress {
    /// A delivery; one that an earlier process left counts as tried from its queueing until `start`.
    #[must_use]
    pub(super) fn new(delivery: &Delivery, start: Start, timing: Timing) -> Self {
        let standing = match delivery.last_attempt_ended_at {
            None => Standing::Clear,
            Some(_) => Standing::Unclear {
                first: tried_since(delivery.queued_at, start),
                until: start.instant + timing.readable,
                looked: false,
            },
        };
        Self {
            timing,
            standing,
            refusals: 0,
            strangers: 0,
        }
    }

    /// What is to be done at `now`. An attempt must follow at once: what takes time before it comes before this question.
    #[must_use]
    pub(super) fn step(&self, now: Instant) -> Step {
        let Standing::Unclear {
            first,
            until,
            looked,
        } = self.standing
        else {
            return Step::Attempt;
        };
        let known = first
            .is_some_and(|first| now.saturating_duration_since(first) <= self.timing.same_post);
        match (known, looked) {
            (true, true) => Step::Attempt,
            (true, false) => Step::Look,
            (false, _) if now < until => Step::Wait(until),
            (false, _) => Step::Look,
        }
    }

    /// A look that began at `began` did not find it.
    pub(super) fn not_found(&mut self, began: Instant) {
        if let Standing::Unclear { until, looked, .. } = &mut self.standing {
            if began >= *until {
                self.standing = Standing::Clear;
            } else {
                *looked = true;
            }
        }
    }

    /// An attempt from `began` to `ended` did not deliver it; says whether that is enough.
    pub(super) fn failed(&mut self, began: Instant, ended: Instant, saved: Saved) -> bool {
        let before = match self.standing {
            Standing::Clear => None,
            Standing::Unclear { first, until, .. } => Some((first, until)),
        };
        let until = ended + self.timing.readable;
        let unclear = match (before, saved) {
            (before, Saved::No) => before,
            (Some((first, _)), Saved::Unclear) => Some((first, until)),
            (None, Saved::Unclear) => Some((Some(began), until)),
            (_, Saved::Other) => Some((None, until)),
        };
        if let Some((first, until)) = unclear {
            self.standing = Standing::Unclear {
                first,
                until,
                looked: false,
            };
        }
        self.strangers += u32::from(saved == Saved::Other);
        self.strangers >= FINAL_STRANGERS
    }

    /// A server that is well refused an attempt or a look; says whether that is final.
    pub(super) fn refused(&mut self) -> bool {
        self.refusals += 1;
        self.refusals >= FINAL_REFUSALS
    }
}

/// When the first attempt of an earlier process may have begun; none if its key is forgotten for certain, or if the clock
/// was set back since, so that nobody knows.
fn tried_since(queued_at: Timestamp, start: Start) -> Option<Instant> {
    if queued_at > start.time {
        return None;
    }
    start.instant.checked_sub(start.time.since(queued_at))
}

#[cfg(test)]
mod tests;
