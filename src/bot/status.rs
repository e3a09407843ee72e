//! What `@status` tells of the bot itself: the counters that the loop keeps.

use std::time::Duration;

use crate::timestamp::Timestamp;

/// The state of the bot at one instant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// How long this process has run, re-execs counted as starts.
    pub running: Duration,
    /// How long the present connection has lasted; none if there is none.
    pub connected: Option<Duration>,
    /// How often a connection was made.
    pub connections: u32,
    /// How often events may have been missed.
    pub gaps: u32,
    /// What may have been missed in them was read over REST; else it is still to be read.
    pub read_up: bool,
    /// Calls that are waiting or running, besides the one that asks.
    pub calls_in_hand: usize,
    /// Calls that this process has finished.
    pub calls_finished: u64,
    /// Posts of our account that somebody else wrote, and when the last one came.
    pub foreign_posts: u32,
    /// When the last of them came.
    pub last_foreign_post: Option<Timestamp>,
    /// Why this process was started.
    pub start: StartReason,
}

/// Why this process was started, as far as it can tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StartReason {
    /// Nobody knows: the ledger cannot be read.
    #[default]
    Unknown,
    /// For the first time with this state directory.
    First,
    /// After an orderly stop.
    Stopped,
    /// By `@restart`, or a signal that asks for it.
    Restarted,
    /// The process before ended without saying so: a crash, a kill, a power cut.
    Crashed,
}
