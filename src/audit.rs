//! The audit trail: every decision about a command, appended to `audit.jsonl`.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::id::{ChannelId, PostId, UserId};
use crate::timestamp::Timestamp;

/// What was decided about a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It may run.
    Allowed,
    /// It may not.
    Denied,
    /// The asker was over the rate limit.
    Limited,
    /// It was too old when it was read.
    Expired,
    /// It had started when the process ended.
    Interrupted,
}

/// One line of `audit.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When it was decided, by this host's clock.
    pub at: Timestamp,
    /// The post that asked.
    pub post: PostId,
    /// Which command of the post.
    pub ordinal: u16,
    /// Where it was asked.
    pub channel: ChannelId,
    /// Who asked.
    pub user: UserId,
    /// The command as it was typed.
    pub command: String,
    /// What was decided.
    pub verdict: Verdict,
    /// Why, where there is something to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What became of it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
}

/// Why the audit trail cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The file could not be opened or read.
    #[error("cannot open {path}")]
    Open {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It was closed.
    #[error("the audit trail is closed")]
    Closed,
}

/// A handle to the thread that owns `audit.jsonl`; clones share it.
#[derive(Debug, Clone)]
pub struct Audit {}

impl Audit {
    /// Opens or creates `audit.jsonl` in `directory`, and starts its thread.
    ///
    /// # Errors
    /// If the file cannot be opened, or is not a regular file of ours with one link.
    pub fn open(directory: &Path) -> Result<Self, AuditError> {
        let _ = directory;
        Ok(Self {})
    }

    /// Appends `entry` some time soon; never blocks. What goes wrong is logged, and told by [`Audit::trouble`].
    pub fn record(&self, entry: Entry) {
        let _ = entry;
    }

    /// Appends `entry` and returns once it is on disk.
    ///
    /// # Errors
    /// If it could not be written or synced: then a lifecycle command must not act.
    #[expect(clippy::unused_async, reason = "the signature stands first")]
    pub async fn record_durably(&self, entry: Entry) -> Result<(), AuditError> {
        let _ = entry;
        Ok(())
    }

    /// The last `count` entries, the oldest of them first; lines that cannot be read are left out.
    #[expect(clippy::unused_async, reason = "the signature stands first")]
    pub async fn last(&self, count: usize) -> Vec<Entry> {
        let _ = count;
        Vec::new()
    }

    /// What is wrong with the trail at present, in words for `@status`.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        None
    }

    /// Writes and syncs all that was recorded, and ends the thread.
    #[expect(clippy::unused_async, reason = "the signature stands first")]
    pub async fn close(&self) {}
}
