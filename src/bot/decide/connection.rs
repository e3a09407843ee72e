//! Decisions about the connection: who we are, what may have been missed, a token that is refused.

use std::time::Duration;

use crate::bot::advice::NEW_TOKEN;
use crate::bot::effect::{Effect, End};
use crate::bot::event::Now;
use crate::bot::identity::Identity;
use crate::bot::modules::happening::Happening;
use crate::bot::watermark::SETTLING;
use crate::id::{ChannelId, UserId};
use crate::lifecycle::{ExitStatus, Outcome};
use crate::mattermost::event::Event as ServerEvent;
use crate::mattermost::gateway::Update;
use crate::timestamp::Timestamp;

use super::health::Health;
use super::{Phase, State};

/// A token that never worked here is final after so many refusals...
const FINAL_REFUSALS: u32 = 5;
/// ...over at least this time, from a server that is otherwise well.
const FINAL_REFUSAL_TIME: Duration = Duration::from_secs(60);

/// At most this many events wait until we know who we are and what time it is.
const MOST_EARLY: usize = 256;

impl State {
    pub(super) fn gateway(&mut self, now: Now, update: Update) -> Vec<Effect> {
        match update {
            Update::Connected { .. } => self.connected(now),
            Update::Alive { server_time, .. } => self.alive(now, server_time),
            Update::Gap => {
                let mut effects = vec![self.fall_behind()];
                effects.extend(self.gap(now));
                effects
            }
            Update::Event(event) => self.server_event(now, event),
            Update::Disconnected { .. } => {
                self.connection.since = None;
                self.connection.alive = false;
                self.health = Health::default();
                let ready = self.readiness.unreachable();
                self.ready(ready)
            }
            Update::Refused {
                server_healthy,
                retry_in,
            } => self.refused(now, server_healthy, retry_in),
        }
    }

    /// Every hello is a gap: no resume is ever offered.
    fn connected(&mut self, now: Now) -> Vec<Effect> {
        self.counters.connections += 1;
        self.connection.since = Some(now.instant);
        self.connection.first.get_or_insert(now.instant);
        self.early.clear();
        self.connection.alive = false;
        self.connection.refusals = None;
        let ready = self.readiness.hello();
        let mut effects = self.ready(ready);
        effects.push(self.fall_behind());
        if self.connection.read_from.is_none() {
            // Until the server tells its clock ours has to do: what is served before that may be the last thing that
            // this process does, and the next one is to know that somebody was here.
            effects.push(Effect::ProofOfLife(now.wall.plus(SETTLING)));
        }
        if !self.connection.token_worked {
            self.connection.token_worked = true;
            effects.push(Effect::TokenWorked);
        }
        if self.identity.is_none() {
            if !std::mem::replace(&mut self.identifying, true) {
                effects.push(Effect::Identify);
            }
        } else {
            effects.push(Effect::Tell(Happening::Connected));
            effects.extend(self.gap(now));
        }
        effects
    }

    fn gap(&mut self, now: Now) -> Vec<Effect> {
        self.counters.gaps += 1;
        self.sweep.gap();
        self.sweep(now)
    }

    fn alive(&mut self, now: Now, server_time: Option<Timestamp>) -> Vec<Effect> {
        // A server that does not tell its clock is taken to share ours.
        let server_time = server_time.unwrap_or(now.wall);
        let offset = server_time.0.saturating_sub(now.wall.0);
        let is_first = self.connection.clock_offset.replace(offset).is_none();
        if !std::mem::replace(&mut self.connection.alive, true) {
            // An empty ledger starts from the first hello; what came before it is nobody's. The successor of this
            // process takes the settling time off again.
            let connected = self
                .connection
                .first
                .map_or(server_time, |first| server_time.minus(now.instant - first));
            let mut effects = Vec::new();
            if self.connection.read_from.is_none() {
                self.connection.read_from = Some(connected);
                self.connection.heard_since = Some(connected);
                effects.push(Effect::FirstProofOfLife(connected.plus(SETTLING)));
            }
            if is_first {
                effects.extend(self.early(now));
            }
            effects.extend(self.sweep(now));
            return effects;
        }
        Vec::new()
    }

