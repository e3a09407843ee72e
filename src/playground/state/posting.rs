//! Saving, editing and deleting posts.

use serde_json::Value;

use super::State;
use super::posts::Post;
use crate::id::random_token;
use crate::playground::error::{ApiError, permissions, post_not_found};
use crate::playground::event::Outgoing;
use crate::playground::wire::{self, Props};

/// The longest message in characters (`model.PostMessageMaxRunesV2`).
pub(crate) const MAX_MESSAGE: usize = 16_383;

/// What an edit changes; what is absent stays.
#[derive(Debug, Default)]
pub(crate) struct Edit {
    pub(crate) message: Option<String>,
    pub(crate) props: Option<Props>,
    pub(crate) is_pinned: Option<bool>,
}

/// Makes `#word`s of a message into the hashtags of a post.
fn hashtags(message: &str) -> String {
    let words = message
        .split_whitespace()
        .map(|word| word.trim_end_matches(|c: char| !c.is_alphanumeric()));
    let tags = words.filter(|word| {
        word.chars().count() > 2
            && word
                .strip_prefix('#')
                .is_some_and(|tag| tag.starts_with(char::is_alphabetic))
    });
    tags.collect::<Vec<_>>().join(" ")
}

impl State {
    pub(crate) fn message_too_long(&self) -> ApiError {
        if self.is_old() {
            ApiError::new(400, "model.post.is_valid.msg.app_error", "Invalid message.")
        } else {
            ApiError::new(
                400,
                "model.post.is_valid.message_length.app_error",
                "Post Message property is longer than the maximum permitted length.",
            )
        }
    }

    /// What the database and the model refuse.
    pub(crate) fn check_text(&self, message: &str) -> Result<(), ApiError> {
        if message.chars().count() > MAX_MESSAGE {
            return Err(self.message_too_long());
        }
        if message.contains('\0') {
            return Err(ApiError::new(
                500,
                "app.post.save.app_error",
                "Unable to save the Post.",
            ));
        }
        Ok(())
    }

    /// 5.37 keeps at most 8,000 characters of props.
    pub(crate) fn check_props(&self, props: &Props) -> Result<(), ApiError> {
        let limit = if self.is_old() { 8_000 } else { 800_000 };
        if wire::to_text(props).chars().count() > limit {
            return Err(ApiError::new(
                400,
                "model.post.is_valid.props.app_error",
                "Invalid props.",
            ));
        }
        Ok(())
    }

    /// Saves a checked post, with everything that follows from it, and tells the channel.
    pub(crate) fn save_post(
        &mut self,
        mut post: Post,
        pending_post_id: &str,
        set_online: bool,
    ) -> wire::Post {
        if self.is_bot(&post.user_id) {
            post.props.insert("from_bot".to_owned(), "true".into());
        }
        self.cached_users.insert(post.user_id.clone());
        post.hashtags = hashtags(&post.message);
        let is_reply = !post.root_id.is_empty();
        let (root_id, created) = (post.root_id.clone(), post.create_at);
        self.attach_files(&mut post);
        self.count_in_channel(&post);
        self.posts.insert(post.clone());
        if is_reply {
            self.posts.change(&root_id, |root| root.update_at = created);
        }
        let mut answer = self.post(&post);
        answer.reply_count = self.posts.reply_count(&root_id);
        pending_post_id.clone_into(&mut answer.pending_post_id);
        self.changed = true;
        self.announce(&post, &answer, set_online);
        answer
    }

    fn count_in_channel(&mut self, post: &Post) {
        let is_membership_news = matches!(
            post.kind.as_str(),
            "system_join_leave"
                | "system_join_channel"
                | "system_guest_join_channel"
                | "system_leave_channel"
                | "system_join_team"
                | "system_leave_team"
                | "system_add_remove"
                | "system_add_to_channel"
                | "system_remove_from_channel"
                | "system_add_to_team"
                | "system_remove_from_team"
        );
        let Some(channel) = self.channels.get_mut(&post.channel_id) else {
            return;
        };
        channel.last_post_at = channel.last_post_at.max(post.create_at);
        if post.root_id.is_empty() {
            channel.last_root_post_at = channel.last_root_post_at.max(post.create_at);
        }
        if !is_membership_news {
            channel.message_count += 1;
            channel.root_count += i64::from(post.root_id.is_empty());
        }
    }

    /// The `posted` event, and what followers of the thread get.
    fn announce(&mut self, post: &Post, answer: &wire::Post, set_online: bool) {
        let Some(channel) = self.channels.get(&post.channel_id) else {
            return;
        };
        let username = self
            .accounts
            .get(&post.user_id)
            .map(|account| account.username.as_str());
        let sender = format!("@{}", username.unwrap_or_default());
        let display_name = if channel.is_direct() {
            sender.clone()
        } else {
            channel.display_name.clone()
        };
        let sender = if post.kind.starts_with("system_") {
            "System".to_owned()
        } else {
            sender
        };
        let mut mentioned = self.mentioned(channel, &post.user_id, &post.message);
        if post.kind == "system_add_to_channel" {
            mentioned.clear();
            mentioned.extend(
                post.props
                    .get("addedUserId")
                    .and_then(Value::as_str)
                    .map(str::to_owned),
            );
        } else if post.kind.starts_with("system_") {
            mentioned.clear();
        }
        let mentioned: Vec<String> = mentioned.into_iter().collect();
        let mut posted = Outgoing::new("posted")
            .with("channel_display_name", &display_name)
            .with("channel_name", &channel.name)
            .with("channel_type", &channel.kind)
            .with("post", &wire::to_text(answer))
            .with("sender_name", &sender)
            .with("set_online", &set_online)
            .with("team_id", &channel.team_id)
            .for_channel(&channel.id, channel.members.keys().cloned().collect());
        if !post.file_ids.is_empty() {
            let is_image = |id: &String| {
                self.files
                    .get(id)
                    .is_some_and(|file| file.mime_type.starts_with("image/"))
            };
            posted = posted.with("otherFile", &"true");
            if post.file_ids.iter().any(is_image) {
                posted = posted.with("image", &"true");
            }
        }
        if self.is_old() && !mentioned.is_empty() {
            posted = posted.with("mentions", &wire::to_text(&mentioned));
        } else {
            posted.mentions.clone_from(&mentioned);
        }
        self.count_mentions(&post.channel_id, &mentioned, post.root_id.is_empty());
        self.emit(posted);
        self.follow_thread(post, &mentioned);
    }

