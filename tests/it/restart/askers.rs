//! Who asks, how often his message comes, and what happens to it when the server goes away in the middle.

use std::fs;

use serde_json::{Value, json};

use super::{assert_restarted, texts};
use crate::support::bot::BotUnderTest;
use crate::support::poll;
use crate::support::scenario::{Person, Scenario};

/// A bot that may restart as often as it is asked to.
async fn serving(scenario: &Scenario, service_manager: &str) -> BotUnderTest {
    let lifecycle =
        json!({"cooldown": "0s", "budget": {"count": 100, "window": "5m"}, "drain": "1s"});
    let settings =
        json!({"Matterbot": {"service_manager": service_manager}, "Lifecycle": lifecycle});
    BotUnderTest::serving(scenario, settings).await
}

async fn gives_role(scenario: &Scenario, person: &Person, roles: &str) {
    let path = format!("/users/{}/roles", person.id);
    let roles = json!({"roles": roles});
    scenario.admin.put(&path, roles).await.expect(200);
}

/// No event tells a bot of a demotion, so the account is looked at each time.
#[tokio::test]
async fn who_is_demoted_does_not_restart_the_bot_any_more() {
    let scenario = Scenario::with_guests().await;
    let (pat, olga, lab) = (&scenario.pat, &scenario.olga, &scenario.lab);
    gives_role(&scenario, pat, "system_user system_admin").await;
    let mut bot = serving(&scenario, "none").await;
    assert_restarted(&texts(&pat.asks(lab, "@restart").await).await);
    gives_role(&scenario, pat, "system_user").await;
    let mut demoted = vec![(pat, "You do not have permission to use `@restart`.")];
    assert_restarted(&texts(&olga.asks(lab, "@restart").await).await);
    // A listed operator who is made a guest; some servers have none.
    let path = format!("/users/{}/demote", olga.id);
    if scenario.admin.post(&path, json!({})).await.status == 200 {
        demoted.push((olga, "A guest account cannot use `@restart`."));
    }
    for (person, sentence) in demoted {
        let denied = person.asks(lab, "@restart").await.outcome().await;
        assert_eq!(denied, sentence);
    }
    scenario.finish(&mut bot).await;
    assert_eq!(bot.starts(), 3);
}

#[tokio::test]
async fn a_message_that_comes_again_restarts_nothing_again() {
    let scenario = Scenario::with_faults().await;
    let mut bot = serving(&scenario, "none").await;
    scenario
        .fault(json!({"fault": {"kind": "doubled_events"}}))
        .await;
    let restart = scenario.olga.asks(&scenario.lab, "@restart").await;
    assert_restarted(&texts(&restart).await);
    scenario.mend().await;
    bot.kill().await;
    bot.restart_process();
    bot.ready(3).await;
    scenario
        .pat
        .asks(&scenario.lab, "@status")
        .await
        .outcome()
        .await;
    scenario.finish(&mut bot).await;
    assert_eq!(bot.starts(), 3);
    assert_eq!(restart.posts().await.len(), 2);
}

#[tokio::test]
async fn a_call_that_hangs_holds_a_restart_no_longer_than_the_drain() {
    let scenario = Scenario::with_faults().await;
    let mut bot = serving(&scenario, "none").await;
    let hour = std::time::Duration::from_secs(3_600);
    let hangs = scenario.holds_up(&scenario.pat, hour).await;
    let restart = scenario.olga.asks(&scenario.lab, "@restart").await;
    let texts = texts(&restart).await;
    assert_restarted(&texts);
    assert!(texts[1].contains("`@help` was cut off"), "{texts:?}");
    let told = hangs.outcome().await;
    assert!(
        told.starts_with("I was interrupted while `@help` ran."),
        "{told}"
    );
    scenario.finish(&mut bot).await;
}

