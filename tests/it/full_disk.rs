//! A disk that is full, before the bot starts or while it serves: nothing runs, nothing is lost, and it ends by itself.

mod small;

use std::time::Duration;

use serde_json::json;

use crate::support::bot::BotUnderTest;
use crate::support::scenario::{Call, Scenario};

/// The notice that nothing runs, once it stands in the thread of `call`.
async fn notice(call: &Call) -> String {
    let look = async || {
        let thread = call.asker.thread(call.root()).await;
        thread
            .into_iter()
            .find(|post| post["props"]["matterbot"]["kind"] == "notice")
    };
    let notice = call.asker.until("the notice was posted", look).await;
    notice["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_full_disk_runs_nothing_and_loses_nothing() {
    let scenario = Scenario::start().await;
    let (pat, olga, lab) = (&scenario.pat, &scenario.olga, &scenario.lab);
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    pat.asks(lab, "@help status").await.outcome().await;
    bot.audited(1).await;
    bot.limit_files(Some(1));
    // What only tells of the bot is told from memory; of the rest it is said once that nothing runs.
    let text = pat.asks(lab, "@status").await.outcome().await;
    assert!(text.contains("the ledger cannot be written"), "{text}");
    assert!(!text.contains("Somebody else writes"), "{text}");
    pat.asks(lab, "@help status").await.outcome().await;
    let restart = olga.asks(lab, "@restart").await;
    let text = notice(&restart).await;
    assert!(
        text.starts_with("I cannot write my ledger at present"),
        "{text}"
    );
    let audit = scenario.admin.asks(lab, "@audit").await;
    bot.limit_files(None);
    pat.asks(lab, "@status").await.outcome().await;
    bot.terminate();
    assert_eq!(bot.exit_code().await, Some(0));
    assert_eq!(bot.starts(), 1);
    // What was answered from memory is not answered again; what was not run has its outcome now.
    bot.restart_process();
    let late = restart.outcome().await;
    assert!(
        late.starts_with("I was down when you asked for `@restart`"),
        "{late}"
    );
    assert!(audit.outcome().await.starts_with("| When (UTC) |"));
    scenario.finish(&mut bot).await;
    let lines = bot.audit();
    assert_eq!(lines.len(), 6, "a line for each decision: {lines:?}");
}

#[tokio::test]
async fn a_disk_that_fills_while_a_command_runs_delays_its_outcome() {
    let scenario = Scenario::with_faults().await;
    let (pat, lab) = (&scenario.pat, &scenario.lab);
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let call = scenario.holds_up(pat, Duration::from_millis(1_500)).await;
    bot.limit_files(Some(1));
    bot.says("an outcome waits until the ledger can be written", 1)
        .await;
    let meanwhile = pat.asks(lab, "@status").await.outcome().await;
    assert!(
        meanwhile.contains("the ledger cannot be written"),
        "{meanwhile}"
    );
    assert!(call.posts().await.is_empty());
    bot.limit_files(None);
    let answer = call.outcome().await;
    assert!(answer.starts_with("`@status"), "{answer}");
    scenario.finish(&mut bot).await;
    let lines = bot.audit();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines.iter().all(|line| line["outcome"] == "done"),
        "{lines:?}"
    );
    // Nobody comes later and finds that it was cut off.
    bot.restart_process();
    pat.asks(lab, "@status").await.outcome().await;
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn an_outcome_that_waits_for_room_survives_the_end_of_its_process() {
    let scenario = Scenario::with_faults().await;
    let pat = &scenario.pat;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let call = scenario.holds_up(pat, Duration::from_millis(1_500)).await;
    bot.limit_files(Some(1));
    bot.says("an outcome waits until the ledger can be written", 1)
        .await;
    bot.kill().await;
    bot.restart_process();
    let told = call.outcome().await;
    assert!(
        told.starts_with("I was interrupted while `@help` ran."),
        "{told}"
    );
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn a_restart_that_is_refused_for_want_of_room_is_refused_once() {
    let scenario = Scenario::with_faults().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    // The preflight asks for the teams.
    let team = json!({"path": "/api/v4/users/me/teams"});
    let slow = json!({"kind": "slow_answer", "delay_ms": 1_500});
    scenario
        .fault(json!({"fault": slow, "scope": team, "times": 1}))
        .await;
    let restart = scenario.olga.asks(&scenario.lab, "@restart").await;
    scenario.until_hit(1).await;
    bot.limit_files(Some(1));
    bot.says("an outcome waits until the ledger can be written", 1)
        .await;
    bot.limit_files(None);
    let refused = restart.outcome().await;
    assert!(refused.starts_with("I am not restarting"), "{refused}");
    scenario.finish(&mut bot).await;
    assert_eq!(bot.starts(), 1);
    let outcomes: Vec<_> = bot
        .audit()
        .iter()
        .map(|line| line["outcome"].clone())
        .collect();
    assert_eq!(outcomes, ["restarting", "failed"]);
}

#[tokio::test]
async fn a_bot_that_starts_on_a_full_disk_serves_when_there_is_room() {
    let scenario = Scenario::start().await;
    let (admin, pat, olga, lab) = (
        &scenario.admin,
        &scenario.pat,
        &scenario.olga,
        &scenario.lab,
    );
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    pat.asks(lab, "@status").await.outcome().await;
    scenario.finish(&mut bot).await;
    let missed = pat.asks(lab, "@help status").await;
    bot.restart_process_without_room();
    bot.ready(2).await;
    let pid = bot.pid();
    let status = pat.asks(lab, "@status").await.outcome().await;
    assert!(status.contains("the ledger cannot be written"), "{status}");
    let help = pat.asks(lab, "@help audit").await.outcome().await;
    assert!(help.starts_with("There is no command"), "{help}");
    let restart = olga.asks(lab, "@restart").await;
    let text = notice(&restart).await;
    assert!(text.starts_with("I cannot write my ledger"), "{text}");
    let audit = admin.asks(lab, "@audit").await;
    assert!(missed.posts().await.is_empty(), "nobody knows of it yet");
    bot.limit_files(None);
    bot.ready(3).await;
    assert_eq!(bot.pid(), pid);
    assert!(missed.outcome().await.starts_with("`@status"));
    assert!(audit.outcome().await.starts_with("| When (UTC) |"));
    let late = restart.outcome().await;
    assert!(
        late.starts_with("I was down when you asked for `@restart`"),
        "{late}"
    );
    let status = pat.asks(lab, "@status").await.outcome().await;
    assert!(status.contains("(started after a stop)"), "{status}");
    scenario.finish(&mut bot).await;
    assert_eq!(bot.audit().len(), 7, "{:?}", bot.audit());
    // Nothing is answered again.
    bot.restart_process();
    bot.ready(4).await;
    pat.asks(lab, "@status").await.outcome().await;
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn a_first_start_on_a_full_disk_takes_what_is_asked_from_then_on() {
    let scenario = Scenario::start().await;
    let (admin, pat, lab) = (&scenario.admin, &scenario.pat, &scenario.lab);
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    scenario.finish(&mut bot).await;
    for name in ["ledger.db", "audit.jsonl", "matterbot.lock"] {
        std::fs::remove_file(bot.state(name)).unwrap();
    }
    pat.says(lab, "@status").await;
    bot.restart_process_without_room();
    bot.ready(2).await;
    let audit = admin.asks(lab, "@audit").await;
    notice(&audit).await;
    bot.limit_files(None);
    bot.ready(3).await;
    assert_eq!(audit.outcome().await, "No decision has been recorded yet.");
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn a_bot_without_room_stops_when_it_is_asked_to() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    bot.kill().await;
    bot.restart_process_without_room();
    bot.ready(2).await;
    bot.terminate();
    assert_eq!(bot.exit_code().await, Some(0));
    // What there is no ledger for was not tried.
    let log = bot.log();
    for vain in ["could not be noted", "could not be forgotten"] {
        assert!(!log.contains(vain), "{log}");
    }
}
