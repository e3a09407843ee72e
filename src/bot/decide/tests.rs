//! The decisions, by event in and effects out.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::bot::effect::Effect;
use crate::bot::event::{Event, Now};
use crate::bot::identity::{Identity, Room};
use crate::bot::restart::{Manner, Request};
use crate::bot::status::StartReason;
use crate::bot::ticket::{Fate, Ticket};
use crate::bot::watermark::Marks;
use crate::command::Vocabulary;
use crate::command::rate::Rate;
use crate::id::{ChannelId, PostId, TeamId, UserId};
use crate::lifecycle::marker::Marker;
use crate::lifecycle::signals::Signal;
use crate::lifecycle::{Outcome, Status};
use crate::mattermost::event::{Event as ServerEvent, Posted};
use crate::mattermost::gateway::{DisconnectCause, Update};
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
        let state = State::new(rules, Marks::default(), marker, 0);
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
        bench.decide(Event::Swept {
            last: false,
            complete: true,
        });
        bench.decide(Event::Swept {
            last: true,
            complete: true,
        });
        bench
    }

    fn connect(&mut self) -> Vec<Effect> {
        let mut effects = self.decide(Event::Gateway(Update::Connected {
            connection_id: String::new(),
            server_version: "11.6.0".to_owned(),
        }));
        let server_time = Some(Timestamp(self.now().wall.0 + AHEAD));
        effects.extend(self.decide(Event::Gateway(Update::Alive {
            server_time,
            version: None,
        })));
        let identity = Identity {
            me: self.me,
            username: "matter-bot".to_owned(),
            team: self.team,
            lifecycle_channels: None,
            post_size: 16_383,
        };
        effects.extend(self.decide(Event::Identified(Box::new(identity))));
        effects
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
            sender_name: "@olga".to_owned(),
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
        let room = Room {
            id: self.channel,
            foreign: false,
        };
        self.decide(Event::Found { room, posts })
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
        Effect::Finish(outcome) => Some(*outcome),
        _ => None,
    })
}

#[test]
fn every_hello_is_followed_by_a_sweep() {
    let mut bench = Bench::new();
    assert_eq!(sweeps(&bench.connect()), 1);
    bench.decide(Event::Swept {
        last: true,
        complete: true,
    });
    let cause = DisconnectCause::Silent;
    bench.decide(Event::Gateway(Update::Disconnected {
        cause,
        retry_in: Duration::ZERO,
    }));
    let connected = Update::Connected {
        connection_id: String::new(),
        server_version: String::new(),
    };
    assert_eq!(
        sweeps(&bench.decide(Event::Gateway(connected))),
        0,
        "its clock is not known yet"
    );
    let alive = Update::Alive {
        server_time: None,
        version: None,
    };
    assert_eq!(sweeps(&bench.decide(Event::Gateway(alive))), 1);
}

#[test]
fn a_gap_during_a_sweep_brings_another_one() {
    let mut bench = Bench::new();
    bench.connect();
    assert_eq!(sweeps(&bench.decide(Event::Gateway(Update::Gap))), 0);
    assert_eq!(
        sweeps(&bench.decide(Event::Swept {
            last: true,
            complete: true
        })),
        1
    );
}

#[test]
fn a_sweep_that_failed_is_tried_again_at_the_next_tick() {
    let mut bench = Bench::new();
    bench.connect();
    assert_eq!(
        sweeps(&bench.decide(Event::Swept {
            last: true,
            complete: false
        })),
        0
    );
    assert_eq!(sweeps(&bench.wait(30).decide(Event::Tick)), 1);
}

#[test]
fn channels_are_read_again_every_five_minutes() {
    let mut bench = Bench::serving();
    assert_eq!(sweeps(&bench.wait(30).decide(Event::Tick)), 0);
    assert_eq!(sweeps(&bench.wait(270).decide(Event::Tick)), 1);
}

