//! Tests of the ledger's file: modes, links, damage, other schemas, restoring.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use matterbot::ledger::{self, CallState, Ledger, OpenError, Started, Watermark};
use matterbot::timestamp::Timestamp;
use rusqlite::Connection;
use tempfile::TempDir;

use super::{a_call, open, reopen, settlement};

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o7777
}

fn error(home: &TempDir) -> OpenError {
    Ledger::open(home.path()).map(drop).unwrap_err()
}

/// A ledger with one settled call.
async fn used() -> TempDir {
    let home = tempfile::tempdir().unwrap();
    let (ledger, _) = open(&home);
    ledger
        .settle(vec![settlement(&a_call(), CallState::Done, &["done"])])
        .await
        .unwrap();
    ledger.close().await.unwrap();
    home
}

#[tokio::test]
async fn nobody_else_can_read_it() {
    let home = tempfile::tempdir().unwrap();
    let (ledger, _) = open(&home);
    ledger.start(a_call()).await.unwrap();
    for name in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        assert_eq!(mode(&home.path().join(name)), 0o600, "{name}");
    }
    ledger.close().await.unwrap();
    fs::set_permissions(
        home.path().join("ledger.db"),
        fs::Permissions::from_mode(0o644),
    )
    .unwrap();
    let (ledger, _) = open(&home);
    ledger.start(a_call()).await.unwrap();
    for name in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        assert_eq!(mode(&home.path().join(name)), 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_file_under_another_name_is_refused() {
    for name in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        let home = tempfile::tempdir().unwrap();
        let target = home.path().join("target");
        fs::write(&target, "").unwrap();
        symlink(&target, home.path().join(name)).unwrap();
        assert!(error(&home).to_string().contains("symbolic link"), "{name}");
        fs::remove_file(home.path().join(name)).unwrap();
        fs::hard_link(&target, home.path().join(name)).unwrap();
        assert!(error(&home).to_string().contains("hard link"), "{name}");
        fs::remove_file(home.path().join(name)).unwrap();
        fs::create_dir(home.path().join(name)).unwrap();
        assert!(
            error(&home).to_string().contains("not a regular file"),
            "{name}"
        );
        assert_eq!(fs::read(&target).unwrap(), b"");
    }
}

#[tokio::test]
async fn a_link_to_the_directory_is_no_obstacle() {
    let home = tempfile::tempdir().unwrap();
    let real = home.path().join("real");
    fs::create_dir(&real).unwrap();
    symlink(&real, home.path().join("link")).unwrap();
    Ledger::open(&home.path().join("link")).unwrap();
}

#[tokio::test]
async fn a_newer_schema_is_left_alone() {
    let home = used().await;
    let path = home.path().join("ledger.db");
    Connection::open(&path)
        .unwrap()
        .execute_batch("PRAGMA user_version = 7")
        .unwrap();
    ledger::check(home.path()).unwrap_err();
    let before = fs::read(&path).unwrap();
    let refused = error(&home);
    assert!(
        matches!(
            refused,
            OpenError::Newer {
                found: 7,
                known: 2,
                copy: None,
                ..
            }
        ),
        "{refused}"
    );
    assert!(
        refused.to_string().contains("matterbot ledger restore"),
        "{refused}"
    );
    fs::write(home.path().join("ledger.db.v1.bak"), "").unwrap();
    assert!(error(&home).to_string().contains("ledger.db.v1.bak"));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn the_database_of_another_program_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("ledger.db");
    Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE feed (id INTEGER)")
        .unwrap();
    assert!(error(&home).to_string().contains("another program"));
}

#[tokio::test]
async fn damage_is_told_with_the_file_and_the_command() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("ledger.db");
    let damaged = || {
        let error = error(&home);
        assert!(matches!(error, OpenError::Corrupt { .. }), "{error:?}");
        let text = error.to_string();
        assert!(
            text.contains("ledger.db") && text.contains("matterbot ledger restore"),
            "{text}"
        );
    };
    fs::write(
        &path,
        "This is no database, but it is long enough to be one.".repeat(100),
    )
    .unwrap();
    damaged();

    let whole = {
        let home = used().await;
        fs::read(home.path().join("ledger.db")).unwrap()
    };
    fs::write(&path, &whole).unwrap();
    open(&home);
    // Every page in turn; the first one has the magic number and the schema.
    for page in 0..whole.len() / 4096 {
        let mut content = whole.clone();
        content[page * 4096..][..4096].fill(0xa5);
        write_database(&path, &content);
        damaged();
    }
    write_database(&path, &whole[..whole.len() / 2]);
    damaged();
}

fn write_database(path: &Path, content: &[u8]) {
    for suffix in ["-wal", "-shm"] {
        fs::remove_file(path.with_file_name(format!("ledger.db{suffix}"))).ok();
    }
    fs::write(path, content).unwrap();
}

#[tokio::test]
async fn a_reader_does_not_disturb_the_writer() {
    let home = used().await;
    let (ledger, _) = open(&home);
    let reader = Connection::open(home.path().join("ledger.db")).unwrap();
    reader
        .execute_batch("BEGIN; SELECT count(*) FROM call")
        .unwrap();
    ledger::check(home.path()).unwrap();
    for _ in 0..300 {
        ledger.start(a_call()).await.unwrap();
    }
}

#[tokio::test]
async fn without_a_copy_restoring_starts_an_empty_ledger() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("ledger.db");
    fs::write(&path, "rubbish".repeat(1000)).unwrap();
    let restored = ledger::restore(home.path()).unwrap();
    assert_eq!(restored.copy, None);
    assert_eq!(
        fs::read(restored.set_aside.unwrap()).unwrap(),
        "rubbish".repeat(1000).as_bytes()
    );
    let (_ledger, recovered) = open(&home);
    assert_eq!(recovered.watermarks, []);
    assert_eq!(mode(&path), 0o600);
}

#[tokio::test]
async fn a_restored_ledger_knows_its_calls_and_does_not_look_back() {
    let home = tempfile::tempdir().unwrap();
    let (ledger, _) = open(&home);
    let (done, running) = (a_call(), a_call());
    ledger
        .settle(vec![settlement(&done, CallState::Done, &["done"])])
        .await
        .unwrap();
    ledger.start(running.clone()).await.unwrap();
    ledger.proof_of_life(Timestamp(1));
    ledger.advance(Watermark {
        channel: done.channel,
        anchor: Some(done.key.post),
        anchor_at: Timestamp(1),
        last_post_at: Timestamp(1),
    });
    ledger.close().await.unwrap();
    fs::copy(
        home.path().join("ledger.db"),
        home.path().join("ledger.db.v2.bak"),
    )
    .unwrap();
    Connection::open(home.path().join("ledger.db"))
        .unwrap()
        .execute_batch("PRAGMA user_version = 3")
        .unwrap();
    assert!(matches!(error(&home), OpenError::Newer { .. }));

    let restored = ledger::restore(home.path()).unwrap();
    assert!(restored.set_aside.is_some() && restored.copy.unwrap().ends_with("ledger.db.v2.bak"));
    let (ledger, recovered) = open(&home);
    assert!(
        recovered.unfinished.is_empty()
            && recovered.undelivered.is_empty()
            && recovered.watermarks.is_empty()
    );
    assert_eq!(recovered.proof_of_life, None);
    assert_eq!(
        ledger.start(done).await,
        Ok(Started::Known(CallState::Done))
    );
    let (ledger, _) = reopen(ledger, &home).await;
    assert_eq!(
        ledger.start(running).await,
        Ok(Started::Known(CallState::Interrupted))
    );
}
