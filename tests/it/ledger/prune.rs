//! Forgetting by hand, while no bot runs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use matterbot::ledger::{self, CallState, Forgotten, Started, prune, would_prune};
use rusqlite::Connection;

use super::retention::{Old, connect, old, plant, used};
use super::{a_call, count, open, reopen, settlement};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A ledger with much that is old, and something of everything that must stay.
async fn full() -> tempfile::TempDir {
    let (home, ledger, connection) = used().await;
    connection.execute_batch("BEGIN").unwrap();
    for age in 0..3_000 {
        plant(&connection, old(10 + age % 200, 10 + age % 200));
    }
    plant(
        &connection,
        Old {
            state: "running",
            ..old(300, 300)
        },
    );
    connection.execute_batch("COMMIT").unwrap();
    let waiting = settlement(&a_call(), CallState::Done, &["13"]);
    ledger.settle(vec![waiting]).await.unwrap();
    ledger.close().await.unwrap();
    home
}

#[tokio::test]
async fn it_does_what_the_dry_run_said_and_makes_the_file_smaller() {
    let home = full().await;
    let (path, size) = (home.path().join("ledger.db"), || {
        home.path().join("ledger.db").metadata().unwrap().len()
    });
    let (before, content) = (size(), fs::read(&path).unwrap());
    let said = would_prune(home.path(), 90 * DAY).unwrap().unwrap();
    assert_eq!(
        fs::read(&path).unwrap(),
        content,
        "a dry run changes nothing"
    );
    assert_eq!(said.forgotten.calls, 15 * 119);
    assert_eq!(said.kept, 1, "without an outcome");

    let done = prune(home.path(), 90 * DAY).unwrap().unwrap();
    assert_eq!((done.forgotten, done.kept), (said.forgotten, said.kept));
    assert_eq!(
        (done.size_before, done.size, &done.obstacle),
        (before, size(), &None)
    );
    assert!(done.size < before * 2 / 3, "{} of {before}", done.size);
    assert_eq!(
        path.metadata().unwrap().permissions().mode() & 0o7777,
        0o600
    );
    assert_eq!(
        fs::read_dir(home.path()).unwrap().count(),
        1,
        "nothing is left beside it"
    );

    assert_eq!(count(home.path(), "call"), 3_002 - 15 * 119);
    assert_eq!(count(home.path(), "outbox"), 1);
    let again = prune(home.path(), 90 * DAY).unwrap().unwrap();
    assert_eq!(again.forgotten, Forgotten::default());
    let (_ledger, recovered) = open(&home);
    assert_eq!(
        (recovered.unfinished.len(), recovered.undelivered.len()),
        (1, 1)
    );
}

#[tokio::test]
async fn nothing_of_the_last_week_goes() {
    let home = full().await;
    let (ledger, _) = open(&home);
    let call = a_call();
    ledger.start(call.clone()).await.unwrap();
    ledger
        .settle(vec![settlement(&call, CallState::Done, &["13"])])
        .await
        .unwrap();
    ledger.close().await.unwrap();
    prune(home.path(), Duration::ZERO).unwrap().unwrap();
    // The outcome that waits, what runs, and the call of today.
    assert_eq!(count(home.path(), "call"), 3);
    let (ledger, _) = open(&home);
    assert_eq!(
        ledger.start(call).await,
        Ok(Started::Known(CallState::Done))
    );
    reopen(ledger, &home).await;
}

#[tokio::test]
async fn a_reader_keeps_the_file_as_large_as_it_is_and_harms_nothing() {
    let home = full().await;
    // It reads while there is a log, as the tool of another program would.
    let reader = connect(home.path());
    reader
        .execute_batch("BEGIN; SELECT count(*) FROM call")
        .unwrap();
    let pruned = prune(home.path(), 90 * DAY).unwrap().unwrap();
    assert_eq!(pruned.forgotten.calls, 15 * 119);
    assert!(pruned.obstacle.unwrap().contains("open"));
    drop(reader);
    assert_eq!(count(home.path(), "call"), 3_002 - 15 * 119);
    assert!(!home.path().join("ledger.db.smaller").exists());
    let shrunk = prune(home.path(), 90 * DAY).unwrap().unwrap();
    assert!(shrunk.size < shrunk.size_before && shrunk.obstacle.is_none());
}

#[tokio::test]
async fn without_a_ledger_or_the_servers_clock_nothing_goes() {
    let home = tempfile::tempdir().unwrap();
    assert_eq!(prune(home.path(), 90 * DAY).unwrap(), None);
    assert_eq!(would_prune(home.path(), 90 * DAY).unwrap(), None);
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);

    let home = full().await;
    let connection: Connection = connect(home.path());
    connection
        .execute_batch("UPDATE state SET proof_of_life = NULL")
        .unwrap();
    drop(connection);
    for pruned in [
        would_prune(home.path(), 90 * DAY),
        prune(home.path(), 90 * DAY),
    ] {
        let pruned = pruned.unwrap().unwrap();
        assert_eq!((pruned.forgotten.calls, pruned.clock_known), (0, false));
    }
    ledger::check(home.path()).unwrap();
}