#[test]
fn a_call_is_served_once_however_often_its_event_comes() {
    let mut bench = Bench::serving();
    let post = bench.post(UserId::random(), "@status");
    let ticket = one(&bench.posted(post.clone()));
    assert_eq!(ticket.fate, Fate::Run);
    assert!(
        tickets(&bench.posted(post.clone())).is_empty(),
        "it is in hand"
    );
    bench.end(&ticket, true);
    assert!(
        tickets(&bench.posted(post.clone())).is_empty(),
        "it has ended"
    );
    assert!(
        tickets(&bench.found(vec![post])).is_empty(),
        "catch-up finds it too"
    );
}

#[test]
fn a_call_that_the_ledger_did_not_take_is_found_again() {
    let mut bench = Bench::serving();
    let post = bench.post(UserId::random(), "@status");
    let ticket = one(&bench.posted(post.clone()));
    bench.end(&ticket, false);
    assert_eq!(sweeps(&bench.wait(30).decide(Event::Tick)), 1);
    assert_eq!(one(&bench.found(vec![post])).fate, Fate::Run);
}

#[test]
fn one_users_calls_in_one_channel_start_in_order() {
    let mut bench = Bench::serving();
    let (pat, olga) = (UserId::random(), UserId::random());
    let first = one(&bench.say(pat, "@status"));
    assert!(tickets(&bench.say(pat, "@help")).is_empty(), "it waits");
    assert_eq!(
        tickets(&bench.say(olga, "@status")).len(),
        1,
        "another user does not"
    );
    assert_eq!(
        tickets(&bench.say(pat, "@restart")).len(),
        1,
        "nor does a lifecycle command"
    );
    assert_eq!(
        one(&bench.end(&first, true))
            .invocation
            .word
            .trim_start_matches('@'),
        "help"
    );
}

#[test]
fn a_call_whose_post_is_deleted_before_its_turn_is_denied_and_its_lane_goes_on() {
    let mut bench = Bench::serving();
    let pat = UserId::random();
    let first = one(&bench.say(pat, "@status"));
    let second = bench.post(pat, "@help");
    bench.posted(second.clone());
    let third = bench.post(pat, "@status");
    bench.posted(third.clone());
    let deleted = ServerEvent::PostDeleted(Box::new(second));
    let denied = one(&bench.decide(Event::Gateway(Update::Event(deleted))));
    assert_eq!(denied.fate, Fate::Deleted);
    assert!(
        bench.end(&denied, true).is_empty(),
        "the first call still holds the lane"
    );
    assert_eq!(one(&bench.end(&first, true)).post.id, third.id);
}

#[test]
fn catch_up_never_runs_a_lifecycle_command() {
    let mut bench = Bench::serving();
    let olga = UserId::random();
    let (restart, status) = (bench.post(olga, "@restart"), bench.post(olga, "@status"));
    let young = bench.found(vec![restart.clone()]);
    assert!(
        young.is_empty(),
        "a young one is left to its event until the second look"
    );
    bench.wait(11);
    let fates: Vec<Fate> = tickets(&bench.found(vec![restart, status]))
        .iter()
        .map(|ticket| ticket.fate)
        .collect();
    assert_eq!(fates, [Fate::WasAway, Fate::Run]);
}

#[test]
fn catch_up_lets_old_calls_expire_by_the_servers_clock() {
    let mut bench = Bench::serving();
    let post = bench.post(UserId::random(), "@status");
    bench.wait(601);
    assert!(matches!(
        one(&bench.found(vec![post])).fate,
        Fate::TooOld(_)
    ));
}

#[test]
fn a_rate_is_answered_in_words_once() {
    let mut bench = Bench::serving();
    let pat = UserId::random();
    let mut fates = Vec::new();
    for _ in 0..7 {
        let ticket = one(&bench.say(pat, "@status"));
        fates.push(ticket.fate);
        bench.end(&ticket, true);
    }
    assert_eq!(fates[4..], [Fate::Run, Fate::RateOver, Fate::RateStillOver]);
}

#[test]
fn only_our_team_and_direct_messages_are_served() {
    let mut bench = Bench::serving();
    for (team, kind, served) in [
        (Some(TeamId::random()), ChannelKind::Open, false),
        (None, ChannelKind::Direct, true),
        (None, ChannelKind::Group, true),
    ] {
        let post = bench.post(UserId::random(), "@status");
        let posted = Posted {
            post,
            channel_kind: kind,
            channel_name: String::new(),
            sender_name: String::new(),
            team_id: team,
        };
        let effects = bench.decide(Event::Gateway(Update::Event(ServerEvent::Posted(
            Box::new(posted),
        ))));
        assert_eq!(!tickets(&effects).is_empty(), served, "{kind:?}");
    }
}

