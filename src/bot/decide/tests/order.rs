//! Decisions about the order of what is heard and what was missed.

use crate::bot::effect::Effect;
use crate::bot::event::Event;
use crate::bot::sweep::{Looked, Reading};
use crate::bot::ticket::Fate;
use crate::id::{ChannelId, PostId, UserId};
use crate::mattermost::event::Event as ServerEvent;
use crate::mattermost::gateway::Update;

use super::{Bench, one, sweeps, tickets};

fn read(channel: ChannelId) -> Event {
    Event::Looked(Looked {
        channel,
        last_post_at: crate::timestamp::Timestamp(1),
        as_of: crate::timestamp::Timestamp(1),
        since: crate::timestamp::Timestamp(0),
        reading: Reading::Ended,
    })
}

fn posts(effects: &[Effect]) -> Vec<PostId> {
    tickets(effects)
        .iter()
        .map(|ticket| ticket.post.id)
        .collect()
}

#[test]
fn what_was_asked_before_in_the_channel_comes_first() {
    let mut bench = Bench::serving();
    let pat = UserId::random();
    let missed = bench.post(pat, "@help");
    bench.decide(Event::Gateway(Update::Gap));
    let heard = bench.post(pat, "@help");
    assert!(posts(&bench.posted(heard.clone())).is_empty());
    let found = bench.found(vec![missed.clone(), heard.clone()]);
    assert_eq!(posts(&found), [missed.id]);
    bench.end(&one(&found), true);
    let channel = bench.channel;
    assert_eq!(posts(&bench.decide(read(channel))), [heard.id]);
    let later = bench.post(UserId::random(), "@help");
    assert_eq!(posts(&bench.posted(later.clone())), [later.id]);
}

#[test]
fn a_gap_during_a_sweep_is_read_without_waiting_for_its_second_look() {
    let mut bench = Bench::new();
    bench.connect();
    bench.looked(false);
    let effects = bench.decide(Event::Gateway(Update::Gap));
    assert!(
        matches!(
            effects.as_slice(),
            [Effect::AwaitFirstLook, Effect::HurrySweep]
        ),
        "{effects:?}"
    );
    assert_eq!(sweeps(&bench.looked(true)), 1);
    let restart = bench.post(UserId::random(), "@restart");
    for _ in 0..2 {
        // However soon it is looked at again, its event has its time.
        assert!(bench.found(vec![restart.clone()]).is_empty());
        bench.wait(4).looked(false);
    }
    assert_eq!(
        posts(&bench.wait(2).found(vec![restart.clone()])),
        [restart.id]
    );
}

#[test]
fn what_is_deleted_while_it_waits_is_denied() {
    let mut bench = Bench::serving();
    bench.decide(Event::Gateway(Update::Gap));
    let heard = bench.post(UserId::random(), "@help");
    assert!(posts(&bench.posted(heard.clone())).is_empty());
    let deleted = ServerEvent::PostDeleted(Box::new(heard.clone()));
    let denied = one(&bench.decide(Event::Gateway(Update::Event(deleted))));
    assert_eq!((denied.post.id, denied.fate), (heard.id, Fate::Deleted));
    assert!(bench.decide(Event::FirstLookDue).is_empty());
}

#[test]
fn what_is_about_the_bot_itself_waits_for_nothing() {
    let mut bench = Bench::serving();
    bench.decide(Event::Gateway(Update::Gap));
    let restart = bench.post(UserId::random(), "@restart");
    assert_eq!(posts(&bench.posted(restart.clone())), [restart.id]);
}

#[test]
fn a_look_that_takes_long_or_ends_holds_nothing_back() {
    for over in [
        Event::FirstLookDue,
        Event::Swept {
            last: true,
            complete: false,
        },
    ] {
        let mut bench = Bench::serving();
        bench.decide(Event::Gateway(Update::Gap));
        let heard = bench.post(UserId::random(), "@help");
        assert!(posts(&bench.posted(heard.clone())).is_empty());
        let elsewhere = bench.decide(read(ChannelId::random()));
        assert!(posts(&elsewhere).is_empty());
        assert_eq!(posts(&bench.decide(over)), [heard.id]);
    }
}
