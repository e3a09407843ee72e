//! Decisions about posts: which are commands, and what is to become of them before anybody is asked.

use std::sync::Arc;
use std::time::Duration;

use crate::bot::effect::Effect;
use crate::bot::event::Now;
use crate::bot::identity::Room;
use crate::bot::reply::UNANSWERED;
use crate::bot::ticket::{Fate, Lane, Ticket};
use crate::command::Role;
use crate::command::author::{self, Author, Why};
use crate::command::parse::Invocation;
use crate::command::rate::Verdict;
use crate::command::table;
use crate::ledger::CallKey;
use crate::mattermost::model::Post;

use super::{InHand, Phase, State};

/// A lifecycle command younger than this is left to its event until the next look.
const LEFT_TO_ITS_EVENT: Duration = Duration::from_secs(10);

/// At most so many calls are taken from one message; more of them are no wish but a flood.
const CALLS_A_MESSAGE: usize = 5;

/// How a post came to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Event,
    CatchUp,
}

impl State {
    pub(super) fn posted(&mut self, now: Now, room: &Room, post: Post) -> Vec<Effect> {
        self.consider(now, room, post, Source::Event)
    }

    /// What catch-up read: calls that have a row already are passed over.
    pub(super) fn found(
        &mut self,
        now: Now,
        room: &Room,
        posts: Vec<Post>,
        known: &[CallKey],
    ) -> Vec<Effect> {
        let mut effects = Vec::new();
        for post in posts {
            for key in known.iter().filter(|key| key.post == post.id) {
                self.remember((key.post, key.ordinal));
            }
            effects.extend(self.consider(now, room, post, Source::CatchUp));
        }
        effects
    }

    fn consider(&mut self, now: Now, room: &Room, post: Post, source: Source) -> Vec<Effect> {
        let Some(identity) = &self.identity else {
            return Vec::new();
        };
        let serving = self.serves();
        if !serving && !matches!(self.phase, Phase::Draining(_)) {
            return Vec::new();
        }
        let (channel, id, created) = (post.channel_id, post.id, post.create_at);
        let author = author::author(&post, identity.me);
        let mut effects = Vec::new();
        match author {
            Author::Human => {
                let invocations = self.rules.vocabulary.parse(&post.message);
                let post = Arc::new(post);
                for invocation in invocations.into_iter().take(CALLS_A_MESSAGE) {
                    effects.extend(self.call(now, room, &post, invocation, source));
                }
            }
            Author::Edited if serving => effects.extend(self.edited_post(now, room, post)),
            // The system's posts about us, such as that we joined, bear our name as well.
            Author::Ignored(Why::OwnPost) if source == Source::Event && post.kind.is_empty() => {
                let key = post
                    .props
                    .get("matterbot")
                    .and_then(|props| props.get("key"))
                    .and_then(|key| key.as_str());
                effects.push(Effect::OwnPost {
                    key: key.map(str::to_owned),
                });
            }
            _ => {}
        }
        if serving {
            let server_now = self.server_now(now);
            self.marks.decided(channel, (id, created), server_now);
        }
        effects
    }

    fn call(
        &mut self,
        now: Now,
        room: &Room,
        post: &Arc<Post>,
        invocation: Invocation,
        source: Source,
    ) -> Vec<Effect> {
        let id = (post.id, invocation.ordinal);
        if self.in_hand.contains_key(&id) || self.remembered_set.contains(&id) {
            return Vec::new();
        }
        let mut ticket = Ticket {
            post: Arc::clone(post),
            room: room.clone(),
            invocation,
            fate: Fate::Run,
        };
        let age = self.server_now(now).since(post.create_at);
        if source == Source::CatchUp && self.leaves_to_its_event(&ticket, age) {
            return Vec::new();
        }
        // During the drain only a restart is taken, into the marker; the rest is the successor's.
        let joins = self.joins(&ticket);
        if !(self.serves() || joins && source == Source::Event) {
            return Vec::new();
        }
        ticket.fate = self.fate(now, &ticket, source, age);
        if joins && ticket.fate == Fate::Run {
            ticket.fate = Fate::Join;
        } else if !self.serves() {
            return Vec::new();
        }
        let Some(ticket) = self.keep_late(ticket) else {
            return Vec::new();
        };
        if source == Source::CatchUp {
            self.count_late(&ticket);
        }
        self.start(now, ticket)
    }

