//! Runs of the bot, for the crash back-off and for counting starts against a supervisor's limit.

use crate::timestamp::Timestamp;

/// One run of the bot. All instants are of our clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// When it began.
    pub started_at: Timestamp,
    /// When it became ready, if it did.
    pub ready_at: Option<Timestamp>,
    /// When it ended, if it could say so.
    pub ended_at: Option<Timestamp>,
    /// How it ended, in one word, if it could say so.
    pub exit: Option<String>,
    /// The program's version.
    pub version: String,
    /// The boot of the host.
    pub boot_id: String,
    /// The process.
    pub pid: u32,
}

impl Run {
    /// How many runs are read back.
    pub const KEPT: u32 = 50;
}
