//! Calls: their start rows and their outcomes.

use std::fmt;

use rusqlite::OptionalExtension;
use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};

use crate::id::{ChannelId, PostId, UserId};
use crate::timestamp::Timestamp;

/// What identifies a call: the unit of every promise.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CallKey {
    /// The post that asks.
    pub post: PostId,
    /// Which call of the post it is, from 0.
    pub ordinal: u16,
    /// The built-in or the module.
    pub name: String,
}

impl fmt::Display for CallKey {
    /// `<post id>:<ordinal>`, as our posts list the calls that they answer.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.post, self.ordinal)
    }
}

/// A call and all that is needed to answer it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its identity.
    pub key: CallKey,
    /// Where it was asked.
    pub channel: ChannelId,
    /// The root of the thread to answer in.
    pub root: PostId,
    /// Who asked.
    pub user: UserId,
    /// The text of the post.
    pub text: String,
    /// The resolved plan, opaque JSON of the caller: a started call is never parsed again.
    pub plan: String,
    /// The post's `create_at`, of the server's clock.
    pub asked_at: Timestamp,
}

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CallState {
    /// Started, without an outcome yet.
    Running,
    /// Executed.
    Done,
    /// Ran and failed.
    Failed,
    /// Refused.
    Denied,
    /// Too old when we came to it.
    Expired,
    /// Cut off; how much of it happened is unknown.
    Interrupted,
}

/// The answer to a request to start a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Started {
    /// It has its start row now and may run.
    New,
    /// It had a row before and must not run again.
    Known(CallState),
}

/// A call as the budgets count it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recent {
    /// Where it stands.
    pub state: CallState,
    /// What the operator should know beyond the state; empty while it runs.
    pub detail: String,
    /// When its first row was written, of our clock.
    pub recorded_at: Timestamp,
}

/// Inserts the start row of `call`, unless it has a row.
pub(super) fn start(connection: &Connection, call: &Call) -> rusqlite::Result<Started> {
    if insert(connection, call, CallState::Running, "")? {
        return Ok(Started::New);
    }
    let CallKey {
        post,
        ordinal,
        name,
    } = &call.key;
    connection
        .prepare_cached("SELECT state FROM call WHERE post = ? AND ordinal = ? AND name = ?")?
        .query_row(params![post, ordinal, name], |row| row.get(0))
        .map(Started::Known)
}

/// Inserts the start rows of `calls`, which are of one word of a post, unless the word has a row.
pub(super) fn start_together(connection: &Connection, calls: &[Call]) -> rusqlite::Result<Started> {
    let Some(first) = calls.first() else {
        return Ok(Started::New);
    };
    let known = connection
        .prepare_cached("SELECT state FROM call WHERE post = ? AND ordinal = ?")?
        .query_row(params![first.key.post, first.key.ordinal], |row| row.get(0))
        .optional()?;
    if let Some(state) = known {
        return Ok(Started::Known(state));
    }
    for call in calls {
        insert(connection, call, CallState::Running, "")?;
    }
    Ok(Started::New)
}

/// Gives `call` its outcome; `false` if it has one.
pub(super) fn settle(
    connection: &Connection,
    call: &Call,
    state: CallState,
    detail: &str,
) -> rusqlite::Result<bool> {
    let CallKey {
        post,
        ordinal,
        name,
    } = &call.key;
    let updated = connection
        .prepare_cached(
            "UPDATE call SET state = ?, detail = ?, settled_at = ?
             WHERE post = ? AND ordinal = ? AND name = ? AND state = 'running'",
        )?
        .execute(params![
            state,
            detail,
            Timestamp::now(),
            post,
            ordinal,
            name
        ])?;
    Ok(updated == 1 || insert(connection, call, state, detail)?)
}