    /// Whether a lifecycle command that catch-up found is so young that its event may still come; then its channel is
    /// read again.
    fn leaves_to_its_event(&mut self, ticket: &Ticket, age: Duration) -> bool {
        let post = &ticket.post;
        let left = ticket.row().lifecycle
            && age < LEFT_TO_ITS_EVENT
            && self.sweep.leaves((post.id, ticket.invocation.ordinal));
        if left {
            self.unwritten
                .entry(post.channel_id)
                .or_insert(post.create_at);
        }
        left
    }

    /// "Back up." says how many commands are run late.
    fn count_late(&mut self, ticket: &Ticket) {
        if let Some(back) = self.back.as_mut().filter(|_| ticket.fate == Fate::Run) {
            back.late += 1;
        }
    }

    /// Notes that `ticket` waits or runs.
    pub(super) fn hold(&mut self, ticket: &Ticket, lane: Option<Lane>) {
        let held = InHand {
            lane,
            channel: ticket.post.channel_id,
            created: ticket.post.create_at,
        };
        self.in_hand
            .insert((ticket.post.id, ticket.invocation.ordinal), held);
    }

    /// The checks that need nobody else; whatever is answered counts towards the rate. The role comes when it is
    /// served.
    fn fate(&mut self, now: Now, ticket: &Ticket, source: Source, age: Duration) -> Fate {
        let row = table::row(ticket.invocation.builtin);
        let found = source == Source::CatchUp;
        match self.rules.rate.check(ticket.post.user_id, now.instant) {
            Verdict::Go if ticket.room.foreign && row.role > Role::Everyone && !row.local => {
                Fate::WrongChannel
            }
            Verdict::Go if found && age > UNANSWERED => Fate::TooOld(age),
            Verdict::Go if found && row.lifecycle => Fate::WasAway,
            Verdict::Go if found && age > self.rules.max_age => Fate::TooOld(age),
            Verdict::Go => Fate::Run,
            Verdict::FirstOver => Fate::RateOver,
            Verdict::Over => Fate::RateStillOver,
        }
    }

    /// `post_edited`: an edit never runs, and pins and other changes come as edits too.
    pub(super) fn edited(&mut self, now: Now, post: Post) -> Vec<Effect> {
        let Some(identity) = &self.identity else {
            return Vec::new();
        };
        if !self.serves() || author::author(&post, identity.me) != Author::Edited {
            return Vec::new();
        }
        // The event does not say which team the channel belongs to, but the last list of channels did.
        let Some(room) = self.rooms.get(&post.channel_id).cloned() else {
            return Vec::new();
        };
        self.edited_post(now, &room, post)
    }

    /// Answers an edited command once, if it was never a call.
    fn edited_post(&mut self, now: Now, room: &Room, post: Post) -> Vec<Effect> {
        let age = self.server_now(now).since(post.edit_at);
        let invocation = self
            .rules
            .vocabulary
            .parse(&post.message)
            .into_iter()
            .next();
        let Some(invocation) = invocation.filter(|invocation| invocation.first && invocation.sigil)
        else {
            return Vec::new();
        };
        let id = (post.id, invocation.ordinal);
        let handled = self.in_hand.contains_key(&id) || self.remembered_set.contains(&id);
        let mut over = || self.rules.rate.check(post.user_id, now.instant) != Verdict::Go;
        if handled || age > self.rules.max_age || over() {
            return Vec::new();
        }
        self.start(
            now,
            Ticket {
                post: Arc::new(post),
                room: room.clone(),
                invocation,
                fate: Fate::Edited,
            },
        )
    }

    /// `post_deleted`: what still waits in a lane is denied without an answer.
    pub(super) fn deleted(&mut self, now: Now, post: &Post) -> Vec<Effect> {
        let lane = (post.user_id, post.channel_id);
        let withdrawn = self
            .lanes
            .withdraw(&lane, |ticket| ticket.post.id == post.id);
        let mut effects = Vec::new();
        for ticket in withdrawn {
            // It no longer waits in the lane, so its end must not start the next one there.
            if let Some(held) = self
                .in_hand
                .get_mut(&(ticket.post.id, ticket.invocation.ordinal))
            {
                held.lane = None;
            }
            effects.extend(self.serve(
                now,
                Some(Ticket {
                    fate: Fate::Deleted,
                    ..ticket
                }),
            ));
        }
        effects
    }
}
