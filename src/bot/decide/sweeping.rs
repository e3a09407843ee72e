//! Decisions about the reading of what was missed: when it is read, and how far it has come.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::bot::catch_up::FURTHEST;
use crate::bot::effect::Effect;
use crate::bot::event::Now;
use crate::bot::identity::Room;
use crate::bot::lane::CallId;
use crate::bot::sweep::{Looked, Reading, SweepPlan};
use crate::bot::watermark::{Look, SETTLING};
use crate::id::ChannelId;
use crate::timestamp::Timestamp;

use super::State;

/// Channels are read again after this long in any case: a post can exist without its event.
const SWEEP_EVERY: Duration = Duration::from_secs(300);

/// The reading of what was missed.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    running: bool,
    /// Something may have been missed that no look has read yet.
    unread: bool,
    /// Another gap opened while a sweep was running, or the last one failed.
    again: bool,
    last: Option<Instant>,
    /// The server's clock when it began.
    as_of: Timestamp,
    /// The calls that this look leaves to their events, and those that the look before it left, with since when.
    leaving: HashMap<CallId, Instant>,
    left: HashMap<CallId, Instant>,
}

impl Sweep {
    /// Whether the call `id`, which is young or dated in the future, is left to its event: by one look, and by those that
    /// follow within `patience`. The next one decides it, whatever the server's clock has come to.
    pub(super) fn leaves(&mut self, id: CallId, now: Instant, patience: Duration) -> bool {
        let since = self.left.get(&id).copied().unwrap_or(now);
        let leaves = now.duration_since(since) < patience;
        if leaves {
            self.leaving.insert(id, since);
        }
        leaves
    }

    /// Something may have been missed.
    pub(super) fn gap(&mut self) {
        self.unread = true;
    }

    /// Whether all that may have been missed was read.
    pub(super) fn is_read_up(&self) -> bool {
        !self.unread
    }

    /// A look has ended.
    fn looked(&mut self, complete: bool) {
        // A gap that opened while it was under way is read by another sweep.
        self.unread = !complete || self.again;
        if complete {
            self.left.clear();
        }
        self.left.extend(self.leaving.drain());
    }

    /// The next tick is to begin another one.
    pub(super) fn repeat(&mut self) {
        self.again = true;
    }

    /// Whether a tick at `now` is to begin another one.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.again
            || self
                .last
                .is_none_or(|last| now.duration_since(last) >= SWEEP_EVERY)
    }
}

impl State {
    /// Reads what may have been missed, or notes that it is to be read when the present reading has ended.
    pub(super) fn sweep(&mut self, now: Now) -> Vec<Effect> {
        // Until the server answered a ping its clock is not known; the answer brings the sweep.
        if self.sweep.running || !self.connection.alive || !self.serves() {
            self.sweep.again = true;
            return self
                .sweep
                .running
                .then_some(Effect::HurrySweep)
                .into_iter()
                .collect();
        }
        let server_now = self.server_now(now);
        self.sweep = Sweep {
            running: true,
            again: false,
            last: Some(now.instant),
            as_of: server_now,
            ..std::mem::take(&mut self.sweep)
        };
        let since = match *self.connection.read_from.get_or_insert(server_now) {
            // The server's clock was set back by more than it can be misjudged: nothing is known of what was posted since.
            from if from > server_now.plus(SETTLING) => server_now.minus(FURTHEST),
            from => from.min(server_now),
        };
        vec![Effect::Sweep(SweepPlan {
            marks: self.marks.all(),
            since,
            server_now,
        })]
    }

    pub(super) fn listed(&mut self, rooms: Vec<Room>) -> Vec<Effect> {
        self.rooms = rooms.into_iter().map(|room| (room.id, room)).collect();
        Vec::new()
    }

    pub(super) fn looked(&mut self, now: Now, looked: &Looked) -> Vec<Effect> {
        let channel = looked.channel;
        if looked.reading == Reading::Begins {
            self.unwritten.remove(&channel);
            self.missed_rates.remove(&channel);
            if let Some(back) = &mut self.back {
                back.unread.insert(channel);
            }
            return Vec::new();
        }
        if let Some(back) = &mut self.back {
            back.unread.remove(&channel);
        }
        // What was posted since the drain began is the successor's to read.
        let mut effects = self.caught_up(now, channel);
        if looked.reading == Reading::Refused || !self.serves() {
            return effects;
        }
        let late = self.answer_late(channel);
        let unwritten = self.oldest_unwritten(channel);
        let look = Look {
            last_post_at: looked.last_post_at,
            as_of: looked.as_of,
            since: looked.since,
            unwritten,
        };
        let watermark = self.marks.looked(channel, look);
        effects.extend(late);
        effects.push(Effect::Advance(watermark));
        effects
    }

    pub(super) fn swept(&mut self, now: Now, last: bool, complete: bool) -> Vec<Effect> {
        let mut effects = if complete {
            self.return_due(now)
        } else {
            Vec::new()
        };
        effects.extend(self.all_caught_up(now));
        if self.serves() {
            effects.extend(self.answer_all_late(last));
        }
        self.sweep.looked(complete);
        if last {
            self.sweep.running = false;
            self.sweep.again |= !complete;
        }
        if last && complete && self.serves() {
            // Everything before this sweep is decided, in channels that are new to us as well: neither we nor a
            // successor reads those from further back.
            self.connection.read_from = Some(self.sweep.as_of.minus(SETTLING));
            effects.push(Effect::ProofOfLife(self.sweep.as_of));
        }
        // A sweep that failed is tried again at the next tick; one that another gap asked for, now.
        if last && complete && self.sweep.again {
            effects.extend(self.sweep(now));
        }
        // What the last look left is looked at once more, by the sweep that the next tick begins.
        if last && !self.sweep.left.is_empty() {
            self.sweep.repeat();
        }
        effects
    }

    /// When the oldest post of `channel` was created whose calls are not all in the ledger.
    fn oldest_unwritten(&self, channel: ChannelId) -> Option<Timestamp> {
        let in_hand = self
            .in_hand
            .values()
            .filter(|held| held.channel == channel)
            .map(|held| held.created);
        in_hand.chain(self.unwritten.get(&channel).copied()).min()
    }
}
