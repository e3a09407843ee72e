//! Who stands behind a post: a person who typed it, or something that only bears a person's name.
//!
//! The server gives the id of a person to posts that this person did not type: an incoming webhook posts as
//! whoever created it, a system message as whoever acted, a plugin as whom it likes. The marks that tell are in
//! `type`, `props` and `remote_id`. Anybody may set them on a post of his own, so a mark can only take away.

use crate::id::UserId;
use crate::mattermost::model::Post;

/// The keys of `props` that mark a post as made by an integration; the server sets them, whatever their value.
const INTEGRATION_KEYS: [&str; 4] = ["from_webhook", "from_bot", "from_plugin", "from_oauth_app"];

/// What a post is to the recogniser of commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    /// A person typed it as it stands.
    Human,
    /// A person typed it and somebody changed it: it never runs, and may be owed an answer.
    Edited,
    /// It is nobody's wish: no command, no answer.
    Ignored(Why),
}

/// Why a post is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The bot wrote it.
    OwnPost,
    /// It has a type: a system message, `/me`, or what a plugin or client made up.
    Typed,
    /// A webhook, bot, plugin or OAuth application wrote it, or somebody marked it so.
    Integration,
    /// It came from another server.
    Remote,
    /// It is deleted.
    Deleted,
    /// It is the server's copy of a post as it was before an edit.
    OldRevision,
}

/// Decides what `post` is; `me` is the bot's own id.
#[must_use]
pub fn author(post: &Post, me: UserId) -> Author {
    if post.user_id == me {
        Author::Ignored(Why::OwnPost)
    } else if !post.kind.is_empty() {
        Author::Ignored(Why::Typed)
    } else if INTEGRATION_KEYS
        .iter()
        .any(|key| post.props.contains_key(*key))
    {
        Author::Ignored(Why::Integration)
    } else if post.remote_id.is_some() {
        Author::Ignored(Why::Remote)
    } else if post.original_id.is_some() {
        Author::Ignored(Why::OldRevision)
    } else if post.delete_at.0 != 0 {
        Author::Ignored(Why::Deleted)
    } else if post.edit_at.0 != 0 {
        Author::Edited
    } else {
        Author::Human
    }
}