#[test]
fn an_edit_is_answered_and_never_run() {
    let mut bench = Bench::serving();
    bench.decide(Event::Listed(vec![Room {
        id: bench.channel,
        foreign: false,
    }]));
    let mut post = bench.post(UserId::random(), "@restart");
    post.edit_at = post.create_at;
    let edited = |post: &Post| {
        Event::Gateway(Update::Event(ServerEvent::PostEdited(Box::new(
            post.clone(),
        ))))
    };
    let ticket = one(&bench.decide(edited(&post)));
    assert_eq!(ticket.fate, Fate::Edited);
    assert!(tickets(&bench.decide(edited(&post))).is_empty());
    bench.end(&ticket, true);

    let mut old = bench.post(UserId::random(), "@restart");
    old.edit_at = old.create_at.minus(Duration::from_secs(601));
    assert!(
        tickets(&bench.decide(edited(&old))).is_empty(),
        "a pin is an edit event too"
    );
}

#[test]
fn our_own_posts_are_looked_at_and_never_served() {
    let mut bench = Bench::serving();
    let mut post = bench.post(bench.me, "@restart");
    post.props
        .insert("matterbot".to_owned(), json!({"key": "k"}));
    let effects = bench.posted(post);
    assert!(
        matches!(effects.as_slice(), [Effect::OwnPost { key: Some(key) }] if key == "k"),
        "{effects:?}"
    );
}

fn ask(bench: &mut Bench) -> Vec<Effect> {
    let ticket = one(&bench.say(UserId::random(), "@restart"));
    bench.decide(Event::RestartAsked(Box::new(Request::new(Some(ticket)))))
}

#[test]
fn a_restart_goes_marker_announcement_drain_exec() {
    let mut bench = Bench::serving();
    let effects = ask(&mut bench);
    assert!(
        matches!(effects.as_slice(), [Effect::LeaveMarker { asker: 0, .. }]),
        "{effects:?}"
    );
    let effects = bench.decide(Event::MarkerLeft {
        asker: 0,
        result: Ok(()),
    });
    assert!(
        matches!(
            effects.as_slice(),
            [Effect::AnnounceRestart { joined: false, .. }, Effect::Drain]
        ),
        "{effects:?}"
    );
    assert_eq!(finish(&bench.decide(Event::Drained)), Some(Outcome::Reexec));
}

#[test]
fn a_second_asker_joins_the_restart_and_nothing_else_is_taken() {
    let mut bench = Bench::serving();
    ask(&mut bench);
    bench.decide(Event::MarkerLeft {
        asker: 0,
        result: Ok(()),
    });
    assert!(
        tickets(&bench.say(UserId::random(), "@status")).is_empty(),
        "it is the successor's"
    );
    let ticket = one(&bench.say(UserId::random(), "!Restart"));
    assert_eq!(ticket.fate, Fate::Join);
    let effects = bench.decide(Event::RestartAsked(Box::new(Request::new(Some(ticket)))));
    let [Effect::LeaveMarker { marker, asker: 1 }] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(marker.requests.len(), 2);
    let effects = bench.decide(Event::MarkerLeft {
        asker: 1,
        result: Ok(()),
    });
    assert!(
        matches!(
            effects.as_slice(),
            [Effect::AnnounceRestart { joined: true, .. }]
        ),
        "{effects:?}"
    );
}

#[test]
fn without_a_marker_nobody_goes() {
    let mut bench = Bench::serving();
    ask(&mut bench);
    let effects = bench.decide(Event::MarkerLeft {
        asker: 0,
        result: Err("the disk is full".to_owned()),
    });
    assert!(
        matches!(effects.as_slice(), [Effect::RefuseRestart { .. }]),
        "{effects:?}"
    );
    assert_eq!(
        tickets(&bench.say(UserId::random(), "@status")).len(),
        1,
        "it goes on as before"
    );
}

