//! The decisions of the bot: an event and what is known become effects. No clock, no socket, nothing asynchronous.
//!
//! ```text
//!           identified           restart asked             preflight passed           marker written
//!  waiting ────────────▶ serving ─────────────▶ preparing ──────────────────▶ leaving ──────────────▶ draining ──▶ finished
//!                          │ ▲                      │ refused                    │ marker refused       ▲
//!                          │ └──────────────────────┴────────────────────────────┘                      │
//!                          └────────────────────────────── stop ────────────────────────────────────────┘
//! ```
//!
//! A bot that had to start without its ledger drains as soon as that can be opened, and starts over.
//!
//! Commands are served until the drain begins, since the restart may still be refused. There is one marker: one that
//! brought us here is settled before the next one is written.

mod calls;
mod connection;
mod health;
mod late;
mod message;
mod modules;
mod order;
mod restart;
mod sweeping;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::command::Catalogue;
use crate::command::parse::Vocabulary;
use crate::command::rate::Rate;
use crate::id::{ChannelId, PostId};
use crate::lifecycle::marker::Marker;
use crate::lifecycle::ready::Readiness;
use crate::lifecycle::signals::Signal;
use crate::lifecycle::supervisor::Departure;
use crate::lifecycle::{ExitStatus, Outcome};
use crate::mattermost::event::Event as ServerEvent;
use crate::timestamp::Timestamp;

use super::effect::{Effect, End};
use super::event::{Event, Now};
use super::identity::{Identity, Room};
use super::lane::{CallId, Lane, Lanes};
use super::restart::Request;
use super::settings::Settings;
use super::status::{StartReason, Status};
use super::ticket::Ticket;
use super::watermark::Marks;
use super::welcome;

use calls::Remembered;
use health::Health;
use late::Late;
use order::Behind;
use sweeping::Sweep;

/// What the decisions are taken by and from.
#[derive(Debug)]
pub struct State {
    rules: Rules,
    phase: Phase,
    identity: Option<Identity>,
    /// The server is being asked who we are, until it has told.
    identifying: bool,
    lanes: Lanes<Ticket>,
    /// Calls that wait or run, by what names them.
    in_hand: HashMap<CallId, InHand>,
    /// Calls that ended a short while ago.
    remembered: Remembered<CallId>,
    /// Posts that were decided when their event came: what has become a word of a module since is no command in them.
    heard: Remembered<PostId>,
    /// Since when a channel holds a call that the ledger did not take.
    unwritten: HashMap<ChannelId, Timestamp>,
    /// The modules that can be called.
    catalogue: Arc<Catalogue>,
    /// The channels that are served, as far as they have been seen.
    rooms: HashMap<ChannelId, Room>,
    marks: Marks,
    sweep: Sweep,
    late: Late,
    behind: Behind,
    /// How often its users asked in a channel at the time that catch-up reads now.
    missed_rates: HashMap<ChannelId, Rate>,
    /// Posts that show already that their calls are limited.
    limited: Remembered<PostId>,
    /// Events that came before we knew who we are, and the server's clock.
    early: Vec<ServerEvent>,
    connection: Connection,
    health: Health,
    back: Option<Back>,
    /// Whether the ledger, which could not be opened at the start, can be now.
    has_reopened: bool,
    readiness: Readiness,
    counters: Counters,
}

/// What of the configuration and the start decides.
#[derive(Debug)]
pub struct Rules {
    /// The words that are commands.
    pub vocabulary: Vocabulary,
    /// Whether answers of modules call modules.
    pub recursion: bool,
    /// How many calls of modules one user may have running.
    pub user_concurrency: usize,
    /// Where newcomers are greeted.
    pub welcome_channel: Option<ChannelId>,
    /// How many calls a user may make in which time, and has made.
    pub rate: Rate,
    /// Calls older than this expire.
    pub max_age: Duration,
    /// A return later than this is announced in other words.
    pub notice_expiry: Duration,
    /// From when on channels without an anchor are read, if an earlier process lived.
    pub read_from: Option<Timestamp>,
    /// Whether the server ever accepted a token here.
    pub token_worked: bool,
    /// Why this process was started.
    pub start: StartReason,
    /// When this process was started.
    pub started: Instant,
    /// Our version.
    pub version: &'static str,
    /// The kernel's boot id.
    pub boot_id: String,
    /// Why this process had to start again itself instead of being replaced by a new one.
    pub mishap: Option<String>,
}

