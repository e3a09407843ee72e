//! The outbox: replies are durable before they are sent.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, ToSql, params};
use serde::Serialize;

use super::call::{self, Call, CallKey};
use crate::id::{ChannelId, PostId, random_token};
use crate::timestamp::Timestamp;

/// What a post of ours is, as its props say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// About a call that still runs; worthless to a later process, which drops it.
    Progress,
    /// The outcome of calls.
    Outcome,
    /// Anything else.
    Notice,
}

/// A text that is uploaded as a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The file's name.
    pub name: String,
    /// The file's content.
    pub text: String,
}

/// One post of a reply.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// The message.
    pub text: String,
    /// A file of the post.
    pub attachment: Option<Attachment>,
    /// Files that are on the server already, by their identifiers.
    pub files: Vec<String>,
}

/// A reply: one post or several, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Where to post.
    pub channel: ChannelId,
    /// The thread, if it goes to one.
    pub root: Option<PostId>,
    /// What it is.
    pub kind: Kind,
    /// The calls that it answers.
    pub calls: Vec<CallKey>,
    /// Its posts.
    pub parts: Vec<Part>,
}

impl Part {
    /// A message without a file.
    #[must_use]
    pub fn of(text: String) -> Self {
        Self {
            text,
            ..Self::default()
        }
    }
}

impl Reply {
    /// The outcome of `call`, in its thread.
    #[must_use]
    pub fn outcome(call: &Call, parts: Vec<Part>) -> Self {
        Self {
            channel: call.channel,
            root: Some(call.root),
            kind: Kind::Outcome,
            calls: vec![call.key.clone()],
            parts,
        }
    }

    /// What answers no call.
    #[must_use]
    pub fn notice(channel: ChannelId, root: Option<PostId>, parts: Vec<Part>) -> Self {
        Self {
            channel,
            root,
            kind: Kind::Notice,
            calls: Vec::new(),
            parts,
        }
    }
}

/// One post that has to become visible exactly once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its row.
    pub id: i64,
    /// Unguessable, and unique to this post: its `pending_post_id` and the key in its props.
    pub key: String,
    /// Where to post.
    pub channel: ChannelId,
    /// The thread, if it goes to one.
    pub root: Option<PostId>,
    /// What it is.
    pub kind: Kind,
    /// The calls that it answers.
    pub calls: Vec<CallKey>,
    /// Which part of the reply it is, from 1.
    pub part: u32,
    /// How many parts the reply has.
    pub parts: u32,
    /// The message.
    pub text: String,
    /// A file of the post.
    pub attachment: Option<Attachment>,
    /// Files that are on the server already, by their identifiers.
    pub files: Vec<String>,
    /// When it was recorded, of our clock; no attempt was made earlier.
    pub queued_at: Timestamp,
    /// When the first attempt began. The note may die with its process: `None` proves nothing about an earlier one.
    pub first_attempt_at: Option<Timestamp>,
    /// When the last attempt ended; the same holds.
    pub last_attempt_ended_at: Option<Timestamp>,
}

/// The calls of a reply, as JSON.
pub(super) struct CallKeys(pub(super) Vec<CallKey>);

impl ToSql for CallKeys {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let json = serde_json::to_string(&self.0)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        Ok(json.into())
    }
}

impl FromSql for CallKeys {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        serde_json::from_str(value.as_str()?)
            .map(Self)
            .map_err(FromSqlError::other)
    }
}

/// Queues the parts of `reply`, the first as row `first`.
pub(super) fn queue(
    connection: &Connection,
    reply: Reply,
    first: i64,
    tag: &str,
) -> rusqlite::Result<Vec<Delivery>> {
    let deliveries = deliveries(reply, first.., tag);
    for delivery in &deliveries {
        insert(connection, delivery)?;
    }
    Ok(deliveries)
}

/// The parts of `reply` as deliveries with these ids.
pub(super) fn deliveries(
    reply: Reply,
    ids: impl IntoIterator<Item = i64>,
    tag: &str,
) -> Vec<Delivery> {
    let parts = u32::try_from(reply.parts.len()).unwrap_or(u32::MAX);
    let queued_at = Timestamp::now();
    let numbered = ids.into_iter().zip(1..).zip(reply.parts);
    let delivery = |((id, part), content): ((i64, u32), Part)| Delivery {
        id,
        key: new_key(tag),
        channel: reply.channel,
        root: reply.root,
        kind: reply.kind,
        calls: reply.calls.clone(),
        part,
        parts,
        text: content.text,
        attachment: content.attachment,
        files: content.files,
        queued_at,
        first_attempt_at: None,
        last_attempt_ended_at: None,
    };
    numbered.map(delivery).collect()
}

