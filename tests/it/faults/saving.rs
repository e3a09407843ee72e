//! Faults of what is saved: changed texts, and clocks that do not agree.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Scene, message_of};
use crate::support::playground::{DEADLINE, client};

#[tokio::test]
async fn a_plugin_rewrites_what_is_posted() {
    let scene = Scene::new().await;
    let fault = json!({"kind": "rewritten_message", "suffix": " (rewritten)"});
    scene
        .set(json!({"fault": fault, "scope": {"user": "matter-bot"}, "times": 1}))
        .await;
    let mut socket = scene.listen(&scene.pat).await;
    scene.post(&scene.pat, "of pat").await;
    let answer = scene.post(&scene.bot, "of the bot").await;
    assert_eq!(answer.json["message"], "of the bot (rewritten)");
    let event = socket
        .wait_for(|frame| message_of(frame).is_some_and(|text| text.contains("bot")))
        .await;
    assert_eq!(
        event.as_ref().and_then(message_of).as_deref(),
        Some("of the bot (rewritten)")
    );
    assert_eq!(
        scene.messages().await[..2],
        ["of the bot (rewritten)", "of pat"]
    );
}

#[tokio::test]
async fn two_posts_share_one_millisecond() {
    let scene = Scene::new().await;
    let one = scene.post(&scene.pat, "one").await.json;
    scene
        .set(json!({"fault": {"kind": "same_instant"}, "times": 1}))
        .await;
    let other = scene.post(&scene.pat, "other").await.json;
    assert_eq!(one["create_at"], other["create_at"]);
    assert_ne!(one["id"], other["id"]);
    // `after` compares instants strictly, so that the sibling is skipped.
    let path = format!(
        "/api/v4/channels/{}/posts?after={}",
        scene.channel,
        one["id"].as_str().unwrap()
    );
    assert_eq!(scene.get(&path).await.json["order"], json!([]));
}

#[tokio::test]
async fn a_post_is_committed_late_with_its_older_instant() {
    let scene = Scene::new().await;
    let fault = json!({"kind": "late_commit", "delay_ms": 2000});
    scene
        .set(json!({"fault": fault, "scope": {"user": "pat"}, "times": 1}))
        .await;
    let (late, prompt) = tokio::join!(scene.post(&scene.pat, "late"), async {
        let hit = || async { scene.switches().await[0]["hits"] == 1 };
        let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
        while !hit().await {
            assert!(
                tokio::time::Instant::now() < deadline,
                "the post has not arrived"
            );
        }
        // The late post has its instant; a millisecond later the prompt one has a newer one.
        tokio::time::sleep(Duration::from_millis(2)).await;
        let prompt = scene.post(&scene.bot, "prompt").await;
        assert!(!scene.messages().await.contains(&"late".to_owned()));
        prompt
    });
    let instant = |answer: &Value| answer["create_at"].as_i64().unwrap();
    assert!(instant(&late.json) < instant(&prompt.json));
    assert_eq!(scene.messages().await[..2], ["prompt", "late"]);
}

#[tokio::test]
async fn the_servers_clock_can_be_wrong() {
    let scene = Scene::new().await;
    let mut socket = scene.listen(&scene.bot).await;
    for offset in [3_600_000_i64, -3_600_000] {
        scene
            .set(json!({"fault": {"kind": "clock_offset", "offset_ms": offset}}))
            .await;
        let now = i64::try_from(
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap()
                .as_millis(),
        )
        .unwrap();
        let near = |instant: Option<i64>| (instant.unwrap() - now - offset).abs() < 60_000;
        let answer = scene.post(&scene.bot, "when").await;
        assert!(near(answer.json["create_at"].as_i64()), "{}", answer.text);
        let seq = offset.unsigned_abs() + u64::from(offset > 0);
        socket
            .send(&json!({"seq": seq, "action": "ping"}).to_string())
            .await;
        let pong = socket
            .wait_for(|frame| frame["seq_reply"] == seq)
            .await
            .expect("an answer");
        assert!(near(pong["data"]["server_time"].as_i64()), "{pong}");
    }
    assert_eq!(scene.switches().await.len(), 1);
    scene.clear().await;
}

#[tokio::test]
async fn a_post_that_is_committed_late_is_claimed_and_nobody_elses_is() {
    let scene = Scene::new().await;
    let fault = json!({"kind": "late_commit", "delay_ms": 1000});
    scene.set(json!({"fault": fault, "times": 1})).await;
    // Whoever may not post is told so at once.
    let began = Instant::now();
    let nowhere = json!({"channel_id": matterbot::id::random_token(), "message": "nowhere"});
    let refused = scene
        .call(Method::POST, "/api/v4/posts", &scene.pat, Some(nowhere))
        .await;
    assert_eq!(refused.status, 403);
    assert!(began.elapsed() < Duration::from_millis(1000));
    let (late, retried) = tokio::join!(scene.post_as(&scene.bot, "late", "key"), async {
        let hit = || async { scene.switches().await[0]["hits"] == 1 };
        while !hit().await {
            assert!(began.elapsed() < DEADLINE, "the post has not arrived");
        }
        scene.post_as(&scene.bot, "late", "key").await
    });
    assert_eq!(
        (retried.status, retried.id()),
        (500, "api.post.deduplicate_create_post.pending")
    );
    assert_eq!(late.status, 201);
    let known = scene.post_as(&scene.bot, "late", "key").await;
    assert_eq!(known.json["id"], late.json["id"]);
}

#[tokio::test]
async fn an_error_after_the_save_frees_the_key_and_a_lost_answer_does_not() {
    let scene = Scene::new().await;
    let fault = json!({"kind": "server_error", "status": 500, "when": "after_save"});
    scene.set(json!({"fault": fault, "times": 1})).await;
    let failed = scene.post_as(&scene.bot, "twice", "freed").await;
    assert_eq!(failed.status, 500);
    let retried = scene.post_as(&scene.bot, "twice", "freed").await;
    assert_eq!(retried.status, 201);
    assert_eq!(scene.messages().await[..2], ["twice", "twice"]);

    let lost = json!({"kind": "lost_answer"});
    scene.set(json!({"fault": lost, "times": 1})).await;
    let body = json!({"channel_id": scene.channel, "message": "once", "pending_post_id": "kept"});
    let request = client()
        .post(format!("{}/api/v4/posts", scene.playground.base_url()))
        .bearer_auth(&scene.bot)
        .body(body.to_string());
    let answer = async { request.send().await?.bytes().await };
    assert!(answer.await.is_err(), "there is no whole answer");
    let retried = scene.post_as(&scene.bot, "once", "kept").await;
    assert_eq!(retried.status, 201);
    assert_eq!(scene.messages().await[..3], ["once", "twice", "twice"]);
}
