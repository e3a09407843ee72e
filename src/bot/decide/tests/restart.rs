//! Decisions about going away.

use std::time::Duration;

use crate::bot::effect::{Effect, End};
use crate::bot::event::Event;
use crate::bot::identity::Room;
use crate::bot::restart::Request;
use crate::bot::ticket::Fate;
use crate::id::UserId;
use crate::lifecycle::signals::{Signal, Stopper};
use crate::lifecycle::supervisor::{Departure, Proof};
use crate::lifecycle::{ExitStatus, Outcome};

use super::{Bench, finish, one, tickets};

/// Somebody asks for a restart.
pub(super) fn ask(bench: &mut Bench) -> Vec<Effect> {
    let ticket = one(&bench.say(UserId::random(), "@restart"));
    bench.decide(Event::RestartAsked(Box::new(Request::new(Some(ticket)))))
}

pub(super) fn prepared(bench: &mut Bench) -> Vec<Effect> {
    let proof = Proof::Systemd("matterbot.service".to_owned());
    bench.decide(Event::Prepared(Ok(Departure::Exit(proof))))
}

pub(super) fn left(bench: &mut Bench, named: usize) -> Vec<Effect> {
    let result = Ok(());
    bench.decide(Event::MarkerLeft { named, result })
}

fn not_left(bench: &mut Bench, named: usize) -> Vec<Effect> {
    let result = Err("the disk is full".to_owned());
    bench.decide(Event::MarkerLeft { named, result })
}

/// A restart that drains.
fn draining(bench: &mut Bench) {
    ask(bench);
    prepared(bench);
    left(bench, 1);
}

/// The bot goes on as before.
pub(super) fn serves(bench: &mut Bench) -> bool {
    tickets(&bench.say(UserId::random(), "@status")).len() == 1
}

fn stop(bench: &mut Bench) -> Vec<Effect> {
    bench.decide(Event::Signal(Signal::Stop(Stopper::Terminate)))
}

#[test]
fn a_restart_goes_preflight_marker_announcement_drain_end() {
    let mut bench = Bench::serving();
    let effects = ask(&mut bench);
    assert!(
        matches!(
            effects.as_slice(),
            [Effect::Prepare, Effect::AwaitAcknowledgement(_)]
        ),
        "{effects:?}"
    );
    let effects = prepared(&mut bench);
    assert!(
        matches!(effects.as_slice(), [Effect::LeaveMarker { named: 1, .. }]),
        "{effects:?}"
    );
    let effects = left(&mut bench, 1);
    assert!(
        matches!(
            effects.as_slice(),
            [Effect::AnnounceRestart { joined: false, .. }, Effect::Drain]
        ),
        "{effects:?}"
    );
    assert_eq!(
        finish(&bench.decide(Event::Drained { all: true })),
        Some(Outcome::Exit(ExitStatus::Restart))
    );
}

#[test]
fn without_proof_the_process_replaces_itself() {
    let mut bench = Bench::serving();
    bench.decide(Event::Signal(Signal::Restart));
    let departure = Departure::Reexec("nobody proves to bring us back".to_owned());
    let effects = bench.decide(Event::Prepared(Ok(departure)));
    let [Effect::LeaveMarker { marker, .. }] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(marker.reason, "SIGUSR1");
    left(&mut bench, 1);
    assert_eq!(
        finish(&bench.decide(Event::Drained { all: true })),
        Some(Outcome::Reexec)
    );
}

#[test]
fn a_failed_preflight_refuses_everybody_who_asked() {
    let mut bench = Bench::serving();
    ask(&mut bench);
    assert!(
        serves(&mut bench),
        "it is not yet said that there is a restart"
    );
    let second = ask(&mut bench);
    assert!(
        matches!(second.as_slice(), [Effect::AwaitAcknowledgement(_)]),
        "the second one waits for the same preflight: {second:?}"
    );
    let effects = bench.decide(Event::Prepared(Err("no such team".to_owned())));
    assert!(
        matches!(
            effects.as_slice(),
            [Effect::RefuseRestart { .. }, Effect::RefuseRestart { reason, .. }] if reason == "no such team"
        ),
        "{effects:?}"
    );
    assert!(serves(&mut bench));
    let again = ask(&mut bench);
    assert!(matches!(again.first(), Some(Effect::Prepare)), "{again:?}");
}

