//! `matterbot ledger` and `matterbot audit`: the real program on real ledgers, while the bot runs and while it is down.

mod forgetting;
mod rights;

use std::process::Output;

use serde_json::{Value, json};

use crate::support::bot::BotUnderTest;
use crate::support::poll;
use crate::support::program::{self, PROGRAM, command};
use crate::support::scenario::{Call, Scenario};

/// Runs the program beside `bot`, with its configuration.
async fn output(bot: &BotUnderTest, arguments: &[&str]) -> Output {
    let mut command = command(PROGRAM);
    command
        .arg("--config")
        .arg(bot.config_path())
        .args(arguments);
    program::output(command).await
}

/// What it prints when it succeeds.
async fn printed(bot: &BotUnderTest, arguments: &[&str]) -> String {
    let output = output(bot, arguments).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

async fn objects(bot: &BotUnderTest, arguments: &[&str]) -> Vec<Value> {
    let text = printed(bot, arguments).await;
    let parse = |line| serde_json::from_str(line).unwrap();
    text.lines().map(parse).collect()
}

/// Why it fails, and the status.
async fn refused(bot: &BotUnderTest, arguments: &[&str]) -> (Option<i32>, String) {
    let output = output(bot, arguments).await;
    assert!(output.stdout.is_empty(), "{output:?}");
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

/// As much of an identifier as a narrow table shows.
fn short(id: &str) -> &str {
    id.get(..6).unwrap()
}

fn id(call: &Call) -> &str {
    call.post["id"].as_str().unwrap()
}

#[tokio::test]
async fn the_calls_are_listed_and_shown_while_the_bot_runs_and_while_it_is_down() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let (pat, lab) = (&scenario.pat, &scenario.lab);
    let status = pat.asks(lab, "@status \u{1b}[31mred\u{202e}").await;
    status.outcome().await;
    let denied = pat.asks(lab, "@restart").await;
    denied.outcome().await;

    // The note that an answer is visible rides for a moment.
    let answered = async || {
        let calls = objects(&bot, &["ledger", "list", "--json"]).await;
        let all = calls.iter().all(|call| call["answer"].is_string());
        (calls.len() == 2 && all).then_some(calls)
    };
    let calls = poll("both are answered", answered).await;
    assert_eq!(
        (&calls[0]["post"], &calls[0]["state"]),
        (&json!(id(&denied)), &json!("denied"))
    );
    assert_eq!(
        (&calls[1]["name"], &calls[1]["user"]),
        (&json!("status"), &json!(pat.id))
    );
    let answer = status.posts().await[0]["id"].clone();
    assert_eq!(calls[1]["answer"], answer);

    let list = printed(&bot, &["ledger", "list"]).await;
    let lines: Vec<&str> = list.lines().collect();
    assert!(lines[0].starts_with("WHEN (UTC)"), "{list}");
    for words in [
        id(&denied),
        "denied: not_permitted",
        "restart",
        short(&pat.id),
        short(lab),
    ] {
        assert!(lines[1].contains(words), "{words}: {list}");
    }
    assert!(lines[2].ends_with("done"), "{list}");
    assert!(
        lines.iter().all(|line| line.chars().count() <= 100),
        "{list}"
    );
    assert!(list.contains("--json has everything"), "{list}");
    assert_eq!(
        lines.last(),
        Some(&"Nothing waits in the outbox; nothing was undeliverable.")
    );
    assert!(!list.contains("red"), "what was said is for `show`");

    let which = format!("{}:0", id(&status));
    for running in [true, false] {
        let shown = printed(&bot, &["ledger", "show", &which]).await;
        assert!(shown.contains("@status [31mred"), "{shown}");
        assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown:?}");
        let one = objects(&bot, &["ledger", "show", id(&status), "--json"]).await;
        assert_eq!(one[0]["text"], status.post["message"]);
        assert_eq!(one[0]["plan"]["word"], "@status");
        let only = ["ledger", "list", "--json", "--state", "denied", "-n", "5"];
        assert_eq!(objects(&bot, &only).await.len(), 1);
        assert_eq!(
            objects(&bot, &["ledger", "list", "--json", "-n", "1"])
                .await
                .len(),
            1
        );
        for (arguments, code, words) in [
            (
                &["ledger", "show", lab.as_str()][..],
                1,
                "the ledger has no call of",
            ),
            (&["ledger", "show", "nonsense"], 64, "not an identifier"),
            (
                &["ledger", "show", &format!("{}:x", id(&status))],
                64,
                "not the number of a call",
            ),
            (&["ledger", "list", "--state", "odd"], 64, "interrupted"),
            (&["ledger", "list", "-n", "0"], 64, "1..=10000"),
        ] {
            let (status, error) = refused(&bot, arguments).await;
            assert!(
                status == Some(code) && error.contains(words),
                "{arguments:?}: {error}"
            );
        }
        if running {
            scenario.finish(&mut bot).await;
            assert!(
                !bot.state("ledger.db-wal").exists(),
                "nobody was in the way of its end"
            );
        }
    }
    assert!(!bot.state("ledger.db-wal").exists() && !bot.state("ledger.db-shm").exists());
}

