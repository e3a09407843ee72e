//! Calls of modules, and what comes of them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One call of a module.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// Names it in everything that is said about it; letters, digits, `-`, `_` and `:` only.
    pub id: String,
    /// The word that was typed, in lower case: `@dice`.
    pub command: String,
    /// The words after it.
    pub parameters: Vec<String>,
    /// The name of the channel, as in its URL.
    pub channel: String,
    /// The channel's identifier.
    pub channel_id: String,
    /// Who asks, with an `@` before the name.
    pub username: String,
    /// Who asks, by identifier.
    pub user_id: String,
    /// The post that asks.
    pub post_id: String,
    /// The files of that post, as the server describes them (`id`, `name`, `size`, `mime_type`, `extension`).
    #[serde(default)]
    pub files: Vec<Value>,
    /// The call is cut off after this many milliseconds.
    pub deadline_ms: u64,
}

/// Something that happened, for a module that asked to be told.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Hook {
    /// Names it, as a call's id does.
    pub id: String,
    /// Which: `scan_message` (somebody wrote a post), `on_join` (somebody joined a channel), `reconcile` (the bot has
    /// connected).
    pub name: String,
    /// The bot's own account.
    pub bot_id: String,
    /// Who wrote or joined.
    #[serde(default)]
    pub user_id: String,
    /// Who, by name, with an `@`.
    #[serde(default)]
    pub username: String,
    /// Where.
    #[serde(default)]
    pub channel_id: String,
    /// Where, by name.
    #[serde(default)]
    pub channel: String,
    /// What was written.
    #[serde(default)]
    pub text: String,
    /// It is cut off after this many milliseconds.
    pub deadline_ms: u64,
}

/// Something to tell the asker while a call runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The call.
    pub call: String,
    /// The text.
    pub text: String,
}

/// What a call came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The call, or the hook.
    pub call: String,
    /// What to post, in order; nothing: a silent success.
    #[serde(default)]
    pub messages: Vec<Message>,
}

/// One message of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The text, in Markdown; may be empty if there are uploads.
    #[serde(default)]
    pub text: String,
    /// The files.
    #[serde(default)]
    pub uploads: Vec<Upload>,
}

/// A file of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// Its name.
    pub filename: String,
    /// Its content in base64 (RFC 4648, with padding).
    pub bytes: String,
}

/// Why a call has no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The call, or the hook.
    pub call: String,
    /// What became of it.
    #[serde(default)]
    pub reason: FailureReason,
    /// For the log only: it may hold secrets, paths and keys.
    #[serde(default)]
    pub trace: String,
}

/// What became of a call that failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureReason {
    /// The module failed: it raised an exception, or says so.
    #[default]
    Raised,
    /// The module's process ended, or could not be started.
    Died,
    /// The time was over.
    Deadline,
    /// The module said what is no answer, or too much.
    Malformed,
    /// There is no such module in this generation.
    Unknown,
}