/// The id of deliveries that have no row; the rows have ids from 1.
pub(super) const NO_ROW: i64 = 0;

fn insert(connection: &Connection, delivery: &Delivery) -> rusqlite::Result<()> {
    let attachment = delivery.attachment.as_ref();
    connection
        .prepare_cached(
            "INSERT INTO outbox (id, key, channel, root, kind, calls, part, parts, queued_at, attachment_name,
                                 attachment_text, text, files)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            delivery.id,
            delivery.key,
            delivery.channel,
            delivery.root,
            delivery.kind,
            CallKeys(delivery.calls.clone()),
            delivery.part,
            delivery.parts,
            delivery.queued_at,
            attachment.map(|attachment| &attachment.name),
            attachment.map(|attachment| &attachment.text),
            delivery.text,
            delivery.files.join(FILES_APART),
        ])
        .map(drop)
}

/// Deletes the progress posts of an earlier process.
pub(super) fn drop_progress(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .execute("DELETE FROM outbox WHERE kind = 'progress'", [])
        .map(drop)
}

/// What still has to be posted, oldest first, without progress posts.
pub(super) fn undelivered(connection: &Connection) -> rusqlite::Result<Vec<Delivery>> {
    connection
        .prepare(
            "SELECT id, key, channel, root, kind, calls, part, parts, text, attachment_name, attachment_text,
                    queued_at, first_attempt_at, last_attempt_ended_at, files
             FROM outbox WHERE kind <> 'progress' ORDER BY id",
        )?
        .query_map([], |row| {
            let name: Option<String> = row.get(9)?;
            let text: Option<String> = row.get(10)?;
            Ok(Delivery {
                id: row.get(0)?,
                key: row.get(1)?,
                channel: row.get(2)?,
                root: row.get(3)?,
                kind: row.get(4)?,
                calls: row.get::<_, CallKeys>(5)?.0,
                part: row.get(6)?,
                parts: row.get(7)?,
                text: row.get(8)?,
                attachment: name.zip(text).map(|(name, text)| Attachment { name, text }),
                files: files(&row.get::<_, String>(14)?),
                queued_at: row.get(11)?,
                first_attempt_at: row.get(12)?,
                last_attempt_ended_at: row.get(13)?,
            })
        })?
        .collect()
}

/// What stands between the identifiers of files.
const FILES_APART: &str = " ";

fn files(column: &str) -> Vec<String> {
    column.split_whitespace().map(str::to_owned).collect()
}

/// The id after the last row.
pub(super) fn next_id(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("SELECT coalesce(max(id), 0) + 1 FROM outbox", [], |row| {
        row.get(0)
    })
}

/// Records the attempts to post row `id`.
pub(super) fn attempted(
    connection: &Connection,
    id: i64,
    began: Option<Timestamp>,
    ended: Option<Timestamp>,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE outbox SET first_attempt_at = coalesce(first_attempt_at, ?),
                               last_attempt_ended_at = coalesce(?, last_attempt_ended_at)
             WHERE id = ?",
        )?
        .execute(params![began, ended, id])
        .map(drop)
}

/// Removes row `id`, whose post is visible as `post`, and notes that on the calls whose outcome it tells.
pub(super) fn delivered(connection: &Connection, id: i64, post: PostId) -> rusqlite::Result<()> {
    let removed = connection
        .prepare_cached("DELETE FROM outbox WHERE id = ? RETURNING kind, calls")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if let Some((Kind::Outcome, CallKeys(calls))) = removed {
        for key in &calls {
            call::answered(connection, key, post)?;
        }
    }
    Ok(())
}

/// Sets row `id` aside, with the reason.
pub(super) fn undeliverable(
    connection: &Connection,
    id: i64,
    reason: &str,
) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT INTO undeliverable (at, reason, key, channel, root, kind, calls, part, parts, text)
         SELECT ?, ?, key, channel, root, kind, calls, part, parts, text FROM outbox WHERE id = ?",
        params![Timestamp::now(), reason, id],
    )?;
    connection
        .execute("DELETE FROM outbox WHERE id = ?", [id])
        .map(drop)
}

/// How many letters of a key are the ledger's tag; the rest is random (100 bits).
pub(super) const TAG_LENGTH: usize = 6;

/// The first letters of a new ledger's keys.
pub(super) fn new_tag() -> String {
    random_token().chars().take(TAG_LENGTH).collect()
}

pub(super) fn new_key(tag: &str) -> String {
    tag.chars()
        .chain(random_token().chars().skip(TAG_LENGTH))
        .collect()
}
