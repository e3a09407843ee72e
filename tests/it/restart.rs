//! `@restart`: the bot goes away, comes back, says so where it was asked, and nothing is lost in between.

mod askers;
mod markers;
mod replaced;
mod terminal;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::bot::BotUnderTest;
use crate::support::poll;
use crate::support::scenario::{Call, Scenario};

/// The texts that answer `call` once it has its outcome, progress first.
async fn texts(call: &Call) -> Vec<String> {
    call.outcome().await;
    let posts = call.posts().await;
    posts
        .iter()
        .map(|post| post["message"].as_str().unwrap().to_owned())
        .collect()
}

#[track_caller]
fn assert_restarted(texts: &[String]) {
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(texts[0].starts_with("Restarting now"), "{texts:?}");
    assert!(texts[1].starts_with("Back up. ✅"), "{texts:?}");
}

#[tokio::test]
async fn an_operator_restarts_the_bot_and_nobody_goes_unanswered() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let (olga, pat, lab) = (&scenario.olga, &scenario.pat, &scenario.lab);
    let pid = bot.pid();
    let restart = olga.asks(lab, "@restart").await;
    let mut between = Vec::new();
    let announced = async || {
        between.push(pat.asks(lab, "@status").await);
        (bot.starts() == 2).then_some(())
    };
    poll("the bot serves again", announced).await;
    assert_restarted(&texts(&restart).await);
    assert_eq!(bot.pid(), pid, "the same process");
    for call in &between {
        call.outcome().await;
    }
    let after = pat.asks(lab, "@status").await.outcome().await;
    assert!(after.contains("(restarted on request)"), "{after}");
    assert!(!bot.state("restart-marker.json").exists());
    scenario.finish(&mut bot).await;
    let audit = bot.audit();
    let restarts: Vec<&Value> = audit
        .iter()
        .filter(|line| line["command"] == "@restart")
        .collect();
    let outcomes: Vec<&Value> = restarts.iter().map(|line| &line["outcome"]).collect();
    assert_eq!(outcomes, ["restarting", "restarted"]);
    for line in restarts {
        assert_eq!(line["verdict"], "allowed");
        assert_eq!(line["user"], olga.id.as_str());
        assert_eq!(line["post"], restart.post["id"]);
    }
}

#[tokio::test]
async fn the_return_is_told_where_it_was_asked() {
    let scenario = Scenario::start().await;
    let settings = json!({"Lifecycle": {"cooldown": "0s", "budget": {"count": 9, "window": "5m"}}});
    let mut bot = BotUnderTest::serving(&scenario, settings).await;
    let thread = scenario.pat.says(&scenario.lab, "it hangs again").await;
    let in_thread = scenario.olga.asks_in_thread(&thread, "!Restart Bot").await;
    assert_restarted(&texts(&in_thread).await);
    let direct = scenario.admin.direct(&scenario.bot).await;
    let in_direct = scenario.admin.asks(&direct, "@restart").await;
    assert_restarted(&texts(&in_direct).await);
    let group = scenario.otto.group(&[&scenario.pat, &scenario.bot]).await;
    let in_group = scenario.otto.asks(&group, "@RESTART").await;
    assert_restarted(&texts(&in_group).await);
    scenario.finish(&mut bot).await;
    assert_eq!(bot.starts(), 4);
}

#[tokio::test]
async fn many_askers_at_once_get_one_restart_and_a_notice_each() {
    let scenario = Scenario::start().await;
    let operators = [
        &scenario.olga,
        &scenario.otto,
        &scenario.admin,
        &scenario.new_operator("odin").await,
        &scenario.new_operator("oona").await,
    ];
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let asked = operators.map(|operator| operator.asks(&scenario.lab, "@restart"));
    for call in futures_util::future::join_all(asked).await {
        assert_restarted(&texts(&call).await);
    }
    scenario.finish(&mut bot).await;
    assert_eq!(bot.starts(), 2);
}

#[tokio::test]
async fn who_joins_a_restart_during_the_drain_is_told_too() {
    let scenario = Scenario::with_faults().await;
    let foreign = scenario.channel("foreign", &[&scenario.otto]).await;
    let settings = json!({"Lifecycle": {"channels": ["lab"]}});
    let mut bot = BotUnderTest::serving(&scenario, settings).await;
    let (olga, otto, pat, lab) = (&scenario.olga, &scenario.otto, &scenario.pat, &scenario.lab);
    // The look-up for pat's help takes a while, and the drain waits for it.
    let help = scenario.holds_up(pat, Duration::from_millis(3_000)).await;
    let first = olga.asks(lab, "@restart").await;
    bot.says("restart: restarting", 1).await;
    let second = otto.asks(lab, "@restart").await;
    let elsewhere = otto.asks(&foreign, "@restart").await;
    let denied = pat.asks(lab, "@restart").await;
    let waiting = pat.asks(lab, "@status").await;
    for joined in [&first, &second] {
        assert_restarted(&texts(joined).await);
    }
    assert_eq!(
        elsewhere.outcome().await,
        "`@restart` does not work in this channel."
    );
    assert_eq!(
        denied.outcome().await,
        "You do not have permission to use `@restart`."
    );
    help.outcome().await;
    waiting.outcome().await;
    scenario.finish(&mut bot).await;
    assert_eq!(bot.starts(), 2);
}