/// Inserts the first row of `call`; `false` if it has one.
fn insert(
    connection: &Connection,
    call: &Call,
    state: CallState,
    detail: &str,
) -> rusqlite::Result<bool> {
    let now = Timestamp::now();
    let settled_at = (state != CallState::Running).then_some(now);
    let inserted = connection
        .prepare_cached(
            "INSERT INTO call (post, ordinal, name, state, channel, root, user, asked_at, recorded_at, settled_at,
                               detail, text, plan)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            call.key.post, call.key.ordinal, call.key.name, state, call.channel, call.root, call.user, call.asked_at,
            now, settled_at, detail, call.text, call.plan,
        ])?;
    Ok(inserted == 1)
}

/// Notes that `post` tells the outcome of `key`.
pub(super) fn answered(
    connection: &Connection,
    key: &CallKey,
    post: PostId,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE call SET answer = ? WHERE post = ? AND ordinal = ? AND name = ?")?
        .execute(params![post, key.post, key.ordinal, key.name])
        .map(drop)
}

/// The calls of `posts` that have a row.
pub(super) fn known(connection: &Connection, posts: &[PostId]) -> rusqlite::Result<Vec<CallKey>> {
    let mut statement =
        connection.prepare_cached("SELECT post, ordinal, name FROM call WHERE post = ?")?;
    let mut keys = Vec::new();
    for post in posts {
        for key in statement.query_map([post], key)? {
            keys.push(key?);
        }
    }
    Ok(keys)
}

/// Who asked for the call `key`, if it has a row.
pub(super) fn asker(connection: &Connection, key: &CallKey) -> rusqlite::Result<Option<UserId>> {
    let mut statement = connection
        .prepare_cached("SELECT user FROM call WHERE post = ? AND ordinal = ? AND name = ?")?;
    statement
        .query_row((key.post, key.ordinal, &key.name), |row| row.get(0))
        .optional()
}

/// The calls of `name` recorded at `since` or later, newest first.
///
/// Rows are in the order of their recording, so it reads backwards until one is too old; an index would cost each
/// start a page.
pub(super) fn recent(
    connection: &Connection,
    name: &str,
    since: Timestamp,
) -> rusqlite::Result<Vec<Recent>> {
    let mut statement = connection
        .prepare_cached("SELECT name, state, recorded_at, detail FROM call ORDER BY id DESC")?;
    let mut rows = statement.query([])?;
    let mut recent = Vec::new();
    while let Some(row) = rows.next()? {
        let recorded_at = row.get(2)?;
        if recorded_at < since {
            break;
        }
        if row.get_ref(0)?.as_str()? == name {
            recent.push(Recent {
                state: row.get(1)?,
                detail: row.get(3)?,
                recorded_at,
            });
        }
    }
    Ok(recent)
}

/// The calls that were started and have no outcome, oldest first.
pub(super) fn unfinished(connection: &Connection) -> rusqlite::Result<Vec<Call>> {
    connection
        .prepare(
            "SELECT post, ordinal, name, channel, root, user, text, plan, asked_at FROM call
             WHERE id >= (SELECT settled_below FROM state) AND state = 'running' ORDER BY id",
        )?
        .query_map([], |row| {
            Ok(Call {
                key: key(row)?,
                channel: row.get(3)?,
                root: row.get(4)?,
                user: row.get(5)?,
                text: row.get(6)?,
                plan: row.get(7)?,
                asked_at: row.get(8)?,
            })
        })?
        .collect()
}

/// Notes below which id every call has an outcome, so that [`unfinished`] need not read all calls there ever were.
///
/// An index of the running calls would tell it too, but cost each start and each outcome a page.
pub(super) fn note_settled(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE state SET settled_below = coalesce(
                 (SELECT id FROM call WHERE id >= settled_below AND state = 'running' ORDER BY id LIMIT 1),
                 (SELECT max(id) + 1 FROM call),
                 0)",
        )?
        .execute([])
        .map(drop)
}

/// The key that stands in the first three columns.
fn key(row: &Row<'_>) -> rusqlite::Result<CallKey> {
    Ok(CallKey {
        post: row.get(0)?,
        ordinal: row.get(1)?,
        name: row.get(2)?,
    })
}
