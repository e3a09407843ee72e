//! What goes wrong between the bot and its server, made by a proxy before whichever server the tests run on.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::bot::BotUnderTest;
use crate::support::poll;
use crate::support::scenario::{Scenario, WithFaults};

/// Turns a switch on for the requests that post.
async fn trouble(scenario: &WithFaults, fault: &Value, times: u32) {
    let posts = json!({"posting": "/api/v4/posts"});
    let switch = json!({"fault": fault, "scope": posts, "times": times});
    scenario.fault(switch).await;
}

/// Turns a switch on for as many events, or for the connections that are open.
async fn line(scenario: &WithFaults, fault: Value, times: Option<u32>) {
    scenario
        .fault(json!({"fault": fault, "times": times}))
        .await;
}

#[tokio::test]
async fn a_line_that_ends_or_is_reset_loses_nothing() {
    let scenario = Scenario::through_proxy().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let (pat, lab) = (&scenario.pat, &scenario.lab);
    let cuts = [
        json!({"kind": "close"}),
        json!({"kind": "reset"}),
        json!({"kind": "close", "code": 1001}),
        json!({"kind": "restart"}),
    ];
    for (round, cut) in cuts.into_iter().enumerate() {
        line(&scenario, json!({"kind": "missing_posted"}), Some(1)).await;
        let unheard = pat.asks(lab, "@status").await;
        scenario.until_hit(1).await;
        line(&scenario, cut, None).await;
        let meanwhile = pat.asks(lab, "@help status").await;
        bot.says(" connected to Mattermost ", round + 2).await;
        unheard.outcome().await;
        meanwhile.outcome().await;
        scenario.mend().await;
    }
    scenario.finish(&mut bot).await;
    assert_eq!(bot.audit().len(), 8);
    assert_eq!(bot.starts(), 1);
}

#[tokio::test]
async fn a_line_that_is_open_and_dead_is_given_up_and_loses_nothing() {
    let scenario = Scenario::through_proxy().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let (pat, lab) = (&scenario.pat, &scenario.lab);
    pat.asks(lab, "@status").await.outcome().await;
    line(&scenario, json!({"kind": "half_open"}), None).await;
    let unheard = pat.asks(lab, "@status").await;
    // The next ping is at most 30 s away.
    let again = " connected to Mattermost ";
    bot.says_within(again, 2, Duration::from_secs(90)).await;
    unheard.outcome().await;
    scenario.finish(&mut bot).await;
    assert_eq!(bot.audit().len(), 2);
}

#[tokio::test]
async fn an_event_that_never_comes_is_made_good_by_the_next_sweep() {
    let scenario = Scenario::through_proxy().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let (olga, pat, lab) = (&scenario.olga, &scenario.pat, &scenario.lab);
    poll("the channel was read", async || bot.looked_at(lab)).await;
    line(&scenario, json!({"kind": "missing_posted"}), Some(1)).await;
    let unheard = pat.asks(lab, "@status").await;
    scenario.until_hit(1).await;
    olga.asks(lab, "@help status").await.outcome().await;
    // The sweep that follows a jump is the one that comes every five minutes in any case.
    line(&scenario, json!({"kind": "seq_jump", "by": 1}), Some(1)).await;
    olga.says(lab, "anybody there?").await;
    unheard.outcome().await;
    scenario.finish(&mut bot).await;
    assert_eq!(bot.audit().len(), 2);
}

#[tokio::test]
async fn events_that_come_twice_or_late_run_once() {
    let scenario = Scenario::through_proxy().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let (pat, lab) = (&scenario.pat, &scenario.lab);
    for fault in [
        json!({"kind": "doubled_events"}),
        json!({"kind": "late_posted", "delay_ms": 300}),
        json!({"kind": "seq_jump", "by": 5}),
    ] {
        line(&scenario, fault, None).await;
        let mut calls = Vec::new();
        for message in ["@status", "@help", "@restart"] {
            calls.push(pat.asks(lab, message).await);
        }
        for call in calls {
            call.outcome().await;
        }
        scenario.mend().await;
    }
    scenario.finish(&mut bot).await;
    assert_eq!(bot.audit().len(), 9);
}

#[tokio::test]
async fn an_answer_is_visible_once_whatever_becomes_of_its_request_on_the_way() {
    let scenario = Scenario::through_proxy().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let (pat, lab) = (&scenario.pat, &scenario.lab);
    for fault in [
        json!({"kind": "lost_answer"}),
        json!({"kind": "lost_request"}),
        json!({"kind": "late_request", "delay_ms": 11_000}),
        json!({"kind": "server_error", "status": 503, "when": "before_save"}),
        json!({"kind": "server_error", "status": 503, "when": "after_save"}),
        json!({"kind": "proxy_page", "status": 503}),
        json!({"kind": "too_many_requests", "retry_after": 1}),
        json!({"kind": "too_many_requests"}),
        json!({"kind": "unauthorized"}),
    ] {
        trouble(&scenario, &fault, 1).await;
        let answer = pat.asks(lab, "@status").await.outcome().await;
        assert!(answer.starts_with("**matterbot**"), "{fault}: {answer}");
        assert_eq!(scenario.hits().await, 1, "{fault}");
        scenario.mend().await;
    }
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn an_answer_whose_confirmation_was_lost_with_its_process_is_found() {
    let scenario = Scenario::through_proxy().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let (pat, lab) = (&scenario.pat, &scenario.lab);
    let slow = json!({"kind": "slow_answer", "delay_ms": 5_000});
    trouble(&scenario, &slow, 1).await;
    let call = pat.asks(lab, "@status").await;
    call.outcome().await;
    bot.kill().await;
    scenario.mend().await;
    bot.restart_process();
    bot.ready(2).await;
    pat.asks(lab, "@help status").await.outcome().await;
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn a_burst_over_a_line_that_is_cut_again_and_again_has_its_outcomes() {
    let scenario = Scenario::through_proxy().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let people = [&scenario.olga, &scenario.otto, &scenario.pat];
    let lab = &scenario.lab;
    let burst = people.map(async |person| {
        let mut calls = Vec::new();
        for number in 0..30 {
            if number % 3 == 0 {
                calls.push(person.asks(lab, "@status").await);
            } else {
                person.says(lab, "talk").await;
            }
        }
        calls
    });
    let cuts = async {
        for (cut, kind) in ["reset", "restart", "close"].into_iter().enumerate() {
            line(&scenario, json!({ "kind": kind }), None).await;
            bot.says(" connected to Mattermost ", cut + 2).await;
        }
    };
    let (calls, ()) = tokio::join!(futures_util::future::join_all(burst), cuts);
    for call in calls.iter().flatten() {
        call.outcome().await;
    }
    scenario.finish(&mut bot).await;
    assert_eq!(bot.audit().len(), 30);
}