#[tokio::test]
async fn a_restart_before_the_last_one_is_told_loses_no_notice() {
    let scenario = Scenario::with_faults().await;
    let settings = json!({"Lifecycle": {"cooldown": "0s"}});
    let mut bot = BotUnderTest::serving(&scenario, settings).await;
    let (olga, otto, lab) = (&scenario.olga, &scenario.otto, &scenario.lab);
    // Catch-up takes longer than "Back up." waits for it.
    let slow = json!({"kind": "slow_answer", "delay_ms": 8_000});
    let listing = json!({"path": "/api/v4/users/me/channels"});
    scenario
        .fault(json!({"fault": slow, "scope": listing}))
        .await;
    let first = olga.asks(lab, "@restart").await;
    bot.ready(2).await;
    let second = otto.asks(lab, "@restart").await;
    assert_restarted(&texts(&first).await);
    bot.ready(3).await;
    scenario.mend().await;
    assert_restarted(&texts(&second).await);
    scenario.finish(&mut bot).await;
    assert_eq!(bot.starts(), 3);
}

#[tokio::test]
async fn those_who_join_a_restart_use_up_one_of_the_budget() {
    let scenario = Scenario::with_faults().await;
    let settings = json!({"Lifecycle": {"cooldown": "0s", "budget": {"count": 2, "window": "1h"}}});
    let mut bot = BotUnderTest::serving(&scenario, settings).await;
    let (olga, otto, lab) = (&scenario.olga, &scenario.otto, &scenario.lab);
    scenario
        .holds_up(&scenario.pat, Duration::from_millis(2_000))
        .await;
    let asked = [
        olga.asks(lab, "@restart").await,
        otto.asks(lab, "@restart").await,
    ];
    for call in &asked {
        assert_restarted(&texts(call).await);
    }
    assert_restarted(&texts(&olga.asks(lab, "@restart").await).await);
    let fourth = otto.asks(lab, "@restart").await.outcome().await;
    assert!(fourth.starts_with("I restart at most 2 times"), "{fourth}");
    scenario.finish(&mut bot).await;
    assert_eq!(bot.starts(), 3);
}

#[tokio::test]
async fn a_restart_waits_for_the_cooldown_and_the_budget() {
    let scenario = Scenario::start().await;
    let settings = json!({"Lifecycle": {"cooldown": "1h"}});
    let mut bot = BotUnderTest::serving(&scenario, settings).await;
    let (olga, otto, lab) = (&scenario.olga, &scenario.otto, &scenario.lab);
    assert_restarted(&texts(&olga.asks(lab, "@restart").await).await);
    let soon = otto.asks(lab, "@restart").await.outcome().await;
    assert!(soon.starts_with("I restarted only a moment ago."), "{soon}");
    scenario.finish(&mut bot).await;

    let settings = json!({"Lifecycle": {"cooldown": "0s", "budget": {"count": 2, "window": "1h"}}});
    bot.configure(&scenario, settings);
    bot.restart_process();
    bot.ready(3).await;
    assert_restarted(&texts(&otto.asks(lab, "@restart").await).await);
    let third = olga.asks(lab, "@restart").await.outcome().await;
    assert!(
        third.starts_with("I restart at most 2 times in 1h"),
        "{third}"
    );
    scenario.finish(&mut bot).await;
    assert_eq!(bot.starts(), 4);
    let reasons: Vec<Value> = bot
        .audit()
        .iter()
        .filter(|line| line["verdict"] == "denied")
        .map(|line| line["reason"].clone())
        .collect();
    assert_eq!(reasons, ["cooldown", "budget"]);
}

#[tokio::test]
async fn nobody_keeps_companions_here() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    for message in ["@restart feed", "@restart bot now", "@restart bot feed"] {
        let answer = scenario.olga.asks(&scenario.lab, message).await;
        assert_eq!(
            answer.outcome().await,
            "I can restart only myself: I look after no other service."
        );
    }
    // Whoever may not is told no more than that.
    let denied = scenario.pat.asks(&scenario.lab, "@restart feed").await;
    assert_eq!(
        denied.outcome().await,
        "You do not have permission to use `@restart`."
    );
    scenario.finish(&mut bot).await;
    assert_eq!(bot.starts(), 1);
}

#[tokio::test]
async fn signals_restart_and_stop_without_a_word_in_chat() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let pid = bot.pid();
    bot.signal(Signal::USR1);
    bot.ready(2).await;
    assert_eq!(bot.pid(), pid);
    scenario
        .pat
        .asks(&scenario.lab, "@status")
        .await
        .outcome()
        .await;
    poll("the marker is gone", async || {
        (!bot.state("restart-marker.json").exists()).then_some(())
    })
    .await;
    bot.signal(Signal::HUP);
    bot.says("asked by SIGHUP", 1).await;
    scenario
        .pat
        .asks(&scenario.lab, "@status")
        .await
        .outcome()
        .await;
    bot.signal(Signal::INT);
    assert_eq!(bot.exit_code().await, Some(0));
    scenario.check_promise().await;
    assert!(!bot.state("restart-marker.json").exists());
}

