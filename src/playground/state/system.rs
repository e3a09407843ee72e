//! Presence, typing and reactions: what happens around posts.

use super::State;
use crate::playground::error::{ApiError, permissions, post_not_found};
use crate::playground::event::Outgoing;
use crate::playground::wire::{self, Reaction};

impl State {
    pub(crate) fn status(&self, user_id: &str) -> wire::Status {
        let account = self.accounts.get(user_id);
        wire::Status {
            user_id: user_id.to_owned(),
            status: account.map_or_else(|| "offline".to_owned(), |account| account.status.clone()),
            manual: account.is_some_and(|account| account.status_is_manual),
            last_activity_at: account.map_or(0, |account| account.last_activity_at),
            dnd_end_time: 0,
        }
    }

    /// Sets a user's status; the user alone hears of a change.
    pub(crate) fn set_status(&mut self, user_id: &str, status: &str, is_manual: bool) {
        let now = self.now();
        let Some(account) = self.accounts.get_mut(user_id) else {
            return;
        };
        account.status_is_manual = is_manual;
        if account.status != status {
            status.clone_into(&mut account.status);
            self.emit(
                Outgoing::new("status_change")
                    .with("status", &status)
                    .with("user_id", &user_id)
                    .for_user(user_id),
            );
        }
        if let Some(account) = self.accounts.get_mut(user_id)
            && status == "online"
        {
            account.last_activity_at = now;
        }
        self.changed = true;
    }

    /// What activity does: online, unless the user chose otherwise.
    pub(crate) fn set_online(&mut self, user_id: &str) {
        if self
            .accounts
            .get(user_id)
            .is_some_and(|account| !account.status_is_manual)
        {
            self.set_status(user_id, "online", false);
        }
    }

    pub(crate) fn go_offline(&mut self, user_id: &str) {
        if self
            .accounts
            .get(user_id)
            .is_some_and(|account| !account.status_is_manual)
        {
            self.set_status(user_id, "offline", false);
        }
    }

    pub(crate) fn type_in(
        &mut self,
        user_id: &str,
        channel_id: &str,
        parent_id: &str,
    ) -> Result<(), ApiError> {
        if !self.may_post(user_id, channel_id) {
            return Err(permissions());
        }
        let members = self.members_of(channel_id);
        self.emit(
            Outgoing::new("typing")
                .with("parent_id", &parent_id)
                .with("user_id", &user_id)
                .for_channel(channel_id, members)
                .omitting(user_id),
        );
        Ok(())
    }

    /// Adds a reaction; the same one again is another event.
    pub(crate) fn react(
        &mut self,
        user_id: &str,
        post_id: &str,
        emoji: &str,
    ) -> Result<Reaction, ApiError> {
        let post = self.posts.live(post_id).ok_or_else(post_not_found)?;
        let channel_id = post.channel_id.clone();
        if self
            .channels
            .get(&channel_id)
            .is_some_and(|channel| channel.delete_at > 0)
        {
            return Err(ApiError::new(
                403,
                "api.reaction.save.archived_channel.app_error",
                "You cannot react in an archived channel.",
            ));
        }
        let now = self.now();
        let reaction = Reaction {
            user_id: user_id.to_owned(),
            post_id: post_id.to_owned(),
            emoji_name: emoji.to_owned(),
            create_at: now,
            update_at: now,
            delete_at: 0,
            remote_id: String::new(),
            channel_id: self.newer(channel_id.clone()),
        };
        let all = self.posts.reactions_mut(post_id);
        match all
            .iter_mut()
            .find(|other| other.user_id == user_id && other.emoji_name == emoji)
        {
            Some(same) => same.update_at = now,
            None => all.push(reaction.clone()),
        }
        self.reacted("reaction_added", &reaction, &channel_id);
        Ok(reaction)
    }

    /// Takes a reaction away; that it was not there changes nothing in what is said.
    pub(crate) fn unreact(
        &mut self,
        user_id: &str,
        post_id: &str,
        emoji: &str,
    ) -> Result<(), ApiError> {
        let channel_id = self
            .posts
            .live(post_id)
            .map(|post| post.channel_id.clone())
            .ok_or_else(post_not_found)?;
        let channel = self.channels.get(&channel_id);
        if channel.is_some_and(|channel| channel.delete_at > 0) {
            return Err(ApiError::new(
                403,
                "api.reaction.delete.archived_channel.app_error",
                "You cannot remove a reaction in an archived channel.",
            ));
        }
        self.posts
            .reactions_mut(post_id)
            .retain(|other| other.user_id != user_id || other.emoji_name != emoji);
        let now = self.now();
        let reaction = Reaction {
            user_id: user_id.to_owned(),
            post_id: post_id.to_owned(),
            emoji_name: emoji.to_owned(),
            create_at: 0,
            update_at: now,
            delete_at: 0,
            remote_id: String::new(),
            channel_id: self.newer(String::new()),
        };
        self.reacted("reaction_removed", &reaction, &channel_id);
        Ok(())
    }

    fn reacted(&mut self, event: &'static str, reaction: &Reaction, channel_id: &str) {
        let now = self.now();
        self.posts.change(&reaction.post_id, |post| {
            post.update_at = now.max(post.update_at + 1)
        });
        self.changed = true;
        let members = self.members_of(channel_id);
        self.emit(
            Outgoing::new(event)
                .with("reaction", &wire::to_text(reaction))
                .for_channel(channel_id, members),
        );
    }
}
