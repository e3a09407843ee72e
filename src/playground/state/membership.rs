//! Joining, leaving and changing channels, with the system posts and events of each.

use super::State;
use super::channels::Channel;
use super::names::{check_name, check_texts, name_taken};
use super::roles::props;
use crate::playground::error::{ApiError, permissions};
use crate::playground::event::Outgoing;
use crate::playground::wire;

/// What a patch of a channel changes.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct ChannelPatch {
    pub(crate) display_name: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) header: Option<String>,
    pub(crate) purpose: Option<String>,
}

impl State {
    pub(crate) fn username(&self, user_id: &str) -> String {
        self.accounts
            .get(user_id)
            .map(|account| account.username.clone())
            .unwrap_or_default()
    }

    pub(crate) fn join_post(&mut self, channel_id: &str, user_id: &str) {
        let username = self.username(user_id);
        let words = format!("{username} joined the channel.");
        self.system_post(
            channel_id,
            user_id,
            "system_join_channel",
            words,
            props(&[("username", &username)]),
        );
    }

    /// Puts a user into a channel of a team, by himself or by somebody else.
    pub(crate) fn join_channel(
        &mut self,
        channel_id: &str,
        user_id: &str,
        by: &str,
    ) -> Result<(), ApiError> {
        let channel = self.channels.get(channel_id).ok_or_else(permissions)?;
        let team_id = channel.team_id.clone();
        if channel.members.contains_key(user_id) {
            return Ok(());
        }
        let membership = self
            .teams
            .get(&team_id)
            .and_then(|team| team.members.get(user_id));
        match membership {
            None => {
                return Err(ApiError::new(
                    404,
                    "app.team.get_member.missing.app_error",
                    "No team member found for that user ID and team ID.",
                ));
            }
            Some(member) if member.delete_at > 0 => {
                return Err(ApiError::new(
                    400,
                    "api.channel.add_user.to.channel.failed.deleted.app_error",
                    "Failed to add user to channel because they have been removed from the team.",
                ));
            }
            Some(_) => {}
        }
        self.add_member(channel_id, user_id, false);
        let members = self.members_of(channel_id);
        let added = || {
            Outgoing::new("user_added")
                .with("team_id", &team_id)
                .with("user_id", &user_id)
        };
        if self.is_old() {
            self.emit(added().for_channel(channel_id, members));
        } else {
            self.emit(added().for_channel(channel_id, members).omitting(user_id));
            self.emit(
                added()
                    .for_channel(channel_id, Vec::new())
                    .for_user(user_id),
            );
        }
        if by == user_id {
            self.join_post(channel_id, user_id);
            return Ok(());
        }
        let (adder, added) = (self.username(by), self.username(user_id));
        let props = props(&[
            ("addedUserId", user_id),
            ("addedUsername", &added),
            ("userId", by),
            ("username", &adder),
        ]);
        let words = format!("{added} added to the channel by {adder}.");
        self.system_post(channel_id, by, "system_add_to_channel", words, props);
        Ok(())
    }

    /// Takes a user out of a channel.
    pub(crate) fn leave_channel(&mut self, channel_id: &str, user_id: &str, by: &str) {
        let removed = self
            .channels
            .get_mut(channel_id)
            .and_then(|channel| channel.members.remove(user_id));
        if removed.is_none() {
            return;
        }
        self.changed = true;
        let members = self.members_of(channel_id);
        self.emit(
            Outgoing::new("user_removed")
                .with("user_id", &user_id)
                .with("remover_id", &by)
                .for_channel(channel_id, members),
        );
        self.emit(
            Outgoing::new("user_removed")
                .with("channel_id", &channel_id)
                .with("remover_id", &by)
                .for_user(user_id),
        );
        let username = self.username(user_id);
        if by == user_id {
            let words = format!("@{username} left the channel.");
            let props = props(&[("username", &username)]);
            self.system_post(channel_id, user_id, "system_leave_channel", words, props);
        } else {
            let words = format!("@{username} removed from the channel.");
            let props = props(&[("removedUserId", user_id), ("removedUsername", &username)]);
            self.system_post(channel_id, by, "system_remove_from_channel", words, props);
        }
    }

    /// Turns a person into a guest or back, in all memberships.
    pub(crate) fn set_guest(&mut self, user_id: &str, is_guest: bool) {
        let now = self.now();
        if let Some(account) = self.accounts.get_mut(user_id) {
            account.roles = if is_guest {
                "system_guest"
            } else {
                "system_user"
            }
            .to_owned();
            account.update_at = now;
        }
        for team in self.teams.values_mut() {
            if let Some(member) = team.members.get_mut(user_id) {
                member.is_guest = is_guest;
                member.is_admin &= !is_guest;
            }
        }
        for channel in self.channels.values_mut() {
            if let Some(member) = channel.members.get_mut(user_id) {
                member.is_guest = is_guest;
                member.is_admin &= !is_guest;
            }
        }
        self.changed = true;
        self.emit_user_updated(user_id);
    }

    fn emit_channel_updated(&mut self, channel_id: &str) {
        if let Some(channel) = self.channels.get(channel_id) {
            let text = wire::to_text(&self.channel(channel));
            let members = self.members_of(channel_id);
            self.emit(
                Outgoing::new("channel_updated")
                    .with("channel", &text)
                    .for_channel(channel_id, members),
            );
        }
    }

    /// What of `patch` the real server refuses for the channel `before`.
    fn check_patch(&self, before: &Channel, patch: &ChannelPatch) -> Result<(), ApiError> {
        if let Some(name) = patch.name.as_ref().filter(|name| **name != before.name) {
            check_name(name)?;
            if self.channel_by_name(&before.team_id, name).is_some() {
                return Err(name_taken());
            }
        }
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        check_texts(
            &text(&patch.display_name),
            &text(&patch.header),
            &text(&patch.purpose),
        )
    }

