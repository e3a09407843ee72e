//! What the ledger forgets, and what it must not: nothing may run twice because its row is gone.

use std::path::Path;
use std::time::Duration;

use matterbot::id::{ChannelId, PostId, UserId};
use matterbot::ledger::{Call, CallKey, CallState, Ledger, Pass, RETENTION, Started};
use matterbot::timestamp::Timestamp;
use rusqlite::{Connection, params};
use tempfile::TempDir;

use super::{a_call, count, open, reopen, settlement};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A row as an earlier life of the bot left it; ages are in days, and a negative one lies in the future.
#[derive(Clone, Copy)]
pub(super) struct Old {
    pub(super) state: &'static str,
    /// By our clock.
    pub(super) recorded: i64,
    /// By the server's clock.
    pub(super) asked: i64,
    pub(super) channel: ChannelId,
}

pub(super) fn days_ago(days: i64) -> i64 {
    Timestamp::now().0 - days * i64::try_from(DAY.as_millis()).unwrap()
}

pub(super) fn old(recorded: i64, asked: i64) -> Old {
    Old {
        state: "done",
        recorded,
        asked,
        channel: ChannelId::random(),
    }
}

pub(super) fn connect(home: &Path) -> Connection {
    let connection = Connection::open(home.join("ledger.db")).unwrap();
    connection.busy_timeout(Duration::from_secs(10)).unwrap();
    connection
}

pub(super) fn plant(connection: &Connection, row: Old) -> PostId {
    let post = PostId::random();
    let id = |text: &dyn std::fmt::Display| text.to_string();
    connection
        .execute(
            "INSERT INTO call (post, ordinal, name, state, channel, root, user, asked_at, recorded_at, settled_at,
                               detail, text, plan)
             VALUES (?1, 0, 'dice', ?2, ?3, ?1, ?4, ?5, ?6, ?6, 'done', '@dice 3d6', '{}')",
            params![
                id(&post),
                row.state,
                id(&row.channel),
                id(&UserId::random()),
                days_ago(row.asked),
                days_ago(row.recorded)
            ],
        )
        .unwrap();
    post
}

/// An empty ledger that knows the server's clock.
pub(super) async fn used() -> (TempDir, Ledger, Connection) {
    let home = tempfile::tempdir().unwrap();
    let (ledger, _) = open(&home);
    ledger.proof_of_life(Timestamp::now());
    ledger.flush().await.unwrap();
    let connection = connect(home.path());
    (home, ledger, connection)
}

/// A whole pass; gives the number of batches.
async fn forget(ledger: &Ledger) -> usize {
    let mut pass = Pass::new(Timestamp::now(), RETENTION);
    let mut batches = 0;
    while !pass.is_over() {
        pass = ledger.forget(pass).await.unwrap();
        batches += 1;
    }
    batches
}

fn is_there(connection: &Connection, post: PostId) -> bool {
    let query = "SELECT count(*) FROM call WHERE post = ?";
    let rows: u32 = connection
        .query_row(query, [post.to_string()], |row| row.get(0))
        .unwrap();
    rows == 1
}

#[tokio::test]
async fn a_call_goes_when_it_is_old_by_both_clocks_and_has_an_outcome() {
    let (_home, ledger, connection) = used().await;
    let cases = [
        ("old", old(91, 91), false),
        ("very old", old(4_000, 4_000), false),
        (
            "denied",
            Old {
                state: "denied",
                ..old(91, 91)
            },
            false,
        ),
        ("young", old(89, 89), true),
        (
            "without an outcome",
            Old {
                state: "running",
                ..old(91, 91)
            },
            true,
        ),
        ("recorded while our clock was behind", old(20_000, 1), true),
        ("recorded while our clock was ahead", old(-4_000, 91), true),
        ("dated back by its author", old(1, 91), true),
        ("dated in the future", old(91, -4_000), true),
        ("the last row", old(91, 91), true),
    ];
    let planted = cases.map(|(what, row, stays)| (what, plant(&connection, row), stays));
    forget(&ledger).await;
    for (what, post, stays) in planted {
        assert_eq!(is_there(&connection, post), stays, "{what}");
    }
}

