//! The client's decoder against everything that two real servers were seen to send, and against damaged forms of it.

mod damage;

use std::collections::BTreeMap;

use matterbot::mattermost::event::{Event, Frame, Posted};
use matterbot::mattermost::model::{Channel, ChannelKind, Post, Team, User};
use proptest::prelude::{prop_assert, prop_assert_eq};
use proptest::test_runner::TestCaseError;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;

use super::recordings::recording::{self, What};

const VERSIONS: [&str; 2] = ["5.37", "11.6"];

/// Events of the recordings that the bot has no use for.
const UNUSED: &[&str] = &[
    "added_to_team",
    "channel_created",
    "channel_converted",
    "channel_deleted",
    "channel_member_updated",
    "channel_restored",
    "channel_updated",
    "channel_viewed",
    "direct_added",
    "ephemeral_message",
    "group_added",
    "leave_team",
    "multiple_channels_viewed",
    "reaction_added",
    "reaction_removed",
    "status_change",
    "thread_updated",
    "typing",
    "user_removed",
    "user_role_updated",
    "user_updated",
];

/// One frame a line: each form that was recorded, and some that a server should never send.
const CORPUS: &str = include_str!("../data/decoder/corpus.txt");

fn recorded_frames(version: &str) -> Vec<String> {
    let texts = recording::read(version).into_iter().map(|entry| entry.what);
    let frames = texts.filter_map(|what| match what {
        What::FrameIn(text) => Some(text),
        _ => None,
    });
    frames.collect()
}

#[test]
fn every_recorded_frame_becomes_its_own_variant() {
    for version in VERSIONS {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for text in recorded_frames(version) {
            let wire: Value = serde_json::from_str(&text).unwrap();
            match Frame::decode(&text) {
                Ok(Frame::Event { seq, event }) => {
                    assert_eq!(wire["seq"].as_u64(), Some(seq), "{text}");
                    let name = wire["event"].as_str().unwrap();
                    assert_is_event(name, &wire, &event);
                    *seen.entry(name.to_owned()).or_default() += 1;
                }
                Ok(reply) => {
                    assert_is_reply(&wire, &reply);
                    *seen.entry("reply".to_owned()).or_default() += 1;
                }
                Err(error) => panic!("{version}: {error}: {text}"),
            }
        }
        // Were a recording read wrongly, everything above would hold of nothing.
        for name in [
            "hello",
            "posted",
            "post_edited",
            "user_added",
            "user_removed",
            "reaction_added",
            "leave_team",
            "reply",
        ] {
            assert!(seen.contains_key(name), "{version} has no {name}: {seen:?}");
        }
    }
}

/// The event, seen as JSON by its name, has the same content as the decoded one.
fn assert_is_event(name: &str, wire: &Value, event: &Event) {
    let data = &wire["data"];
    let inner = |key: &str| -> Value { serde_json::from_str(text(&data[key])).unwrap() };
    match (name, event) {
        ("posted", Event::Posted(posted)) => assert_is_posted(data, posted),
        ("post_edited", Event::PostEdited(post)) | ("post_deleted", Event::PostDeleted(post)) => {
            assert_is_post(&inner("post"), post);
        }
        (_, Event::Other { name: decoded }) => {
            assert_eq!(decoded, name);
            assert!(UNUSED.contains(&name), "{name} should be known: {wire}");
        }
        ("hello", Event::Hello { server_version }) => {
            assert_eq!(server_version, text(&data["server_version"]));
        }
        (
            "user_added",
            Event::UserAdded {
                user_id,
                channel_id,
            },
        ) => {
            let user = first(&data["user_id"], &wire["broadcast"]["user_id"]);
            let channel = first(&data["channel_id"], &wire["broadcast"]["channel_id"]);
            assert_eq!([user_id.as_str(), channel_id.as_str()], [user, channel]);
        }
        _ => panic!("{name} became {event:?}"),
    }
}

fn assert_is_posted(data: &Value, posted: &Posted) {
    let wire: Value = serde_json::from_str(text(&data["post"])).unwrap();
    assert_is_post(&wire, &posted.post);
    let kind = match text(&data["channel_type"]) {
        "O" => ChannelKind::Open,
        "P" => ChannelKind::Private,
        "D" => ChannelKind::Direct,
        "G" => ChannelKind::Group,
        other => panic!("a channel of the unrecorded kind {other:?}"),
    };
    assert_eq!(posted.channel_kind, kind);
    assert_eq!(posted.channel_name, text(&data["channel_name"]));
    assert_eq!(
        posted.team_id.map_or(String::new(), |id| id.to_string()),
        text(&data["team_id"])
    );
}

fn assert_is_post(wire: &Value, post: &Post) {
    assert_eq!(post.id.as_str(), text(&wire["id"]));
    assert_eq!(post.user_id.as_str(), text(&wire["user_id"]));
    assert_eq!(post.channel_id.as_str(), text(&wire["channel_id"]));
    assert_eq!(post.message, text(&wire["message"]));
    assert_eq!(post.kind, text(&wire["type"]));
    assert_eq!(
        post.root_id.map_or(String::new(), |id| id.to_string()),
        text(&wire["root_id"])
    );
    assert_eq!(
        post.original_id.map_or(String::new(), |id| id.to_string()),
        text(&wire["original_id"])
    );
    assert_eq!(Value::from(post.props.clone()), wire["props"]);
    let instants = [post.create_at, post.edit_at, post.delete_at].map(|at| at.0);
    let keys = ["create_at", "edit_at", "delete_at"];
    assert_eq!(instants, keys.map(|key| wire[key].as_i64().unwrap()));
}

