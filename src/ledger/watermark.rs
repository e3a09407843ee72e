//! Watermarks: how far each channel was read.

use rusqlite::{Connection, params};

use crate::id::{ChannelId, PostId};
use crate::timestamp::Timestamp;

/// How far one channel was read. All instants are of the server's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watermark {
    /// The channel.
    pub channel: ChannelId,
    /// The newest decided post that was old enough to be followed by no older one; catch-up pages from here.
    pub anchor: Option<PostId>,
    /// The anchor's `create_at`, or the instant from which a channel without an anchor is read.
    pub anchor_at: Timestamp,
    /// The channel's `last_post_at` when it was last read.
    pub last_post_at: Timestamp,
}

/// Writes how far a channel was read.
pub(super) fn advance(connection: &Connection, watermark: &Watermark) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO watermark (channel, anchor, anchor_at, last_post_at) VALUES (?, ?, ?, ?)")?
        .execute(params![watermark.channel, watermark.anchor, watermark.anchor_at, watermark.last_post_at])
        .map(drop)
}

/// How far each channel was read.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<Watermark>> {
    connection
        .prepare("SELECT channel, anchor, anchor_at, last_post_at FROM watermark")?
        .query_map([], |row| {
            Ok(Watermark {
                channel: row.get(0)?,
                anchor: row.get(1)?,
                anchor_at: row.get(2)?,
                last_post_at: row.get(3)?,
            })
        })?
        .collect()
}
