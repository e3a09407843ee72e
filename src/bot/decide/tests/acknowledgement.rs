//! Decisions about showing that a request for a restart was noticed.

use crate::bot::effect::Effect;
use crate::bot::event::Event;
use crate::bot::restart::Request;
use crate::id::UserId;
use crate::ledger::CallKey;

use super::{Bench, one};

/// Two ask; gives their calls.
fn asked(bench: &mut Bench) -> [CallKey; 2] {
    [(); 2].map(|()| {
        let ticket = one(&bench.say(UserId::random(), "@restart"));
        let key = ticket.key();
        let effects = bench.decide(Event::RestartAsked(Box::new(Request::new(Some(ticket)))));
        let awaits =
            |effect: &Effect| matches!(effect, Effect::AwaitAcknowledgement(it) if *it == key);
        assert!(effects.iter().any(awaits), "{effects:?}");
        key
    })
}

#[test]
fn each_asker_is_acknowledged_while_the_restart_is_prepared() {
    let mut bench = Bench::serving();
    for key in asked(&mut bench) {
        let effects = bench.decide(Event::AcknowledgementDue(key.clone()));
        assert!(
            matches!(effects.as_slice(), [Effect::Acknowledge(ticket)] if ticket.key() == key),
            "{effects:?}"
        );
    }
}

#[test]
fn who_has_his_answer_needs_no_acknowledgement() {
    let mut bench = Bench::serving();
    let [key, _] = asked(&mut bench);
    bench.decide(Event::Prepared(Err("no such team".to_owned())));
    assert!(bench.decide(Event::AcknowledgementDue(key)).is_empty());
}
