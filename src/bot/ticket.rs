//! A call on its way: what was asked, where, and what was decided of it before it is served.

use std::sync::Arc;
use std::time::Duration;

use crate::command::parse::Invocation;
use crate::command::table::Row;
use crate::id::{ChannelId, PostId, UserId};
use crate::ledger::{Call, CallKey};
use crate::mattermost::model::Post;

use super::identity::Room;

/// A call as it waits in its lane.
#[derive(Debug, Clone)]
pub struct Ticket {
    /// The post that holds the call.
    pub post: Arc<Post>,
    /// The channel of the post.
    pub room: Room,
    /// What is asked for.
    pub invocation: Invocation,
    /// What was decided of it.
    pub fate: Fate,
}

/// What is to become of a call; what needs the server to decide is decided while it is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Run it, if its asker may.
    Run,
    /// Join the restart that is under way, if its asker may.
    Join,
    /// Not here: the channel is foreign.
    WrongChannel,
    /// The asker's rate is over, for the first time in a while.
    RateOver,
    /// The asker's rate is still over.
    RateStillOver,
    /// It was asked while we were away, and is of the kind that catch-up never runs.
    WasAway,
    /// It was asked too long ago.
    TooOld(Duration),
    /// It stands in an edited message.
    Edited,
    /// Its post was deleted before its turn.
    Deleted,
}

/// A call's lane: one user in one channel.
pub type Lane = (UserId, ChannelId);

impl Ticket {
    /// What names this call for ever.
    #[must_use]
    pub fn key(&self) -> CallKey {
        let name = match self.fate {
            Fate::Edited => "edit".to_owned(),
            _ => self.row().name.to_owned(),
        };
        CallKey {
            post: self.post.id,
            ordinal: self.invocation.ordinal,
            name,
        }
    }

    /// The command that is asked for.
    #[must_use]
    pub fn row(&self) -> &'static Row {
        crate::command::table::row(self.invocation.builtin)
    }

    /// The lane that it waits in; lifecycle commands wait in none.
    #[must_use]
    pub fn lane(&self) -> Option<Lane> {
        (!self.row().lifecycle).then_some((self.post.user_id, self.post.channel_id))
    }

    /// The root of the thread that is answered in.
    #[must_use]
    pub fn root(&self) -> PostId {
        self.post.root_id.unwrap_or(self.post.id)
    }

    /// The call as the ledger keeps it.
    #[must_use]
    pub fn call(&self) -> Call {
        Call {
            key: self.key(),
            channel: self.post.channel_id,
            root: self.root(),
            user: self.post.user_id,
            text: self.post.message.clone(),
            plan: serde_json::json!({ "word": self.invocation.word, "arguments": self.invocation.arguments }).to_string(),
            asked_at: self.post.create_at,
        }
    }

    /// Whether its asker is owed an answer when it is not run: only to a word with a sigil, and in a foreign channel
    /// only if it comes first.
    #[must_use]
    pub fn answer_owed(&self) -> bool {
        self.invocation.sigil && (!self.room.foreign || self.invocation.first)
    }
}