#[test]
fn a_stop_drains_and_a_second_one_ends_at_once() {
    let mut bench = Bench::serving();
    let stop = || Event::Signal(Signal::Stop);
    assert!(matches!(bench.decide(stop()).as_slice(), [Effect::Drain]));
    assert_eq!(
        finish(&bench.decide(Event::Drained)),
        Some(Outcome::Exit(Status::Stopped))
    );

    let mut bench = Bench::serving();
    bench.decide(stop());
    assert_eq!(
        finish(&bench.decide(stop())),
        Some(Outcome::Exit(Status::Stopped))
    );
}

fn marker(bench: &Bench) -> Marker {
    Marker {
        version: Marker::VERSION,
        nonce: "nonce".to_owned(),
        requests: Vec::new(),
        reason: "@restart".to_owned(),
        from_version: "0.9.0".to_owned(),
        boot_id: "boot".to_owned(),
        written_at: bench.now().wall,
        written_since_boot: u64::try_from(bench.now().since_boot.as_millis()).unwrap(),
    }
}

fn returned(effects: &[Effect]) -> Option<(Manner, usize)> {
    effects.iter().find_map(|effect| match effect {
        Effect::AnnounceReturn(back) => Some((back.manner, back.unread)),
        _ => None,
    })
}

#[test]
fn the_return_is_announced_once_after_the_first_look() {
    let mut bench = Bench::with(Some(marker(&Bench::new())), true);
    bench.wait(2);
    assert_eq!(returned(&bench.connect()), None);
    let effects = bench.decide(Event::Swept {
        last: false,
        complete: true,
    });
    assert_eq!(returned(&effects), Some((Manner::Prompt, 0)));
    assert_eq!(returned(&bench.decide(Event::ReturnDue)), None);
    bench.decide(Event::Returned { told: true });
    assert_eq!(returned(&bench.decide(Event::Tick)), None);
}

#[test]
fn the_return_does_not_wait_for_ever_and_is_tried_until_it_is_written() {
    let mut bench = Bench::with(Some(marker(&Bench::new())), true);
    bench.connect();
    assert_eq!(
        returned(&bench.decide(Event::Tick)),
        None,
        "catch-up is waited for"
    );
    bench.wait(700);
    assert_eq!(
        returned(&bench.decide(Event::ReturnDue)),
        Some((Manner::Late, 0))
    );
    bench.decide(Event::Returned { told: false });
    assert!(returned(&bench.decide(Event::Tick)).is_some());
}

#[test]
fn a_token_that_never_worked_is_given_up_after_a_minute_of_refusals_from_a_healthy_server() {
    let refused = |server_healthy| {
        Event::Gateway(Update::Refused {
            server_healthy,
            retry_in: Duration::ZERO,
        })
    };
    let mut bench = Bench::new();
    for _ in 0..4 {
        assert_eq!(finish(&bench.wait(14).decide(refused(true))), None);
    }
    assert_eq!(
        finish(&bench.wait(14).decide(refused(true))),
        None,
        "that is only 56 seconds"
    );
    assert_eq!(
        finish(&bench.wait(14).decide(refused(true))),
        Some(Outcome::Exit(Status::Configuration))
    );

    let mut bench = Bench::new();
    for _ in 0..50 {
        assert_eq!(
            finish(&bench.wait(14).decide(refused(false))),
            None,
            "the server is not well itself"
        );
    }
    let mut bench = Bench::with(None, true);
    for _ in 0..50 {
        assert_eq!(
            finish(&bench.wait(14).decide(refused(true))),
            None,
            "the token worked once"
        );
    }
}

#[test]
fn an_hour_without_the_server_is_waited_out() {
    let mut bench = Bench::new();
    for _ in 0..120 {
        let cause = DisconnectCause::NoHello;
        let effects = bench.decide(Event::Gateway(Update::Disconnected {
            cause,
            retry_in: Duration::from_secs(30),
        }));
        assert!(effects.is_empty(), "{effects:?}");
        assert!(bench.wait(30).decide(Event::Tick).is_empty());
    }
    assert_eq!(sweeps(&bench.connect()), 1);
    assert_eq!(one(&bench.say(UserId::random(), "@status")).fate, Fate::Run);
}