#[tokio::test]
async fn a_clock_that_jumps_makes_nothing_forgotten() {
    let home = tempfile::tempdir().unwrap();
    let (ledger, _) = open(&home);
    let call = a_call();
    ledger
        .settle(vec![settlement(&call, CallState::Done, &["13"])])
        .await
        .unwrap();
    ledger.start(a_call()).await.unwrap();
    let connection = connect(home.path());
    let a_year_ahead = Timestamp::now().plus(365 * DAY);
    // The server's clock is not known, or stands still while ours jumps.
    for alive in [None, Some(call.asked_at.plus(DAY))] {
        if let Some(alive) = alive {
            ledger.proof_of_life(alive);
        }
        let mut pass = Pass::new(a_year_ahead, RETENTION);
        while !pass.is_over() {
            pass = ledger.forget(pass).await.unwrap();
        }
        assert!(is_there(&connection, call.key.post), "{alive:?}");
    }
    // The server's clock jumps alone.
    ledger.proof_of_life(a_year_ahead);
    forget(&ledger).await;
    assert_eq!(
        ledger.start(call).await,
        Ok(Started::Known(CallState::Done))
    );
}

#[tokio::test]
async fn numbers_of_rows_never_come_back() {
    let (home, ledger, connection) = used().await;
    for _ in 0..5 {
        plant(&connection, old(200, 200));
    }
    // Every row is settled, and that is noted.
    ledger.proof_of_life(Timestamp::now());
    ledger.flush().await.unwrap();
    forget(&ledger).await;
    assert_eq!(count(home.path(), "call"), 1);
    let call = a_call();
    ledger.start(call.clone()).await.unwrap();
    let (_ledger, recovered) = reopen(ledger, &home).await;
    assert_eq!(recovered.unfinished, [call], "a kill now would be noticed");
}

#[tokio::test]
async fn until_when_something_is_forgotten_is_remembered() {
    let (home, ledger, connection) = used().await;
    assert_eq!(ledger.forgotten_until().await, Ok(None));
    for age in [120, 100, 110, 1] {
        plant(&connection, old(age, age));
    }
    let latest = "SELECT asked_at FROM call WHERE id = 2";
    let latest = connection.query_row(latest, [], |row| row.get(0)).unwrap();
    for age in [100, 120] {
        forget(&ledger).await;
        let until = ledger.forgotten_until().await.unwrap();
        assert_eq!(until, Some(Timestamp(latest)), "whatever goes later");
        plant(&connection, old(age + 5, age + 5));
        plant(&connection, old(0, 0));
    }
    let (ledger, _) = reopen(ledger, &home).await;
    let until = ledger.forgotten_until().await.unwrap();
    assert_eq!(until, Some(Timestamp(latest)), "by a successor too");
}

#[tokio::test]
async fn what_is_old_elsewhere_goes_too_and_the_outbox_stays() {
    let (home, ledger, connection) = used().await;
    for age in [100, 80] {
        let values = params![days_ago(age)];
        for sql in [
            "INSERT INTO undeliverable (at, reason, key, channel, kind, calls, part, parts, text)
             VALUES (?, 'archived', 'k', 'c', 'outcome', '[]', 1, 1, 'text')",
            "INSERT INTO restart (nonce, settled_at) VALUES (hex(randomblob(8)), ?)",
            "INSERT INTO outbox (key, channel, kind, calls, part, parts, queued_at, text)
             VALUES ('k', 'c', 'outcome', '[]', 1, 1, ?, 'text')",
        ] {
            connection.execute(sql, values).unwrap();
        }
    }
    let runs = "INSERT INTO run (started_at, version, boot_id, pid) VALUES (?, '1.0.0', 'boot', 7)";
    for _ in 0..250 {
        connection.execute(runs, [days_ago(100)]).unwrap();
    }
    forget(&ledger).await;
    for (table, left) in [
        ("undeliverable", 1),
        ("restart", 1),
        ("outbox", 2),
        ("run", 50),
    ] {
        assert_eq!(count(home.path(), table), left, "{table}");
    }
}

#[tokio::test]
async fn a_pass_ends_where_everything_is_young_and_not_before() {
    let (home, ledger, connection) = used().await;
    connection.execute_batch("BEGIN").unwrap();
    for row in [(-4_000, 91, 150), (95, 95, 250), (1, 1, 1_000)] {
        for _ in 0..row.2 {
            plant(&connection, old(row.0, row.1));
        }
    }
    connection.execute_batch("COMMIT").unwrap();
    let batches = forget(&ledger).await;
    assert_eq!(count(home.path(), "call"), 1_150);
    assert!(
        batches < 10,
        "{batches} batches: all that is young was looked at"
    );
}

