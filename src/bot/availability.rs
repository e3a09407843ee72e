//! Where a module is available: in the channels that `bindmap.json` names, and in direct and group messages to whoever is
//! in one of them.
//!
//! A channel counts by the name in its address, as in upstream's file: one that is renamed leaves its binds behind, and
//! they are those of the next channel that takes the name.

use std::collections::HashMap;

use crate::command::catalogue::{ANY, Module};
use crate::id::{ChannelId, TeamId, UserId};
use crate::mattermost::api::{Api, ApiError};
use crate::mattermost::model::ChannelKind;

use super::causes::causes;

/// Whether a module is available.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Availability {
    /// It is.
    Available,
    /// It is not bound here.
    Elsewhere,
    /// It could not be found out, for this reason; it counts as not available.
    Unknown(String),
}

/// Who asks, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// What the channel is.
    pub kind: ChannelKind,
    /// The name in its address.
    pub channel: &'a str,
    /// Who asks.
    pub asker: UserId,
}

impl Place<'_> {
    /// Whether it is a direct or a group message, which has no name that a module could be bound to.
    #[must_use]
    pub fn is_conversation(&self) -> bool {
        matches!(self.kind, ChannelKind::Direct | ChannelKind::Group)
    }
}

/// The answers for one asker in one place. What the server told is used for all modules, and for this one request only.
#[derive(Debug)]
pub struct Availabilities<'a> {
    api: &'a Api,
    team: TeamId,
    place: Place<'a>,
    /// Our channels by name, once they were asked for.
    channels: Option<HashMap<String, ChannelId>>,
    /// In which channels the asker is, as far as that was asked.
    member: HashMap<String, Result<bool, String>>,
}

impl<'a> Availabilities<'a> {
    /// Answers for `place`, with channels of `team`.
    #[must_use]
    pub fn new(api: &'a Api, team: TeamId, place: Place<'a>) -> Self {
        Self {
            api,
            team,
            place,
            channels: None,
            member: HashMap::new(),
        }
    }

    /// Whether `module` is available.
    pub async fn of(&mut self, module: &Module) -> Availability {
        if module.channels.iter().any(|channel| channel == ANY) {
            return Availability::Available;
        }
        if !self.place.is_conversation() {
            return match module.serves(self.place.channel) {
                true => Availability::Available,
                false => Availability::Elsewhere,
            };
        }
        let mut unknown = None;
        for channel in &module.channels {
            match self.is_member(channel).await {
                Ok(true) => return Availability::Available,
                Ok(false) => {}
                Err(reason) => unknown = Some(reason),
            }
        }
        unknown.map_or(Availability::Elsewhere, Availability::Unknown)
    }

    async fn is_member(&mut self, channel: &str) -> Result<bool, String> {
        if let Some(known) = self.member.get(channel) {
            return known.clone();
        }
        let asked = self.ask(channel).await;
        let is_member = asked.map_err(|error| causes(&error).to_string());
        self.member.insert(channel.to_owned(), is_member.clone());
        is_member
    }

    async fn ask(&mut self, channel: &str) -> Result<bool, ApiError> {
        let Some(id) = self.channel(channel).await? else {
            return Ok(false);
        };
        self.api.is_channel_member(id, self.place.asker).await
    }

    /// The channel of our team with this name. Mostly we are in it, and all such channels take one request.
    async fn channel(&mut self, name: &str) -> Result<Option<ChannelId>, ApiError> {
        let channels = match &mut self.channels {
            Some(channels) => channels,
            unknown => {
                let ours = self.api.my_channels(self.team).await?.into_iter();
                let ours = ours.filter(|channel| {
                    channel.team_id == Some(self.team) && channel.delete_at.0 == 0
                });
                unknown.insert(ours.map(|channel| (channel.name, channel.id)).collect())
            }
        };
        if let Some(id) = channels.get(name) {
            return Ok(Some(*id));
        }
        match self.api.channel_by_name(self.team, name).await {
            Ok(channel) => Ok(Some(channel.id)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }
}