#[tokio::test]
async fn sigterm_finishes_what_runs_and_takes_nothing_new() {
    let scenario = Scenario::with_faults().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let (pat, olga, lab) = (&scenario.pat, &scenario.olga, &scenario.lab);
    let running = scenario.holds_up(pat, Duration::from_millis(1_500)).await;
    bot.terminate();
    bot.says("asked to stop", 1).await;
    let late = olga.asks(lab, "@status").await;
    assert_eq!(bot.exit_code().await, Some(0));
    assert_eq!(running.posts().await.len(), 1, "it was finished");
    assert!(late.posts().await.is_empty(), "the next process's");
    bot.restart_process();
    late.outcome().await;
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn the_marker_is_private_while_it_stands() {
    let scenario = Scenario::with_faults().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let (pat, lab) = (&scenario.pat, &scenario.lab);
    scenario.holds_up(pat, Duration::from_millis(1_500)).await;
    let restart = scenario.olga.asks(lab, "@restart").await;
    bot.says("restart: restarting", 1).await;
    let marker = bot.state("restart-marker.json").metadata().unwrap();
    assert_eq!(marker.permissions().mode() & 0o7777, 0o600);
    assert_restarted(&texts(&restart).await);
    let gone = async || (!bot.state("restart-marker.json").exists()).then_some(());
    poll("the marker is gone", gone).await;
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn a_restart_that_was_announced_is_completed_by_whoever_comes_next() {
    let scenario = Scenario::with_faults().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let (pat, lab) = (&scenario.pat, &scenario.lab);
    let cut_off = scenario.holds_up(pat, Duration::from_millis(5_000)).await;
    let restart = scenario.olga.asks(lab, "@restart").await;
    bot.says("restart: restarting", 1).await;
    bot.kill().await;
    bot.restart_process();
    let back = restart.outcome().await;
    assert!(back.starts_with("Back up. ✅"), "{back}");
    assert!(back.contains("`@help` was cut off"), "{back}");
    assert!(
        cut_off
            .outcome()
            .await
            .starts_with("I was interrupted while `@help` ran.")
    );
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn a_return_that_is_late_says_so_and_after_a_day_says_nothing() {
    let scenario = Scenario::with_faults().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({"Lifecycle": {"cooldown": "0s"}})).await;
    let (pat, olga, lab) = (&scenario.pat, &scenario.olga, &scenario.lab);
    for (round, minutes, is_told) in [(1, 11, true), (2, 25 * 60, false)] {
        scenario.holds_up(pat, Duration::from_secs(5)).await;
        let post = olga.says(lab, "@restart").await;
        bot.says("restart: restarting", round).await;
        bot.kill().await;
        age_marker(&bot, minutes);
        bot.restart_process();
        bot.ready(round + 1).await;
        if is_told {
            let back = olga.notes(post, 0).outcome().await;
            assert!(back.starts_with("I am back, but late: "), "{back}");
            assert!(back.contains("11 min"), "{back}");
        } else {
            bot.says("Nobody is told", 1).await;
            let thread = olga.thread(post["id"].as_str().unwrap()).await;
            let is_outcome = |post: &Value| post["props"]["matterbot"]["kind"] == "outcome";
            assert!(!thread.iter().any(is_outcome), "{thread:?}");
        }
    }
    bot.terminate();
    assert_eq!(bot.exit_code().await, Some(0));
    let audit = bot.audit();
    let outcomes = audit.iter().filter_map(|line| line["outcome"].as_str());
    assert_eq!(
        outcomes.collect::<Vec<_>>(),
        [
            "restarting",
            "restarted, and told late",
            "restarting",
            "restarted, and too late to tell"
        ]
    );
}

/// Makes the marker so much older.
fn age_marker(bot: &BotUnderTest, minutes: i64) {
    let path = bot.state("restart-marker.json");
    let mut marker: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    marker["boot_id"] = json!("the boot before");
    let written = marker["written_at"].as_i64().unwrap();
    marker["written_at"] = json!(written - minutes * 60_000);
    fs::write(&path, marker.to_string()).unwrap();
}

#[tokio::test]
async fn a_program_that_is_gone_keeps_the_old_one_from_leaving() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    bot.lose_program();
    let restart = scenario.olga.asks(&scenario.lab, "@restart").await;
    let refused = restart.outcome().await;
    assert!(
        refused.starts_with("I am not restarting, and go on as before"),
        "{refused}"
    );
    scenario
        .pat
        .asks(&scenario.lab, "@status")
        .await
        .outcome()
        .await;
    scenario.finish(&mut bot).await;
    assert_eq!(bot.starts(), 1);
}