/// What the bot is doing.
#[derive(Debug)]
enum Phase {
    /// Nothing is known of the server yet.
    Waiting,
    /// Commands are served.
    Serving,
    /// These ask for a restart, and it is being found out whether one would bring us back. Commands are served.
    Preparing(Vec<Request>),
    /// The restart is prepared, but the one that brought us here is still being announced. Commands are served.
    Settling(Vec<Request>, Departure),
    /// A restart was asked for, and its marker is being written. Commands are served.
    Leaving(Box<Restart>),
    /// What runs is being finished.
    Draining(Sequel),
    /// The loop is about to end.
    Finished,
}

/// What follows a drain.
#[derive(Debug)]
enum Sequel {
    /// The process ends.
    Stop,
    /// It restarts.
    Restart(Box<Restart>),
    /// The bot starts over in this process, with the ledger that can be opened now.
    StartOver,
}

/// The restart that is under way.
#[derive(Debug)]
struct Restart {
    marker: Marker,
    departure: Departure,
    askers: Vec<Request>,
    /// So many of them know what became of their request.
    told: usize,
}

/// A call that waits or runs.
#[derive(Debug)]
struct InHand {
    lane: Option<Lane>,
    channel: ChannelId,
    created: Timestamp,
}

/// What is known of the connection.
#[derive(Debug, Default)]
struct Connection {
    since: Option<Instant>,
    /// When the first one was made.
    first: Option<Instant>,
    /// Whether a ping was answered since.
    alive: bool,
    /// The server's clock minus ours, in milliseconds, once it has told.
    clock_offset: Option<i64>,
    /// When the token was first refused, and how often since.
    refusals: Option<(Instant, u32)>,
    token_worked: bool,
    /// From when on a channel without an anchor is read, on the server's clock.
    read_from: Option<Timestamp>,
    /// When the first hello came, on the server's clock, if nothing is known of an earlier process.
    heard_since: Option<Timestamp>,
}

/// The return that is still to be announced.
#[derive(Debug)]
struct Back {
    marker: Marker,
    /// The commands that were cut off.
    interrupted: Vec<String>,
    late: usize,
    unread: HashSet<ChannelId>,
    /// Catch-up has taken long enough: it is announced as soon as it can be.
    due: bool,
    /// The announcement is on its way.
    announced: bool,
}

#[derive(Debug, Default)]
struct Counters {
    connections: u32,
    gaps: u32,
    finished: u64,
    foreign: u32,
    last_foreign: Option<Timestamp>,
}

impl State {
    /// The state of a process that has just started.
    #[must_use]
    pub fn new(
        rules: Rules,
        marks: Marks,
        marker: Option<Marker>,
        interrupted: Vec<String>,
    ) -> Self {
        let back = marker.map(|marker| Back {
            marker,
            interrupted,
            late: 0,
            unread: HashSet::new(),
            due: false,
            announced: false,
        });
        let connection = Connection {
            token_worked: rules.token_worked,
            read_from: rules.read_from,
            ..Connection::default()
        };
        Self {
            lanes: Lanes::new(rules.user_concurrency),
            rules,
            phase: Phase::Waiting,
            identity: None,
            identifying: false,
            in_hand: HashMap::new(),
            remembered: Remembered::default(),
            heard: Remembered::default(),
            unwritten: HashMap::new(),
            catalogue: Arc::default(),
            rooms: HashMap::new(),
            marks,
            sweep: Sweep::default(),
            late: Late::default(),
            behind: Behind::default(),
            missed_rates: HashMap::new(),
            limited: Remembered::default(),
            early: Vec::new(),
            connection,
            health: Health::default(),
            back,
            has_reopened: false,
            readiness: Readiness::default(),
            counters: Counters::default(),
        }
    }

    /// From when on this process is to read, on the server's clock; of one that has no ledger, when it heard first.
    #[must_use]
    pub fn heard_since(&self) -> Option<Timestamp> {
        self.rules.read_from.or(self.connection.heard_since)
    }