    fn count_mentions(&mut self, channel_id: &str, mentioned: &[String], is_root: bool) {
        let Some(channel) = self.channels.get_mut(channel_id) else {
            return;
        };
        for user_id in mentioned {
            if let Some(member) = channel.members.get_mut(user_id) {
                member.mention_count += 1;
                member.mention_count_root += i64::from(is_root);
            }
        }
    }

    /// A post that the server writes in the name of who acted.
    pub(crate) fn system_post(
        &mut self,
        channel_id: &str,
        actor: &str,
        kind: &str,
        message: String,
        props: Props,
    ) {
        let now = self.now();
        let post = Post {
            id: random_token(),
            create_at: now,
            update_at: now,
            user_id: actor.to_owned(),
            channel_id: channel_id.to_owned(),
            message,
            kind: kind.to_owned(),
            props,
            ..Post::default()
        };
        self.save_post(post, "", true);
    }

    /// Edits a post: a row of its history is left behind, and the channel is told.
    pub(crate) fn edit_post(&mut self, id: &str, edit: Edit) -> Result<wire::Post, ApiError> {
        let before = self.posts.live(id).cloned().ok_or_else(permissions)?;
        if let Some(message) = &edit.message {
            self.check_text(message)?;
        }
        // An edit in the millisecond of the post would not be seen as a change.
        let now = self.now().max(before.update_at + 1);
        let history = Post {
            id: random_token(),
            original_id: before.id.clone(),
            update_at: now,
            delete_at: now,
            ..before.clone()
        };
        self.posts.insert(history);
        self.posts.change(id, |post| {
            post.update_at = now;
            if let Some(message) = edit.message
                && message != post.message
            {
                post.edit_at = now;
                post.hashtags = hashtags(&message);
                post.message = message;
            }
            if let Some(props) = edit.props {
                post.props = props;
            }
            post.is_pinned = edit.is_pinned.unwrap_or(post.is_pinned);
        });
        if !before.root_id.is_empty() {
            self.posts
                .change(&before.root_id, |root| root.update_at = now);
        }
        self.changed = true;
        let post = self.posts.live(id).cloned().ok_or_else(permissions)?;
        let answer = self.post_in_thread(&post);
        let members = self.members_of(&post.channel_id);
        self.emit(
            Outgoing::new("post_edited")
                .with("post", &wire::to_text(&answer))
                .for_channel(&post.channel_id, members),
        );
        Ok(answer)
    }

    /// Deletes a post and its replies; there is one event, with the post as it was.
    pub(crate) fn delete_post(&mut self, id: &str, by: &str) -> Result<(), ApiError> {
        let before = self.posts.live(id).cloned().ok_or_else(post_not_found)?;
        let now = self.now().max(before.update_at + 1);
        let mut gone: Vec<String> = self.posts.replies(id).map(|post| post.id.clone()).collect();
        let mut snapshot = self.post_in_thread(&before);
        if !self.is_old() {
            snapshot.metadata = None;
        }
        gone.push(id.to_owned());
        for gone_id in &gone {
            self.posts.change(gone_id, |post| {
                post.delete_at = now;
                post.update_at = now;
                post.props.insert("deleteBy".to_owned(), by.into());
            });
        }
        if !before.root_id.is_empty() {
            self.posts
                .change(&before.root_id, |root| root.update_at = now);
        }
        self.threads.forget(id);
        self.changed = true;
        self.announce_deletion(&before.channel_id, &snapshot, by);
        Ok(())
    }

    fn announce_deletion(&mut self, channel_id: &str, snapshot: &wire::Post, by: &str) {
        let members = self.members_of(channel_id);
        let deleted = Outgoing::new("post_deleted").with("post", &wire::to_text(snapshot));
        if self.is_old() {
            self.emit(deleted.for_channel(channel_id, members));
            return;
        }
        let (admins, others): (Vec<String>, Vec<String>) =
            members.into_iter().partition(|id| self.is_admin(id));
        let mut for_others = deleted.clone().for_channel(channel_id, others);
        for_others.broadcast.contains_sanitized_data = true;
        self.emit(for_others);
        let mut for_admins = deleted
            .with("delete_by", &by)
            .for_channel(channel_id, admins);
        for_admins.broadcast.contains_sensitive_data = true;
        self.emit(for_admins);
    }

    /// A post that only `user_id` sees and nobody keeps.
    pub(crate) fn ephemeral_post(
        &mut self,
        author: &str,
        user_id: &str,
        channel_id: &str,
        message: &str,
    ) -> wire::Post {
        let post = Post {
            id: random_token(),
            create_at: self.now(),
            user_id: author.to_owned(),
            channel_id: channel_id.to_owned(),
            message: message.to_owned(),
            kind: "system_ephemeral".to_owned(),
            lost_files: true,
            ..Post::default()
        };
        let answer = self.post(&post);
        self.emit(
            Outgoing::new("ephemeral_message")
                .with("post", &wire::to_text(&answer))
                .for_channel(channel_id, Vec::new())
                .for_user(user_id),
        );
        answer
    }
}
