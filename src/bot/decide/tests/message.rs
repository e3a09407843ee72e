//! Decisions about posts.

use std::time::Duration;

use serde_json::json;

use crate::bot::effect::Effect;
use crate::bot::event::Event;
use crate::bot::identity::Room;
use crate::bot::lane::Lanes;
use crate::bot::reply;
use crate::bot::ticket::Fate;
use crate::command::rate::Rate;
use crate::id::TeamId;
use crate::id::UserId;
use crate::ledger::CallKey;
use crate::mattermost::event::Event as ServerEvent;
use crate::mattermost::event::Posted;
use crate::mattermost::gateway::Update;
use crate::mattermost::model::{ChannelKind, Post};

use super::{Bench, one, sweeps, tickets};

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
fn a_lifecycle_command_of_another_day_is_not_answered_in_words() {
    let mut bench = Bench::serving();
    let post = bench.post(UserId::random(), "@restart");
    bench.wait(25 * 60 * 60);
    let ticket = one(&bench.found(vec![post]));
    assert_eq!(reply::declined(&ticket), None);
}

#[test]
fn a_lifecycle_command_is_left_to_its_event_by_one_look_only() {
    let mut bench = Bench::serving();
    // The server's clock was set back since: it stays young for a while.
    bench.wait(60);
    let restart = bench.post(UserId::random(), "@restart");
    bench.elapsed -= Duration::from_secs(60);
    assert!(bench.found(vec![restart.clone()]).is_empty());
    bench.looked(false);
    let second = bench.wait(10).found(vec![restart]);
    assert_eq!(one(&second).fate, Fate::WasAway);
    assert_eq!(sweeps(&bench.looked(true)), 0);
    assert_eq!(sweeps(&bench.wait(30).decide(Event::Tick)), 0);
}

#[test]
fn what_the_last_look_left_to_its_event_is_looked_at_again() {
    let mut bench = Bench::serving();
    let restart = bench.post(UserId::random(), "@restart");
    bench.looked(false);
    assert!(bench.found(vec![restart.clone()]).is_empty());
    assert_eq!(
        sweeps(&bench.looked(true)),
        0,
        "not before its event may have come"
    );
    assert_eq!(sweeps(&bench.wait(10).decide(Event::Tick)), 1);
    assert_eq!(one(&bench.found(vec![restart])).fate, Fate::WasAway);
    bench.looked(false);
    bench.looked(true);
    assert_eq!(
        sweeps(&bench.wait(30).decide(Event::Tick)),
        0,
        "that is all"
    );
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
    assert_eq!(
        fates[4..],
        [
            Fate::Run,
            Fate::RateOver,
            Fate::RateStillOver { is_shown: false }
        ]
    );
}

#[test]
fn what_was_missed_counts_by_when_it_was_asked() {
    let mut bench = Bench::serving();
    let pat = UserId::random();
    let mut posts = Vec::new();
    for _ in 0..20 {
        posts.push(bench.wait(3).post(pat, "@status"));
    }
    let at_once: Vec<Post> = (0..7).map(|_| bench.wait(0).post(pat, "@status")).collect();
    bench.wait(20);
    let fates = |effects: &[Effect]| -> Vec<Fate> {
        let tickets = tickets(effects).into_iter();
        tickets.map(|ticket| ticket.fate).collect()
    };
    bench.state.lanes = Lanes::new(usize::MAX);
    let mut found = Vec::new();
    for post in posts {
        let effects = bench.found(vec![post]);
        found.extend(fates(&effects));
        bench.end(&one(&effects), true);
    }
    assert_eq!(found, [Fate::Run].repeat(20));
    bench.wait(60);
    let mut found = Vec::new();
    for post in at_once {
        let effects = bench.found(vec![post]);
        found.extend(fates(&effects));
        bench.end(&one(&effects), true);
    }
    let over = Fate::RateStillOver { is_shown: false };
    assert_eq!(
        found,
        [Fate::Run, Fate::RateOver, over, over, over, over, over]
    );
}

#[test]
fn an_event_that_lay_in_the_socket_is_no_fresher_than_what_catch_up_finds() {
    for (seconds, word, fate) in [
        (59, "@restart", Fate::Run),
        (61, "@restart", Fate::WasAway),
        (61, "@status", Fate::Run),
        (601, "@status", Fate::TooOld(Duration::from_secs(601))),
    ] {
        let mut bench = Bench::serving();
        let post = bench.post(UserId::random(), word);
        let ticket = one(&bench.wait(seconds).posted(post));
        assert_eq!(ticket.fate, fate, "{word} after {seconds} s");
    }
}

#[test]
fn more_commands_in_one_message_than_are_taken_are_told_of_once() {
    let mut bench = Bench::serving();
    bench.state.rules.rate = Rate::new(0, Duration::from_secs(10));
    let mut ready = tickets(&bench.say(UserId::random(), &"@help\n".repeat(9)));
    let mut fates = Vec::new();
    while let Some(ticket) = ready.pop() {
        fates.push(ticket.fate);
        ready.extend(tickets(&bench.end(&ticket, true)));
    }
    let mut expected = vec![Fate::Run; 5];
    expected.push(Fate::TooMany(5));
    assert_eq!(fates, expected);
}

#[test]
fn what_waits_in_a_thread_is_denied_when_its_root_is_deleted() {
    let mut bench = Bench::serving();
    let (olga, pat) = (UserId::random(), UserId::random());
    let root = bench.post(olga, "talk");
    let mut first = bench.post(pat, "@help");
    let mut second = bench.post(pat, "@help");
    first.root_id = Some(root.id);
    second.root_id = Some(root.id);
    let running = one(&bench.posted(first));
    assert!(tickets(&bench.posted(second.clone())).is_empty());
    let deleted = ServerEvent::PostDeleted(Box::new(root));
    let denied = one(&bench.decide(Event::Gateway(Update::Event(deleted))));
    assert_eq!((denied.post.id, denied.fate), (second.id, Fate::Deleted));
    assert_eq!(running.fate, Fate::Run);
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
            channel_display_name: String::new(),
            sender_name: None,
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
    bench.decide(Event::Listed(vec![Room::open(
        bench.channel,
        "town-square",
    )]));
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
        matches!(effects.as_slice(), [Effect::OwnPost { key: Some(key), .. }] if key == "k"),
        "{effects:?}"
    );
}

#[test]
fn a_call_that_has_a_row_is_not_asked_about_again() {
    let mut bench = Bench::serving();
    let (served, new) = (
        bench.post(UserId::random(), "@status"),
        bench.post(UserId::random(), "@status"),
    );
    let known = vec![CallKey {
        post: served.id,
        ordinal: 0,
        name: "status".to_owned(),
    }];
    let room = Room::open(bench.channel, "town-square");
    let effects = bench.decide(Event::Found {
        room,
        posts: vec![served, new.clone()],
        known,
    });
    assert_eq!(one(&effects).post.id, new.id);
}