#[test]
fn who_asks_during_the_preflight_is_in_the_first_marker() {
    let mut bench = Bench::serving();
    ask(&mut bench);
    let joining = one(&bench.say(UserId::random(), "@restart"));
    assert_eq!(joining.fate, Fate::Join);
    bench.decide(Event::RestartAsked(Box::new(Request::new(Some(joining)))));
    let effects = prepared(&mut bench);
    let [Effect::LeaveMarker { marker, named: 2 }] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(marker.requests.len(), 2);
    let effects = left(&mut bench, 2);
    assert!(
        matches!(
            effects.as_slice(),
            [
                Effect::AnnounceRestart { joined: false, .. },
                Effect::AnnounceRestart { joined: true, .. },
                Effect::Drain
            ]
        ),
        "{effects:?}"
    );
}

#[test]
fn a_second_asker_joins_the_restart_and_nothing_else_is_taken() {
    let mut bench = Bench::serving();
    draining(&mut bench);
    assert!(!serves(&mut bench), "it is the successor's");
    let ticket = one(&bench.say(UserId::random(), "!Restart"));
    assert_eq!(ticket.fate, Fate::Join);
    let effects = bench.decide(Event::RestartAsked(Box::new(Request::new(Some(ticket)))));
    let [Effect::LeaveMarker { marker, named: 2 }] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(marker.requests.len(), 2);
    let effects = left(&mut bench, 2);
    assert!(
        matches!(
            effects.as_slice(),
            [Effect::AnnounceRestart { joined: true, .. }]
        ),
        "{effects:?}"
    );
}

#[test]
fn joining_from_a_foreign_channel_is_not_possible() {
    let mut bench = Bench::serving();
    ask(&mut bench);
    let room = Room {
        foreign: true,
        ..Room::open(bench.channel, "town-square")
    };
    let mut post = bench.post(UserId::random(), "@restart");
    post.create_at = post.create_at.minus(Duration::from_secs(20));
    let posts = vec![post];
    let known = Vec::new();
    let ticket = one(&bench.decide(Event::Found { room, posts, known }));
    assert_eq!(ticket.fate, Fate::WrongChannel);
}

#[test]
fn without_a_marker_nobody_goes() {
    let mut bench = Bench::serving();
    ask(&mut bench);
    prepared(&mut bench);
    let effects = not_left(&mut bench, 1);
    assert!(
        matches!(effects.as_slice(), [Effect::RefuseRestart { .. }]),
        "{effects:?}"
    );
    assert!(serves(&mut bench), "it goes on as before");
}

#[test]
fn a_marker_that_failed_for_the_first_may_succeed_for_the_second() {
    let mut bench = Bench::serving();
    ask(&mut bench);
    prepared(&mut bench);
    let effects = ask(&mut bench);
    assert!(
        matches!(effects.as_slice(), [Effect::LeaveMarker { named: 2, .. }]),
        "{effects:?}"
    );
    let effects = not_left(&mut bench, 1);
    assert!(
        matches!(effects.as_slice(), [Effect::RefuseRestart { .. }]),
        "{effects:?}"
    );
    let effects = left(&mut bench, 2);
    assert!(
        matches!(
            effects.as_slice(),
            [Effect::AnnounceRestart { .. }, Effect::Drain]
        ),
        "{effects:?}"
    );
}

#[test]
fn what_waits_in_a_lane_is_served_while_the_restart_may_still_be_refused() {
    let mut bench = Bench::serving();
    let pat = UserId::random();
    let first = one(&bench.say(pat, "@status"));
    assert!(tickets(&bench.say(pat, "@status")).is_empty());
    ask(&mut bench);
    prepared(&mut bench);
    assert_eq!(tickets(&bench.end(&first, true)).len(), 1);
}

#[test]
fn a_stop_drains_and_a_second_one_ends_at_once() {
    let stopped = Outcome::Exit(ExitStatus::Success);
    let mut bench = Bench::serving();
    let effects = stop(&mut bench);
    assert!(
        matches!(effects.as_slice(), [Effect::Stopping, Effect::Drain]),
        "{effects:?}"
    );
    assert_eq!(
        finish(&bench.decide(Event::Drained { all: true })),
        Some(stopped)
    );

    let mut bench = Bench::serving();
    stop(&mut bench);
    let effects = stop(&mut bench);
    assert!(
        matches!(effects.as_slice(), [Effect::Finish(End::AtOnce(outcome))] if *outcome == stopped),
        "{effects:?}"
    );
}

