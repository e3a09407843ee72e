//! Decisions about saying that we are back, and about a restart that is asked for before that.

use crate::bot::effect::Effect;
use crate::bot::event::Event;
use crate::bot::restart::Manner;
use crate::bot::sweep::{Looked, Reading};
use crate::lifecycle::marker::Marker;

use super::Bench;
use super::restart::{ask, left, prepared, serves};

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
fn a_channel_that_may_not_be_read_is_not_being_read() {
    let mut bench = Bench::with(Some(marker(&Bench::new())), true);
    bench.connect();
    for reading in [Reading::Begins, Reading::Refused] {
        let effects = bench.decide(Event::Looked(Looked {
            channel: bench.channel,
            last_post_at: bench.now().wall,
            as_of: bench.now().wall,
            since: bench.now().wall,
            reading,
        }));
        assert!(effects.is_empty(), "{effects:?}");
    }
    let effects = bench.looked(false);
    assert_eq!(returned(&effects), Some((Manner::Prompt, 0)));
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
fn a_restart_waits_until_the_one_before_is_settled() {
    let mut bench = Bench::with(Some(marker(&Bench::new())), true);
    bench.connect();
    bench.decide(Event::FirstLookDue);
    ask(&mut bench);
    let effects = prepared(&mut bench);
    assert_eq!(
        returned(&effects),
        Some((Manner::Prompt, 0)),
        "it is not waited for catch-up"
    );
    assert_eq!(effects.len(), 1, "there is one marker: {effects:?}");
    assert!(serves(&mut bench));
    let second = ask(&mut bench);
    assert!(
        matches!(second.as_slice(), [Effect::AwaitAcknowledgement(_)]),
        "the second one joins: {second:?}"
    );
    let effects = bench.decide(Event::Returned { told: true });
    let [Effect::LeaveMarker { marker, named: 2 }] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_ne!(marker.nonce, "nonce");
    left(&mut bench, 2);
    let effects = bench.decide(Event::ReturnDue);
    assert_eq!(returned(&effects), None);
}

#[test]
fn a_return_that_is_on_its_way_is_not_announced_twice_for_a_restart() {
    let mut bench = Bench::with(Some(marker(&Bench::new())), true);
    bench.connect();
    assert!(returned(&bench.decide(Event::ReturnDue)).is_some());
    ask(&mut bench);
    assert!(prepared(&mut bench).is_empty());
    let effects = bench.decide(Event::Returned { told: true });
    assert!(
        matches!(effects.as_slice(), [Effect::LeaveMarker { .. }]),
        "{effects:?}"
    );
}

#[test]
fn a_return_that_cannot_be_written_refuses_the_next_restart() {
    let mut bench = Bench::with(Some(marker(&Bench::new())), true);
    bench.connect();
    bench.decide(Event::FirstLookDue);
    ask(&mut bench);
    prepared(&mut bench);
    let effects = bench.decide(Event::Returned { told: false });
    assert!(
        matches!(effects.as_slice(), [Effect::RefuseRestart { .. }]),
        "{effects:?}"
    );
    assert!(serves(&mut bench), "it goes on as before");
    assert_eq!(returned(&bench.decide(Event::Tick)), None, "it is not due");
    assert!(returned(&bench.decide(Event::ReturnDue)).is_some());
}
