//! Who may do what.

use super::State;
use super::channels::Channel;
use crate::playground::wire::Props;

/// Props from pairs of texts.
pub(crate) fn props(pairs: &[(&str, &str)]) -> Props {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).into()))
        .collect()
}

impl State {
    fn has_role(&self, user_id: &str, role: &str) -> bool {
        self.accounts
            .get(user_id)
            .is_some_and(|account| account.has_role(role))
    }

    pub(crate) fn is_bot(&self, user_id: &str) -> bool {
        self.accounts
            .get(user_id)
            .is_some_and(|account| account.bot.is_some())
    }

    fn is_guest(&self, user_id: &str) -> bool {
        self.has_role(user_id, "system_guest")
    }

    pub(crate) fn is_member(&self, channel_id: &str, user_id: &str) -> bool {
        self.channels
            .get(channel_id)
            .is_some_and(|channel| channel.members.contains_key(user_id))
    }

    /// `create_post`: membership, or a role that posts everywhere.
    pub(crate) fn may_post(&self, user_id: &str, channel_id: &str) -> bool {
        self.channels.contains_key(channel_id)
            && (self.is_member(channel_id, user_id)
                || self.is_admin(user_id)
                || self.has_role(user_id, "system_post_all"))
    }

    /// `read_channel_content`: newer servers let team members read public channels without joining.
    pub(crate) fn may_read(&self, user_id: &str, channel: &Channel) -> bool {
        channel.members.contains_key(user_id)
            || self.is_admin(user_id)
            || (!self.is_old() && self.may_look_at(user_id, channel))
    }

    /// Whether the channel itself is shown: members, and for public ones the team.
    pub(crate) fn may_look_at(&self, user_id: &str, channel: &Channel) -> bool {
        channel.members.contains_key(user_id)
            || self.is_admin(user_id)
            || (channel.is_open()
                && !self.is_guest(user_id)
                && self.team_of(&channel.team_id, user_id).is_some())
    }

    /// Channel admin, team admin of its team, or system admin.
    pub(crate) fn may_manage(&self, user_id: &str, channel: &Channel) -> bool {
        let is_channel_admin = channel
            .members
            .get(user_id)
            .is_some_and(|member| member.is_admin);
        is_channel_admin || self.is_team_admin(&channel.team_id, user_id)
    }

    pub(crate) fn is_team_admin(&self, team_id: &str, user_id: &str) -> bool {
        let team = self.team_of(team_id, user_id);
        let is_team_admin = team
            .and_then(|team| team.members.get(user_id))
            .is_some_and(|member| member.is_admin);
        is_team_admin || self.is_admin(user_id)
    }

    /// `view_members`: guests see only those with whom they share a channel.
    pub(crate) fn may_see_user(&self, viewer: &str, user_id: &str) -> bool {
        viewer == user_id
            || !self.is_guest(viewer)
            || self.channels.values().any(|channel| {
                channel.members.contains_key(viewer) && channel.members.contains_key(user_id)
            })
    }

    /// Guests make no channels and no teams.
    pub(crate) fn may_create(&self, user_id: &str) -> bool {
        !self.is_guest(user_id)
    }
}
