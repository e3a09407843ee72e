//! A disk that is full refuses calls, loses none, and is forgotten when there is room again.

use matterbot::id::PostId;
use matterbot::ledger::{CallState, Ledger, Started};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::crash::{child, child_home};
use super::{a_call, count, settlement};

/// The child: its own limit on the size of a file stands for the full disk.
#[tokio::test]
async fn full_child() {
    let Some(home) = child_home() else { return };
    let (ledger, _) = Ledger::open(&home).unwrap();
    let (running, delivered) = (a_call(), a_call());
    ledger.start(running.clone()).await.unwrap();
    let sent = ledger
        .settle(vec![settlement(&delivered, CallState::Done, &["done"])])
        .await
        .unwrap();

    let unlimited = getrlimit(Resource::Fsize);
    let full = home.join("ledger.db-wal").metadata().unwrap().len();
    setrlimit(
        Resource::Fsize,
        Rlimit {
            current: Some(full),
            ..unlimited
        },
    )
    .unwrap();
    let refused: Vec<_> = (0..20).map(|_| a_call()).collect();
    for call in &refused {
        assert!(ledger.start(call.clone()).await.is_err());
        assert!(
            ledger
                .settle(vec![settlement(&running, CallState::Done, &["13"])])
                .await
                .is_err()
        );
    }
    ledger.delivered(sent[0].id, PostId::random());
    assert!(ledger.flush().await.is_err());

    setrlimit(Resource::Fsize, unlimited).unwrap();
    for call in refused {
        assert_eq!(ledger.start(call).await, Ok(Started::New));
    }
    let sent = ledger
        .settle(vec![settlement(&running, CallState::Done, &["13"])])
        .await
        .unwrap();
    assert_eq!(sent.len(), 1);
    ledger.close().await.unwrap();
    println!("as expected");
}

#[test]
fn a_full_disk_refuses_calls_until_there_is_room_again() {
    let home = tempfile::tempdir().unwrap();
    let output = child("ledger::unwritable::full_child", home.path())
        .wait_with_output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success() && said.contains("as expected"),
        "{said}"
    );
    assert_eq!(count(home.path(), "call WHERE state = 'running'"), 20);
    assert_eq!(count(home.path(), "call WHERE state = 'done'"), 2);
    assert_eq!(count(home.path(), "outbox WHERE text = '13'"), 1);
    assert_eq!(
        count(home.path(), "outbox WHERE text = 'done'"),
        0,
        "the mark waited for room"
    );
}

/// The child: there is no room for a ledger, neither for a new one nor to open one that is there.
#[tokio::test]
async fn roomless_child() {
    let Some(home) = child_home() else { return };
    let unlimited = getrlimit(Resource::Fsize);
    let full = Rlimit {
        current: Some(0),
        ..unlimited
    };
    let call = a_call();
    for is_there in [false, true] {
        setrlimit(Resource::Fsize, full).unwrap();
        let error = Ledger::open(&home).unwrap_err();
        assert!(error.wants_room().is_some(), "{is_there}: {error}");
        setrlimit(Resource::Fsize, unlimited).unwrap();
        let (ledger, recovered) = Ledger::open(&home).unwrap();
        assert_eq!(recovered.unfinished.len(), usize::from(is_there));
        ledger.start(call.clone()).await.unwrap();
        ledger.close().await.unwrap();
    }
    println!("as expected");
}

#[test]
fn an_opening_that_finds_no_room_says_so_and_harms_nothing() {
    let home = tempfile::tempdir().unwrap();
    let output = child("ledger::unwritable::roomless_child", home.path())
        .wait_with_output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success() && said.contains("as expected"),
        "{said}"
    );
}

#[tokio::test]
async fn a_ledger_that_is_not_open_takes_nothing_and_says_why() {
    let ledger = Ledger::unopened("no room".to_owned());
    let refused = ledger.start(a_call()).await.unwrap_err();
    assert_eq!(refused.to_string(), "the ledger cannot be written: no room");
    let refused = ledger.close().await.unwrap_err();
    assert_eq!(refused.reason(), "no room");
}
