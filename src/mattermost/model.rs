//! Posts, channels, people and teams as the server writes them, decoded leniently.
//!
//! A key that we do not know is skipped; a key that an old server leaves out, or that a new one writes as `null`, takes
//! its empty value. Only the identifiers that a value cannot do without are required.

mod lenient;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::id::{ChannelId, PostId, TeamId, UserId};
use crate::timestamp::Timestamp;

/// A message in a channel, or what the server tells there (`model.Post`). All instants are of the server's clock.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Post {
    /// Its identifier.
    #[serde(deserialize_with = "lenient::id")]
    pub id: PostId,
    /// When it was written.
    #[serde(default, deserialize_with = "lenient::null_is_default")]
    pub create_at: Timestamp,
    /// When anything of it changed last; a reply changes its root, a reaction its post.
    #[serde(default, deserialize_with = "lenient::null_is_default")]
    pub update_at: Timestamp,
    /// When its text was edited last; zero: never.
    #[serde(default, deserialize_with = "lenient::null_is_default")]
    pub edit_at: Timestamp,
    /// When it was deleted; zero: it was not.
    #[serde(default, deserialize_with = "lenient::null_is_default")]
    pub delete_at: Timestamp,
    /// Who is named as its author; a webhook's posts name the person who made the webhook.
    #[serde(deserialize_with = "lenient::id")]
    pub user_id: UserId,
    /// Where it stands.
    #[serde(deserialize_with = "lenient::id")]
    pub channel_id: ChannelId,
    /// The root of its thread; `None` if it is a root.
    #[serde(default, deserialize_with = "lenient::empty_is_none")]
    pub root_id: Option<PostId>,
    /// Of a row of the edit history: the post that it is an old version of.
    #[serde(default, deserialize_with = "lenient::empty_is_none")]
    pub original_id: Option<PostId>,
    /// Its text.
    #[serde(default, deserialize_with = "lenient::null_is_default")]
    pub message: String,
    /// Empty for what a person wrote; `system_…`, `custom_…` and others (JSON `type`).
    #[serde(
        default,
        rename = "type",
        deserialize_with = "lenient::null_is_default"
    )]
    pub kind: String,
    /// What clients and integrations attached; any user may write most of its keys.
    #[serde(default, deserialize_with = "lenient::null_is_default")]
    pub props: Map<String, Value>,
    /// What the server adds to what is stored.
    #[serde(default, deserialize_with = "lenient::null_is_default")]
    pub metadata: PostMetadata,
    /// The server that it came from over a shared channel; `None`: from this one.
    #[serde(default, deserialize_with = "lenient::empty_is_no_text")]
    pub remote_id: Option<String>,
}

/// What the server adds to a post (`model.PostMetadata`).
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct PostMetadata {
    /// Its files, as the server describes them (`model.FileInfo`).
    #[serde(default, deserialize_with = "lenient::null_is_default")]
    pub files: Vec<Value>,
}

/// What a channel is (JSON `type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChannelKind {
    /// `O`: everyone of the team may join.
    Open,
    /// `P`: by invitation.
    Private,
    /// `D`: two people, or one with himself.
    Direct,
    /// `G`: three to eight people.
    Group,
    /// Something that newer servers have.
    Other,
}

impl ChannelKind {
    /// The kind that the server's letter stands for (`model.ChannelType`).
    #[must_use]
    pub fn from_letter(letter: &str) -> Self {
        match letter {
            "O" => Self::Open,
            "P" => Self::Private,
            "D" => Self::Direct,
            "G" => Self::Group,
            _ => Self::Other,
        }
    }
}

/// A channel (`model.Channel`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Channel {
    /// Its identifier.
    #[serde(deserialize_with = "lenient::id")]
    pub id: ChannelId,
    /// Its team; `None` for direct and group messages.
    #[serde(default, deserialize_with = "lenient::empty_is_none")]
    pub team_id: Option<TeamId>,
    /// What it is.
    #[serde(rename = "type", deserialize_with = "lenient::channel_kind")]
    pub kind: ChannelKind,
    /// The name in its address; of a direct message both user ids, joined by `__`.
    #[serde(default, deserialize_with = "lenient::null_is_default")]
    pub name: String,
    /// The name that people see; empty for direct messages.
    #[serde(default, deserialize_with = "lenient::null_is_default")]
    pub display_name: String,
    /// `create_at` of its newest post; replies and system posts move it, edits, deletions and reactions do not.
    #[serde(default, deserialize_with = "lenient::null_is_default")]
    pub last_post_at: Timestamp,
    /// When it was archived; zero: it was not.
    #[serde(default, deserialize_with = "lenient::null_is_default")]
    pub delete_at: Timestamp,
}

/// A person or a bot (`model.User`), as another user sees them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct User {
    /// The identifier, which never changes.
    #[serde(deserialize_with = "lenient::id")]
    pub id: UserId,
    /// The name, which people may change.
    #[serde(default, deserialize_with = "lenient::null_is_default")]
    pub username: String,
    /// The roles on the whole server, separated by spaces.
    #[serde(default, deserialize_with = "lenient::null_is_default")]
    pub roles: String,
    /// When the account was deactivated; zero: it is active. The roles stay.
    #[serde(default, deserialize_with = "lenient::null_is_default")]
    pub delete_at: Timestamp,
    /// Whether it is a bot account.
    #[serde(default, deserialize_with = "lenient::null_is_default")]
    pub is_bot: bool,
    /// The server that the account belongs to; `None`: this one.
    #[serde(default, deserialize_with = "lenient::empty_is_no_text")]
    pub remote_id: Option<String>,
}

/// A team (`model.Team`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Team {
    /// Its identifier.
    #[serde(deserialize_with = "lenient::id")]
    pub id: TeamId,
    /// The name in its address.
    #[serde(default, deserialize_with = "lenient::null_is_default")]
    pub name: String,
}

/// A post that is to be created; the author is whom the token belongs to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NewPost {
    /// Where.
    pub channel_id: ChannelId,
    /// The thread; it must be a root, of the same channel, and not deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_id: Option<PostId>,
    /// The text: at most [`max_post_size`](crate::mattermost::api::Api::max_post_size) Unicode scalar values.
    pub message: String,
    /// An object, or null for none.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub props: Value,
    /// Files uploaded to the same channel by us and not attached yet; others are dropped without an error.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub file_ids: Vec<String>,
    /// The idempotency key. The server knows it for 30 s, for all users alike, and publishes it in the event: it must
    /// be unguessable (`app.deduplicateCreatePost`). Empty: none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pending_post_id: String,
}

/// A page of a channel's posts.
#[derive(Debug, Clone, PartialEq)]
pub struct PostPage {
    /// The posts that the answer's `order` names, the oldest first; never the roots that come along.
    pub posts: Vec<Post>,
    /// Whether the page holds as many posts as were asked for, so that more may follow.
    pub full: bool,
}