#[tokio::test]
async fn what_waits_and_what_was_undeliverable_is_told() {
    let scenario = Scenario::with_faults().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let (pat, lab) = (&scenario.pat, &scenario.lab);
    scenario
        .fault(json!({
            "fault": {"kind": "server_error", "status": 503, "when": "before_save"},
            "scope": {"user": scenario.bot.id},
        }))
        .await;
    let call = pat.says(lab, "@status").await;
    let waits = async || {
        let calls = objects(&bot, &["ledger", "list", "--json"]).await;
        calls
            .into_iter()
            .find(|call| call["waiting"][0]["part"] == 1)
    };
    poll("its answer waits", waits).await;
    let list = printed(&bot, &["ledger", "list"]).await;
    assert!(list.contains("done, not posted yet"), "{list}");
    assert!(
        list.contains("1 post waits in the outbox, the oldest for "),
        "{list}"
    );
    let shown = printed(&bot, &["ledger", "show", call["id"].as_str().unwrap()]).await;
    assert!(
        shown.contains("waits") && shown.contains("| **matterbot** "),
        "{shown}"
    );
    bot.kill().await;

    let ledger = rusqlite::Connection::open(bot.state("ledger.db")).unwrap();
    ledger
        .execute_batch(
            "INSERT INTO undeliverable (at, reason, key, channel, root, kind, calls, part, parts, text)
             SELECT 1, 'the channel is archived', key, channel, root, kind, calls, part, parts, text FROM outbox;
             DELETE FROM outbox;",
        )
        .unwrap();
    drop(ledger);
    let list = printed(&bot, &["ledger", "list"]).await;
    assert!(list.contains("done, undeliverable: "), "{list}");
    assert!(
        list.contains("1 post was undeliverable since 1970"),
        "{list}"
    );
}

#[tokio::test]
async fn the_last_decisions_are_shown_without_a_server() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    assert_eq!(
        printed(&bot, &["audit"]).await,
        "No decision has been recorded yet.\n"
    );
    let (pat, lab) = (&scenario.pat, &scenario.lab);
    pat.asks(lab, "@status").await.outcome().await;
    let denied = pat.asks(lab, "@restart \u{1b}[2J | x").await;
    denied.outcome().await;
    // The trail is written beside the answer.
    poll("both stand in it", async || {
        (bot.audit().len() == 2).then_some(())
    })
    .await;
    for running in [true, false] {
        let shown = printed(&bot, &["audit"]).await;
        let lines: Vec<&str> = shown.lines().collect();
        assert!(
            lines.iter().all(|line| line.chars().count() <= 100),
            "{shown}"
        );
        assert!(lines[1].contains("allowed: done"), "{shown}");
        assert!(
            lines[2].contains("denied"),
            "the latest comes last: {shown}"
        );
        for words in ["not_permitted", short(&pat.id), id(&denied)] {
            assert!(lines[2].contains(words), "{words}: {shown}");
        }
        assert!(!shown.contains('\u{1b}'), "{shown:?}");
        assert_eq!(
            objects(&bot, &["audit", "--json", "-n", "1"]).await,
            bot.audit()[1..]
        );
        if running {
            scenario.finish(&mut bot).await;
        }
    }
    std::fs::remove_file(bot.state("audit.jsonl")).unwrap();
    assert_eq!(
        printed(&bot, &["audit"]).await,
        "No decision has been recorded yet.\n"
    );
    assert!(!bot.state("audit.jsonl").exists());
}

