//! The outbox: replies are durable before they are sent.

use super::call::CallKey;
use crate::id::{ChannelId, PostId};
use crate::timestamp::Timestamp;

/// What a post of ours is, as its props say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The message.
    pub text: String,
    /// A file of the post.
    pub attachment: Option<Attachment>,
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
    /// When it was recorded, of our clock; no attempt was made earlier.
    pub queued_at: Timestamp,
    /// When the first attempt began. The note may die with its process: `None` proves nothing about an earlier one.
    pub first_attempt_at: Option<Timestamp>,
    /// When the last attempt ended; the same holds.
    pub last_attempt_ended_at: Option<Timestamp>,
}
