//! A call on its way: what was asked, where, and what was decided of it before it is served.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::command::parse::{Invocation, Target};
use crate::command::table::{self, Row};
use crate::command::{Builtin, Role};
use crate::id::PostId;
use crate::ledger::{Call, CallKey};
use crate::mattermost::model::Post;

use super::identity::Room;
use super::lane::{CallId, Lane};

/// A call as it waits in its lane.
#[derive(Debug, Clone)]
pub struct Ticket {
    /// The post that holds the call.
    pub post: Arc<Post>,
    /// The channel of the post.
    pub room: Room,
    /// What is asked for.
    pub invocation: Invocation,
    /// The modules that have the word and are available in the room, when it was read; which of them are called is decided
    /// at its turn. None for a built-in.
    pub modules: Vec<String>,
    /// What was decided of it.
    pub fate: Fate,
    /// Catch-up found it: of what calls of modules may do nothing is known before those have been greeted.
    pub found: bool,
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
    RateStillOver {
        /// Another call of the same post shows it already.
        is_shown: bool,
    },
    /// It and what follows it are more calls than are taken from one message, which are so many.
    TooMany(usize),
    /// It was asked while we were away, and is of the kind that catch-up never runs.
    WasAway,
    /// The same, of a module that changes something.
    MissedAct,
    /// It was asked too long ago.
    TooOld(Duration),
    /// It stands in an edited message.
    Edited,
    /// Its post was deleted before its turn.
    Deleted,
}

impl Ticket {
    /// What names this call among all that wait and run.
    #[must_use]
    pub fn id(&self) -> CallId {
        (self.post.id, self.invocation.ordinal)
    }

    /// What names this call for ever. Where several modules are asked, the first one stands for all; those that are called
    /// have a key each.
    #[must_use]
    pub fn key(&self) -> CallKey {
        self.key_of(match self.fate {
            Fate::Edited => "edit",
            _ => self.name(),
        })
    }

    /// The key of the call of this built-in or module.
    #[must_use]
    pub fn key_of(&self, name: &str) -> CallKey {
        CallKey {
            post: self.post.id,
            ordinal: self.invocation.ordinal,
            name: name.to_owned(),
        }
    }

    /// The name of the built-in, or of the first module.
    #[must_use]
    pub fn name(&self) -> &str {
        match self.row() {
            Some(row) => row.name,
            None => self.modules.first().map_or("", String::as_str),
        }
    }

    /// The built-in that is asked for; none: modules are.
    #[must_use]
    pub fn builtin(&self) -> Option<Builtin> {
        match self.invocation.target {
            Target::Builtin(builtin) => Some(builtin),
            Target::Bind => None,
        }
    }

    /// The built-in that is asked for, as it is dispatched.
    #[must_use]
    pub fn row(&self) -> Option<&'static Row> {
        self.builtin().map(table::row)
    }

    /// Whether there is something to call: a word of modules that are not available in the room is none.
    #[must_use]
    pub fn is_call(&self) -> bool {
        self.builtin().is_some() || !self.modules.is_empty()
    }

    /// Whether it is about what runs: such a call waits for nobody and is never run late.
    #[must_use]
    pub fn is_lifecycle(&self) -> bool {
        self.row().is_some_and(|row| row.lifecycle)
    }

    /// Whether it does not run outside `Lifecycle.channels`.
    #[must_use]
    pub fn is_withheld_in_foreign_channels(&self) -> bool {
        self.row()
            .is_some_and(|row| row.role > Role::Everyone && !row.local)
    }

    /// The least role that may.
    #[must_use]
    pub fn role(&self) -> Role {
        self.row().map_or(Role::Everyone, |row| row.role)
    }

    /// The lane that it waits in; lifecycle commands wait in none.
    #[must_use]
    pub fn lane(&self) -> Option<Lane> {
        (!self.is_lifecycle()).then_some(Lane {
            user: self.post.user_id,
            channel: self.post.channel_id,
            thread: self.root(),
            takes_slot: self.invocation.target == Target::Bind && self.fate == Fate::Run,
        })
    }

    /// The root of the thread that is answered in.
    #[must_use]
    pub fn root(&self) -> PostId {
        self.post.root_id.unwrap_or(self.post.id)
    }

    /// The call as the ledger keeps it.
    #[must_use]
    pub fn call(&self) -> Call {
        let plan = json!({ "word": self.invocation.word, "arguments": self.invocation.arguments });
        self.call_with(self.key(), &plan)
    }

    /// The same with another key and plan.
    #[must_use]
    pub fn call_with(&self, key: CallKey, plan: &serde_json::Value) -> Call {
        Call {
            key,
            channel: self.post.channel_id,
            root: self.root(),
            user: self.post.user_id,
            text: self.post.message.clone(),
            plan: plan.to_string(),
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
