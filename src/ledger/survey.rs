//! What a person is told of the ledger: its calls, what became of them, and what still waits to be posted.

use std::collections::HashMap;
use std::path::Path;

use rusqlite::{Connection, Row, params};
use serde::Serialize;
use serde_json::Value;

use super::call::{CallKey, CallState};
use super::file::{LedgerFile, OpenError};
use super::outbox::{CallKeys, Kind};
use crate::id::{ChannelId, PostId, UserId};
use crate::timestamp::Timestamp;

/// Which calls are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Query {
    /// The newest ones, of one state or of any; what was said is left out.
    Newest {
        /// At most this many.
        count: u32,
        /// Only those that stand there.
        state: Option<CallState>,
    },
    /// Those of one post, or one of them, with all that is known.
    OfPost(PostId, Option<u16>),
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// The calls that were asked for: the newest first, or in the order of the post.
    pub records: Vec<Record>,
    /// How many posts wait in the outbox, and since when the oldest does; about these calls or not.
    pub waiting: Owed,
    /// How many posts could never be posted, and when the oldest of them was given up.
    pub undeliverable: Owed,
}

/// How many there are, and since when.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Owed {
    /// The number.
    pub count: u32,
    /// Of our clock.
    pub oldest: Option<Timestamp>,
}

/// One call. Its JSON is described in `docs/operations.md`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Record {
    /// The post that asked.
    pub post: PostId,
    /// Which call of the post, from 0.
    pub ordinal: u16,
    /// The built-in or the module.
    pub name: String,
    /// Where it stands.
    pub state: CallState,
    /// What there is to say beyond the state; often empty.
    pub detail: String,
    /// Who asked.
    pub user: UserId,
    /// Where.
    pub channel: ChannelId,
    /// The thread that is answered in.
    pub root: PostId,
    /// The post's `create_at`, of the server's clock.
    pub asked_at: Timestamp,
    /// When its first row was written, of our clock.
    pub recorded_at: Timestamp,
    /// When it got its outcome, of our clock.
    pub settled_at: Option<Timestamp>,
    /// The last of our posts that told the outcome.
    pub answer: Option<PostId>,
    /// What was said, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The resolved plan, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<Value>,
    /// Its posts that wait in the outbox, in order.
    pub waiting: Vec<Waiting>,
    /// Its posts that could never be posted, in order.
    pub undeliverable: Vec<Undeliverable>,
}

/// A post that waits in the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// What it is.
    pub kind: Kind,
    /// Which part of the reply, from 1.
    pub part: u32,
    /// How many parts the reply has.
    pub parts: u32,
    /// When it was queued.
    pub queued_at: Timestamp,
    /// When the first attempt to post it began.
    pub first_attempt_at: Option<Timestamp>,
    /// When the last attempt ended.
    pub last_attempt_ended_at: Option<Timestamp>,
    /// The message, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The name of its file, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attachment: Option<String>,
}

/// A post that could never be posted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Undeliverable {
    /// When it was given up.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
    /// What it is.
    pub kind: Kind,
    /// Which part of the reply, from 1.
    pub part: u32,
    /// How many parts the reply has.
    pub parts: u32,
    /// The message, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Reads the calls that `query` asks for in the ledger in `directory`; `None` if there is no ledger. A bot may be using
/// it; nothing is changed, and no lock taken.
///
/// # Errors
/// See [`OpenError`].
pub fn survey(directory: &Path, query: Query) -> Result<Option<Survey>, OpenError> {
    LedgerFile::new(directory)?.read(|connection| look(connection, query))
}

fn look(connection: &Connection, query: Query) -> rusqlite::Result<Survey> {
    let with_texts = matches!(query, Query::OfPost(..));
    let mut records = records(connection, query)?;
    let mut waiting = waiting(connection, with_texts)?;
    let mut undeliverable = undeliverable(connection, with_texts)?;
    for record in &mut records {
        let key = CallKey {
            post: record.post,
            ordinal: record.ordinal,
            name: record.name.clone(),
        };
        record.waiting = waiting.remove(&key).unwrap_or_default();
        record.undeliverable = undeliverable.remove(&key).unwrap_or_default();
    }
    Ok(Survey {
        records,
        waiting: owed(connection, "count(*), min(queued_at) FROM outbox")?,
        undeliverable: owed(connection, "count(*), min(at) FROM undeliverable")?,
    })
}

