//! Decisions about the connection, what was missed, and a token that is refused.

use std::time::Duration;

use crate::bot::effect::Effect;
use crate::bot::event::Event;
use crate::bot::ticket::Fate;
use crate::bot::watermark::SETTLING;
use crate::id::UserId;
use crate::lifecycle::ExitStatus;
use crate::lifecycle::Outcome;
use crate::lifecycle::signals::{Signal, Stopper};
use crate::mattermost::gateway::DisconnectCause;
use crate::mattermost::gateway::Update;
use crate::timestamp::Timestamp;

use super::{AHEAD, Bench, finish, one, sweeps, tickets};

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
        server_version: String::new(),
    };
    assert_eq!(
        sweeps(&bench.decide(Event::Gateway(connected))),
        0,
        "its clock is not known yet"
    );
    let alive = Update::Alive { server_time: None };
    assert_eq!(sweeps(&bench.decide(Event::Gateway(alive))), 1);
}

#[test]
fn the_server_is_asked_once_who_we_are_however_often_it_is_connected_to() {
    let mut bench = Bench::new();
    let mut asked = 0;
    for _ in 0..3 {
        let connected = Update::Connected {
            server_version: String::new(),
        };
        let effects = bench.decide(Event::Gateway(connected));
        asked += effects
            .iter()
            .filter(|effect| matches!(effect, Effect::Identify))
            .count();
        let cause = DisconnectCause::Silent;
        bench.decide(Event::Gateway(Update::Disconnected {
            cause,
            retry_in: Duration::ZERO,
        }));
    }
    assert_eq!(asked, 1);
}

#[test]
fn an_empty_ledger_hears_of_the_first_hello_before_anything_is_served() {
    let mut bench = Bench::new();
    let now = bench.now().wall;
    let effects = bench.decide(Event::Gateway(Update::Connected {
        server_version: String::new(),
    }));
    let is_written = |effect: &Effect| matches!(effect, Effect::ProofOfLife(_));
    let written = effects.iter().position(is_written).unwrap();
    assert!(matches!(&effects[written], Effect::ProofOfLife(at) if *at == now.plus(SETTLING)));
    // It rides on the commit that this one makes at once.
    assert!(matches!(effects[written + 1], Effect::TokenWorked));
}

#[test]
fn where_an_empty_ledger_begins_is_written_at_once_and_once() {
    let mut bench = Bench::new();
    let first = |effects: &[Effect]| {
        effects
            .iter()
            .filter(|effect| matches!(effect, Effect::FirstProofOfLife(_)))
            .count()
    };
    assert_eq!(first(&bench.connect()), 1);
    assert_eq!(first(&bench.connect()), 0);
}

#[test]
fn an_empty_ledger_begins_with_the_first_hello_of_a_connection_that_broke_too() {
    let mut bench = Bench::new();
    let hello = |bench: &mut Bench| {
        bench.decide(Event::Gateway(Update::Connected {
            server_version: String::new(),
        }))
    };
    let begin = bench.now().wall.0 + super::AHEAD;
    hello(&mut bench);
    let cause = DisconnectCause::Silent;
    bench.decide(Event::Gateway(Update::Disconnected {
        cause,
        retry_in: Duration::ZERO,
    }));
    let effects = bench.wait(10).connect();
    let sweep = effects.iter().find_map(|effect| match effect {
        Effect::Sweep(plan) => Some(plan.since.0),
        _ => None,
    });
    assert_eq!(sweep, Some(begin));
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
        Some(Outcome::Exit(ExitStatus::Configuration))
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
    bench.decide(Event::FirstLookDue);
    assert_eq!(one(&bench.say(UserId::random(), "@status")).fate, Fate::Run);
}

fn disconnected() -> Event {
    Event::Gateway(Update::Disconnected {
        cause: DisconnectCause::Silent,
        retry_in: Duration::from_secs(1),
    })
}

fn refused(server_healthy: bool) -> Event {
    Event::Gateway(Update::Refused {
        server_healthy,
        retry_in: Duration::from_secs(1),
    })
}

fn ready(effects: &[Effect]) -> bool {
    effects.iter().any(|effect| matches!(effect, Effect::Ready))
}

#[test]
fn the_first_hello_makes_ready() {
    let mut bench = Bench::new();
    assert!(ready(&bench.connect()));
    bench.decide(disconnected());
    assert!(!ready(&bench.connect()));
    assert!(!ready(&bench.decide(Event::GraceOver)));
}

#[test]
fn a_server_that_is_down_makes_ready_after_a_while() {
    let mut bench = Bench::new();
    assert!(!ready(&bench.decide(disconnected())));
    assert!(ready(&bench.decide(Event::GraceOver)));

    let mut bench = Bench::new();
    let unwell = bench.decide(refused(false));
    assert!(unwell.is_empty(), "its database answers so: {unwell:?}");
    assert!(ready(&bench.decide(Event::GraceOver)));
}

#[test]
fn a_refused_token_delays_the_start() {
    let mut bench = Bench::new();
    let effects = bench.decide(refused(true));
    assert!(
        matches!(effects.as_slice(), [Effect::StillStarting { .. }]),
        "{effects:?}"
    );
    assert!(!ready(&bench.decide(Event::GraceOver)));
    assert!(ready(&bench.connect()));
    assert!(bench.decide(refused(true)).is_empty(), "the start is over");
}

#[test]
fn who_stops_does_not_become_ready() {
    let mut bench = Bench::new();
    bench.decide(Event::Signal(Signal::Stop(Stopper::Terminate)));
    assert!(!ready(&bench.decide(Event::GraceOver)));
}

#[test]
fn what_is_asked_before_we_know_who_we_are_and_what_time_it_is_is_served_then() {
    let alive = |bench: &Bench| {
        Event::Gateway(Update::Alive {
            server_time: Some(Timestamp(bench.now().wall.0 + AHEAD)),
        })
    };
    let identified = |bench: &Bench| Event::Identified(Box::new(bench.identity()));
    for told_first in [true, false] {
        let mut bench = Bench::new();
        let connected = Update::Connected {
            server_version: String::new(),
        };
        bench.decide(Event::Gateway(connected));
        assert!(tickets(&bench.say(UserId::random(), "@restart")).is_empty());
        let (first, then) = if told_first {
            (identified(&bench), alive(&bench))
        } else {
            (alive(&bench), identified(&bench))
        };
        assert!(tickets(&bench.decide(first)).is_empty());
        assert_eq!(one(&bench.decide(then)).fate, Fate::Run);
    }
}

#[test]
fn what_was_missed_is_said_to_be_read_once_it_is() {
    let mut bench = Bench::new();
    bench.connect();
    let read_up = |bench: &mut Bench| {
        let effects = bench.say(UserId::random(), "@status");
        effects.iter().any(|effect| match effect {
            Effect::Serve(_, status) => status.read_up,
            _ => false,
        })
    };
    assert!(!read_up(&mut bench));
    for complete in [false, true, false, true] {
        bench.decide(Event::Swept {
            last: true,
            complete,
        });
        assert_eq!(read_up(&mut bench), complete);
        bench.wait(30).decide(Event::Tick);
    }
    bench.decide(Event::Gateway(Update::Gap));
    assert!(!read_up(&mut bench));
    // This one opens after the look has begun.
    bench.decide(Event::Gateway(Update::Gap));
    bench.looked(true);
    assert!(!read_up(&mut bench));
    bench.looked(true);
    assert!(read_up(&mut bench));
}
