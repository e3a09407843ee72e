//! Decisions about what catch-up came to too late.

use crate::bot::effect::Effect;
use crate::bot::event::Event;
use crate::bot::sweep::Unread;
use crate::bot::sweep::{Looked, Reading};
use crate::bot::ticket::{Fate, Ticket};
use crate::id::UserId;
use crate::mattermost::model::Post;
use crate::timestamp::Timestamp;

use super::{Bench, tickets};

/// The calls that are answered together.
fn together(effects: &[Effect]) -> Vec<Ticket> {
    let expired = effects.iter().find_map(|effect| match effect {
        Effect::Expire(tickets) => Some(tickets.clone()),
        _ => None,
    });
    expired.unwrap_or_default()
}

fn missed(bench: &Bench, count: usize) -> Vec<Post> {
    let ask = |_| bench.post(UserId::random(), "@status");
    (0..count).map(ask).collect()
}

fn read(bench: &Bench) -> Event {
    let as_of = Timestamp(bench.now().wall.0 + super::AHEAD);
    Event::Looked(Looked {
        channel: bench.channel,
        last_post_at: Timestamp(1),
        as_of,
        since: Timestamp(0),
        reading: Reading::Ended,
    })
}

#[test]
fn the_first_twenty_expire_one_by_one_and_the_rest_together() {
    let mut bench = Bench::serving();
    let posts = missed(&bench, 23);
    bench.wait(601);
    let singly = tickets(&bench.found(posts.clone()));
    assert_eq!(singly.len(), 20);
    assert!(singly.iter().all(|one| matches!(one.fate, Fate::TooOld(_))));
    let looked = read(&bench);
    let rest = together(&bench.decide(looked));
    let ids = |tickets: &[Ticket]| tickets.iter().map(|one| one.post.id).collect::<Vec<_>>();
    let expected: Vec<_> = posts.iter().skip(20).map(|post| post.id).collect();
    assert_eq!(ids(&rest), expected);
    let again = bench.found(posts);
    assert!(again.is_empty(), "they are in hand: {again:?}");
    let looked = read(&bench);
    assert!(together(&bench.decide(looked)).is_empty());
}

#[test]
fn a_channel_that_cannot_be_read_to_its_end_is_answered_when_the_look_ends() {
    let mut bench = Bench::serving();
    let posts = missed(&bench, 21);
    bench.wait(601);
    bench.found(posts);
    let ended = Event::Swept {
        last: true,
        complete: false,
    };
    assert_eq!(together(&bench.decide(ended)).len(), 1);
    let more = missed(&bench, 1);
    bench.wait(601);
    let next = tickets(&bench.found(more));
    assert_eq!(next.len(), 1, "the next sweep counts anew");
}

#[test]
fn what_is_not_answered_in_words_is_not_counted() {
    let mut bench = Bench::serving();
    let posts = missed(&bench, 30);
    bench.wait(25 * 60 * 60);
    assert_eq!(tickets(&bench.found(posts)).len(), 30);
}

#[test]
fn a_channel_hears_once_which_posts_are_not_read() {
    let mut bench = Bench::serving();
    let unread = |bench: &Bench, from| {
        Event::Unread(Unread {
            channel: bench.channel,
            from: Timestamp(from),
            to: Timestamp(9),
        })
    };
    let told = |effects: &[Effect]| matches!(effects, [Effect::TellUnread(_)]);
    let event = unread(&bench, 1);
    assert!(told(&bench.decide(event)));
    let event = unread(&bench, 1);
    assert!(bench.wait(300).decide(event).is_empty());
    let event = unread(&bench, 2);
    assert!(told(&bench.wait(300).decide(event)));
}
