//! Channels.

use serde::de::IgnoredAny;

use super::call::Call;
use super::{Api, ApiError};
use crate::id::{ChannelId, TeamId, UserId};
use crate::mattermost::model::Channel;

impl Api {
    /// A channel.
    ///
    /// # Errors
    /// 403 or 404 if there is none that we may see.
    pub async fn channel(&self, id: ChannelId) -> Result<Channel, ApiError> {
        self.get(&["channels", id.as_str()], &[]).await
    }

    /// The channel of `team` with this name in its address.
    ///
    /// # Errors
    /// 404 if there is none that we may see.
    pub async fn channel_by_name(&self, team: TeamId, name: &str) -> Result<Channel, ApiError> {
        self.get(&["teams", team.as_str(), "channels", "name", name], &[])
            .await
    }

    /// Every channel that we are in, direct and group messages included: of all teams, or on servers without that call
    /// (5.37 answers 404) those of `team` and the teamless ones.
    ///
    /// # Errors
    /// As any call.
    pub async fn my_channels(&self, team: TeamId) -> Result<Vec<Channel>, ApiError> {
        match self.channels(&["users", "me", "channels"]).await {
            Err(error) if error.is_not_found() => {}
            // Somebody without channels gets 200, a bracket and an error (`api4.getAllChannelsForUser`).
            Err(ApiError::Decode { .. } | ApiError::NotJson { status: 200, .. }) => {}
            result => return result,
        }
        let path = ["users", "me", "teams", team.as_str(), "channels"];
        match self.channels(&path).await {
            Err(ApiError::Refused {
                status: 404, id, ..
            }) if id.contains("get_channels.not_found") => Ok(Vec::new()),
            result => result,
        }
    }

    /// The channels of a list.
    async fn channels(&self, path: &[&str]) -> Result<Vec<Channel>, ApiError> {
        let answer = self.repeat(&Call::get(path, &[])).await?;
        answer.decode_each("a channel")
    }

    /// Whether `user` is in a channel.
    ///
    /// # Errors
    /// 403 if we may not see its members.
    pub async fn is_channel_member(
        &self,
        channel: ChannelId,
        user: UserId,
    ) -> Result<bool, ApiError> {
        let path = ["channels", channel.as_str(), "members", user.as_str()];
        match self.get::<IgnoredAny>(&path, &[]).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The direct message between two users, one of them us; it is opened if it was not yet.
    ///
    /// # Errors
    /// As any call.
    pub async fn direct_channel(&self, one: UserId, other: UserId) -> Result<Channel, ApiError> {
        self.post_idempotent(&["channels", "direct"], &[one, other])
            .await
    }
}
