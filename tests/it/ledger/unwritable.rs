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
