//! Tests of `ledger`: calls, watermarks, runs; a part of it in each file beside this one.

mod crash;
mod file;
mod outbox;
mod prune;
mod retention;
mod survey;
mod unwritable;

use std::path::Path;
use std::time::{Duration, Instant};

use matterbot::id::{ChannelId, PostId, UserId};
use matterbot::ledger::{
    Call, CallKey, CallState, Kind, Ledger, Part, RIDE, Recovered, Reply, Settlement, Started,
    Watermark,
};
use matterbot::timestamp::Timestamp;
use rusqlite::Connection;
use tempfile::TempDir;

fn a_call() -> Call {
    let post = PostId::random();
    Call {
        key: CallKey {
            post,
            ordinal: 0,
            name: "dice".to_owned(),
        },
        channel: ChannelId::random(),
        root: post,
        user: UserId::random(),
        text: "@dice 3d6".to_owned(),
        plan: r#"{"words":["3d6"]}"#.to_owned(),
        asked_at: Timestamp(1_795_262_400_000),
    }
}

fn reply(call: &Call, texts: &[&str]) -> Reply {
    let parts = texts
        .iter()
        .map(|text| Part {
            text: (*text).to_owned(),
            attachment: None,
            files: Vec::new(),
        })
        .collect();
    Reply {
        channel: call.channel,
        root: Some(call.root),
        kind: Kind::Outcome,
        calls: vec![call.key.clone()],
        parts,
    }
}

fn settlement(call: &Call, state: CallState, texts: &[&str]) -> Settlement {
    let replies = vec![reply(call, texts)];
    Settlement {
        call: call.clone(),
        state,
        detail: "as tested".to_owned(),
        replies,
    }
}

fn open(home: &TempDir) -> (Ledger, Recovered) {
    Ledger::open(home.path()).unwrap()
}

async fn reopen(ledger: Ledger, home: &TempDir) -> (Ledger, Recovered) {
    ledger.close().await.unwrap();
    open(home)
}

/// What another process sees.
fn count(directory: &Path, what: &str) -> i64 {
    let connection = Connection::open(directory.join("ledger.db")).unwrap();
    connection
        .query_row(&format!("SELECT count(*) FROM {what}"), [], |row| {
            row.get(0)
        })
        .unwrap()
}

#[tokio::test]
async fn a_call_is_started_once_and_has_one_outcome() {
    let home = tempfile::tempdir().unwrap();
    let (ledger, recovered) = open(&home);
    assert_eq!(recovered.unfinished, []);
    let call = a_call();
    assert_eq!(ledger.start(call.clone()).await, Ok(Started::New));
    assert_eq!(
        ledger.start(call.clone()).await,
        Ok(Started::Known(CallState::Running))
    );

    let (ledger, recovered) = reopen(ledger, &home).await;
    assert_eq!(recovered.unfinished, vec![call.clone()]);
    assert_eq!(
        ledger.start(call.clone()).await,
        Ok(Started::Known(CallState::Running))
    );
    assert_eq!(
        ledger
            .settle(vec![settlement(&call, CallState::Done, &["13"])])
            .await
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        ledger
            .settle(vec![settlement(&call, CallState::Failed, &["no"])])
            .await,
        Ok(vec![])
    );

    let (ledger, recovered) = reopen(ledger, &home).await;
    assert_eq!(recovered.unfinished, []);
    assert_eq!(recovered.undelivered.len(), 1);
    assert_eq!(
        ledger.start(call).await,
        Ok(Started::Known(CallState::Done))
    );
}

#[tokio::test]
async fn a_denial_needs_no_start_and_forbids_one() {
    let home = tempfile::tempdir().unwrap();
    let (ledger, _) = open(&home);
    for state in [
        CallState::Denied,
        CallState::Expired,
        CallState::Failed,
        CallState::Interrupted,
    ] {
        let call = a_call();
        let twice = vec![
            settlement(&call, state, &["no"]),
            settlement(&call, CallState::Done, &["yes"]),
        ];
        let deliveries = ledger.settle(twice).await.unwrap();
        assert_eq!(
            deliveries
                .iter()
                .map(|delivery| &*delivery.text)
                .collect::<Vec<_>>(),
            ["no"]
        );
        assert_eq!(ledger.start(call).await, Ok(Started::Known(state)));
    }
}

#[tokio::test]
async fn the_calls_of_one_post_are_known_one_by_one() {
    let home = tempfile::tempdir().unwrap();
    let (ledger, _) = open(&home);
    let first = a_call();
    let mut second = first.clone();
    second.key.ordinal = 1;
    let mut other_module = first.clone();
    other_module.key.name = "oracle".to_owned();
    ledger.start(first.clone()).await.unwrap();
    let posts = vec![PostId::random(), first.key.post];
    assert_eq!(
        ledger.known(posts.clone()).await,
        Ok(vec![first.key.clone()])
    );
    assert_eq!(ledger.start(second.clone()).await, Ok(Started::New));
    assert_eq!(ledger.start(other_module.clone()).await, Ok(Started::New));
    assert_eq!(
        ledger.known(posts).await,
        Ok(vec![first.key, other_module.key, second.key])
    );
}

