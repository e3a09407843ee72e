//! What catch-up came to too late: calls that expired, and posts that were too many to be read.
//!
//! A channel that had many calls while we were away is not flooded with answers: the first ones are answered one by
//! one, the rest are kept until the channel is read, and answered in one post.

use std::collections::HashMap;

use crate::bot::effect::Effect;
use crate::bot::reply;
use crate::bot::sweep::Unread;
use crate::bot::ticket::{Fate, Ticket};
use crate::id::ChannelId;
use crate::timestamp::Timestamp;

use super::State;

/// So many expired calls of a channel are answered one by one in a sweep.
const ANSWERED_SINGLY: usize = 20;

/// What expired in the sweep that is under way, and what was said of it.
#[derive(Debug, Default)]
pub(super) struct Late {
    channels: HashMap<ChannelId, Expired>,
    /// Where the posts begin that a channel was told are not read.
    told: HashMap<ChannelId, Timestamp>,
}

#[derive(Debug, Default)]
struct Expired {
    singly: usize,
    together: Vec<Ticket>,
}

impl State {
    /// Takes `ticket` if it has expired and its channel has had enough answers of the kind; gives it back otherwise.
    pub(super) fn keep_late(&mut self, ticket: Ticket) -> Option<Ticket> {
        let expired = matches!(
            ticket.fate,
            Fate::WasAway | Fate::MissedAct | Fate::TooOld(_)
        );
        if !expired || !ticket.answer_owed() || reply::declined(&ticket).is_none() {
            return Some(ticket);
        }
        let late = self
            .late
            .channels
            .entry(ticket.post.channel_id)
            .or_default();
        if late.singly < ANSWERED_SINGLY {
            late.singly += 1;
            return Some(ticket);
        }
        late.together.push(ticket.clone());
        self.hold(&ticket, None);
        None
    }

    /// Answers what was kept of `channel`, now that it is read.
    pub(super) fn answer_late(&mut self, channel: ChannelId) -> Option<Effect> {
        let late = self.late.channels.get_mut(&channel)?;
        let tickets = std::mem::take(&mut late.together);
        (!tickets.is_empty()).then_some(Effect::Expire(tickets))
    }

    /// A look has ended: what was kept of channels that could not be read to their end is answered as well. The `last`
    /// look ends the sweep.
    pub(super) fn answer_all_late(&mut self, last: bool) -> Vec<Effect> {
        let channels: Vec<ChannelId> = self.late.channels.keys().copied().collect();
        let effects = channels
            .into_iter()
            .filter_map(|channel| self.answer_late(channel))
            .collect();
        if last {
            self.late.channels.clear();
        }
        effects
    }

    /// Tells a channel, once, that posts of it are too many to be read.
    pub(super) fn unread(&mut self, unread: Unread) -> Vec<Effect> {
        if !self.serves() || self.late.told.insert(unread.channel, unread.from) == Some(unread.from)
        {
            return Vec::new();
        }
        vec![Effect::TellUnread(unread)]
    }
}
