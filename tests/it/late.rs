//! What catch-up comes to too late: many expired calls of a channel, and more posts than are read.

use serde_json::{Value, json};

use crate::support::bot::BotUnderTest;
use crate::support::poll;
use crate::support::scenario::{Person, Scenario};

/// The bot's posts in `channel` that belong to no thread, without those of the system.
async fn spoken_up(scenario: &Scenario, channel: &str, reader: &Person) -> Vec<Value> {
    let mut posts = reader.reads(channel).await;
    posts.retain(|post| {
        post["user_id"] == scenario.bot.id.as_str() && post["type"] == "" && post["root_id"] == ""
    });
    posts
}

/// The calls whose outcome `post` tells.
fn told(post: &Value) -> &[Value] {
    let calls = post["props"]["matterbot"]["calls"].as_array();
    calls.map_or(&[], Vec::as_slice)
}

#[tokio::test]
async fn many_expired_calls_of_a_channel_are_answered_together() {
    let scenario = Scenario::start().await;
    let (olga, otto, pat, lab) = (&scenario.olga, &scenario.otto, &scenario.pat, &scenario.lab);
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    pat.asks(lab, "@status").await.outcome().await;
    bot.kill().await;
    let mut calls = Vec::new();
    for index in 0..25 {
        let asker = [olga, otto][index % 2];
        calls.push(asker.asks(lab, "@restart").await);
    }
    bot.restart_process();
    // Those that are not the first twenty stand in no thread.
    let summary = olga
        .until("the rest was answered", async || {
            spoken_up(&scenario, lab, olga).await.pop()
        })
        .await;
    let text = summary["message"].as_str().unwrap();
    assert!(
        text.starts_with("5 more commands were asked here"),
        "{text}"
    );
    let props = &summary["props"]["matterbot"];
    assert_eq!(props["kind"], "outcome");
    let told = told(&summary);
    assert_eq!(told.len(), 5, "{summary}");
    for call in &calls {
        if told.contains(&json!(call.name())) {
            let link = format!("/pl/{}", call.post["id"].as_str().unwrap());
            assert!(text.contains(&link), "{text}");
        } else {
            let answer = call.outcome().await;
            assert!(
                answer.starts_with("I was down when you asked for `@restart`"),
                "{answer}"
            );
        }
    }
    scenario.finish(&mut bot).await;
    bot.restart_process();
    bot.ready(3).await;
    pat.asks(lab, "@status").await.outcome().await;
    scenario.finish(&mut bot).await;
    assert_eq!(spoken_up(&scenario, lab, olga).await.len(), 1);
}

