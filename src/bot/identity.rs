//! Who the bot is and where it serves, as the server tells it.

use std::collections::HashSet;

use anyhow::Context as _;

use crate::config::Config;
use crate::id::{ChannelId, TeamId, UserId};
use crate::mattermost::api::Api;
use crate::mattermost::model::{Channel, ChannelKind};

/// What the server told when it was asked first.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Our account.
    pub me: UserId,
    /// Our account's name, without the `@`.
    pub username: String,
    /// The team that we serve.
    pub team: TeamId,
    /// Where operator and admin commands run; everywhere, if unset.
    pub lifecycle_channels: Option<HashSet<ChannelId>>,
    /// How many characters a post may have.
    pub post_size: usize,
}

/// Why the server could not be asked, or cannot be served.
#[derive(Debug)]
pub enum Unidentified {
    /// Worth another try.
    NotNow(anyhow::Error),
    /// The configuration names what the server does not have: a sentence for whoever writes it.
    Misconfigured(String),
}

impl Identity {
    /// Asks the server who we are, and resolves the names of the configuration.
    ///
    /// # Errors
    /// A team or a channel that does not exist is final; everything else is worth another try.
    pub async fn ask(api: &Api, config: &Config) -> Result<Self, Unidentified> {
        let not_now = |error: anyhow::Error| Unidentified::NotNow(error);
        let me = api
            .me()
            .await
            .context("asking who we are")
            .map_err(not_now)?;
        let name = &config.matterbot.teamname;
        let team = match api.team_by_name(name).await {
            Ok(team) => team,
            Err(error) if error.is_not_found() => return Err(unknown_team(api, name).await),
            Err(error) => {
                return Err(not_now(
                    anyhow::Error::new(error).context("asking for the team"),
                ));
            }
        };
        let lifecycle_channels = resolve_channels(api, team.id, &config.lifecycle.channels).await?;
        let limit = api
            .max_post_size()
            .await
            .context("asking for the server's limits")
            .map_err(not_now)?;
        Ok(Self {
            me: me.id,
            username: me.username,
            team: team.id,
            lifecycle_channels,
            post_size: limit.min(config.matterbot.msglength),
        })
    }

    /// The facts of a channel, if it is one that we serve: of our team, or a direct or group message.
    #[must_use]
    pub fn room(&self, id: ChannelId, kind: ChannelKind, team: Option<TeamId>) -> Option<Room> {
        let served = match kind {
            ChannelKind::Direct | ChannelKind::Group => true,
            _ => team == Some(self.team),
        };
        let foreign = self
            .lifecycle_channels
            .as_ref()
            .is_some_and(|channels| !channels.contains(&id));
        served.then_some(Room { id, foreign })
    }

    /// [`Identity::room`] of a channel that was read over REST.
    #[must_use]
    pub fn room_of(&self, channel: &Channel) -> Option<Room> {
        self.room(channel.id, channel.kind, channel.team_id)
    }
}

/// A channel that is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// The channel.
    pub id: ChannelId,
    /// Whether it lies outside `Lifecycle.channels`.
    pub foreign: bool,
}

/// A 404 for the team is final only from a server that is well, and that accepts our token.
async fn unknown_team(api: &Api, name: &str) -> Unidentified {
    if api.healthy().await && api.me().await.is_ok() {
        return Unidentified::Misconfigured(format!(
            "the server has no team named {name:?} that this bot's account can see: correct Matterbot.teamname, or \
             add the bot to the team"
        ));
    }
    Unidentified::NotNow(anyhow::anyhow!(
        "the server does not find the team {name:?}, and is not well"
    ))
}

/// `Lifecycle.channels`: identifiers as they are, names through the team.
async fn resolve_channels(
    api: &Api,
    team: TeamId,
    names: &[String],
) -> Result<Option<HashSet<ChannelId>>, Unidentified> {
    if names.is_empty() {
        return Ok(None);
    }
    let mut channels = HashSet::new();
    for name in names {
        // An identifier is one before it is a name: whoever may make channels could else name one like it.
        let known = match name.parse::<ChannelId>() {
            Ok(id) => api.channel(id).await,
            Err(_) => api.channel_by_name(team, name).await,
        };
        match known {
            Ok(channel) => drop(channels.insert(channel.id)),
            Err(error) if error.is_refusal() && api.healthy().await => {
                return Err(Unidentified::Misconfigured(format!(
                    "Lifecycle.channels names {name:?}, which the team does not have or the bot cannot see"
                )));
            }
            Err(error) => {
                return Err(Unidentified::NotNow(
                    anyhow::Error::new(error).context("resolving Lifecycle.channels"),
                ));
            }
        }
    }
    Ok(Some(channels))
}
