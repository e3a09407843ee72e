//! Reading the ledger from outside: what is told, and that nothing is touched.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use matterbot::id::PostId;
use matterbot::ledger::{
    self, Attachment, CallState, Kind, Ledger, OpenError, Query, Record, Settlement, survey,
};
use matterbot::timestamp::Timestamp;
use rusqlite::Connection;

use super::crash::child;
use super::{a_call, open, reply, settlement};

const NEWEST: Query = Query::Newest {
    count: 10_000,
    state: None,
};

fn records(home: &Path, query: Query) -> Vec<Record> {
    survey(home, query).unwrap().unwrap().records
}

/// Every file of `home` with its content, its times and its owner.
fn traces(home: &Path) -> BTreeMap<String, (Vec<u8>, i64, i64, u32)> {
    let trace = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.unwrap().path();
        let (name, metadata) = (path.file_name().unwrap(), path.metadata().unwrap());
        let times = (metadata.mtime(), metadata.mtime_nsec());
        (
            name.to_string_lossy().into_owned(),
            (fs::read(&path).unwrap(), times.0, times.1, metadata.uid()),
        )
    };
    fs::read_dir(home).unwrap().map(trace).collect()
}

#[tokio::test]
async fn everything_of_a_call_is_told() {
    let home = tempfile::tempdir().unwrap();
    let (ledger, _) = open(&home);
    let (mut first, other) = (a_call(), a_call());
    first.key.ordinal = 1;
    ledger.start(first.clone()).await.unwrap();
    let running = records(home.path(), NEWEST);
    assert_eq!(running.len(), 1);
    assert_eq!(
        (running[0].state, running[0].settled_at, &running[0].text),
        (CallState::Running, None, &None)
    );
    let mut answer = reply(&first, &["one", "two", "three"]);
    answer.parts[2].attachment = Some(Attachment {
        name: "dice.md".to_owned(),
        text: "much".to_owned(),
    });
    let outcome = Settlement {
        replies: vec![answer],
        ..settlement(&first, CallState::Failed, &[])
    };
    let sent = ledger.settle(vec![outcome]).await.unwrap();
    let visible = PostId::random();
    ledger.delivered(sent[0].id, visible);
    ledger.undeliverable(sent[1].id, "the channel is archived".to_owned());
    ledger.attempted(sent[2].id, Timestamp(5));
    ledger
        .settle(vec![settlement(&other, CallState::Denied, &["no"])])
        .await
        .unwrap();

    let found = survey(home.path(), NEWEST).unwrap().unwrap();
    assert_eq!((found.waiting.count, found.undeliverable.count), (2, 1));
    let posts: Vec<PostId> = found.records.iter().map(|record| record.post).collect();
    assert_eq!(posts, [other.key.post, first.key.post], "the newest first");
    let [record] = &*records(home.path(), Query::OfPost(first.key.post, None)) else {
        panic!("one call");
    };
    assert_eq!((record.ordinal, &*record.name), (1, "dice"));
    assert_eq!(
        (record.user, record.channel, record.root),
        (first.user, first.channel, first.root)
    );
    assert_eq!(
        (record.asked_at, record.answer),
        (first.asked_at, Some(visible))
    );
    assert_eq!(
        (record.state, &*record.detail),
        (CallState::Failed, "as tested")
    );
    assert_eq!(record.text.as_deref(), Some("@dice 3d6"));
    let [waiting] = &*record.waiting else {
        panic!("{:?}", record.waiting)
    };
    assert_eq!(
        (waiting.part, waiting.parts, waiting.kind),
        (3, 3, Kind::Outcome)
    );
    assert_eq!(waiting.first_attempt_at, Some(Timestamp(5)));
    assert_eq!(waiting.attachment.as_deref(), Some("dice.md"));
    let [given_up] = &*record.undeliverable else {
        panic!("{:?}", record.undeliverable)
    };
    assert_eq!(
        (given_up.part, &*given_up.reason),
        (2, "the channel is archived")
    );
    assert_eq!(given_up.text.as_deref(), Some("two"));

    for (ordinal, count) in [(Some(1), 1), (Some(0), 0), (None, 1)] {
        let of_post = records(home.path(), Query::OfPost(first.key.post, ordinal));
        assert_eq!(of_post.len(), count, "{ordinal:?}");
    }
    let denied = Query::Newest {
        count: 5,
        state: Some(CallState::Denied),
    };
    assert_eq!(records(home.path(), denied).len(), 1);
}