    /// Changes a channel; header, purpose and name are told in posts, too. Answers with it as before those posts.
    pub(crate) fn patch_channel(
        &mut self,
        channel_id: &str,
        patch: ChannelPatch,
        by: &str,
    ) -> Result<wire::Channel, ApiError> {
        let now = self.now();
        let before = self
            .channels
            .get(channel_id)
            .cloned()
            .ok_or_else(permissions)?;
        self.check_patch(&before, &patch)?;
        let channel = self.channels.get_mut(channel_id).ok_or_else(permissions)?;
        channel.update_at = now;
        channel.display_name = patch.display_name.unwrap_or(before.display_name.clone());
        channel.name = patch.name.unwrap_or(before.name.clone());
        channel.header = patch.header.unwrap_or(before.header.clone());
        channel.purpose = patch.purpose.unwrap_or(before.purpose.clone());
        let after = channel.clone();
        self.changed = true;
        let answer = self.channel(&after);
        self.emit_channel_updated(channel_id);
        let who = self.username(by);
        for (what, kind, old, new) in [
            (
                "display name",
                "displayname",
                &before.display_name,
                &after.display_name,
            ),
            ("header", "header", &before.header, &after.header),
            ("purpose", "purpose", &before.purpose, &after.purpose),
        ] {
            if old == new {
                continue;
            }
            let message = match (old.is_empty(), new.is_empty()) {
                (true, _) => format!("{who} updated the channel {what} to: {new}"),
                (_, true) => format!("{who} removed the channel {what} (was: {old})"),
                _ => format!("{who} updated the channel {what} from: {old} to: {new}"),
            };
            let (old_key, new_key) = (format!("old_{kind}"), format!("new_{kind}"));
            let props = props(&[("username", &who), (&old_key, old), (&new_key, new)]);
            self.system_post(
                channel_id,
                by,
                &format!("system_{kind}_change"),
                message,
                props,
            );
        }
        Ok(answer)
    }

    /// Archives a channel; it can still be read.
    pub(crate) fn archive_channel(&mut self, channel_id: &str, by: &str) {
        let who = self.username(by);
        let words = format!("{who} archived the channel.");
        self.system_post(
            channel_id,
            by,
            "system_channel_deleted",
            words,
            props(&[("username", &who)]),
        );
        let now = self.now();
        if let Some(channel) = self.channels.get_mut(channel_id) {
            channel.delete_at = now;
            channel.update_at = now;
        }
        let deleted = Outgoing::new("channel_deleted")
            .with("channel_id", &channel_id)
            .with("delete_at", &now);
        self.emit_to_team(channel_id, deleted);
    }

    /// Brings an archived channel back. Answers with it as before the post that says so.
    pub(crate) fn restore_channel(
        &mut self,
        channel_id: &str,
        by: &str,
    ) -> Result<wire::Channel, ApiError> {
        let now = self.now();
        let channel = self.channels.get_mut(channel_id).ok_or_else(permissions)?;
        if channel.delete_at == 0 {
            return Err(ApiError::new(
                400,
                "api.channel.restore_channel.restored.app_error",
                "Unable to unarchive channel. The channel is not archived.",
            ));
        }
        channel.delete_at = 0;
        channel.update_at = now;
        let after = channel.clone();
        let answer = self.channel(&after);
        self.emit_to_team(
            channel_id,
            Outgoing::new("channel_restored").with("channel_id", &channel_id),
        );
        let who = self.username(by);
        let words = format!("{who} unarchived the channel.");
        self.system_post(
            channel_id,
            by,
            "system_channel_restored",
            words,
            props(&[("username", &who)]),
        );
        Ok(answer)
    }

    /// Makes a channel public or private. Answers with it as before the post that says so.
    pub(crate) fn set_privacy(
        &mut self,
        channel_id: &str,
        kind: &str,
        by: &str,
    ) -> Result<wire::Channel, ApiError> {
        let now = self.now();
        let channel = self.channels.get_mut(channel_id).ok_or_else(permissions)?;
        kind.clone_into(&mut channel.kind);
        channel.update_at = now;
        let after = channel.clone();
        let answer = self.channel(&after);
        self.emit_channel_updated(channel_id);
        let words = if kind == "P" {
            "This channel has been converted to a Private Channel."
        } else {
            "This channel has been converted to a Public Channel and can be joined by any team member."
        };
        let who = self.username(by);
        let kind = "system_change_chan_privacy";
        self.system_post(
            channel_id,
            by,
            kind,
            words.to_owned(),
            props(&[("username", &who)]),
        );
        let converted = Outgoing::new("channel_converted").with("channel_id", &channel_id);
        let members = self
            .teams
            .get(&after.team_id)
            .map(super::teams::Team::present)
            .unwrap_or_default();
        self.emit(converted.for_team(&after.team_id, members));
        Ok(answer)
    }

    /// To the whole team for a public channel, else to the channel.
    fn emit_to_team(&mut self, channel_id: &str, event: Outgoing) {
        let Some(channel) = self.channels.get(channel_id) else {
            return;
        };
        self.changed = true;
        let event = if channel.is_open() {
            let members = self
                .teams
                .get(&channel.team_id)
                .map(super::teams::Team::present)
                .unwrap_or_default();
            event.for_team(&channel.team_id.clone(), members)
        } else {
            event.for_channel(channel_id, self.members_of(channel_id))
        };
        self.emit(event);
    }
}