#[tokio::test]
async fn on_an_old_server_as_many_posts_tell_of_expired_calls_as_have_room_for_their_names() {
    let scenario = Scenario::on_old_server().await;
    let settings = json!({"Lifecycle": {"rate": {"count": 0}}});
    let mut bot = BotUnderTest::serving(&scenario, settings).await;
    let (olga, otto, pat, lab) = (&scenario.olga, &scenario.otto, &scenario.pat, &scenario.lab);
    pat.asks(lab, "@status").await.outcome().await;
    bot.kill().await;
    let mut calls = Vec::new();
    for index in 0..240 {
        let asker = [olga, otto, pat][index % 3];
        calls.push((asker.id == pat.id, asker.asks(lab, "@restart").await));
    }
    bot.restart_process();
    // All but the first twenty.
    let summaries = olga
        .until("the rest was answered", async || {
            let posts = spoken_up(&scenario, lab, olga).await;
            let told = posts.iter().map(|post| told(post).len()).sum::<usize>();
            (told == 220).then_some(posts)
        })
        .await;
    for (is_denied, call) in &calls {
        let name = json!(call.name());
        let summary = summaries.iter().find(|post| told(post).contains(&name));
        let (text, expected) = match (summary, is_denied) {
            (Some(post), true) => (post["message"].to_string(), "people who may not use them"),
            (Some(post), false) => (post["message"].to_string(), "Please ask again for"),
            (None, true) => (call.outcome().await, "You do not have permission"),
            (None, false) => (call.outcome().await, "I was down when you asked"),
        };
        assert!(text.contains(expected), "{text}");
    }
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn whoever_asked_in_a_channel_that_is_archived_since_is_told_directly() {
    let scenario = Scenario::with_faults().await;
    let (admin, olga, otto) = (&scenario.admin, &scenario.olga, &scenario.otto);
    let doomed = scenario.channel("doomed", &[olga, otto]).await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    olga.asks(&doomed, "@status").await.outcome().await;
    bot.kill().await;
    for index in 0..24 {
        let asker = [olga, otto][index % 2];
        asker.says(&doomed, "@restart").await;
    }
    let slow = json!({"kind": "slow_answer", "delay_ms": 2_000});
    let whom = json!({"path": format!("/api/v4/users/{}", otto.id)});
    scenario.fault(json!({"fault": slow, "scope": whom})).await;
    bot.restart_process();
    scenario.until_hit(1).await;
    admin
        .delete(&format!("/channels/{doomed}"))
        .await
        .expect(200);
    for asker in [olga, otto] {
        let direct = asker.direct(&scenario.bot).await;
        let told = async || {
            let posts = asker.reads(&direct).await;
            posts.into_iter().find(|post| {
                let text = post["message"].as_str().unwrap();
                text.contains("4 more commands were asked here")
            })
        };
        asker.until("the rest was told directly", told).await;
    }
    bot.terminate();
    assert_eq!(bot.exit_code().await, Some(0));
}

#[tokio::test]
async fn a_channel_hears_once_which_posts_are_not_read() {
    let scenario = Scenario::inside("the server's clock").await;
    let settings = json!({"Lifecycle": {"catch_up": {"max_posts": 200, "max_age": "1h"}}});
    let mut bot = BotUnderTest::serving(&scenario, settings).await;
    let (olga, pat, lab) = (&scenario.olga, &scenario.pat, &scenario.lab);
    pat.asks(lab, "@status").await.outcome().await;
    // A minute passes, for the server, and a sweep finds that all before it is settled.
    let ahead = json!({"kind": "clock_offset", "offset_ms": 61_000});
    scenario.fault(json!({"fault": ahead})).await;
    let me = json!({"user": scenario.bot.id});
    let close = json!({"fault": {"kind": "close"}, "scope": me});
    scenario.fault(close).await;
    let read = async || bot.looked_at(lab).filter(|read| *read > 0);
    poll("the channel is read", read).await;
    bot.kill().await;
    let mut calls = Vec::new();
    for index in 0..460 {
        if [20, 230, 440].contains(&index) {
            let post = json!({"channel_id": lab, "message": "@status"});
            calls.push(pat.posts(post).await);
        } else {
            olga.says(lab, "talk").await;
        }
    }
    bot.restart_process();
    let notice = pat
        .until("the channel was told", async || {
            spoken_up(&scenario, lab, pat).await.pop()
        })
        .await;
    assert_eq!(notice["props"]["matterbot"]["kind"], "notice", "{notice}");
    let text = notice["message"].as_str().unwrap();
    assert!(text.contains("I have not read all of it"), "{text}");
    let [first, _, newest] = calls.as_slice() else {
        unreachable!("three were asked");
    };
    for call in [first, newest] {
        pat.notes(call.clone(), 0).outcome().await;
    }
    scenario.finish(&mut bot).await;
    assert_eq!(spoken_up(&scenario, lab, pat).await.len(), 1);
}

#[tokio::test]
async fn as_many_posts_as_are_read_are_not_too_many() {
    let scenario = Scenario::with_faults().await;
    let settings = json!({"Lifecycle": {"catch_up": {"max_posts": 400, "max_age": "1h"}}});
    let mut bot = BotUnderTest::serving(&scenario, settings).await;
    let (olga, pat) = (&scenario.olga, &scenario.pat);
    let direct = pat.direct(&scenario.bot).await;
    bot.kill().await;
    let oldest = pat.asks(&direct, "@status").await;
    for _ in 1..400 {
        pat.says(&direct, "talk").await;
    }
    olga.says(&scenario.lab, "talk").await;
    bot.restart_process();
    oldest.outcome().await;
    scenario.finish(&mut bot).await;
    assert!(spoken_up(&scenario, &direct, pat).await.is_empty());
}
