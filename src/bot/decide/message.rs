//! Decisions about posts: which are commands, and what is to become of them before anybody is asked.

use std::sync::Arc;
use std::time::Duration;

use crate::bot::effect::Effect;
use crate::bot::event::Now;
use crate::bot::identity::Room;
use crate::bot::lane::Lane;
use crate::bot::modules::happening::Happening;
use crate::bot::outbox::shape;
use crate::bot::reply::UNANSWERED;
use crate::bot::ticket::{Fate, Ticket};
use crate::command::author::{self, Author, Why};
use crate::command::parse::Target;
use crate::command::rate::Verdict;
use crate::ledger::CallKey;
use crate::mattermost::model::Post;

use super::{InHand, Phase, State};

/// A lifecycle command younger than this is left to its event until the next look.
const LEFT_TO_ITS_EVENT: Duration = Duration::from_secs(10);

/// An event that is older than this was missed like a post without one: this process was stopped, or its host, while the
/// event waited in the socket.
const FRESH: Duration = Duration::from_secs(60);

/// At most so many calls of built-ins are taken from one message; more of them are no wish but a flood...
const BUILTINS_A_MESSAGE: usize = 5;
/// ...and so many words of modules: people paste lists to look up, and the rate limits them as well.
const BINDS_A_MESSAGE: usize = 100;

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
                if source == Source::Event && self.catalogue.is_told("scan_message") {
                    effects.push(Effect::Tell(Happening::Written {
                        user: post.user_id,
                        channel,
                        name: Arc::clone(&room.name),
                        text: post.message.clone(),
                    }));
                }
                let post = Arc::new(post);
                let calls = self.calls(room, &post);
                if source == Source::Event {
                    self.log_unavailable(room, &post, &calls);
                }
                let heard = source == Source::CatchUp && self.heard.contains(&id);
                let counts =
                    |ticket: &Ticket| ticket.is_call() && !(heard && ticket.builtin().is_none());
                for ticket in calls.into_iter().filter(counts) {
                    effects.extend(self.call(now, ticket, source));
                }
                if source == Source::Event && serving && self.catalogue.is_greeted() {
                    self.heard.insert(id);
                }
            }
            Author::Edited if serving => effects.extend(self.edited_post(now, room, post)),
            // The system's posts about us, such as that we joined, bear our name as well.
            Author::Ignored(Why::OwnPost) if source == Source::Event && post.kind.is_empty() => {
                let may_call = self.rules.recursion && serving && shape::answered(&post).is_some();
                let recursion = may_call.then(|| Box::new((room.clone(), post.clone())));
                effects.push(Effect::OwnPost {
                    key: shape::key(&post).map(str::to_owned),
                    recursion,
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

    /// An answer of a module may call modules, and never a built-in.
    pub(super) fn answered(&mut self, now: Now, room: &Room, post: Post) -> Vec<Effect> {
        let calls = self.calls(room, &Arc::new(post));
        let is_module = |ticket: &Ticket| ticket.builtin().is_none() && ticket.is_call();
        let mut effects = Vec::new();
        for ticket in calls.into_iter().filter(is_module) {
            effects.extend(self.call(now, ticket, Source::Event));
        }
        effects
    }

    /// The commands of `post` that are taken, not yet decided.
    fn calls(&self, room: &Room, post: &Arc<Post>) -> Vec<Ticket> {
        let (mut builtins, mut binds, mut surplus) = (0, 0, None);
        let is_bind = |word: &str| self.catalogue.is_bind(word);
        let mut found = self.rules.vocabulary.parse(&post.message, is_bind);
        found.retain(|invocation| {
            let (count, most) = match invocation.target {
                Target::Builtin(_) => (&mut builtins, BUILTINS_A_MESSAGE),
                Target::Bind => (&mut binds, BINDS_A_MESSAGE),
            };
            *count += 1;
            if *count > most && invocation.sigil {
                surplus.get_or_insert((invocation.clone(), Fate::TooMany(most)));
            }
            *count <= most
        });
        let found = found.into_iter().map(|invocation| (invocation, Fate::Run));
        found
            .chain(surplus)
            .map(|(invocation, fate)| Ticket {
                modules: self.modules_of(room, &invocation),
                post: Arc::clone(post),
                room: room.clone(),
                invocation,
                fate,
                found: false,
            })
            .collect()
    }

    fn call(&mut self, now: Now, mut ticket: Ticket, source: Source) -> Vec<Effect> {
        let id = ticket.id();
        if self.in_hand.contains_key(&id) || self.remembered.contains(&id) {
            return Vec::new();
        }
        let age = self.server_now(now).since(ticket.post.create_at);
        if source == Source::CatchUp && self.leaves_to_its_event(now, &ticket, age) {
            return Vec::new();
        }
        // During the drain only a restart is taken, into the marker; the rest is the successor's.
        let joins = self.joins(&ticket);
        if !(self.serves() || joins && source == Source::Event) {
            return Vec::new();
        }
        ticket.found = source == Source::CatchUp || age > FRESH;
        ticket.fate = self.fate(now, &ticket, age);
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
            return self.start(now, ticket);
        }
        match self.keep_in_order(ticket) {
            Some(ticket) => self.start(now, ticket),
            None => Vec::new(),
        }
    }

    /// Whether a lifecycle command that catch-up found is so young that its event may still come; then its channel is
    /// read again.
    fn leaves_to_its_event(&mut self, now: Now, ticket: &Ticket, age: Duration) -> bool {
        let post = &ticket.post;
        let left = (ticket.is_lifecycle() || self.acts(ticket))
            && age < LEFT_TO_ITS_EVENT
            && self
                .sweep
                .leaves(ticket.id(), now.instant, LEFT_TO_ITS_EVENT);
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
        self.in_hand.insert(ticket.id(), held);
    }

    /// The checks that need nobody else; whatever is answered counts towards the rate. The role comes when it is
    /// served.
    fn fate(&mut self, now: Now, ticket: &Ticket, age: Duration) -> Fate {
        if ticket.found && age > UNANSWERED {
            return Fate::TooOld(age);
        }
        match self.rate(now, ticket) {
            Verdict::FirstOver => return Fate::RateOver,
            Verdict::Over => {
                let is_shown = !self.limited.insert(ticket.post.id);
                return Fate::RateStillOver { is_shown };
            }
            Verdict::Allowed => {}
        }
        if ticket.room.foreign && ticket.is_withheld_in_foreign_channels() {
            Fate::WrongChannel
        } else if ticket.found && ticket.is_lifecycle() {
            Fate::WasAway
        } else if ticket.found && self.acts(ticket) {
            Fate::MissedAct
        } else if ticket.found && age > self.rules.max_age {
            Fate::TooOld(age)
        } else {
            ticket.fate
        }
    }

    /// Counts the call; one that was missed, by when it was asked, for it is read together with all others.
    fn rate(&mut self, now: Now, ticket: &Ticket) -> Verdict {
        let (user, asked_at) = (ticket.post.user_id, ticket.post.create_at);
        if !ticket.found {
            return self.rules.rate.check(user, now.since_boot);
        }
        let rates = self.missed_rates.entry(ticket.post.channel_id);
        let rate = rates.or_insert_with(|| self.rules.rate.anew());
        let asked_at = u64::try_from(asked_at.0).unwrap_or(0);
        rate.check(user, Duration::from_millis(asked_at))
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
        let post = Arc::new(post);
        let first = self.calls(room, &post).into_iter().next();
        let called = |ticket: &Ticket| ticket.invocation.first && ticket.invocation.sigil;
        let Some(ticket) = first.filter(|ticket| called(ticket) && ticket.is_call()) else {
            return Vec::new();
        };
        let id = ticket.id();
        let handled = self.in_hand.contains_key(&id) || self.remembered.contains(&id);
        let mut over = || self.rules.rate.check(post.user_id, now.since_boot) != Verdict::Allowed;
        if handled || age > self.rules.max_age || over() {
            return Vec::new();
        }
        self.start(
            now,
            Ticket {
                fate: Fate::Edited,
                ..ticket
            },
        )
    }

    /// `post_deleted`: what still waits in a lane is denied without an answer. The replies to a root are deleted with it,
    /// without events of their own.
    pub(super) fn deleted(&mut self, now: Now, post: &Post) -> Vec<Effect> {
        let is_of = |ticket: &Ticket| ticket.post.id == post.id || ticket.root() == post.id;
        let (mut withdrawn, ready) = self.lanes.withdraw(is_of);
        withdrawn.extend(self.behind.withdraw(is_of));
        for ticket in &mut withdrawn {
            // It no longer waits in the lane, so its end must not start the next one there.
            if let Some(held) = self.in_hand.get_mut(&ticket.id()) {
                held.lane = None;
            }
            ticket.fate = Fate::Deleted;
        }
        let mut effects = self.serve(now, withdrawn);
        effects.extend(self.serve_on(now, ready));
        effects
    }
}
