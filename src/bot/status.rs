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

/// What `@status` tells of the command modules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Modules {
    /// Whether they have been greeted since the start.
    pub greeted: bool,
    /// There is no folder of modules.
    pub absent: bool,
    /// Somebody wants modules: the bind map or the configuration names some.
    pub wanted: bool,
    /// How many can be called; of modules that were not greeted, how many the bind map names.
    pub loaded: usize,
    /// Those that the bind map names, and that are not there.
    pub missing: Vec<String>,
    /// Those that could not be loaded, and cannot be called.
    pub failed: Vec<String>,
    /// Those that could not be loaded, and are called in the code that was loaded before.
    pub kept: Vec<String>,
    /// The commonest reason of these two, and whether it is that of all of them.
    pub reason: Option<(String, bool)>,
    /// What is the matter with the bind map.
    pub binds: BindsTrouble,
}

/// What is the matter with the bind map.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BindsTrouble {
    /// Nothing.
    #[default]
    None,
    /// It cannot be changed, as the file is damaged; what was known before is served.
    Unchangeable,
    /// It could never be read: nobody knows where a module is available.
    Unknown,
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
