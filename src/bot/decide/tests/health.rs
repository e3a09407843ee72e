//! Decisions about a server that serves no requests.

use std::time::Duration;

use crate::bot::effect::Effect;
use crate::bot::event::Event;
use crate::mattermost::gateway::{DisconnectCause, Update};

use super::Bench;

fn failed() -> Event {
    Event::RequestFailed("status 500".to_owned())
}

#[test]
fn a_server_that_is_ill_is_told_of_once_and_asked_until_it_is_well() {
    let mut bench = Bench::serving();
    assert!(matches!(*bench.decide(failed()), [Effect::AskHealth]));
    assert!(bench.decide(failed()).is_empty(), "it is asked already");
    let ill = bench.decide(Event::HealthTold { well: false });
    assert!(matches!(&*ill, [Effect::ServerIll(reason)] if reason == "status 500"));
    let asked = bench.wait(30).decide(Event::Tick);
    assert!(matches!(*asked, [Effect::AskHealth]), "{asked:?}");
    assert!(bench.decide(Event::HealthTold { well: false }).is_empty());
    let well = bench.decide(Event::HealthTold { well: true });
    assert!(matches!(*well, [Effect::ServerWell]));
    assert!(bench.wait(30).decide(Event::Tick).is_empty());
}

#[test]
fn a_refusal_of_a_server_that_is_well_is_not_told() {
    let mut bench = Bench::serving();
    bench.decide(failed());
    assert!(bench.decide(Event::HealthTold { well: true }).is_empty());
    assert!(
        !bench.decide(failed()).is_empty(),
        "the next one asks again"
    );
}

#[test]
fn a_lost_connection_is_told_in_its_own_words() {
    let mut bench = Bench::serving();
    bench.decide(failed());
    bench.decide(Event::Gateway(Update::Disconnected {
        cause: DisconnectCause::Silent,
        retry_in: Duration::from_secs(1),
    }));
    assert!(bench.decide(Event::HealthTold { well: false }).is_empty());
    assert!(bench.decide(failed()).is_empty());
}
