//! The section `Lifecycle`: where operators may act, how a restart goes, and what is caught up after it.

use std::path::PathBuf;
use std::time::Duration;

/// The section `Lifecycle`.
#[derive(Debug, Clone, PartialEq)]
pub struct Lifecycle {
    /// Ids or names of the channels where operator and admin commands run; empty: everywhere.
    pub channels: Vec<String>,
    /// The state directory: this key, else `STATE_DIRECTORY`, else the folder of the bind map.
    pub state_dir: PathBuf,
    /// How long running calls may go on when the bot stops.
    pub drain: Duration,
    /// The shortest time between two restarts.
    pub cooldown: Duration,
    /// How many restarts are allowed in a time.
    pub budget: Quota,
    /// How many commands one user may give in a time; a count of zero is no limit.
    pub rate: Quota,
    /// After which time the bot says that it is back late.
    pub notice_expiry: Duration,
    /// What is caught up after a gap.
    pub catch_up: CatchUp,
    /// After which time a running call gets its reaction.
    pub ack_after: Duration,
}

/// So many in such a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// How many.
    pub count: u32,
    /// In which time.
    pub window: Duration,
}

/// What is caught up after a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CatchUp {
    /// Older commands expire.
    pub max_age: Duration,
    /// More posts than that in a channel are only counted.
    pub max_posts: u32,
}
