//! Everything that can happen to the bot's process, as one closed list.

use std::sync::Arc;
use std::time::Duration;

use crate::command::Catalogue;
use crate::ledger::CallKey;
use crate::lifecycle::marker;
use crate::lifecycle::signals::Signal;
use crate::lifecycle::supervisor::Departure;
use crate::mattermost::gateway::Update;
use crate::mattermost::model::Post;
use crate::timestamp::Timestamp;

use super::identity::{Identity, Room};
use super::lane::CallId;
use super::restart::Request;
use super::settings::Settings;
use super::sweep::{Looked, Unread};

/// One thing that happened.
#[derive(Debug)]
pub enum Event {
    /// The gateway has something to say.
    Gateway(Update),
    /// The server told who we are and where we serve.
    Identified(Box<Identity>),
    /// The server told that the configuration names what it does not have; a person must mend it.
    Misconfigured(String),
    /// The channels that are served were listed.
    Listed(Vec<Room>),
    /// A page of a channel was read over REST, oldest first.
    Found {
        /// The channel.
        room: Room,
        /// The posts.
        posts: Vec<Post>,
        /// The calls of these posts that have a row in the ledger.
        known: Vec<CallKey>,
    },
    /// Posts of a channel were missed that are too many to be read.
    Unread(Unread),
    /// The reading of a channel begins, or is over.
    Looked(Looked),
    /// A look over all channels has ended.
    Swept {
        /// It was the last one of its sweep.
        last: bool,
        /// All was read; else the rest is still to be read.
        complete: bool,
    },
    /// The modules that can be called, or what is known of them, have changed.
    Modules(Arc<Catalogue>),
    /// A call of modules has its start rows, or is not started: the next one of its lane may.
    Started(CallId),
    /// A call has ended.
    Ended {
        /// Which.
        key: CallKey,
        /// Its outcome is known, and need not be looked for again; false if the ledger could not be written.
        written: bool,
    },
    /// A restart was asked for, by somebody who may.
    RestartAsked(Box<Request>),
    /// This request for a restart was made a while ago.
    AcknowledgementDue(CallKey),
    /// Whether a restart would bring us back: how to leave for it, or why not, as half a sentence.
    Prepared(Result<Departure, String>),
    /// The restart marker was written, or not.
    MarkerLeft {
        /// So many askers it names, the first ones.
        named: usize,
        /// Why it was not written.
        result: Result<(), String>,
    },
    /// The time is over for which calls wait for what was asked before them.
    FirstLookDue,
    /// The time to wait for catch-up before we say that we are back is over.
    ReturnDue,
    /// Whoever asked for the restart is told that we are back.
    Returned {
        /// The answers are in the ledger; else it is to be tried again.
        told: bool,
    },
    /// What ran has ended, or the drain's time is over.
    Drained {
        /// Nothing is left that runs.
        all: bool,
    },
    /// A request to the server came to nothing, for this reason.
    RequestFailed(String),
    /// The server was asked how it is.
    HealthTold {
        /// Whether it and its database are well.
        well: bool,
    },
    /// The ledger and the audit trail, that found no room at the start, are open now.
    Reopened,
    /// What the configuration decides has been swapped.
    Reloaded(Arc<Settings>),
    /// A module answered this, not asked by an answer of ours: it may call modules.
    Answered(Box<(Room, Post)>),
    /// A post of our own account was written by somebody else.
    ForeignPost,
    /// A signal arrived.
    Signal(Signal),
    /// The start has lasted so long that it counts as done, if nothing is wrong with it.
    GraceOver,
    /// Thirty seconds have passed.
    Tick,
}

/// The instant at which an event is decided, from the clocks of this host.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// For distances in time; never goes back.
    pub instant: std::time::Instant,
    /// For what is written down and compared with the server.
    pub wall: Timestamp,
    /// Since the host was booted, sleep included: for distances that outlive this process.
    pub since_boot: Duration,
}

impl Now {
    /// Reads the clocks.
    #[must_use]
    pub fn read() -> Self {
        Self {
            instant: std::time::Instant::now(),
            wall: Timestamp::now(),
            since_boot: marker::since_boot(),
        }
    }
}
