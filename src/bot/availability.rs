//! Where a module is available: in the channels that `bindmap.json` names, and in direct and group messages to whoever is
//! in one of them.
//!
//! A channel counts by the name in its address, as in upstream's file: one that is renamed leaves its binds behind, and
//! they are those of the next channel that takes the name.

use std::collections::HashMap;

use crate::command::catalogue::{ANY, Module};
use crate::id::{ChannelId, TeamId, UserId};
use crate::mattermost::api::{Api, ApiError};

use super::causes::causes;
use super::context::Context;
use super::identity::Room;
use super::reply;

/// Whether a module is available.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Availability {
    /// It is.
    Available,
    /// It is not bound here.
    Elsewhere,
    /// It could not be found out, for this reason, as half a sentence; it counts as not available.
    Unknown(String),
}

/// The answers for one asker in one place. What the server told is used for all modules, and for this one request only.
#[derive(Debug)]
pub struct Availabilities<'a> {
    api: &'a Api,
    team: Option<TeamId>,
    /// The bind map could never be read.
    unreadable: bool,
    room: &'a Room,
    asker: UserId,
    /// Our channels by name, once they were asked for.
    channels: Option<HashMap<String, ChannelId>>,
    /// In which channels the asker is, as far as that was asked.
    member: HashMap<String, Result<bool, String>>,
}

impl<'a> Availabilities<'a> {
    /// Answers for `asker` in `room`.
    #[must_use]
    pub fn new(context: &'a Context, room: &'a Room, asker: UserId) -> Self {
        Self {
            api: &context.api,
            team: context.identity().map(|identity| identity.team),
            unreadable: context.binds.is_unknown(),
            room,
            asker,
            channels: None,
            member: HashMap::new(),
        }
    }

    /// Whether `module` is available.
    pub async fn of(&mut self, module: &Module) -> Availability {
        if self.unreadable {
            return Availability::Unknown(reply::BINDS_UNKNOWN.to_owned());
        }
        if module.channels.iter().any(|channel| channel == ANY) {
            return Availability::Available;
        }
        if !self.room.is_conversation() {
            return match module.serves(&self.room.name) {
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
        let is_member = asked.map_err(|error| {
            tracing::warn!(error = %causes(&error), channel, user = %self.asker,
                "whether somebody is in a channel could not be found out");
            reply::MEMBERSHIP_UNKNOWN.to_owned()
        });
        self.member.insert(channel.to_owned(), is_member.clone());
        is_member
    }

    async fn ask(&mut self, channel: &str) -> Result<bool, ApiError> {
        // Until the server has told who we are nothing is served.
        let Some(team) = self.team else {
            return Ok(false);
        };
        let Some(id) = self.channel(team, channel).await? else {
            return Ok(false);
        };
        self.api.is_channel_member(id, self.asker).await
    }

    /// The channel of our team with this name. Mostly we are in it, and all such channels take one request.
    async fn channel(&mut self, team: TeamId, name: &str) -> Result<Option<ChannelId>, ApiError> {
        let channels = match &mut self.channels {
            Some(channels) => channels,
            unknown => {
                let ours = self.api.my_channels(team).await?.into_iter();
                let ours = ours
                    .filter(|channel| channel.team_id == Some(team) && channel.delete_at.0 == 0);
                unknown.insert(ours.map(|channel| (channel.name, channel.id)).collect())
            }
        };
        if let Some(id) = channels.get(name) {
            return Ok(Some(*id));
        }
        match self.api.channel_by_name(team, name).await {
            Ok(channel) => Ok(Some(channel.id)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }
}
