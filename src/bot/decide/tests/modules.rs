//! Words of modules: what is a command where, and the order and number of those that run.

use std::sync::Arc;

use crate::command::Catalogue;
use crate::module::bindmap::{BindMap, Entry};
use crate::module::protocol::{Description, Risk};

use super::*;
use crate::bot::ticket::Fate;
use crate::command::catalogue::{Loaded, Roster};

/// Modules by name, word, channel and risk.
fn catalogue(modules: &[(&str, &str, &str, Risk)]) -> Arc<Catalogue> {
    let mut roster = Roster::new();
    for (name, word, channel, risk) in modules {
        let description = Description {
            binds: vec![(*word).to_owned()],
            channels: vec![(*channel).to_owned()],
            risk: *risk,
            ..Description::default()
        };
        let generation = 1;
        let loaded = Loaded {
            description,
            generation,
        };
        roster.insert((*name).to_owned(), loaded);
    }
    Arc::new(Catalogue::merge(&BindMap::new(), Some(&roster)))
}

/// A bot with modules, two of which have the word `@ioc`.
fn bench() -> Bench {
    let mut bench = Bench::serving();
    bench.decide(Event::Modules(catalogue(&[
        ("dice", "@dice", "any", Risk::Read),
        ("mail", "@mail", "any", Risk::Act),
        ("intel", "@ioc", "town-square", Risk::Read),
        ("more", "@ioc", "any", Risk::Read),
        ("secret", "@secret", "soc", Risk::Read),
        ("restart", "@again", "any", Risk::Read),
    ])));
    bench
}

fn words(effects: &[Effect]) -> Vec<String> {
    let word = |ticket: &Ticket| ticket.invocation.arguments.join(" ");
    tickets(effects).iter().map(word).collect()
}

#[test]
fn a_word_is_one_call_of_all_its_modules() {
    let mut bench = bench();
    let ticket = one(&bench.say(UserId::random(), "@ioc 8.8.8.8"));
    assert_eq!(ticket.modules, ["intel", "more"]);
    assert_eq!(ticket.key().name, "intel");
}

#[test]
fn what_is_not_available_in_the_channel_is_no_command_there() {
    let mut bench = bench();
    assert!(tickets(&bench.say(UserId::random(), "@secret @again")).is_empty());
    assert!(tickets(&bench.say(UserId::random(), "nothing of the kind")).is_empty());
    // In a direct message it depends on who asks.
    let post = bench.post(UserId::random(), "@secret");
    let room = Room {
        kind: ChannelKind::Direct,
        ..Room::open(bench.channel, "a__b")
    };
    let found = Event::Found {
        room,
        posts: vec![post],
        known: Vec::new(),
    };
    assert_eq!(one(&bench.decide(found)).modules, ["secret"]);
}

#[test]
fn while_nobody_knows_where_modules_are_available_their_words_are_words_everywhere() {
    let mut bench = Bench::serving();
    let roster = [("secret", "@secret"), ("talk", "hey")].map(|(name, word)| {
        let description = Description {
            binds: vec![word.to_owned()],
            ..Description::default()
        };
        let loaded = Loaded {
            description,
            generation: 1,
        };
        (name.to_owned(), loaded)
    });
    let withheld = Catalogue::withheld(Some(&roster.into_iter().collect()));
    bench.decide(Event::Modules(Arc::new(withheld)));
    let ticket = one(&bench.say(UserId::random(), "hey, what says @secret"));
    assert_eq!(ticket.modules, ["secret"], "ordinary talk is left alone");
}

#[test]
fn calls_of_a_message_follow_one_another_and_those_of_a_channel_start_in_order() {
    let (mut bench, olga) = (bench(), UserId::random());
    let first = bench.say(olga, "@dice 1\n@dice 2");
    assert_eq!(words(&first), ["1"]);
    assert_eq!(words(&bench.say(olga, "@dice 3")), [""; 0]);
    let first = one(&first);
    assert!(bench.decide(Event::Started(first.id())).is_empty());
    let second = bench.end(&first, true);
    assert_eq!(words(&second), ["2"]);
    let second = one(&second);
    let third = bench.decide(Event::Started(second.id()));
    assert_eq!(words(&third), ["3"]);
}

#[test]
fn a_user_has_so_many_slots_and_whatever_hangs_holds_nobody_else() {
    let (mut bench, olga, pat) = (bench(), UserId::random(), UserId::random());
    let stuck: Vec<Ticket> = (1..=2)
        .map(|number| {
            let ticket = one(&bench.say(olga, &format!("@dice {number}")));
            bench.decide(Event::Started(ticket.id()));
            ticket
        })
        .collect();
    bench.channel = ChannelId::random();
    assert!(
        tickets(&bench.say(olga, "@dice 3")).is_empty(),
        "both slots are taken"
    );
    assert_eq!(words(&bench.say(pat, "@dice 4")), ["4"]);
    assert_eq!(
        one(&bench.say(olga, "@restart")).fate,
        Fate::Run,
        "it waits for nobody"
    );
    assert_eq!(words(&bench.end(&stuck[0], true)), ["3"]);
}

