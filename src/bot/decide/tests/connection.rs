//! Decisions about the connection, what was missed, and a token that is refused.

use std::time::Duration;

use crate::bot::event::Event;
use crate::bot::ticket::Fate;
use crate::id::UserId;
use crate::lifecycle::Outcome;
use crate::lifecycle::Status;
use crate::mattermost::gateway::DisconnectCause;
use crate::mattermost::gateway::Update;

use super::{Bench, finish, one, sweeps};

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