#[tokio::test]
async fn what_rides_is_written_in_time() {
    let home = tempfile::tempdir().unwrap();
    let (ledger, recovered) = open(&home);
    assert_eq!(
        (recovered.proof_of_life, recovered.watermarks),
        (None, vec![])
    );
    let mut watermark = Watermark {
        channel: ChannelId::random(),
        anchor: None,
        anchor_at: Timestamp(1),
        last_post_at: Timestamp(2),
    };
    ledger.advance(watermark.clone());
    watermark.anchor = Some(PostId::random());
    ledger.advance(watermark.clone());
    ledger.proof_of_life(Timestamp(7));
    let deadline = Instant::now() + 3 * RIDE;
    while count(home.path(), "watermark") == 0 {
        assert!(Instant::now() < deadline, "it never came");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (_ledger, recovered) = reopen(ledger, &home).await;
    assert_eq!(
        (recovered.proof_of_life, recovered.watermarks),
        (Some(Timestamp(7)), vec![watermark])
    );
}

#[tokio::test]
async fn unfinished_calls_are_found_wherever_they_stand() {
    let home = tempfile::tempdir().unwrap();
    let (ledger, _) = open(&home);
    let calls: Vec<_> = (0..6).map(|_| a_call()).collect();
    for (number, call) in calls.iter().enumerate() {
        ledger.start(call.clone()).await.unwrap();
        ledger.proof_of_life(Timestamp(1));
        if number != 1 && number != 4 {
            ledger
                .settle(vec![settlement(call, CallState::Done, &["done"])])
                .await
                .unwrap();
        }
    }
    let (ledger, recovered) = reopen(ledger, &home).await;
    assert_eq!(recovered.unfinished, [calls[1].clone(), calls[4].clone()]);
    ledger
        .settle(vec![settlement(
            &calls[1],
            CallState::Interrupted,
            &["cut off"],
        )])
        .await
        .unwrap();
    ledger.proof_of_life(Timestamp(2));
    let (_ledger, recovered) = reopen(ledger, &home).await;
    assert_eq!(recovered.unfinished, calls[4..5]);
    assert_eq!(count(home.path(), "state WHERE settled_below = 5"), 1);
}

#[tokio::test]
async fn recent_calls_are_those_of_the_name_since_then() {
    let home = tempfile::tempdir().unwrap();
    let (ledger, _) = open(&home);
    let mut restart = a_call();
    restart.key.name = "restart".to_owned();
    ledger
        .settle(vec![settlement(&restart, CallState::Denied, &["no"])])
        .await
        .unwrap();
    ledger.start(a_call()).await.unwrap();
    let recent = ledger
        .recent_calls("restart", Timestamp::now().minus(Duration::from_secs(60)))
        .await
        .unwrap();
    assert_eq!(recent.len(), 1);
    assert_eq!(recent[0].state, CallState::Denied);
    assert_eq!(
        ledger
            .recent_calls("restart", Timestamp::now().plus(Duration::from_secs(1)))
            .await,
        Ok(vec![])
    );
}

#[tokio::test]
async fn runs_tell_whether_they_were_ready_and_how_they_ended() {
    let home = tempfile::tempdir().unwrap();
    let (ledger, recovered) = open(&home);
    assert!(recovered.runs.is_empty() && !recovered.token_worked);
    ledger.begin_run("1.0.0", "boot").await.unwrap();
    ledger.ready().await.unwrap();
    ledger.token_worked().await.unwrap();
    ledger.end_run("restart").await.unwrap();
    let (ledger, _) = reopen(ledger, &home).await;
    ledger.begin_run("1.1.0", "boot").await.unwrap();
    let (_ledger, recovered) = reopen(ledger, &home).await;
    assert!(recovered.token_worked);
    let [crashed, restarted] = &*recovered.runs else {
        panic!("{:?}", recovered.runs)
    };
    assert_eq!(
        (&*crashed.version, crashed.ready_at, &crashed.exit),
        ("1.1.0", None, &None)
    );
    assert_eq!(
        (&*restarted.version, restarted.exit.as_deref()),
        ("1.0.0", Some("restart"))
    );
    assert!(restarted.ready_at.is_some() && restarted.ended_at.is_some());
    assert_eq!(restarted.pid, std::process::id());
}

#[tokio::test]
async fn what_waits_is_committed_together() {
    let home = tempfile::tempdir().unwrap();
    let (ledger, _) = open(&home);
    ledger.flush().await.unwrap();
    let log = || home.path().join("ledger.db-wal").metadata().unwrap().len();
    let before = log();
    // While somebody else writes, jobs pile up behind the first one.
    let other = Connection::open(home.path().join("ledger.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let starts = futures_util::future::join_all((0..100).map(|_| ledger.start(a_call())));
    let (started, ()) = tokio::join!(starts, async { other.execute_batch("ROLLBACK").unwrap() });
    assert_eq!(started, vec![Ok(Started::New); 100]);
    let frames = (log() - before) / (4096 + 24);
    assert!(
        frames < 60,
        "{frames} pages for two commits; alone, each start writes two"
    );
}

#[tokio::test]
async fn a_closed_ledger_answers_its_clones() {
    let home = tempfile::tempdir().unwrap();
    let (ledger, _) = open(&home);
    let clone = ledger.clone();
    ledger.close().await.unwrap();
    assert!(
        clone
            .start(a_call())
            .await
            .unwrap_err()
            .to_string()
            .contains("closed")
    );
    assert!(clone.close().await.is_err());
    assert!(!home.path().join("ledger.db-wal").exists());
}
