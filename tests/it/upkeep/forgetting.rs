//! What the bot forgets by itself and what a person makes it forget; no call runs twice for it.

use std::path::Path;

use matterbot::timestamp::Timestamp;
use rusqlite::{Connection, params};
use serde_json::{Value, json};

use super::{id, objects, printed, refused};
use crate::support::bot::BotUnderTest;
use crate::support::scenario::Scenario;

const DAY: i64 = 24 * 60 * 60 * 1_000;

fn days_ago(days: i64) -> i64 {
    Timestamp::now().0 - days * DAY
}

fn connect(bot: &BotUnderTest) -> Connection {
    Connection::open(bot.state("ledger.db")).unwrap()
}

fn calls(ledger: &Connection) -> u32 {
    let count = "SELECT count(*) FROM call";
    ledger.query_row(count, [], |row| row.get(0)).unwrap()
}

/// Calls of another time, in a channel that is no more.
fn plant(ledger: &Connection, count: u32) {
    ledger
        .execute(
            "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?1)
             INSERT INTO call (post, ordinal, name, state, channel, root, user, asked_at, recorded_at, settled_at,
                               detail, text, plan)
             SELECT printf('%026d', n), 0, 'status', 'done', printf('%026d', 7), printf('%026d', n),
                    printf('%026d', 8), ?2, ?2, ?2, 'done', '@status', '{}' FROM number",
            params![count, days_ago(100)],
        )
        .unwrap();
}

#[tokio::test]
async fn a_bot_that_runs_forgets_what_is_old_and_serves() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    scenario.finish(&mut bot).await;
    plant(&connect(&bot), 1_500);
    bot.restart_process();
    bot.ready(2).await;
    let mut asked = Vec::new();
    for _ in 0..5 {
        asked.push(scenario.pat.asks(&scenario.lab, "@status").await);
    }
    for call in &asked {
        call.outcome().await;
    }
    bot.says("what is older than 90 days is forgotten", 1).await;
    let left = objects(&bot, &["ledger", "list", "--json", "-n", "10000"]).await;
    // The last row of the planted ones may have been the last of all when its turn came.
    assert!((5..=6).contains(&left.len()), "{}", left.len());
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn prune_deletes_while_the_bot_is_down_and_says_what() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    scenario
        .pat
        .asks(&scenario.lab, "@status")
        .await
        .outcome()
        .await;
    let (code, error) = refused(&bot, &["ledger", "prune"]).await;
    assert!(
        code == Some(1) && error.contains("belongs to a bot that runs (process "),
        "{error}"
    );
    let dry = printed(&bot, &["ledger", "prune", "--dry-run"]).await;
    assert!(
        dry.starts_with("Would delete what is older than 90 days: 0 calls, "),
        "{dry}"
    );
    scenario.finish(&mut bot).await;

    plant(&connect(&bot), 5_000);
    scenario.pat.visits(&scenario.lab);
    for (age, words) in [
        ("6d", "what is younger than 7 days keeps"),
        ("soon", "expected number"),
    ] {
        let (code, error) = refused(&bot, &["ledger", "prune", "--older-than", age]).await;
        assert!(code == Some(64) && error.contains(words), "{error}");
    }
    let nothing = printed(&bot, &["ledger", "prune", "--older-than", "200d"]).await;
    assert!(
        nothing.contains("older than 200 days") && nothing.contains(": 0 calls, "),
        "{nothing}"
    );
    let dry = printed(&bot, &["ledger", "prune", "--dry-run"]).await;
    assert!(dry.contains(": 4999 calls, "), "{dry}");
    assert_eq!(calls(&connect(&bot)), 5_001);
    let said = printed(&bot, &["ledger", "prune"]).await;
    assert!(
        said.starts_with("Deleted what is older than 90 days: 4999 calls, "),
        "{said}"
    );
    assert!(
        said.contains("1 call of that age may not go") && said.contains("The file has "),
        "{said}"
    );
    assert_eq!(calls(&connect(&bot)), 2);

    bot.restart_process();
    bot.ready(2).await;
    scenario
        .pat
        .asks(&scenario.lab, "@status")
        .await
        .outcome()
        .await;
    scenario.finish(&mut bot).await;
}

