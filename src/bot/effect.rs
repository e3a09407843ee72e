//! What a decision asks to be done; `perform` does it.

use std::time::Duration;

use crate::id::{ChannelId, UserId};
use crate::ledger::{CallKey, Watermark};
use crate::lifecycle::Outcome;
use crate::lifecycle::marker::Marker;
use crate::mattermost::model::Post;
use crate::timestamp::Timestamp;

use super::identity::Room;
use super::modules::happening::Happening;
use super::restart::{Request, Return};
use super::status::Status;
use super::sweep::{SweepPlan, Unread};
use super::ticket::Ticket;

/// One thing to do. None of them blocks the loop; what takes time comes back as an event.
#[derive(Debug)]
#[must_use = "an effect that is dropped is not done"]
pub enum Effect {
    /// Ask the server who we are and where we serve.
    Identify,
    /// Read what may have been missed.
    Sweep(SweepPlan),
    /// Let the sweep that is under way not wait before it looks again: another one is to follow.
    HurrySweep,
    /// Serve a call, or answer why it is not served.
    Serve(Box<Ticket>, Status),
    /// Answer calls of one channel, which have expired, in one post.
    Expire(Vec<Ticket>),
    /// Tell a channel which of its posts are not read.
    TellUnread(Unread),
    /// Greet somebody who has joined the welcome channel.
    Welcome(ChannelId, UserId),
    /// Write down how far a channel was read.
    Advance(Watermark),
    /// Write down that the server was heard at this instant of its clock.
    ProofOfLife(Timestamp),
    /// The same for the first time, at once: without it a successor would not look back at all.
    FirstProofOfLife(Timestamp),
    /// The server accepted our token: from now on a refusal is waited out.
    TokenWorked,
    /// Look whether a post of our account is ours.
    OwnPost {
        /// The key in its props, if there is one.
        key: Option<String>,
        /// The post, and its channel, if it may call modules.
        recursion: Option<Box<(Room, Post)>>,
    },
    /// Tell modules what has happened.
    Tell(Happening),
    /// Find out whether a restart would bring us back, and how to leave for it.
    Prepare,
    /// Ask after a while whether this request for a restart is still being prepared.
    AwaitAcknowledgement(CallKey),
    /// Show the asker that his call was noticed.
    Acknowledge(Box<Ticket>),
    /// Write the restart marker.
    LeaveMarker {
        /// The marker.
        marker: Box<Marker>,
        /// So many askers it names, the first ones.
        named: usize,
    },
    /// Say "Restarting now" to whoever asked.
    AnnounceRestart {
        /// Who asked.
        request: Box<Request>,
        /// He joined a restart that was under way.
        joined: bool,
    },
    /// Tell whoever asked that the restart cannot be prepared.
    RefuseRestart {
        /// Who asked.
        request: Box<Request>,
        /// Why, as half a sentence.
        reason: String,
    },
    /// Wait a little for catch-up before serving what was asked after it.
    AwaitFirstLook,
    /// Wait a little for catch-up before saying that we are back.
    AwaitReturn,
    /// Say "Back up." to whoever asked.
    AnnounceReturn(Box<Return>),
    /// Finish what runs, for at most the drain's time.
    Drain,
    /// Tell the supervisor that the start has succeeded, and write it down.
    Ready,
    /// Tell the supervisor that the start takes longer, since the server refuses the token.
    StillStarting {
        /// When it is asked again.
        retry_in: Duration,
    },
    /// Tell the supervisor that the process ends after the drain.
    Stopping,
    /// Ask the server how it is.
    AskHealth,
    /// Tell the log and the supervisor that the server serves no requests.
    ServerIll(String),
    /// Tell them that it serves requests again.
    ServerWell,
    /// Open log and audit trail again, read the token again, reload configuration and modules.
    Reload,
    /// Leave the loop.
    Finish(End),
}

/// How the loop ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The process ends, with some time for the last answers.
    Process(Outcome),
    /// The process ends, and nothing is waited for: the next process sends the answers that are still to be sent.
    AtOnce(Outcome),
    /// The bot starts over in this process.
    StartOver,
}
