//! The traps of catch-up: what a server may hold that a reader who goes by instants and events would pass over.

use std::time::{SystemTime, UNIX_EPOCH};

use matterbot::id::PostId;
use serde_json::{Value, json};

use crate::support::bot::BotUnderTest;
use crate::support::poll;
use crate::support::scenario::{Person, Scenario};

/// Now, and so many seconds more or less, in the server's milliseconds.
fn instant(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap() + seconds * 1_000
}

/// Posts as the admin, who alone may choose the instant.
async fn dated(scenario: &Scenario, message: &str, create_at: i64) -> Value {
    let post = json!({"channel_id": scenario.lab, "message": message, "create_at": create_at});
    scenario.admin.posts(post).await
}

/// A bot that has an anchor in the lab, and is down.
async fn anchored(scenario: &Scenario) -> BotUnderTest {
    let mut bot = BotUnderTest::serving(scenario, json!({})).await;
    dated(scenario, "settled long ago", instant(-120)).await;
    poll("the lab has an anchor", async || bot.anchor(&scenario.lab)).await;
    bot.kill().await;
    bot
}

#[tokio::test]
async fn an_anchor_that_has_vanished_hides_nothing() {
    let scenario = Scenario::start().await;
    let mut bot = anchored(&scenario).await;
    let ledger = rusqlite::Connection::open(bot.state("ledger.db")).unwrap();
    let nowhere = PostId::random().to_string();
    let sql = "UPDATE watermark SET anchor = ? WHERE channel = ?";
    assert_eq!(ledger.execute(sql, [&nowhere, &scenario.lab]), Ok(1));
    drop(ledger);
    let call = scenario.pat.asks(&scenario.lab, "@status").await;
    bot.restart_process();
    call.outcome().await;
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn posts_of_one_millisecond_at_the_border_of_two_pages_are_all_read() {
    let scenario = Scenario::start().await;
    let mut bot = anchored(&scenario).await;
    let start = instant(-30);
    for index in 0..198 {
        dated(&scenario, "talk", start + index).await;
    }
    let mut calls = Vec::new();
    for _ in 0..4 {
        let post = dated(&scenario, "@status", start + 198).await;
        calls.push(scenario.admin.notes(post, 0));
    }
    bot.restart_process();
    for call in &calls {
        call.outcome().await;
    }
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn a_post_that_is_dated_in_the_future_hides_nothing() {
    let scenario = Scenario::with_faults().await;
    let (pat, lab) = (&scenario.pat, &scenario.lab);
    let mut bot = anchored(&scenario).await;
    let ahead = dated(&scenario, "@status", instant(3_600)).await;
    let ahead = scenario.admin.notes(ahead, 0);
    let missed = pat.asks(lab, "@status").await;
    bot.restart_process();
    for call in [&ahead, &missed] {
        call.outcome().await;
    }
    // No post moves the channel's last instant now, and the event does not come.
    let me = json!({"user": scenario.bot.id});
    let missing = json!({"kind": "missing_posted"});
    scenario
        .fault(json!({"fault": missing, "scope": me, "times": 1}))
        .await;
    let unheard = pat.asks(lab, "@status").await;
    scenario.until_hit(1).await;
    let close = json!({"kind": "close"});
    scenario.fault(json!({"fault": close, "scope": me})).await;
    unheard.outcome().await;
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn the_root_of_a_thread_comes_with_its_replies_and_is_not_read_again() {
    let scenario = Scenario::start().await;
    let (olga, pat, lab) = (&scenario.olga, &scenario.pat, &scenario.lab);
    // Nobody listened then: it belongs to nobody.
    let root = pat.says(lab, "@status").await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    pat.asks(lab, "@status").await.outcome().await;
    bot.audited(1).await;
    bot.kill().await;
    let reply = json!({"channel_id": lab, "root_id": root["id"], "message": "well?"});
    olga.posts(reply).await;
    let call = olga.asks_in_thread(&root, "@help status").await;
    bot.restart_process();
    call.outcome().await;
    scenario.finish(&mut bot).await;
    assert_eq!(bot.audit().len(), 2);
}

#[tokio::test]
async fn channels_that_are_new_since_are_read_from_their_beginning() {
    let scenario = Scenario::start().await;
    let (olga, pat, lab) = (&scenario.olga, &scenario.pat, &scenario.lab);
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    pat.asks(lab, "@status").await.outcome().await;
    let young = scenario.channel("young", &[olga]).await;
    olga.asks(&young, "@status").await.outcome().await;
    bot.kill().await;
    let newborn = scenario.channel("newborn", &[olga]).await;
    let rooms = [
        newborn,
        olga.direct(&scenario.bot).await,
        olga.group(&[pat, &scenario.bot]).await,
    ];
    let mut calls = Vec::new();
    for room in &rooms {
        calls.push(olga.asks(room, "@status").await);
    }
    bot.restart_process();
    for call in &calls {
        call.outcome().await;
    }
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn a_clock_that_is_a_quarter_of_an_hour_off_changes_nothing() {
    for offset_ms in [900_000, -900_000] {
        let scenario = Scenario::inside("the server's clock").await;
        let clock = json!({"kind": "clock_offset", "offset_ms": offset_ms});
        scenario.fault(json!({"fault": clock})).await;
        let (olga, pat, lab) = (&scenario.olga, &scenario.pat, &scenario.lab);
        let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
        pat.asks(lab, "@status").await.outcome().await;
        let back = olga.asks(lab, "@restart").await.outcome().await;
        assert!(back.starts_with("Back up. ✅"), "{back}");
        bot.kill().await;
        let status = pat.asks(lab, "@status").await;
        let restart = olga.asks(lab, "@restart").await;
        bot.restart_process();
        assert!(status.outcome().await.starts_with("**matterbot**"));
        let late = restart.outcome().await;
        assert!(
            late.starts_with("I was down when you asked for `@restart`"),
            "{late}"
        );
        scenario.finish(&mut bot).await;
    }
}

/// A robot's post that no longer says whose it is: its author may change its props, and that is no edit.
async fn disguised(robot: &Person, lab: &str, message: &str) -> Value {
    let post = robot.says(lab, message).await;
    let path = format!("/posts/{}/patch", post["id"].as_str().unwrap());
    let patched = robot.put(&path, json!({"props": {}})).await.expect(200);
    assert_eq!(
        (&patched["props"], &patched["edit_at"]),
        (&json!({}), &json!(0))
    );
    patched
}

#[tokio::test]
async fn a_robot_that_takes_its_mark_away_is_not_obeyed() {
    let scenario = Scenario::with_faults().await;
    let (pat, lab) = (&scenario.pat, &scenario.lab);
    let robot = scenario.robot("helper").await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    pat.asks(lab, "@status").await.outcome().await;
    // Heard as it was made, and read again after the websocket was cut.
    disguised(&robot, lab, "@status").await;
    let edited = disguised(&robot, lab, "nothing").await;
    robot.edits(&edited, "@status").await;
    let me = json!({"user": scenario.bot.id});
    let close = json!({"kind": "close"});
    scenario.fault(json!({"fault": close, "scope": me})).await;
    bot.says(" connected ", 2).await;
    pat.asks(lab, "@status").await.outcome().await;
    // Made while nobody listened.
    bot.kill().await;
    disguised(&robot, lab, "@status").await;
    let edited = disguised(&robot, lab, "nothing").await;
    robot.edits(&edited, "@status").await;
    let missed = pat.asks(lab, "@status").await;
    bot.restart_process();
    missed.outcome().await;
    poll("the lab was read", async || bot.looked_at(lab)).await;
    scenario.finish(&mut bot).await;
    assert_eq!(bot.audit().len(), 3);
}

#[tokio::test]
async fn an_author_who_cannot_be_looked_up_is_asked_for_again() {
    let scenario = Scenario::with_faults().await;
    let (pat, lab) = (&scenario.pat, &scenario.lab);
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    pat.asks(lab, "@status").await.outcome().await;
    bot.audited(1).await;
    bot.kill().await;
    let missed = pat.asks(lab, "@status").await;
    // What was changed since it was made may have lost a mark.
    let path = format!("/posts/{}/pin", missed.post["id"].as_str().unwrap());
    pat.post(&path, json!({})).await.expect(200);
    let failing = json!({"kind": "server_error", "status": 500, "when": "before_save"});
    let whom = json!({"path": "/api/v4/users/ids"});
    scenario
        .fault(json!({"fault": failing, "scope": whom}))
        .await;
    bot.restart_process();
    bot.says("what was missed could not be read", 1).await;
    assert_eq!(missed.posts().await, Vec::<Value>::new());
    scenario.mend().await;
    let close = json!({"kind": "close"});
    let me = json!({"user": scenario.bot.id});
    scenario.fault(json!({"fault": close, "scope": me})).await;
    missed.outcome().await;
    scenario.finish(&mut bot).await;
}
