//! The order of what is heard and what was missed: after a gap a call waits until what was asked before it in its channel
//! has been read.
//!
//! It waits for the first look alone, and not for long: an order is worth less than an answer.

use std::collections::HashSet;

use crate::bot::effect::Effect;
use crate::bot::event::Now;
use crate::bot::ticket::Ticket;
use crate::id::ChannelId;

use super::State;

/// What waits for the first look after a gap.
#[derive(Debug, Default)]
pub(super) struct Behind {
    /// The first look has not ended.
    is_open: bool,
    /// The channels that it has read.
    read: HashSet<ChannelId>,
    /// The calls that wait, in the order of their events.
    waiting: Vec<Ticket>,
}

impl Behind {
    /// Takes out what waits and is `unwanted`.
    pub(super) fn withdraw(&mut self, unwanted: impl Fn(&Ticket) -> bool) -> Vec<Ticket> {
        let waiting = std::mem::take(&mut self.waiting).into_iter();
        let (withdrawn, waiting) = waiting.partition(unwanted);
        self.waiting = waiting;
        withdrawn
    }
}

impl State {
    /// Something may have been missed: from now on calls wait for the look that reads it.
    pub(super) fn fall_behind(&mut self) -> Effect {
        self.behind.is_open = true;
        self.behind.read.clear();
        Effect::AwaitFirstLook
    }

    /// Takes `ticket`, whose event came, if something older may be read in its channel; gives it back otherwise. What is
    /// about the bot itself waits for nothing.
    pub(super) fn keep_in_order(&mut self, ticket: Ticket) -> Option<Ticket> {
        let channel = ticket.post.channel_id;
        let behind = &mut self.behind;
        if ticket.is_lifecycle() || !behind.is_open || behind.read.contains(&channel) {
            return Some(ticket);
        }
        self.hold(&ticket, None);
        self.behind.waiting.push(ticket);
        None
    }

    /// `channel` has been read.
    pub(super) fn caught_up(&mut self, now: Now, channel: ChannelId) -> Vec<Effect> {
        self.behind.read.insert(channel);
        self.go_on(now, |ticket| ticket.post.channel_id == channel)
    }

    /// The first look has ended, or has taken long enough.
    pub(super) fn all_caught_up(&mut self, now: Now) -> Vec<Effect> {
        self.behind.is_open = false;
        self.go_on(now, |_| true)
    }

    fn go_on(&mut self, now: Now, may: impl Fn(&Ticket) -> bool) -> Vec<Effect> {
        if !self.serves() {
            // The successor finds them.
            return Vec::new();
        }
        let ready = self.behind.withdraw(may).into_iter();
        ready.flat_map(|ticket| self.start(now, ticket)).collect()
    }
}