fn assert_is_reply(wire: &Value, reply: &Frame) {
    let Frame::Reply {
        seq_reply,
        ok,
        server_time,
        error,
    } = reply
    else {
        panic!("an event where a reply was recorded: {wire}");
    };
    assert_eq!(*seq_reply, wire["seq_reply"].as_u64());
    assert_eq!(*ok, wire["status"] == "OK");
    assert_eq!(
        server_time.map(|at| at.0),
        wire["data"]["server_time"].as_i64()
    );
    assert_eq!(
        error.as_ref().map(|error| error.id.as_str()),
        wire["error"]["id"].as_str()
    );
    let status = error.as_ref().map(|error| u64::from(error.status_code));
    assert_eq!(status, wire["error"]["status_code"].as_u64());
}

/// An absent key reads as the empty text, as the decoder has it.
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn first<'a>(one: &'a Value, other: &'a Value) -> &'a str {
    if text(one).is_empty() {
        text(other)
    } else {
        text(one)
    }
}

#[test]
fn every_recorded_object_decodes() {
    for version in VERSIONS {
        let mut seen = BTreeMap::new();
        for entry in recording::read(version) {
            if let What::Exchange(exchange) = entry.what
                && exchange.answer.status.is_some_and(|status| status < 300)
                && let Ok(body) =
                    serde_json::from_str(exchange.answer.text.as_deref().unwrap_or_default())
            {
                visit(&body, &mut seen);
            }
        }
        for (kind, least) in [("post", 100), ("user", 30), ("channel", 20), ("team", 2)] {
            assert!(
                seen.get(kind).is_some_and(|count| *count >= least),
                "{version}: {seen:?}"
            );
        }
    }
}

/// Decodes every object that is recognisable by its keys, at whatever depth.
fn visit(body: &Value, seen: &mut BTreeMap<&'static str, usize>) {
    let has = |keys: &[&str]| keys.iter().all(|key| body.get(*key).is_some());
    let kind = if has(&["message", "channel_id", "props", "hashtags"]) {
        assert_is_post(body, &decoded::<Post>(body));
        "post"
    } else if has(&["username", "roles", "locale"]) {
        let user = decoded::<User>(body);
        assert_eq!(
            (user.id.as_str(), user.username.as_str()),
            (text(&body["id"]), text(&body["username"]))
        );
        assert_eq!(
            (user.roles.as_str(), user.is_bot),
            (text(&body["roles"]), body["is_bot"] == true)
        );
        assert_eq!(Some(user.delete_at.0), body["delete_at"].as_i64());
        "user"
    } else if has(&["creator_id", "header", "purpose", "type"]) {
        let channel = decoded::<Channel>(body);
        assert_eq!(
            (channel.id.as_str(), channel.name.as_str()),
            (text(&body["id"]), text(&body["name"]))
        );
        assert_eq!(Some(channel.last_post_at.0), body["last_post_at"].as_i64());
        "channel"
    } else if has(&["invite_id", "allowed_domains"]) {
        assert_eq!(decoded::<Team>(body).name, text(&body["name"]));
        "team"
    } else {
        ""
    };
    *seen.entry(kind).or_default() += 1;
    match body {
        Value::Array(items) => items.iter().for_each(|item| visit(item, seen)),
        Value::Object(map) => map.values().for_each(|item| visit(item, seen)),
        _ => {}
    }
}

fn decoded<T: DeserializeOwned>(body: &Value) -> T {
    serde_json::from_str(&body.to_string()).unwrap_or_else(|error| panic!("{error}: {body}"))
}

/// What holds of any text at all.
fn assert_is_total(text: &str) -> Result<(), TestCaseError> {
    let outcome = Frame::decode(text);
    let wire: Option<Value> = serde_json::from_str(text).ok();
    if serde_json::from_str::<IgnoredAny>(text).is_err() {
        prop_assert!(outcome.is_err(), "not JSON, but {outcome:?}: {text}");
    }
    if let (Ok(Frame::Event { seq, event }), Some(wire)) = (&outcome, wire) {
        prop_assert_eq!(wire["seq"].as_u64(), Some(*seq));
        if let Event::Other { name } = event {
            prop_assert_eq!(wire["event"].as_str(), Some(name.as_str()));
        }
    }
    Ok(())
}

#[test]
fn the_corpus_decodes_or_is_refused() {
    for line in CORPUS.lines() {
        assert_is_total(line).unwrap();
    }
    let nested = format!(
        "{{\"event\":\"x\",\"seq\":0,\"data\":{}",
        "[".repeat(100_000)
    );
    assert!(Frame::decode(&nested).is_err());
}

#[test]
fn an_unknown_event_is_other_and_a_known_one_without_its_content_is_refused() {
    let unknown = r#"{"event":"an_event_of_the_future","data":{"post":1},"broadcast":{},"seq":7}"#;
    let Ok(Frame::Event { seq: 7, event }) = Frame::decode(unknown) else {
        panic!("an unknown event is an event");
    };
    let name = "an_event_of_the_future".to_owned();
    assert_eq!(event, Event::Other { name });
    for refused in [
        r#"{"event":"posted","data":{"post":"{}"},"broadcast":{},"seq":7}"#,
        r#"{"event":"user_added","data":{"user_id":"x"},"broadcast":{},"seq":7}"#,
        r#"{"seq":7}"#,
        "not JSON",
        "",
    ] {
        assert!(Frame::decode(refused).is_err(), "{refused}");
    }
}