fn owed(connection: &Connection, what: &str) -> rusqlite::Result<Owed> {
    connection.query_row(&format!("SELECT {what}"), [], |row| {
        Ok(Owed {
            count: row.get(0)?,
            oldest: row.get(1)?,
        })
    })
}

fn records(connection: &Connection, query: Query) -> rusqlite::Result<Vec<Record>> {
    const COLUMNS: &str =
        "SELECT post, ordinal, name, state, detail, user, channel, root, asked_at, recorded_at,
                                  settled_at, answer";
    match query {
        Query::Newest { count, state } => connection
            .prepare(&format!(
                "{COLUMNS}, NULL, NULL FROM call WHERE ?1 IS NULL OR state = ?1 ORDER BY id DESC LIMIT ?2"
            ))?
            .query_map(params![state, count], record)?
            .collect(),
        Query::OfPost(post, ordinal) => connection
            .prepare(&format!(
                "{COLUMNS}, text, plan FROM call WHERE post = ?1 AND (?2 IS NULL OR ordinal = ?2)
                 ORDER BY ordinal, id"
            ))?
            .query_map(params![post, ordinal], record)?
            .collect(),
    }
}

fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    let plan: Option<String> = row.get(13)?;
    Ok(Record {
        post: row.get(0)?,
        ordinal: row.get(1)?,
        name: row.get(2)?,
        state: row.get(3)?,
        detail: row.get(4)?,
        user: row.get(5)?,
        channel: row.get(6)?,
        root: row.get(7)?,
        asked_at: row.get(8)?,
        recorded_at: row.get(9)?,
        settled_at: row.get(10)?,
        answer: row.get(11)?,
        text: row.get(12)?,
        plan: plan.map(|plan| serde_json::from_str(&plan).unwrap_or(Value::String(plan))),
        waiting: Vec::new(),
        undeliverable: Vec::new(),
    })
}

/// What waits, by the calls that it is about.
fn waiting(
    connection: &Connection,
    with_texts: bool,
) -> rusqlite::Result<HashMap<CallKey, Vec<Waiting>>> {
    let mut statement = connection.prepare(
        "SELECT calls, kind, part, parts, queued_at, first_attempt_at, last_attempt_ended_at,
                CASE WHEN ? THEN text END, attachment_name FROM outbox ORDER BY id",
    )?;
    by_call(&mut statement, with_texts, |row| {
        Ok(Waiting {
            kind: row.get(1)?,
            part: row.get(2)?,
            parts: row.get(3)?,
            queued_at: row.get(4)?,
            first_attempt_at: row.get(5)?,
            last_attempt_ended_at: row.get(6)?,
            text: row.get(7)?,
            attachment: row.get(8)?,
        })
    })
}

/// What could never be posted, by the calls that it is about.
fn undeliverable(
    connection: &Connection,
    with_texts: bool,
) -> rusqlite::Result<HashMap<CallKey, Vec<Undeliverable>>> {
    let mut statement = connection.prepare(
        "SELECT calls, at, reason, kind, part, parts, CASE WHEN ? THEN text END FROM undeliverable ORDER BY id",
    )?;
    by_call(&mut statement, with_texts, |row| {
        Ok(Undeliverable {
            at: row.get(1)?,
            reason: row.get(2)?,
            kind: row.get(3)?,
            part: row.get(4)?,
            parts: row.get(5)?,
            text: row.get(6)?,
        })
    })
}

/// The rows of `statement`, whose first column names calls, by these calls.
fn by_call<T: Clone>(
    statement: &mut rusqlite::Statement<'_>,
    with_texts: bool,
    read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<HashMap<CallKey, Vec<T>>> {
    let mut all: HashMap<CallKey, Vec<T>> = HashMap::new();
    let mut rows = statement.query([with_texts])?;
    while let Some(row) = rows.next()? {
        let (CallKeys(keys), value) = (row.get(0)?, read(row)?);
        for key in keys {
            all.entry(key).or_default().push(value.clone());
        }
    }
    Ok(all)
}
