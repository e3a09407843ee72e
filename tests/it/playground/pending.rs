//! `pending_post_id`: a guard against repetition, with its holes.

use std::collections::HashSet;
use std::time::Duration;

use matterbot::playground::{Options, Timing};
use serde_json::{Value, json};

use crate::support::playground::{Answer, Person, Server};

async fn post(person: &Person, channel: &str, message: &str, key: &str) -> Answer {
    let body = json!({"channel_id": channel, "message": message, "pending_post_id": key});
    person.post("/posts", body).await
}

#[tokio::test]
async fn a_repetition_leads_to_the_first_post_and_makes_no_event() {
    let server = Server::start().await;
    let bot = server.bot().await;
    let channel = bot.channel("incidents").await;
    let mut socket = bot.listen().await;
    let first = post(&bot, &channel, "once", "key").await.expect(201);
    assert_eq!(first["pending_post_id"], "key");
    assert_eq!(socket.posted().await["pending_post_id"], "key");
    let again = post(&bot, &channel, "other words", "key").await.expect(201);
    assert_eq!(
        (&again["id"], &again["message"]),
        (&first["id"], &json!("once"))
    );
    assert_eq!(again["pending_post_id"], "");
    let later = socket.so_far(1).await;
    assert!(
        later.iter().all(|frame| frame["event"] != "posted"),
        "{later:?}"
    );
}

#[tokio::test]
async fn a_key_is_free_after_its_time_and_after_a_failure() {
    let timing = Timing {
        pending_id: Duration::ZERO,
        ..Timing::default()
    };
    let server = Server::start_with(Options {
        timing,
        ..Options::default()
    })
    .await;
    let bot = server.bot().await;
    let channel = bot.channel("incidents").await;
    let first = post(&bot, &channel, "one", "key").await.expect(201);
    let second = post(&bot, &channel, "two", "key").await.expect(201);
    assert_ne!(first["id"], second["id"]);

    let server = Server::start().await;
    let bot = server.bot().await;
    let channel = bot.channel("incidents").await;
    let refused = post(&bot, &channel, &"x".repeat(16_384), "key").await;
    assert_eq!(
        refused.error(),
        "model.post.is_valid.message_length.app_error"
    );
    post(&bot, &channel, &"x".repeat(16_383), "key")
        .await
        .expect(201);
}

#[tokio::test]
async fn repetitions_at_once_make_one_post() {
    let server = Server::start().await;
    let bot = server.bot().await;
    let channel = bot.channel("incidents").await;
    let posts = (0..8).map(|_| post(&bot, &channel, "once", "key"));
    let answers = futures_util::future::join_all(posts).await;
    let mut made = HashSet::new();
    for answer in answers {
        match answer.status {
            201 => {
                made.insert(answer.body["id"].to_string());
            }
            500 => assert_eq!(answer.error(), "api.post.deduplicate_create_post.pending"),
            status => panic!("{status}"),
        }
    }
    assert_eq!(made.len(), 1);
    let found = bot
        .get(&format!("/channels/{channel}/posts"))
        .await
        .expect(200);
    let posts = found["posts"].as_object().unwrap().values();
    assert_eq!(posts.filter(|post| post["message"] == "once").count(), 1);
}

#[tokio::test]
async fn a_key_of_a_post_that_was_deleted_leads_nowhere() {
    let server = Server::start().await;
    let bot = server.bot().await;
    let channel = bot.channel("incidents").await;
    let first = post(&bot, &channel, "once", "key").await.expect(201);
    bot.delete(&format!("/posts/{}", first["id"].as_str().unwrap()))
        .await
        .expect(200);
    let again = post(&bot, &channel, "once", "key").await;
    assert_eq!(
        (again.status, again.error()),
        (500, "api.post.deduplicate_create_post.failed_to_get")
    );
}

#[tokio::test]
async fn a_key_is_everybodys_but_shows_nothing_that_one_may_not_read() {
    let server = Server::start().await;
    let (bot, olga, pat) = (
        server.bot().await,
        server.log_in("olga").await,
        server.log_in("pat").await,
    );
    let direct = pat
        .post("/channels/direct", json!([pat.id, bot.id]))
        .await
        .expect(201);
    let direct = direct["id"].as_str().unwrap();
    let channel = pat.channel("incidents").await;
    let secret = post(&bot, direct, "for pat alone", "key").await.expect(201);
    let squatter: Value = post(&pat, &channel, "mine", "key").await.expect(201);
    assert_eq!(squatter["id"], secret["id"], "pat may read it");
    let stranger = post(&olga, &channel, "mine", "key").await.expect(201);
    assert_eq!(
        stranger["message"], "mine",
        "olga may not, and gets a post of her own"
    );
}
