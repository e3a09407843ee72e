//! A sweep: what the reading of what was missed starts from, and what it tells.

use std::collections::HashMap;

use crate::id::ChannelId;
use crate::timestamp::Timestamp;

use super::watermark::Mark;

/// What a sweep starts from.
#[derive(Debug)]
pub struct SweepPlan {
    /// What is known of each channel.
    pub marks: HashMap<ChannelId, Mark>,
    /// From when on a channel without an anchor is read, on the server's clock.
    pub since: Timestamp,
    /// The server's clock now.
    pub server_now: Timestamp,
}

/// How far the reading of a channel has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// It begins.
    Begins,
    /// The channel was read to its end, or as far as is allowed.
    Ended,
    /// The server does not let us read the channel; it is tried again with the next sweep.
    Refused,
}

/// A channel whose reading begins, or is over.
#[derive(Debug, Clone, Copy)]
pub struct Looked {
    /// The channel.
    pub channel: ChannelId,
    /// Its `last_post_at` when it was listed.
    pub last_post_at: Timestamp,
    /// The server's clock when the sweep began.
    pub as_of: Timestamp,
    /// From when on a channel without an anchor was read.
    pub since: Timestamp,
    /// How far the reading has come.
    pub reading: Reading,
}

/// Posts that catch-up passes over, since there are more than `Lifecycle.catch_up.max_posts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unread {
    /// The channel.
    pub channel: ChannelId,
    /// They were created after this, by the server's clock...
    pub from: Timestamp,
    /// ...and not after this.
    pub to: Timestamp,
}