#[test]
fn what_is_deleted_while_it_waits_for_a_slot_is_denied_in_silence() {
    let (mut bench, olga) = (bench(), UserId::random());
    for number in 1..=2 {
        let ticket = one(&bench.say(olga, &format!("@dice {number}")));
        bench.decide(Event::Started(ticket.id()));
    }
    let waiting = bench.post(olga, "@dice 3");
    assert!(tickets(&bench.posted(waiting.clone())).is_empty());
    let deleted = ServerEvent::PostDeleted(Box::new(waiting));
    let denied = one(&bench.decide(Event::Gateway(Update::Event(deleted))));
    assert_eq!(denied.fate, Fate::Deleted);
    assert!(bench.end(&denied, true).is_empty());
}

#[test]
fn what_changes_something_is_not_run_late() {
    let mut bench = bench();
    let posts: Vec<Post> = ["@mail", "@dice"]
        .map(|word| bench.post(UserId::random(), word))
        .into();
    let effects = bench.wait(11).found(posts);
    let fates: Vec<Fate> = tickets(&effects).iter().map(|ticket| ticket.fate).collect();
    assert_eq!(fates, [Fate::MissedAct, Fate::Run]);
    let young = bench.post(UserId::random(), "@mail");
    assert!(
        bench.found(vec![young]).is_empty(),
        "its event may still come"
    );
}

#[test]
fn a_list_is_taken_whole_and_a_flood_is_not() {
    let mut bench = bench();
    bench.state.rules.rate = Rate::new(0, Duration::from_secs(10));
    let olga = UserId::random();
    let effects = bench.say(olga, &"@dice\n".repeat(120));
    assert_eq!(
        (tickets(&effects).len(), bench.state.in_hand.len()),
        (1, 101)
    );
    let last = bench.state.in_hand.keys().map(|(_, word)| *word).max();
    assert_eq!(last, Some(100), "the first one too many is told of");
}

#[test]
fn an_edited_word_of_a_module_is_answered_where_it_is_a_command() {
    let mut bench = bench();
    bench.decide(Event::Listed(vec![Room::open(
        bench.channel,
        "town-square",
    )]));
    for (word, answered) in [("@dice", true), ("@secret", false)] {
        let mut post = bench.post(UserId::random(), word);
        post.edit_at = post.create_at;
        let edited = ServerEvent::PostEdited(Box::new(post));
        let fates: Vec<Fate> = tickets(&bench.decide(Event::Gateway(Update::Event(edited))))
            .iter()
            .map(|ticket| ticket.fate)
            .collect();
        assert_eq!(
            fates,
            [Fate::Edited].repeat(usize::from(answered)),
            "{word}"
        );
    }
}

#[test]
fn words_of_the_file_are_commands_before_their_modules_are_greeted() {
    let mut bench = Bench::serving();
    let entry = Entry {
        binds: vec!["@dice".to_owned()],
        chans: vec!["any".to_owned()],
        ..Entry::default()
    };
    let file = BindMap::from([("dice".to_owned(), entry)]);
    bench.decide(Event::Modules(Arc::new(Catalogue::merge(&file, None))));
    assert_eq!(one(&bench.say(UserId::random(), "@dice")).modules, ["dice"]);
}

#[test]
fn what_a_module_answers_calls_modules_and_never_a_built_in() {
    let mut bench = bench();
    for (text, called) in [
        ("so @dice 1", 1),
        ("@status", 0),
        ("@help @ioc", 0),
        ("@restart", 0),
    ] {
        let answer = bench.post(bench.me, text);
        let room = Room::open(bench.channel, "town-square");
        let effects = bench.decide(Event::Answered(Box::new((room, answer))));
        assert_eq!(tickets(&effects).len(), called, "{text}");
    }
}

#[test]
fn our_answers_are_looked_at_for_words_of_modules_only_if_that_is_wanted() {
    let mut bench = bench();
    for (recursion, kind, looked_at) in [
        (true, "outcome", true),
        (true, "progress", false),
        (false, "outcome", false),
    ] {
        bench.state.rules.recursion = recursion;
        let mut post = bench.post(bench.me, "@dice");
        let call = format!("{}:0", PostId::random());
        let props = json!({"key": "k", "kind": kind, "calls": [call]});
        post.props.insert("matterbot".to_owned(), props);
        let effects = bench.posted(post);
        let followed = matches!(
            effects.as_slice(),
            [Effect::OwnPost {
                recursion: Some(_),
                ..
            }]
        );
        assert_eq!(followed, looked_at, "{recursion} {kind}");
    }
}

#[test]
fn what_becomes_a_word_later_is_no_command_in_posts_that_were_heard() {
    let mut bench = Bench::serving();
    bench.decide(Event::Modules(catalogue(&[])));
    let heard = bench.post(UserId::random(), "@dice");
    assert!(tickets(&bench.posted(heard.clone())).is_empty());
    let missed = bench.post(UserId::random(), "@dice");
    bench.decide(Event::Modules(catalogue(&[(
        "dice",
        "@dice",
        "any",
        Risk::Read,
    )])));
    let found = bench.found(vec![heard, missed.clone()]);
    assert_eq!(one(&found).post.id, missed.id);
}

#[test]
fn a_call_that_the_ledger_did_not_take_is_found_again_in_a_post_that_was_heard() {
    let mut bench = bench();
    let post = bench.post(UserId::random(), "@dice");
    let ticket = one(&bench.posted(post.clone()));
    bench.end(&ticket, false);
    assert_eq!(one(&bench.found(vec![post])).id(), ticket.id());
}
