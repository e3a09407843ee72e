//! The decisions, by event in and effects out.

mod acknowledgement;
mod connection;
mod health;
mod late;
mod message;
mod modules;
mod order;
mod restart;
mod returning;

use std::time::{Duration, Instant};

use serde_json::json;

use crate::bot::effect::{Effect, End};
use crate::bot::event::{Event, Now};
use crate::bot::identity::{Identity, Room};
use crate::bot::status::StartReason;
use crate::bot::ticket::Ticket;
use crate::bot::watermark::Marks;
use crate::command::Vocabulary;
use crate::command::rate::Rate;
use crate::id::{ChannelId, PostId, TeamId, UserId};
use crate::lifecycle::Outcome;
use crate::lifecycle::marker::Marker;
use crate::mattermost::event::{Event as ServerEvent, Posted};
use crate::mattermost::gateway::Update;
use crate::mattermost::model::{ChannelKind, Post};
use crate::timestamp::Timestamp;

use super::{Rules, State, decide};

/// The server's clock in these tests is ten minutes ahead of ours.
const AHEAD: i64 = 600_000;

struct Bench {
    state: State,
    start: Instant,
    elapsed: Duration,
    me: UserId,
    team: TeamId,
    channel: ChannelId,
}

impl Bench {
    fn new() -> Self {
        Self::with(None, false)
    }

    fn with(marker: Option<Marker>, token_worked: bool) -> Self {
        let start = Instant::now();
        let rules = Rules {
            vocabulary: Vocabulary::new(&["!help".to_owned(), "@help".to_owned()], &[]),
            recursion: true,
            user_concurrency: 2,
            welcome_channel: None,
            rate: Rate::new(5, Duration::from_secs(10)),
            max_age: Duration::from_secs(600),
            notice_expiry: Duration::from_secs(600),
            read_from: None,
            token_worked,
            start: StartReason::First,
            started: start,
            version: "1.0.0",
            boot_id: "boot".to_owned(),
            mishap: None,
        };
        let state = State::new(rules, Marks::default(), marker, Vec::new());
        let (me, team, channel) = (UserId::random(), TeamId::random(), ChannelId::random());
        Self {
            state,
            start,
            elapsed: Duration::ZERO,
            me,
            team,
            channel,
        }
    }

    /// A bot that has been identified and has swept once.
    fn serving() -> Self {
        let mut bench = Self::new();
        bench.connect();
        bench.looked(false);
        bench.looked(true);
        bench
    }

    /// A look ends, the `last` one of its sweep perhaps.
    fn looked(&mut self, last: bool) -> Vec<Effect> {
        self.decide(Event::Swept {
            last,
            complete: true,
        })
    }

    fn connect(&mut self) -> Vec<Effect> {
        let mut effects = self.decide(Event::Gateway(Update::Connected {
            server_version: "11.6.0".to_owned(),
        }));
        let server_time = Some(Timestamp(self.now().wall.0 + AHEAD));
        effects.extend(self.decide(Event::Gateway(Update::Alive { server_time })));
        let identity = Box::new(self.identity());
        effects.extend(self.decide(Event::Identified(identity)));
        effects
    }

    fn identity(&self) -> Identity {
        Identity {
            me: self.me,
            username: "matter-bot".to_owned(),
            is_bot: true,
            team: self.team,
            lifecycle_channels: None,
            post_size: 16_383,
        }
    }

    fn now(&self) -> Now {
        let wall = Timestamp(1_000_000_000).plus(self.elapsed);
        Now {
            instant: self.start + self.elapsed,
            wall,
            since_boot: Duration::from_secs(1_000) + self.elapsed,
        }
    }

    fn wait(&mut self, seconds: u64) -> &mut Self {
        self.elapsed += Duration::from_secs(seconds);
        self
    }

    fn decide(&mut self, event: Event) -> Vec<Effect> {
        let now = self.now();
        decide(&mut self.state, now, event)
    }

    fn post(&self, user: UserId, message: &str) -> Post {
        let post = json!({
            "id": PostId::random(), "create_at": self.now().wall.0 + AHEAD, "user_id": user,
            "channel_id": self.channel, "message": message,
        });
        serde_json::from_value(post).unwrap()
    }

    fn posted(&mut self, post: Post) -> Vec<Effect> {
        let posted = Posted {
            post,
            channel_kind: ChannelKind::Open,
            channel_name: "town-square".to_owned(),
            channel_display_name: "Town Square".to_owned(),
            sender_name: None,
            team_id: Some(self.team),
        };
        self.decide(Event::Gateway(Update::Event(ServerEvent::Posted(
            Box::new(posted),
        ))))
    }

    fn say(&mut self, user: UserId, message: &str) -> Vec<Effect> {
        let post = self.post(user, message);
        self.posted(post)
    }

    fn found(&mut self, posts: Vec<Post>) -> Vec<Effect> {
        let room = Room::open(self.channel, "town-square");
        self.decide(Event::Found {
            room,
            posts,
            known: Vec::new(),
        })
    }

    fn end(&mut self, ticket: &Ticket, written: bool) -> Vec<Effect> {
        self.decide(Event::Ended {
            key: ticket.key(),
            written,
        })
    }
}

fn tickets(effects: &[Effect]) -> Vec<Ticket> {
    let ticket = |effect: &Effect| match effect {
        Effect::Serve(ticket, _) => Some((**ticket).clone()),
        _ => None,
    };
    effects.iter().filter_map(ticket).collect()
}

fn one(effects: &[Effect]) -> Ticket {
    let mut tickets = tickets(effects);
    assert_eq!(tickets.len(), 1, "{effects:?}");
    tickets.remove(0)
}

fn sweeps(effects: &[Effect]) -> usize {
    effects
        .iter()
        .filter(|effect| matches!(effect, Effect::Sweep(_)))
        .count()
}

fn finish(effects: &[Effect]) -> Option<Outcome> {
    effects.iter().find_map(|effect| match effect {
        Effect::Finish(End::Process(outcome) | End::AtOnce(outcome)) => Some(*outcome),
        _ => None,
    })
}
