//! Decisions about going away and coming back.

use crate::bot::effect::Effect;
use crate::bot::event::Event;
use crate::bot::restart::Manner;
use crate::bot::restart::Request;
use crate::bot::ticket::Fate;
use crate::id::UserId;
use crate::lifecycle::Outcome;
use crate::lifecycle::Status;
use crate::lifecycle::marker::Marker;
use crate::lifecycle::signals::Signal;

use super::{Bench, finish, one, tickets};

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
fn without_a_marker_everybody_who_asked_is_told() {
    let mut bench = Bench::serving();
    let (first, second) = (
        one(&bench.say(UserId::random(), "@restart")),
        one(&bench.say(UserId::random(), "@restart")),
    );
    for ticket in [first, second] {
        bench.decide(Event::RestartAsked(Box::new(Request::new(Some(ticket)))));
    }
    let effects = bench.decide(Event::MarkerLeft {
        asker: 0,
        result: Err("the disk is full".to_owned()),
    });
    assert!(
        matches!(
            effects.as_slice(),
            [Effect::RefuseRestart { .. }, Effect::RefuseRestart { .. }]
        ),
        "{effects:?}"
    );
}

#[test]
fn the_drain_waits_for_the_marker_of_who_joined_last() {
    let mut bench = Bench::serving();
    ask(&mut bench);
    bench.decide(Event::MarkerLeft {
        asker: 0,
        result: Ok(()),
    });
    ask(&mut bench);
    assert!(matches!(
        bench.decide(Event::Drained).as_slice(),
        [Effect::Drain]
    ));
    bench.decide(Event::MarkerLeft {
        asker: 1,
        result: Ok(()),
    });
    assert_eq!(finish(&bench.decide(Event::Drained)), Some(Outcome::Reexec));
}

#[test]
fn a_stop_during_the_drain_of_a_restart_ends_instead_of_restarting() {
    let mut bench = Bench::serving();
    ask(&mut bench);
    bench.decide(Event::MarkerLeft {
        asker: 0,
        result: Ok(()),
    });
    assert!(bench.decide(Event::Signal(Signal::Stop)).is_empty());
    assert_eq!(
        finish(&bench.decide(Event::Drained)),
        Some(Outcome::Exit(Status::Stopped))
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