#[test]
fn a_stop_during_a_restart_ends_with_0() {
    let mut bench = Bench::serving();
    draining(&mut bench);
    let effects = stop(&mut bench);
    assert!(
        matches!(effects.as_slice(), [Effect::Stopping]),
        "the drain goes on: {effects:?}"
    );
    assert_eq!(
        finish(&bench.decide(Event::Drained { all: true })),
        Some(Outcome::Exit(ExitStatus::Success))
    );

    let mut bench = Bench::serving();
    ask(&mut bench);
    stop(&mut bench);
    assert!(prepared(&mut bench).is_empty());
    assert_eq!(
        finish(&bench.decide(Event::Drained { all: true })),
        Some(Outcome::Exit(ExitStatus::Success))
    );
}

#[test]
fn a_ledger_that_can_be_opened_again_starts_the_bot_over() {
    let mut bench = Bench::serving();
    let effects = bench.decide(Event::Reopened);
    assert!(matches!(effects.as_slice(), [Effect::Drain]), "{effects:?}");
    assert!(!serves(&mut bench), "it is left to catch-up");
    let effects = bench.decide(Event::Drained { all: false });
    assert!(
        matches!(effects.as_slice(), [Effect::Drain]),
        "what is answered from memory must be known: {effects:?}"
    );
    let effects = bench.decide(Event::Drained { all: true });
    assert!(
        matches!(effects.as_slice(), [Effect::Finish(End::StartOver)]),
        "{effects:?}"
    );

    let mut bench = Bench::serving();
    stop(&mut bench);
    assert!(bench.decide(Event::Reopened).is_empty());
    let mut bench = Bench::serving();
    bench.decide(Event::Reopened);
    stop(&mut bench);
    let stopped = Outcome::Exit(ExitStatus::Success);
    assert_eq!(
        finish(&bench.decide(Event::Drained { all: true })),
        Some(stopped)
    );
}

#[test]
fn a_restart_that_is_under_way_outlasts_a_ledger_that_can_be_opened() {
    let mut bench = Bench::serving();
    bench.decide(Event::Signal(Signal::Restart));
    assert!(bench.decide(Event::Reopened).is_empty(), "preparing");
    let effects = prepared(&mut bench);
    assert!(
        matches!(effects.as_slice(), [Effect::LeaveMarker { .. }]),
        "{effects:?}"
    );
    assert!(bench.decide(Event::Reopened).is_empty(), "leaving");
    left(&mut bench, 1);
    assert_eq!(
        finish(&bench.decide(Event::Drained { all: true })),
        Some(Outcome::Exit(ExitStatus::Restart))
    );
}

#[test]
fn a_restart_that_is_refused_leaves_the_way_to_the_ledger_open() {
    let refusals: [fn(&mut Bench) -> Vec<Effect>; 2] = [
        |bench| bench.decide(Event::Prepared(Err("no such team".to_owned()))),
        |bench| {
            prepared(bench);
            not_left(bench, 1)
        },
    ];
    for refused in refusals {
        let mut bench = Bench::serving();
        bench.decide(Event::Signal(Signal::Restart));
        bench.decide(Event::Reopened);
        let effects = refused(&mut bench);
        assert!(
            matches!(
                effects.as_slice(),
                [Effect::RefuseRestart { .. }, Effect::Drain]
            ),
            "{effects:?}"
        );
        let effects = bench.decide(Event::Drained { all: true });
        assert!(
            matches!(effects.as_slice(), [Effect::Finish(End::StartOver)]),
            "{effects:?}"
        );
    }
}

#[test]
fn a_restart_that_is_asked_for_while_the_bot_starts_over_takes_its_place() {
    let mut bench = Bench::serving();
    bench.decide(Event::Reopened);
    let effects = bench.decide(Event::Signal(Signal::Restart));
    assert!(
        matches!(effects.as_slice(), [Effect::Prepare]),
        "{effects:?}"
    );
    let effects = bench.decide(Event::Drained { all: true });
    assert!(effects.is_empty(), "the drain before it: {effects:?}");
    prepared(&mut bench);
    left(&mut bench, 1);
    assert_eq!(
        finish(&bench.decide(Event::Drained { all: true })),
        Some(Outcome::Exit(ExitStatus::Restart))
    );
}