/// A preflight that takes a while is seen to be under way.
#[tokio::test]
async fn who_asks_sees_that_he_was_heard_while_the_check_runs() {
    let scenario = Scenario::with_faults().await;
    let settings = json!({"Lifecycle": {"ack_after": "50ms"}});
    let mut bot = BotUnderTest::serving(&scenario, settings).await;
    let slow = json!({"kind": "slow_answer", "delay_ms": 2_500});
    let whom = json!({"path": "/api/v4/users/me"});
    scenario.fault(json!({"fault": slow, "scope": whom})).await;
    let restart = scenario.olga.asks(&scenario.lab, "@restart").await;
    let joined = scenario.otto.asks(&scenario.lab, "@restart").await;
    for call in [&restart, &joined] {
        let eyes = (scenario.bot.id.clone(), "eyes".to_owned());
        let seen = async || {
            call.asker
                .reactions(&call.post)
                .await
                .contains(&eyes)
                .then_some(())
        };
        poll("it was noticed", seen).await;
    }
    scenario.mend().await;
    for call in [&restart, &joined] {
        assert_restarted(&texts(call).await);
    }
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn a_server_that_is_away_for_eleven_minutes_is_told_late() {
    let (mut scenario, directory) = kept().await;
    let mut bot = serving(&scenario, "exit").await;
    let asked = leaves_and_ages(&mut scenario, &mut bot, 11).await;
    scenario.start_server(directory.path()).await;
    let restart = scenario.olga.notes(asked, 0);
    let back = restart.outcome().await;
    assert!(
        back.starts_with("I am back, but late: ") && back.contains("11 min"),
        "{back}"
    );
    scenario.finish(&mut bot).await;
    assert!(!bot.state("restart-marker.json").exists());
}

#[tokio::test]
async fn a_server_that_is_away_for_a_day_is_told_nothing() {
    let (mut scenario, directory) = kept().await;
    let mut bot = serving(&scenario, "exit").await;
    let asked = leaves_and_ages(&mut scenario, &mut bot, 25 * 60).await;
    scenario.start_server(directory.path()).await;
    bot.says("Nobody is told", 1).await;
    let gone = async || (!bot.state("restart-marker.json").exists()).then_some(());
    poll("the marker is gone", gone).await;
    scenario
        .pat
        .asks(&scenario.lab, "@status")
        .await
        .outcome()
        .await;
    let thread = scenario.olga.thread(asked["id"].as_str().unwrap()).await;
    let is_outcome = |post: &Value| post["props"]["matterbot"]["kind"] == "outcome";
    assert!(!thread.iter().any(is_outcome), "{thread:?}");
    bot.terminate();
    assert_eq!(bot.exit_code().await, Some(0));
    let last = bot.audit().pop().unwrap();
    let restarts = bot
        .audit()
        .into_iter()
        .filter(|line| line["command"] == "@restart");
    let outcomes: Vec<Value> = restarts.map(|line| line["outcome"].clone()).collect();
    assert_eq!(
        outcomes,
        ["restarting", "restarted, and too late to tell"],
        "{last}"
    );
}

/// A server that can be stopped and started again, and where it keeps its state.
async fn kept() -> (Scenario, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    (Scenario::kept_in(directory.path()).await, directory)
}

/// The bot leaves for a restart, its server goes down, and minutes later the successor waits for it.
async fn leaves_and_ages(scenario: &mut Scenario, bot: &mut BotUnderTest, minutes: i64) -> Value {
    scenario
        .pat
        .asks(&scenario.lab, "@status")
        .await
        .outcome()
        .await;
    let asked = scenario.olga.says(&scenario.lab, "@restart").await;
    bot.says("restart: restarting", 1).await;
    scenario.stop_server().await;
    assert_eq!(bot.exit_code().await, Some(75));
    age(bot, minutes * 60_000);
    bot.restart_process();
    bot.says("the next try is in", 1).await;
    asked
}

/// Makes all that the bot left so much older.
fn age(bot: &BotUnderTest, milliseconds: i64) {
    let path = bot.state("restart-marker.json");
    let mut marker: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    marker["boot_id"] = json!("the boot before");
    let written = marker["written_at"].as_i64().unwrap();
    marker["written_at"] = json!(written - milliseconds);
    fs::write(&path, marker.to_string()).unwrap();
    let ledger = rusqlite::Connection::open(bot.state("ledger.db")).unwrap();
    for change in [
        "UPDATE run SET started_at = started_at - ?1, ready_at = ready_at - ?1, ended_at = ended_at - ?1",
        "UPDATE call SET asked_at = asked_at - ?1, recorded_at = recorded_at - ?1, settled_at = settled_at - ?1",
        "UPDATE outbox SET queued_at = queued_at - ?1, first_attempt_at = first_attempt_at - ?1",
    ] {
        ledger.execute(change, [milliseconds]).unwrap();
    }
}