#[tokio::test]
async fn a_trail_that_was_renamed_begins_anew_at_sighup_and_nothing_is_lost() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let (pat, lab) = (&scenario.pat, &scenario.lab);
    pat.asks(lab, "@status").await.outcome().await;
    let (trail, rotated) = (bot.state("audit.jsonl"), bot.state("audit.jsonl.1"));
    std::fs::rename(&trail, &rotated).unwrap();
    let lines = |path: &std::path::Path| std::fs::read_to_string(path).unwrap().lines().count();
    pat.asks(lab, "@status").await.outcome().await;
    let gone_on = async || (lines(&rotated) == 2).then_some(());
    poll("it goes on in the old file until it is told", gone_on).await;
    bot.signal(rustix::process::Signal::HUP);
    poll("the new file is there", async || {
        trail.exists().then_some(())
    })
    .await;
    pat.asks(lab, "@status").await.outcome().await;
    let begun = async || (lines(&trail) == 1).then_some(());
    poll("the new file is written to", begun).await;
    assert_eq!(lines(&rotated), 2);

    // What stands in the way of the name does not stop the trail.
    std::fs::remove_file(&trail).unwrap();
    std::fs::create_dir(&trail).unwrap();
    bot.signal(rustix::process::Signal::HUP);
    bot.says("the audit trail goes on in the file that was open", 1)
        .await;
    pat.asks(lab, "@status").await.outcome().await;
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn the_state_is_found_when_the_bot_could_not_start() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    scenario
        .pat
        .asks(&scenario.lab, "@status")
        .await
        .outcome()
        .await;
    scenario.finish(&mut bot).await;
    // Nobody but the unit has the token, and a key is wrong.
    let broken =
        json!({"Matterbot": {"password": null, "port": "many"}, "Lifecycle": {"drain": "often"}});
    bot.configure(&scenario, broken);
    assert_eq!(objects(&bot, &["ledger", "list", "--json"]).await.len(), 1);
    assert_eq!(objects(&bot, &["audit", "--json"]).await.len(), 1);
    let status = output(&bot, &["status"]).await;
    assert_eq!(status.status.code(), Some(3), "{status:?}");
    // What says where the state is must be right.
    bot.configure(&scenario, json!({"Lifecycle": {"state_dir": ["here"]}}));
    let (code, error) = refused(&bot, &["ledger", "list"]).await;
    assert!(
        code == Some(78) && error.contains("Lifecycle.state_dir"),
        "{error}"
    );
}

#[tokio::test]
async fn a_ledger_that_is_sound_is_set_aside_only_by_force_and_nothing_is_overwritten() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    scenario
        .pat
        .asks(&scenario.lab, "@status")
        .await
        .outcome()
        .await;
    scenario.finish(&mut bot).await;
    let (status, why) = refused(&bot, &["ledger", "restore"]).await;
    assert_eq!(status, Some(1));
    assert!(why.contains("is sound") && why.contains("--force"), "{why}");
    printed(&bot, &["ledger", "restore", "--force"]).await;
    for damage in ["one", "another"] {
        std::fs::write(bot.state("ledger.db"), damage.repeat(1_000)).unwrap();
        let told = printed(&bot, &["ledger", "restore"]).await;
        assert!(told.contains("The old ledger is now "), "{told}");
    }
    let aside = std::fs::read_dir(bot.state("")).unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().contains("set-aside")
    });
    assert_eq!(aside.count(), 3);
}
