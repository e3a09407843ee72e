//! The audit trail: the form of its lines, what survives a crash, and which files it refuses.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use matterbot::audit::{Audit, AuditError, Entry, Verdict};
use matterbot::id::{ChannelId, PostId, UserId};
use matterbot::timestamp::Timestamp;

fn entry(ordinal: u16) -> Entry {
    Entry {
        at: Timestamp(1_700_000_000_000 + i64::from(ordinal)),
        post: PostId::random(),
        ordinal,
        channel: ChannelId::random(),
        user: UserId::random(),
        command: "@restart".to_owned(),
        module: None,
        verdict: Verdict::Denied,
        reason: Some("not_permitted".to_owned()),
        outcome: None,
    }
}

fn text(directory: &Path) -> String {
    fs::read_to_string(directory.join("audit.jsonl")).unwrap()
}

#[test]
fn an_entry_is_one_line_of_json() {
    let id = "k1h7xqnd3fyw8mgqj5s9e6ro4a";
    let entry = Entry {
        at: Timestamp(1_700_000_000_000),
        post: id.parse().unwrap(),
        ordinal: 1,
        channel: id.parse().unwrap(),
        user: id.parse().unwrap(),
        command: "@restart bot".to_owned(),
        module: None,
        verdict: Verdict::Allowed,
        reason: None,
        outcome: Some("done".to_owned()),
    };
    let line = format!(
        r#"{{"at":1700000000000,"post":"{id}","ordinal":1,"channel":"{id}","user":"{id}","command":"@restart bot","verdict":"allowed","outcome":"done"}}"#
    );
    assert_eq!(serde_json::to_string(&entry).unwrap(), line);
    assert_eq!(serde_json::from_str::<Entry>(&line).unwrap(), entry);
    for (verdict, word) in [
        (Verdict::Denied, "\"denied\""),
        (Verdict::Limited, "\"limited\""),
        (Verdict::Expired, "\"expired\""),
        (Verdict::Interrupted, "\"interrupted\""),
    ] {
        assert_eq!(serde_json::to_string(&verdict).unwrap(), word);
    }
}

#[tokio::test]
async fn entries_are_appended_and_read_back() {
    let directory = tempfile::tempdir().unwrap();
    let entries: Vec<Entry> = (0..5).map(entry).collect();
    let audit = Audit::open(directory.path()).unwrap();
    audit.record(entries[0].clone());
    audit.record_durably(entries[1].clone()).await.unwrap();
    assert_eq!(
        text(directory.path()).lines().count(),
        2,
        "what is durable was written before the answer"
    );
    audit.record(entries[2].clone());
    audit.close().await;

    let audit = Audit::open(directory.path()).unwrap();
    for entry in &entries[3..] {
        audit.record(entry.clone());
    }
    assert_eq!(audit.last(3).await, entries[2..]);
    assert_eq!(audit.last(100).await, entries);
    assert_eq!(audit.last(0).await, []);
    assert_eq!(audit.trouble(), None);
    audit.close().await;
    assert_eq!(text(directory.path()).lines().count(), 5);
}

#[tokio::test]
async fn after_close_nothing_is_recorded_and_that_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let audit = Audit::open(directory.path()).unwrap();
    audit.close().await;
    audit.close().await;
    audit.record(entry(0));
    assert!(matches!(
        audit.record_durably(entry(1)).await,
        Err(AuditError::Closed)
    ));
    assert_eq!(audit.last(1).await, []);
    assert_eq!(audit.trouble().unwrap().lost, 2);
}

#[tokio::test]
async fn a_torn_line_costs_only_itself() {
    let directory = tempfile::tempdir().unwrap();
    let first = entry(0);
    let torn = format!("{}\n{{\"at\":17000", serde_json::to_string(&first).unwrap());
    fs::write(directory.path().join("audit.jsonl"), &torn).unwrap();

    let audit = Audit::open(directory.path()).unwrap();
    assert_eq!(audit.last(10).await, std::slice::from_ref(&first));
    let second = entry(1);
    audit.record(second.clone());
    assert_eq!(audit.last(10).await, [first, second]);
    assert!(
        text(directory.path()).starts_with(&format!("{torn}\n{{")),
        "nothing was taken away"
    );
}

#[tokio::test]
async fn foreign_text_stays_on_its_line_and_is_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let audit = Audit::open(directory.path()).unwrap();
    let forged = serde_json::to_string(&entry(7)).unwrap();
    audit.record(Entry {
        command: format!("@restart\n{forged}\r\u{2028}"),
        ..entry(0)
    });
    audit.record(Entry {
        command: "😀".repeat(100_000),
        ..entry(1)
    });
    let last = audit.last(10).await;
    assert_eq!(
        last.iter().map(|entry| entry.ordinal).collect::<Vec<u16>>(),
        [0, 1]
    );
    assert_eq!(last[1].command.chars().count(), 500);
}

#[tokio::test]
async fn only_the_end_of_a_long_trail_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let line = serde_json::to_string(&entry(0)).unwrap() + "\n";
    fs::write(
        directory.path().join("audit.jsonl"),
        line.repeat(3 * (1 << 20) / line.len()),
    )
    .unwrap();
    let audit = Audit::open(directory.path()).unwrap();
    let all = audit.last(usize::MAX).await;
    assert_eq!(all.len(), (1 << 20) / line.len());
}

#[test]
fn the_file_is_closed_to_others() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    drop(Audit::open(directory.path()).unwrap());
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    drop(Audit::open(directory.path()).unwrap());
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
}

#[test]
fn a_file_that_may_be_a_trap_is_refused() {
    let refusal = |prepare: &dyn Fn(&Path, &Path)| {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("target");
        fs::write(&target, "precious").unwrap();
        prepare(&target, &directory.path().join("audit.jsonl"));
        let error = Audit::open(directory.path()).unwrap_err();
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
        error
    };
    let link = refusal(&|target, path| symlink(target, path).unwrap());
    assert!(matches!(link, AuditError::Open { .. }), "{link:?}");
    let hard_link = refusal(&|target, path| fs::hard_link(target, path).unwrap());
    assert!(
        matches!(hard_link, AuditError::NotOurs { .. }),
        "{hard_link:?}"
    );
    let folder = refusal(&|_, path| fs::create_dir(path).unwrap());
    assert!(matches!(folder, AuditError::Open { .. }), "{folder:?}");
    let pipe = refusal(&|_, path| {
        rustix::fs::mknodat(
            rustix::fs::CWD,
            path,
            rustix::fs::FileType::Fifo,
            0o600.into(),
            0,
        )
        .unwrap();
    });
    assert!(matches!(pipe, AuditError::NotOurs { .. }), "{pipe:?}");
    assert!(pipe.to_string().contains("audit.jsonl"));

    let directory = tempfile::tempdir().unwrap();
    let missing = Audit::open(&directory.path().join("missing")).unwrap_err();
    assert!(matches!(missing, AuditError::Open { .. }), "{missing:?}");
}
