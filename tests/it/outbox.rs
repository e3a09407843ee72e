//! An answer becomes visible once, whatever the server does to the request that posts it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::bot::BotUnderTest;
use crate::support::poll;
use crate::support::scenario::{Scenario, WithFaults};

/// A switch for the requests of the bot that post; nobody else is hit.
async fn trouble(scenario: &WithFaults, fault: Value, times: u32) {
    let whom = json!({"user": scenario.bot.id});
    scenario
        .fault(json!({"fault": fault, "scope": whom, "times": times}))
        .await;
}

/// A bot that has read all channels, so that its next request is the post that answers the next `@status`.
async fn quiet_bot() -> (WithFaults, BotUnderTest) {
    let scenario = Scenario::with_faults().await;
    let bot = BotUnderTest::serving(&scenario, json!({})).await;
    scenario
        .pat
        .asks(&scenario.lab, "@status")
        .await
        .outcome()
        .await;
    poll("the channel was read", async || {
        bot.looked_at(&scenario.lab)
    })
    .await;
    (scenario, bot)
}

#[tokio::test]
async fn an_answer_is_visible_once_whatever_becomes_of_its_request() {
    let (scenario, mut bot) = quiet_bot().await;
    let (pat, lab) = (&scenario.pat, &scenario.lab);
    for fault in [
        json!({"kind": "server_error", "status": 500, "when": "before_save"}),
        json!({"kind": "server_error", "status": 500, "when": "after_save"}),
        json!({"kind": "server_error", "status": 503, "when": "after_save"}),
        json!({"kind": "lost_answer"}),
        json!({"kind": "proxy_page", "status": 502}),
        json!({"kind": "too_many_requests", "retry_after": 1}),
        json!({"kind": "too_many_requests"}),
        json!({"kind": "unauthorized"}),
        json!({"kind": "rewritten_message", "suffix": " (checked)"}),
        json!({"kind": "same_instant"}),
        json!({"kind": "late_commit", "delay_ms": 500}),
    ] {
        if !scenario.can(&json!({ "fault": fault })) {
            continue;
        }
        trouble(&scenario, fault.clone(), 1).await;
        let call = pat.asks(lab, "@status").await;
        let answer = call.outcome().await;
        assert!(answer.starts_with("**matterbot**"), "{fault}: {answer}");
        scenario.mend().await;
    }
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn the_answers_of_a_thread_keep_their_order_through_trouble() {
    let (scenario, mut bot) = quiet_bot().await;
    let (pat, lab) = (&scenario.pat, &scenario.lab);
    let thread = pat.says(lab, "a thread begins").await;
    let fault = json!({"kind": "server_error", "status": 500, "when": "before_save"});
    trouble(&scenario, fault, 2).await;
    let mut calls = Vec::new();
    for _ in 0..4 {
        calls.push(pat.asks_in_thread(&thread, "@status").await);
    }
    for call in &calls {
        call.outcome().await;
    }
    scenario.mend().await;
    let posts = pat.thread(thread["id"].as_str().unwrap()).await;
    let answered: Vec<&Value> = posts
        .iter()
        .filter(|post| post["user_id"] == scenario.bot.id.as_str())
        .map(|post| &post["props"]["matterbot"]["calls"][0])
        .collect();
    let asked: Vec<Value> = calls.iter().map(|call| json!(call.name())).collect();
    assert_eq!(answered, asked.iter().collect::<Vec<_>>());
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn an_answer_survives_the_process_that_owed_it() {
    for fault in [
        json!({"kind": "server_error", "status": 500, "when": "before_save"}),
        json!({"kind": "server_error", "status": 500, "when": "after_save"}),
        json!({"kind": "lost_answer"}),
    ] {
        let scenario = Scenario::with_faults().await;
        let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
        let call = scenario
            .holds_up(&scenario.pat, Duration::from_millis(500))
            .await;
        let post = json!({"path": "/api/v4/posts"});
        scenario
            .fault(json!({"fault": fault, "scope": post, "times": 1}))
            .await;
        scenario.until_hit(2).await;
        bot.kill().await;
        scenario.mend().await;
        bot.restart_process();
        bot.ready(2).await;
        let answer = call.outcome().await;
        assert!(answer.starts_with("`@status"), "{fault}: {answer}");
        scenario.finish(&mut bot).await;
    }
}

#[tokio::test]
async fn an_answer_that_the_channel_refuses_goes_to_the_asker_directly() {
    let scenario = Scenario::with_faults().await;
    let (admin, pat) = (&scenario.admin, &scenario.pat);
    let doomed = scenario.channel("doomed", &[pat]).await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let direct = pat.direct(&scenario.bot).await;
    // The answer is held up until the channel is archived.
    let slow = json!({"kind": "slow_answer", "delay_ms": 1_000});
    let whom = json!({"path": format!("/api/v4/users/{}", pat.id)});
    scenario
        .fault(json!({"fault": slow, "scope": whom, "times": 1}))
        .await;
    let post = pat.says(&doomed, "@help status").await;
    scenario.until_hit(1).await;
    admin
        .delete(&format!("/channels/{doomed}"))
        .await
        .expect(200);
    let told = async || {
        let posts = pat.reads(&direct).await;
        posts
            .into_iter()
            .find(|post| post["user_id"] == scenario.bot.id.as_str() && post["type"] == "")
    };
    let told = pat.until("the answer came directly", told).await;
    let text = told["message"].as_str().unwrap();
    assert!(
        text.starts_with("I could not post this answer where you asked for it:\n\n`@status"),
        "{text}"
    );
    let name = format!("{}:0", post["id"].as_str().unwrap());
    assert_eq!(told["props"]["matterbot"]["calls"], json!([name]));
    let answered = bot.audit();
    assert_eq!(answered.len(), 1, "{answered:?}");
    scenario.finish(&mut bot).await;
}
