//! Watermarks: how far each channel was read.

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