#[tokio::test]
async fn the_file_stops_growing_when_as_much_goes_as_comes() {
    let (_home, ledger, connection) = used().await;
    let pages = |connection: &Connection| -> u32 {
        let query = "SELECT page_count FROM pragma_page_count";
        connection.query_row(query, [], |row| row.get(0)).unwrap()
    };
    let mut sizes = Vec::new();
    for _window in 0..6 {
        // A window's time passes: what there is becomes old, and as much comes again.
        connection
            .execute_batch("BEGIN; UPDATE call SET recorded_at = 0, asked_at = 0")
            .unwrap();
        for _ in 0..2_000 {
            plant(&connection, old(0, 0));
        }
        connection.execute_batch("COMMIT").unwrap();
        forget(&ledger).await;
        sizes.push(pages(&connection));
    }
    assert!(sizes[5] <= sizes[1] + sizes[1] / 10, "{sizes:?}");
}

/// The log is emptied while nobody waits, and what a long reading made of it does not stay.
#[tokio::test]
async fn the_log_stays_small() {
    let (home, ledger, connection) = used().await;
    let log = || home.path().join("ledger.db-wal").metadata().unwrap().len();
    const MOST: u64 = 4 * 1024 * 1024;
    let fill = |count: usize| {
        connection.execute_batch("BEGIN").unwrap();
        for _ in 0..count {
            plant(&connection, old(100, 100));
        }
        connection.execute_batch("COMMIT").unwrap();
    };
    fill(4_000);
    connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .unwrap();
    forget(&ledger).await;
    // At a thousand pages SQLite would make somebody's commit wait while it writes them all into the file.
    assert!(log() < 600 * 4_120, "{}", log());

    let reader = connect(home.path());
    reader
        .execute_batch("BEGIN; SELECT count(*) FROM call")
        .unwrap();
    fill(30_000);
    assert!(log() > MOST, "the reader keeps it: {}", log());
    drop(reader);
    forget(&ledger).await;
    assert!(log() <= MOST, "{}", log());
}

/// A million rows; a call starts and is settled between any two batches, and no batch is a large one.
#[tokio::test]
async fn calls_are_served_while_a_million_is_forgotten() {
    let (home, ledger, connection) = used().await;
    connection
        .execute_batch(
            "PRAGMA synchronous = OFF;
             WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 1000000)
             INSERT INTO call (post, ordinal, name, state, channel, root, user, asked_at, recorded_at, settled_at,
                               detail, text, plan)
             SELECT printf('%026d', n), 0, 'dice', 'done', 'c', printf('%026d', n), 'u', n, n, n, 'done',
                    '@dice 3d6', '{}' FROM number;",
        )
        .unwrap();
    let mut pass = Pass::new(Timestamp::now(), RETENTION);
    for _ in 0..300 {
        let before = pass.forgotten.calls;
        let call = a_call();
        let work = async {
            ledger.start(call.clone()).await.unwrap();
            let outcome = settlement(&call, CallState::Done, &["13"]);
            ledger.settle(vec![outcome]).await.unwrap()
        };
        let (batch, sent) = tokio::join!(ledger.forget(pass), work);
        pass = batch.unwrap();
        assert_eq!(sent.len(), 1);
        let deleted = pass.forgotten.calls - before;
        assert!((1..=100).contains(&deleted), "{deleted}");
    }
    assert_eq!(count(home.path(), "call"), 1_000_000 - 300 * 100 + 300);
    assert!(!pass.is_over());
}

#[tokio::test]
async fn a_key_that_is_forgotten_is_no_other_calls_key() {
    let (_home, ledger, connection) = used().await;
    let post = plant(&connection, old(100, 100));
    plant(&connection, old(0, 0));
    forget(&ledger).await;
    assert_eq!(ledger.known(vec![post]).await, Ok(vec![]));
    let key = CallKey {
        post,
        ordinal: 0,
        name: "dice".to_owned(),
    };
    let again = Call { key, ..a_call() };
    // What keeps it from running is that whoever finds its post again asks until when the ledger has gaps.
    assert_eq!(ledger.start(again).await, Ok(Started::New));
}
