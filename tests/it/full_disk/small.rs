//! A real file system that is full for a while: not each write fails, and what has room goes on.

use serde_json::{Value, json};

use super::notice;
use crate::support::bot::BotUnderTest;
use crate::support::scenario::{Call, Scenario};
use crate::support::small_disk::SmallDisk;

/// The ledger has room of its own for some calls; more than this many of a page each it has not.
const CALLS: usize = 60;

/// Fills the disk, and asks until the ledger has no room either. What was asked has its outcome all the same.
async fn fills(disk: &SmallDisk, bot: &BotUnderTest, scenario: &Scenario) {
    disk.fill();
    let page = format!("@status {}", "x".repeat(3_000));
    for _ in 0..CALLS {
        scenario
            .pat
            .asks(&scenario.lab, &page)
            .await
            .outcome()
            .await;
        if bot.log().contains("ledger.db cannot be written (") {
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

async fn has_no_answer(call: &Call) -> bool {
    let posts = call.posts().await;
    posts.is_empty()
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
    fills(&disk, &bot, &scenario).await;

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
        assert!(has_no_answer(call).await, "nothing runs");
    }
    assert_eq!(bot.starts(), 2);

    disk.free();
    bot.says("ledger.db can be written again", 1).await;
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
