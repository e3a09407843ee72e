//! Many posts that nobody heard of: each command among them has its outcome.

use std::path::Path;

use futures_util::future::join_all;
use serde_json::json;

use crate::support::bot::BotUnderTest;
use crate::support::poll;
use crate::support::scenario::{Call, Person, Scenario};

/// Has `people` post by turns, `count` times in all, several at once; a command now and then, the last one among them.
async fn chat(people: &[Person], channel: &str, count: usize, command_every: usize) -> Vec<Call> {
    let says = async |person: usize| {
        let mut calls = Vec::new();
        for number in (person..count).step_by(people.len()) {
            if (number + 1).is_multiple_of(command_every) {
                calls.push(people[person].asks(channel, "@status").await);
            } else {
                people[person].says(channel, "talk").await;
            }
        }
        calls
    };
    join_all((0..people.len()).map(says)).await.concat()
}

async fn five_people(scenario: &Scenario) -> [Person; 5] {
    let (quinn, rosa) = (
        scenario.newcomer("quinn").await,
        scenario.newcomer("rosa").await,
    );
    let (olga, otto, pat) = (&scenario.olga, &scenario.otto, &scenario.pat);
    [olga.clone(), otto.clone(), pat.clone(), quinn, rosa]
}

#[tokio::test]
async fn forty_commands_among_1150_missed_posts_have_their_outcomes() {
    let scenario = Scenario::start().await;
    let people = five_people(&scenario).await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let lab = &scenario.lab;
    scenario.pat.asks(lab, "@status").await.outcome().await;
    bot.audited(1).await;
    bot.kill().await;
    let calls = chat(&people, lab, 1_150, 28).await;
    // Of 1,150 every 28th, the last two being talk.
    assert_eq!(calls.len(), 41);
    bot.restart_process();
    for call in &calls {
        let answer = call.outcome().await;
        assert!(answer.starts_with("**matterbot**"), "{answer}");
    }
    scenario.finish(&mut bot).await;
    assert_eq!(bot.audit().len(), 1 + calls.len());
}

#[tokio::test]
async fn a_burst_over_a_line_that_is_cut_has_its_outcomes() {
    let scenario = Scenario::with_faults().await;
    let people = five_people(&scenario).await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let cuts = async {
        for cut in 1..=3 {
            let close = json!({"fault": {"kind": "close"}, "scope": {"user": scenario.bot.id}});
            scenario.fault(close).await;
            bot.says(" connected ", cut + 1).await;
        }
    };
    let burst = chat(&people, &scenario.lab, 300, 10);
    let (calls, ()) = tokio::join!(burst, cuts);
    assert_eq!(calls.len(), 30);
    for call in &calls {
        let answer = call.outcome().await;
        assert!(answer.starts_with("**matterbot**"), "{answer}");
    }
    scenario.finish(&mut bot).await;
    assert_eq!(bot.audit().len(), calls.len());
}

#[tokio::test]
async fn fifty_commands_whose_events_never_come_have_their_outcomes() {
    let scenario = Scenario::with_faults().await;
    let people = five_people(&scenario).await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let me = json!({"user": scenario.bot.id});
    let missing = json!({"kind": "missing_posted"});
    scenario.fault(json!({"fault": missing, "scope": me})).await;
    let calls = chat(&people, &scenario.lab, 50, 1).await;
    scenario.until_hit(50).await;
    // The sweep that follows a jump is the one that comes every five minutes in any case.
    scenario.mend().await;
    let jump = json!({"kind": "seq_jump", "by": 1});
    scenario
        .fault(json!({"fault": jump, "scope": me, "times": 1}))
        .await;
    scenario.pat.says(&scenario.lab, "anybody there?").await;
    for call in &calls {
        let answer = call.outcome().await;
        assert!(answer.starts_with("**matterbot**"), "{answer}");
    }
    scenario.finish(&mut bot).await;
    assert_eq!(bot.audit().len(), calls.len());
}

/// How many channels the ledger says to have been read to their ends.
fn read_channels(ledger: &Path) -> usize {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let ledger = rusqlite::Connection::open_with_flags(ledger, flags).unwrap();
    let query = "SELECT count(*) FROM watermark WHERE last_post_at > 0";
    let count: i64 = ledger.query_row(query, [], |row| row.get(0)).unwrap();
    usize::try_from(count).unwrap()
}

#[tokio::test]
async fn a_start_with_many_channels_costs_few_requests() {
    let scenario = Scenario::inside("the server's clock").await;
    let (olga, lab) = (&scenario.olga, &scenario.lab);
    let mut rooms = Vec::new();
    for number in 0..299 {
        rooms.push(scenario.channel(&format!("room-{number}"), &[]).await);
    }
    // Two minutes later all of them have come to rest.
    let ahead = json!({"kind": "clock_offset", "offset_ms": 120_000});
    scenario.fault(json!({ "fault": ahead })).await;
    let settings = json!({"Matterbot": {"service_manager": "exit"}});
    let mut bot = BotUnderTest::serving(&scenario, settings).await;
    let ledger = bot.state("ledger.db");
    let all_read = async || (read_channels(&ledger) >= rooms.len()).then_some(());
    poll("all channels were read", all_read).await;
    let restart = olga.asks(lab, "@restart").await;
    assert_eq!(bot.exit_code().await, Some(75));
    for room in &rooms[..2] {
        scenario.admin.says(room, "news").await;
    }
    // A switch that does nothing, and counts the requests of the bot.
    let counts = json!({"kind": "slow_answer", "delay_ms": 0});
    let me = json!({"user": scenario.bot.id});
    scenario.fault(json!({"fault": counts, "scope": me})).await;
    bot.restart_process();
    let back = restart.outcome().await;
    let requests = scenario.hits().await;
    assert!(back.starts_with("Back up. ✅"), "{back}");
    assert!(!back.contains("still reading"), "{back}");
    // One of them said so, and two asked who wrote what was read: olga, and the admin. The clock is a switch too, but is
    // never hit.
    assert!((4..=12).contains(&requests), "{requests} requests");
    scenario.finish(&mut bot).await;
}
