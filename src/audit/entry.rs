//! One decision, and the line of JSON that it becomes.

use serde::{Deserialize, Serialize};

use crate::id::{ChannelId, PostId, UserId};
use crate::timestamp::Timestamp;

/// The most characters of each text of an entry that are written.
const LONGEST_TEXT: usize = 500;

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
    /// It had started when its process ended.
    Interrupted,
}

/// One line of `audit.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When it was decided, by this host's clock.
    pub at: Timestamp,
    /// The post that asked.
    pub post: PostId,
    /// Which command of the post, from 0.
    pub ordinal: u16,
    /// Where it was asked.
    pub channel: ChannelId,
    /// Who asked.
    pub user: UserId,
    /// The command as it was typed; at most 500 characters are kept, as of the texts below.
    pub command: String,
    /// The module that was called, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// What was decided.
    pub verdict: Verdict,
    /// Why, where there is something to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What became of it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
}

impl Entry {
    /// The entry as a line, with its line break. JSON escapes line breaks, so no text can pretend to be another line.
    pub(super) fn line(&self) -> serde_json::Result<String> {
        let clip = |text: &str| text.chars().take(LONGEST_TEXT).collect::<String>();
        let clipped = Self {
            command: clip(&self.command),
            reason: self.reason.as_deref().map(clip),
            outcome: self.outcome.as_deref().map(clip),
            ..self.clone()
        };
        let mut line = serde_json::to_string(&clipped)?;
        line.push('\n');
        Ok(line)
    }
}

/// An entry for tests.
#[cfg(test)]
pub(super) fn example() -> Entry {
    Entry {
        at: Timestamp(1_700_000_000_000),
        post: PostId::random(),
        ordinal: 0,
        channel: ChannelId::random(),
        user: UserId::random(),
        command: "@restart".to_owned(),
        module: None,
        verdict: Verdict::Allowed,
        reason: None,
        outcome: None,
    }
}