    /// What `@status` tells.
    fn status(&self, now: Now) -> Status {
        Status {
            running: now.instant.duration_since(self.rules.started),
            connected: self
                .connection
                .since
                .map(|since| now.instant.duration_since(since)),
            connections: self.counters.connections,
            gaps: self.counters.gaps,
            read_up: self.sweep.is_read_up(),
            calls_in_hand: self.in_hand.len().saturating_sub(1),
            calls_finished: self.counters.finished,
            foreign_posts: self.counters.foreign,
            last_foreign_post: self.counters.last_foreign,
            start: self.rules.start,
        }
    }

    /// Whether commands are served.
    fn serves(&self) -> bool {
        self.identity.is_some()
            && matches!(
                self.phase,
                Phase::Serving | Phase::Preparing(_) | Phase::Settling(..) | Phase::Leaving(_)
            )
    }

    /// The server's clock.
    fn server_now(&self, now: Now) -> Timestamp {
        Timestamp(
            now.wall
                .0
                .saturating_add(self.connection.clock_offset.unwrap_or(0)),
        )
    }

    fn tick(&mut self, now: Now) -> Vec<Effect> {
        let mut effects: Vec<Effect> = self.ask_health().into_iter().collect();
        if !self.serves() {
            return effects;
        }
        if self.sweep.is_due(now.instant) {
            effects.extend(self.sweep(now));
        }
        effects.extend(self.announce_return(now));
        effects
    }

    /// From now on other words are commands, and other limits hold.
    fn reloaded(&mut self, settings: &Settings) -> Vec<Effect> {
        let (matterbot, lifecycle) = (&settings.config.matterbot, &settings.config.lifecycle);
        let rules = &mut self.rules;
        rules.vocabulary = settings.vocabulary.clone();
        rules.recursion = matterbot.recursion;
        self.lanes.limit(matterbot.user_concurrency);
        rules.welcome_channel = welcome::channel(&matterbot.welcome);
        rules
            .rate
            .limit(lifecycle.rate.count, lifecycle.rate.window);
        rules.max_age = lifecycle.catch_up.max_age;
        rules.notice_expiry = lifecycle.notice_expiry;
        Vec::new()
    }
}

/// Decides `event`.
pub fn decide(state: &mut State, now: Now, event: Event) -> Vec<Effect> {
    match event {
        Event::Gateway(update) => state.gateway(now, update),
        Event::Identified(identity) => state.identified(now, *identity),
        Event::Misconfigured(_) => {
            state.finish(End::Process(Outcome::Exit(ExitStatus::Configuration)))
        }
        Event::Listed(rooms) => state.listed(rooms),
        Event::Found { room, posts, known } => state.found(now, &room, posts, &known),
        Event::Unread(unread) => state.unread(unread),
        Event::Looked(looked) => state.looked(now, &looked),
        Event::Swept { last, complete } => state.swept(now, last, complete),
        Event::Modules(catalogue) => state.modules_changed(catalogue),
        Event::Answered(answered) => state.answered(now, &answered.0, answered.1),
        Event::Started(id) => state.started(now, id),
        Event::Ended { key, written } => state.ended(now, &key, written),
        Event::RestartAsked(request) => state.restart_asked(*request),
        Event::AcknowledgementDue(key) => state.acknowledgement_due(&key),
        Event::Prepared(result) => state.prepared(now, result),
        Event::MarkerLeft { named, result } => state.marker_left(named, result),
        Event::FirstLookDue => state.all_caught_up(now),
        Event::ReturnDue => state.return_due(now),
        Event::Returned { told } => state.returned(now, told),
        Event::Drained { all } => state.drained(all),
        Event::RequestFailed(reason) => state.request_failed(reason),
        Event::HealthTold { well } => state.health_told(well),
        Event::Reopened => state.reopened(),
        Event::Reloaded(settings) => state.reloaded(&settings),
        Event::ForeignPost => {
            state.counters.foreign += 1;
            state.counters.last_foreign = Some(now.wall);
            Vec::new()
        }
        Event::Signal(Signal::Stop(_)) => state.stop(),
        Event::Signal(Signal::Reload) => vec![Effect::Reload],
        Event::Signal(Signal::Restart) => state.restart_asked(Request::new(None)),
        Event::GraceOver => {
            let ready = state.readiness.grace_over();
            state.ready(ready)
        }
        Event::Tick => state.tick(now),
    }
}