/// The channel was quiet for longer than the ledger remembers, so that its anchor is older than what is forgotten.
#[tokio::test]
async fn a_forgotten_call_behind_an_old_anchor_is_not_answered_again() {
    let scenario = Scenario::start().await;
    let admin = &scenario.admin;
    let quiet = scenario.channel("quiet", &[]).await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    scenario.finish(&mut bot).await;
    let dated = |text: &str, days| json!({"channel_id": quiet, "message": text, "create_at": days_ago(days)});
    let anchor = admin.posts(dated("long ago", 102)).await;
    let restarted = admin.notes(admin.posts(dated("@restart", 101)).await, 0);

    // What was left of it when it had its outcome.
    let ledger = connect(&bot);
    let at = |post: &Value| post["create_at"].as_i64().unwrap();
    let anchored = "INSERT OR REPLACE INTO watermark VALUES (?, ?, ?, 0)";
    ledger
        .execute(
            anchored,
            params![quiet, anchor["id"].as_str().unwrap(), at(&anchor)],
        )
        .unwrap();
    ledger
        .execute(
            "INSERT INTO call (post, ordinal, name, state, channel, root, user, asked_at, recorded_at, settled_at,
                               detail, text, plan)
             VALUES (?1, 0, 'restart', 'done', ?2, ?1, ?3, ?4, ?4, ?4, 'restarted', '@restart', '{}')",
            params![id(&restarted), quiet, admin.id, at(&restarted.post)],
        )
        .unwrap();
    plant(&ledger, 100);
    drop(ledger);
    let said = printed(&bot, &["ledger", "prune"]).await;
    assert!(said.contains(": 100 calls, "), "{said}");

    // The answer to what was said since proves that the channel was read from its anchor on.
    let since = admin.asks(&quiet, "@status").await;
    bot.restart_process();
    since.outcome().await;
    bot.terminate();
    assert_eq!(bot.exit_code().await, Some(0));
    assert_eq!(
        restarted.posts().await.len(),
        0,
        "it had its answer long ago"
    );
    assert_eq!(bot.starts(), 2);
}

/// Whether an old message was a call before it was edited nobody knows any more.
#[tokio::test]
async fn an_edit_of_a_message_whose_calls_are_forgotten_is_not_answered() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let (olga, lab) = (&scenario.olga, &scenario.lab);
    let ran = olga.asks(lab, "@status").await;
    ran.outcome().await;
    scenario.finish(&mut bot).await;
    let ledger = connect(&bot);
    ledger
        .execute_batch("UPDATE state SET forgotten_until = (SELECT max(asked_at) FROM call); DELETE FROM call;")
        .unwrap();
    drop(ledger);
    bot.restart_process();
    bot.ready(2).await;
    olga.edits(&ran.post, "@restart").await;
    let later: Value = olga.says(lab, "nothing").await;
    olga.edits(&later, "@restart").await;
    let answer = olga.notes(later, 0).outcome().await;
    assert!(
        answer.starts_with("Edited messages are not run"),
        "{answer}"
    );
    assert_eq!(ran.posts().await.len(), 1, "{}", id(&ran));
    scenario.finish(&mut bot).await;
    assert_eq!(bot.starts(), 2);
}

/// Two names of one thing would hide that a test looks at the wrong file.
#[tokio::test]
async fn prune_without_a_ledger_makes_none() {
    let home = crate::support::program::Home::new(&crate::support::program::Settings::alone());
    for arguments in [
        &["ledger", "prune"][..],
        &["ledger", "prune", "--dry-run"],
        &["ledger", "list"],
        &["ledger", "show", "k1h7xqnd3fyw8mgqj5s9e6ro4a"],
    ] {
        let output = home.output(arguments).await;
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            text.starts_with("There is no ledger in "),
            "{arguments:?}: {text}"
        );
    }
    let ledger: &Path = &home.state().join("ledger.db");
    assert!(!ledger.exists());
}
