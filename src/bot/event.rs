//! Everything that can happen to the bot's process, as one closed list.

use crate::ledger::CallKey;
use crate::lifecycle::signals::Signal;
use crate::mattermost::gateway::Update;
use crate::mattermost::model::Post;
use crate::timestamp::Timestamp;

use super::catch_up::Looked;
use super::identity::{Identity, Room};
use super::restart::Request;

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
    Found { room: Room, posts: Vec<Post> },
    /// A channel was read to its end, or as far as is allowed.
    Looked(Looked),
    /// A look over all channels has ended, the last one of its sweep or not; on failure the rest is still to be read.
    Swept { last: bool, complete: bool },
    /// A call has ended; without its row if the ledger could not be written.
    Ended { key: CallKey, written: bool },
    /// A restart was asked for, by somebody who may.
    RestartAsked(Box<Request>),
    /// The restart marker was written for this asker, counted in the order of asking; or why not.
    MarkerLeft { asker: usize, result: Result<(), String> },
    /// The time to wait for catch-up before we say that we are back is over.
    ReturnDue,
    /// The asker of the restart has been told that we are back, or not yet.
    Returned { told: bool },
    /// What ran has ended, or the drain's time is over.
    Drained,
    /// A post of our own account was written by somebody else.
    ForeignPost,
    /// A signal arrived.
    Signal(Signal),
    /// Thirty seconds have passed.
    Tick,
}

/// The instant at which an event is decided, from both clocks of this host.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// For distances in time; never goes back.
    pub instant: std::time::Instant,
    /// For what is written down and compared with the server.
    pub wall: Timestamp,
}

impl Now {
    /// Reads both clocks.
    #[must_use]
    pub fn read() -> Self {
        Self { instant: std::time::Instant::now(), wall: Timestamp::now() }
    }
}
