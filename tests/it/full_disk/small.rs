//! A real file system that is full for a while, and has room again.

use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use super::notice;
use crate::support::bot::BotUnderTest;
use crate::support::scenario::Scenario;
use crate::support::small_disk::SmallDisk;

/// The ledger's file has room of its own for some calls; for more than this many of a page each it has not.
const CALLS: usize = 100;

/// Somebody reads the ledger, as a backup does: its log cannot start over in the room that it has.
fn reader(disk: &SmallDisk) -> Connection {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let ledger = Connection::open_with_flags(disk.file("ledger.db"), flags).unwrap();
    ledger.execute_batch("BEGIN; SELECT * FROM call;").unwrap();
    ledger
}

/// Fills the disk, and asks until the ledger has no room for anything. What was asked has its outcome all the same.
async fn fills(disk: &SmallDisk, scenario: &Scenario) {
    disk.fill();
    let page = format!("@status {}", "x".repeat(3_000));
    let mut refused = 0;
    for _ in 0..CALLS {
        // A large row is refused before a small one is.
        let message = if refused == 0 { &page } else { "@status" };
        let asked = scenario.pat.asks(&scenario.lab, message).await;
        let answer = asked.outcome().await;
        let is_refused = answer.contains("the ledger cannot be written");
        refused = if is_refused { refused + 1 } else { 0 };
        if refused == 4 {
            return;
        }
    }
    panic!("the ledger found room for {CALLS} calls");
}

/// How many notices stand in `channel`.
async fn notices(scenario: &Scenario, channel: &str) -> usize {
    let posts = scenario.pat.reads(channel).await;
    let is_notice = |post: &&Value| post["props"]["matterbot"]["kind"] == "notice";
    posts.iter().filter(is_notice).count()
}

#[tokio::test]
async fn a_file_system_that_is_filled_and_freed_delays_commands_and_loses_none() {
    let scenario = Scenario::start().await;
    let (admin, olga, pat, lab) = (
        &scenario.admin,
        &scenario.olga,
        &scenario.pat,
        &scenario.lab,
    );
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    scenario.finish(&mut bot).await;
    let Some(disk) = SmallDisk::over(&bot.state(""), 1_024).await else {
        return;
    };
    bot.restart_process_by(&disk.entrance());
    bot.ready(2).await;
    pat.asks(lab, "@help status").await.outcome().await;
    assert!(disk.file("ledger.db").exists() && !bot.state("filler").exists());
    let reader = reader(&disk);
    fills(&disk, &scenario).await;

    let restart = olga.asks(lab, "@restart").await;
    let text = notice(&restart).await;
    assert!(
        text.starts_with("I cannot write my ledger at present"),
        "{text}"
    );
    let audit = admin.asks(lab, "@audit").await;
    let status = pat.asks(lab, "@status").await.outcome().await;
    assert!(status.contains("the ledger cannot be written"), "{status}");
    pat.asks(lab, "@help audit").await.outcome().await;
    assert_eq!(notices(&scenario, lab).await, 1);
    for call in [&restart, &audit] {
        assert!(call.posts().await.is_empty(), "nothing runs");
    }
    assert_eq!(bot.starts(), 2);

    disk.free();
    drop(reader);
    // What was not run is found by the next sweep.
    bot.says_within("command @audit ", 1, Duration::from_secs(90))
        .await;
    let status = pat.asks(lab, "@status").await.outcome().await;
    assert!(!status.contains("the ledger cannot be written"), "{status}");
    assert!(audit.outcome().await.starts_with("| When (UTC) |"));
    let late = restart.outcome().await;
    assert!(late.contains("so it was not run"), "{late}");
    scenario.finish(&mut bot).await;
    assert_eq!(notices(&scenario, lab).await, 1);
    // Nobody comes later and answers again.
    bot.restart_process_by(&disk.entrance());
    bot.ready(3).await;
    pat.asks(lab, "@status").await.outcome().await;
    scenario.finish(&mut bot).await;
}
