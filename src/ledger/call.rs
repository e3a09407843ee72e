//! Calls: their start rows and their outcomes.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::outbox::Reply;
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallState {
    /// Started, without an outcome yet.
    Running,
    /// Executed.
    Done,
    /// Executed in vain.
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

/// The outcome of one call, with the replies that tell of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// The call; it needs no start row.
    pub call: Call,
    /// Its outcome, never [`CallState::Running`].
    pub state: CallState,
    /// What the operator should know beyond the state, for example the reason of a denial.
    pub detail: String,
    /// What to post about it. A summary of many calls goes with any one of them.
    pub replies: Vec<Reply>,
}

/// A call as the budgets count it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recent {
    /// Its identity.
    pub key: CallKey,
    /// Who asked.
    pub user: UserId,
    /// Where it stands.
    pub state: CallState,
    /// When its first row was written, of our clock.
    pub recorded_at: Timestamp,
}