#[tokio::test]
async fn the_shape_of_its_json_is_kept() {
    let home = tempfile::tempdir().unwrap();
    let (ledger, _) = open(&home);
    let call = a_call();
    let outcome = settlement(&call, CallState::Done, &["13", "and more"]);
    let sent = ledger.settle(vec![outcome]).await.unwrap();
    ledger.undeliverable(sent[1].id, "gone".to_owned());
    ledger.flush().await.unwrap();
    let ids = [
        call.key.post.to_string(),
        call.user.to_string(),
        call.channel.to_string(),
    ];
    let shape = |query| {
        let record = &records(home.path(), query)[0];
        let mut text = serde_json::to_string(record).unwrap();
        for (id, name) in ids.iter().zip(["POST", "USER", "CHANNEL"]) {
            text = text.replace(id, name);
        }
        for at in [
            record.recorded_at,
            record.settled_at.unwrap(),
            record.waiting[0].queued_at,
            record.undeliverable[0].at,
        ] {
            text = text.replace(&at.0.to_string(), "AT");
        }
        text
    };
    let head = r#"{"post":"POST","ordinal":0,"name":"dice","state":"done","detail":"as tested","user":"USER","channel":"CHANNEL","root":"POST","asked_at":1795262400000,"recorded_at":AT,"settled_at":AT,"answer":null"#;
    let waiting = r#"{"kind":"outcome","part":1,"parts":2,"queued_at":AT,"first_attempt_at":null,"last_attempt_ended_at":null"#;
    let given_up = r#"{"at":AT,"reason":"gone","kind":"outcome","part":2,"parts":2"#;
    assert_eq!(
        shape(NEWEST),
        format!(r#"{head},"waiting":[{waiting}}}],"undeliverable":[{given_up}}}]}}"#)
    );
    assert_eq!(
        shape(Query::OfPost(call.key.post, Some(0))),
        format!(
            r#"{head},"text":"@dice 3d6","plan":{{"words":["3d6"]}},"waiting":[{waiting},"text":"13"}}],"undeliverable":[{given_up},"text":"and more"}}]}}"#
        )
    );
}

#[tokio::test]
async fn reading_touches_nothing_whatever_state_the_ledger_is_in() {
    let home = tempfile::tempdir().unwrap();
    assert_eq!(survey(home.path(), NEWEST).unwrap(), None);
    assert!(traces(home.path()).is_empty());

    // A bot that was killed: the log holds the most of it.
    let mut busy = child("ledger::crash::busy_child", home.path());
    let mut lines = BufReader::new(busy.stdout.take().unwrap()).lines();
    let reported: Vec<String> = lines.by_ref().take(60).map(Result::unwrap).collect();
    let reported = reported.iter().filter(|line| line.starts_with("started"));
    // While it runs it is read as well.
    let seen = records(home.path(), NEWEST);
    busy.kill().unwrap();
    busy.wait().unwrap();
    let before = traces(home.path());
    assert!(before["ledger.db-wal"].0.len() > 4096, "the log has it");
    let posts: Vec<String> = records(home.path(), NEWEST)
        .iter()
        .map(|record| record.post.to_string())
        .collect();
    for line in reported {
        let (_, post) = line.rsplit_once(' ').unwrap();
        assert!(posts.iter().any(|known| known == post), "{line}");
        assert!(
            seen.iter().any(|record| record.post.to_string() == post),
            "{line}"
        );
    }
    assert!(traces(home.path()) == before, "after a kill");

    // A bot that ended well: there is nothing beside the file.
    let (ledger, _) = Ledger::open(home.path()).unwrap();
    ledger.close().await.unwrap();
    let before = traces(home.path());
    assert_eq!(before.len(), 1);
    assert_eq!(records(home.path(), NEWEST).len(), posts.len());
    assert!(ledger::inspect(home.path()).unwrap().is_some());
    ledger::check(home.path()).unwrap();
    assert!(traces(home.path()) == before, "after a stop");
}

#[tokio::test]
async fn a_directory_may_have_any_name() {
    let home = tempfile::tempdir().unwrap();
    let odd = home.path().join("100% sure? #1 & a=b ü");
    fs::create_dir(&odd).unwrap();
    let (ledger, _) = Ledger::open(&odd).unwrap();
    ledger.start(a_call()).await.unwrap();
    assert_eq!(records(&odd, NEWEST).len(), 1);
    ledger.close().await.unwrap();
    assert_eq!(records(&odd, NEWEST).len(), 1);
}

#[tokio::test]
async fn what_is_no_ledger_of_ours_is_said() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("ledger.db");
    let refused = || survey(home.path(), NEWEST).unwrap_err();
    fs::write(&path, "This is no database.".repeat(500)).unwrap();
    assert!(matches!(refused(), OpenError::Corrupt { .. }));
    fs::remove_file(&path).unwrap();
    Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE feed (id INTEGER)")
        .unwrap();
    assert!(refused().to_string().contains("another program"));
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/dev/null", &path).unwrap();
    assert!(matches!(refused(), OpenError::Database { .. }));
    fs::remove_file(&path).unwrap();
    drop(open(&home));
    let newer = Connection::open(&path).unwrap();
    newer.execute_batch("PRAGMA user_version = 9").unwrap();
    assert!(matches!(refused(), OpenError::Newer { found: 9, .. }));
}