    pub(super) fn identified(&mut self, now: Now, identity: Identity) -> Vec<Effect> {
        self.identity = Some(identity);
        if matches!(self.phase, Phase::Waiting) {
            self.phase = Phase::Serving;
        }
        let mut effects = vec![Effect::Tell(Happening::Connected)];
        effects.extend(self.early(now));
        effects.extend(self.gap(now));
        if self.back.is_some() {
            effects.push(Effect::AwaitReturn);
        }
        effects
    }

    /// Decides the events that waited, if nothing keeps them waiting any more.
    fn early(&mut self, now: Now) -> Vec<Effect> {
        let early = std::mem::take(&mut self.early).into_iter();
        early
            .flat_map(|event| self.server_event(now, event))
            .collect()
    }

    fn server_event(&mut self, now: Now, event: ServerEvent) -> Vec<Effect> {
        let (Some(identity), Some(_)) = (&self.identity, self.connection.clock_offset) else {
            // It waits until we know who we are, and how old it is; more than this is read by the sweep that follows.
            if self.early.len() < MOST_EARLY {
                self.early.push(event);
            }
            return Vec::new();
        };
        match event {
            ServerEvent::Posted(posted) => {
                let posted = *posted;
                match identity.room(&posted) {
                    Some(room) => {
                        self.rooms.insert(room.id, room.clone());
                        self.posted(now, &room, posted.post)
                    }
                    None => Vec::new(),
                }
            }
            ServerEvent::PostEdited(post) => self.edited(now, *post),
            ServerEvent::PostDeleted(post) => self.deleted(now, &post),
            ServerEvent::UserAdded {
                user_id,
                channel_id,
            } if user_id != identity.me => self.joined(user_id, channel_id),
            _ => Vec::new(),
        }
    }

    /// Somebody joined a channel that we are in.
    fn joined(&self, user: UserId, channel: ChannelId) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.rules.welcome_channel == Some(channel) {
            effects.push(Effect::Welcome(channel, user));
        }
        if self.catalogue.is_told("on_join") {
            effects.push(Effect::Tell(Happening::Joined { user, channel }));
        }
        effects
    }

    /// A refusal is final only for a token that never worked here, from a server that is well: a database outage
    /// answers 401 too.
    fn refused(&mut self, now: Now, server_healthy: bool, retry_in: Duration) -> Vec<Effect> {
        self.connection.since = None;
        self.connection.alive = false;
        self.health = Health::default();
        if !server_healthy {
            let ready = self.readiness.unreachable();
            return self.ready(ready);
        }
        let mut effects = Vec::new();
        if self.readiness.refused() {
            effects.push(Effect::StillStarting { retry_in });
        }
        if self.connection.token_worked {
            return effects;
        }
        let (first, count) = self.connection.refusals.unwrap_or((now.instant, 0));
        self.connection.refusals = Some((first, count + 1));
        if count + 1 >= FINAL_REFUSALS && now.instant.duration_since(first) >= FINAL_REFUSAL_TIME {
            tracing::error!(
                "the token was refused {} times by a server that is well, and never worked here: stopping; {NEW_TOKEN}, \
                 and start the bot with it",
                count + 1
            );
            return self.finish(End::Process(Outcome::Exit(ExitStatus::Configuration)));
        }
        effects
    }

    /// The supervisor learns that the start has succeeded, unless the end has begun.
    pub(super) fn ready(&self, ready: bool) -> Vec<Effect> {
        if ready && !matches!(self.phase, Phase::Draining(_) | Phase::Finished) {
            vec![Effect::Ready]
        } else {
            Vec::new()
        }
    }
}
