//! Calls in hand: which wait, which run, and which have ended.

use std::collections::{HashSet, VecDeque};
use std::hash::Hash;

use crate::bot::effect::Effect;
use crate::bot::event::Now;
use crate::bot::lane::CallId;
use crate::bot::ticket::Ticket;
use crate::ledger::CallKey;

use super::State;

/// So many calls are remembered after they ended, so that doubled events cost nothing, and so many posts.
const REMEMBERED: usize = 1_024;

impl State {
    /// Starts a ticket, or lets it wait in its lane.
    pub(super) fn start(&mut self, now: Now, ticket: Ticket) -> Vec<Effect> {
        let lane = ticket.lane();
        self.hold(&ticket, lane);
        let ready = match lane {
            Some(lane) => self.lanes.enter(ticket.id(), lane, ticket),
            None => vec![ticket],
        };
        self.serve(now, ready)
    }

    /// Serves what may start now.
    pub(super) fn serve(&self, now: Now, ready: Vec<Ticket>) -> Vec<Effect> {
        let serve = |ticket| Effect::Serve(Box::new(ticket), self.status(now));
        ready.into_iter().map(serve).collect()
    }

    /// A call has started: the next one of its channel may.
    pub(super) fn started(&mut self, now: Now, id: CallId) -> Vec<Effect> {
        let lane = self.in_hand.get(&id).and_then(|held| held.lane);
        let ready = lane.map(|lane| self.lanes.started(lane.user, id));
        self.serve_on(now, ready.unwrap_or_default())
    }

    /// The same, unless commands are not served any more: what waits in a lane then is the successor's.
    pub(super) fn serve_on(&self, now: Now, ready: Vec<Ticket>) -> Vec<Effect> {
        if self.serves() {
            self.serve(now, ready)
        } else {
            Vec::new()
        }
    }

    /// A call has ended: the next of its lane starts.
    pub(super) fn ended(&mut self, now: Now, key: &CallKey, written: bool) -> Vec<Effect> {
        let id = (key.post, key.ordinal);
        let Some(held) = self.in_hand.remove(&id) else {
            return Vec::new();
        };
        if written {
            self.counters.finished += 1;
            self.remember(id);
        } else {
            let since = self.unwritten.entry(held.channel).or_insert(held.created);
            *since = held.created.min(*since);
            self.heard.remove(&key.post);
            self.marks.reopen(held.channel);
            self.sweep.repeat();
        }
        let ready = held.lane.map(|lane| self.lanes.ended(lane.user, id));
        self.serve_on(now, ready.unwrap_or_default())
    }

    pub(super) fn remember(&mut self, id: CallId) {
        self.remembered.insert(id);
    }
}

/// What came last, so that it is known when it comes again; the oldest is forgotten first.
#[derive(Debug)]
pub(super) struct Remembered<T> {
    order: VecDeque<T>,
    known: HashSet<T>,
}

impl<T> Default for Remembered<T> {
    fn default() -> Self {
        Self {
            order: VecDeque::new(),
            known: HashSet::new(),
        }
    }
}

impl<T: Copy + Eq + Hash> Remembered<T> {
    /// Remembers `item`; false if it was known.
    pub(super) fn insert(&mut self, item: T) -> bool {
        let is_new = self.known.insert(item);
        if is_new {
            self.order.push_back(item);
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        is_new
    }

    pub(super) fn contains(&self, item: &T) -> bool {
        self.known.contains(item)
    }

    pub(super) fn remove(&mut self, item: &T) {
        if self.known.remove(item) {
            self.order.retain(|known| known != item);
        }
    }
}
