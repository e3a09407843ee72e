//! Events: their order, their content, their numbers.

use matterbot::mattermost::event::Event;
use matterbot::mattermost::gateway::Update;
use matterbot::mattermost::model::ChannelKind;
use matterbot::playground::Flavour;
use serde_json::json;

use super::{FLAVOURS, Scene, timing};

/// An event that the gateway tells, or that one is missing.
fn is_news(update: &Update) -> bool {
    matches!(update, Update::Event(_) | Update::Gap)
}

#[tokio::test]
async fn events_come_in_order_without_a_gap_ones_own_included() {
    for flavour in FLAVOURS {
        let mut scene = Scene::connected(flavour, timing()).await;
        scene.say("one").await;
        scene.bot.say(&scene.channel, "two").await;
        scene.say("three").await;
        assert_eq!(
            scene.told_up_to("three").await,
            ["one", "two", "three"],
            "{flavour:?}"
        );
    }
}

#[tokio::test]
async fn a_post_says_where_it_was_written() {
    for flavour in FLAVOURS {
        let mut scene = Scene::connected(flavour, timing()).await;
        scene.say("here").await;
        let update = scene
            .until(|update| matches!(update, Update::Event(_)))
            .await;
        let Update::Event(Event::Posted(posted)) = update else {
            panic!("{update:?}")
        };
        assert_eq!(posted.channel_kind, ChannelKind::Open);
        assert_eq!(posted.channel_name, "incidents");
        assert_eq!(posted.post.user_id.as_str(), scene.pat.id);
        assert_eq!(posted.post.channel_id.as_str(), scene.channel);
        assert_eq!((posted.post.root_id, posted.post.remote_id), (None, None));
    }
}

#[tokio::test]
async fn edits_and_deletions_are_told_and_reactions_are_counted() {
    for flavour in FLAVOURS {
        let mut scene = Scene::connected(flavour, timing()).await;
        let post = scene.say("first").await;
        let id = post["id"].as_str().unwrap().to_owned();
        let patch = json!({ "message": "second" });
        scene
            .pat
            .put(&format!("/posts/{id}/patch"), patch)
            .await
            .expect(200);
        let edited = scene
            .until(|update| matches!(update, Update::Event(Event::PostEdited(_))))
            .await;
        let Update::Event(Event::PostEdited(edited)) = edited else {
            panic!()
        };
        assert_eq!(edited.message, "second");
        assert!(edited.edit_at.0 > 0);
        let reaction = json!({ "user_id": scene.pat.id, "post_id": id, "emoji_name": "eyes" });
        scene.pat.post("/reactions", reaction).await.expect(200);
        scene.pat.delete(&format!("/posts/{id}")).await.expect(200);
        let deleted = scene.until(is_news).await;
        let Update::Event(Event::PostDeleted(deleted)) = deleted else {
            panic!("the reaction is counted and not told, but: {deleted:?}")
        };
        assert_eq!(
            (deleted.id.as_str(), deleted.delete_at.0),
            (id.as_str(), 0),
            "it is what it was"
        );
    }
}

#[tokio::test]
async fn being_added_again_is_heard_and_being_removed_is_counted() {
    let mut scene = Scene::connected(Flavour::V11_6, timing()).await;
    let (bot, channel) = (scene.bot.id.clone(), scene.channel.clone());
    scene
        .admin
        .delete(&format!("/channels/{channel}/members/{bot}"))
        .await
        .expect(200);
    let member = json!({ "user_id": bot });
    scene
        .admin
        .post(&format!("/channels/{channel}/members"), member)
        .await
        .expect(201);
    let added = scene.until(is_news).await;
    let Update::Event(Event::UserAdded {
        user_id,
        channel_id,
    }) = added
    else {
        panic!("{added:?}")
    };
    assert_eq!(
        (user_id.as_str(), channel_id.as_str()),
        (bot.as_str(), channel.as_str())
    );
}

#[tokio::test]
async fn a_jump_in_the_numbers_is_a_gap() {
    let mut scene = Scene::connected(Flavour::V11_6, timing()).await;
    scene
        .fault(json!({ "fault": { "kind": "seq_jump", "by": 3 }, "times": 1 }))
        .await;
    scene.say("after").await;
    assert_eq!(scene.told_up_to("after").await, ["gap", "after"]);
}

#[tokio::test]
async fn doubled_events_are_passed_on_and_no_gap() {
    let mut scene = Scene::connected(Flavour::V5_37, timing()).await;
    scene
        .fault(json!({ "fault": { "kind": "doubled_events" }, "scope": { "user": "matter-bot" } }))
        .await;
    scene.say("one").await;
    scene.say("two").await;
    let mut told = scene.told_up_to("two").await;
    told.retain(|message| message != "gap");
    assert_eq!(told, ["one", "one", "two"]);
}
