//! Who the bot is and where it serves, as the server tells it.

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::Context as _;

use crate::config::Config;
use crate::id::{ChannelId, TeamId, UserId};
use crate::mattermost::api::Api;
use crate::mattermost::event::Posted;
use crate::mattermost::model::{Channel, ChannelKind, Team};

/// What the server told when it was asked first.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Our account.
    pub me: UserId,
    /// Our account's name, without the `@`.
    pub username: String,
    /// Whether it is a bot account, and not a person's.
    pub is_bot: bool,
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
    /// A team that the bot is not in, or a channel that does not exist, is final; everything else is worth another try.
    pub async fn ask(api: &Api, config: &Config) -> Result<Self, Unidentified> {
        let not_now = |error: anyhow::Error| Unidentified::NotNow(error);
        let me = api
            .me()
            .await
            .context("asking who we are")
            .map_err(not_now)?;
        let name = &config.matterbot.teamname;
        let teams = api.my_teams().await;
        let mut teams = teams.context("asking for our teams").map_err(not_now)?;
        let Some(index) = teams
            .iter()
            .position(|team| team.name.eq_ignore_ascii_case(name))
        else {
            return Err(no_team(api, name, &me.username, &teams).await);
        };
        let team = teams.swap_remove(index);
        let lifecycle_channels = resolve_channels(api, team.id, &config.lifecycle.channels).await?;
        let limit = api
            .max_post_size()
            .await
            .context("asking for the server's limits")
            .map_err(not_now)?;
        Ok(Self {
            me: me.id,
            username: me.username,
            is_bot: me.is_bot,
            team: team.id,
            lifecycle_channels,
            post_size: limit.min(config.matterbot.msglength),
        })
    }

    /// Whether a channel is one that we serve: of our team, or a direct or group message; and whether it is foreign then.
    fn serves(&self, id: ChannelId, kind: ChannelKind, team: Option<TeamId>) -> Option<bool> {
        let served = match kind {
            ChannelKind::Direct | ChannelKind::Group => true,
            _ => team == Some(self.team),
        };
        let foreign = self
            .lifecycle_channels
            .as_ref()
            .is_some_and(|channels| !channels.contains(&id));
        served.then_some(foreign)
    }

    /// The facts of the channel of a new post, if it is one that we serve.
    #[must_use]
    pub fn room(&self, posted: &Posted) -> Option<Room> {
        let (id, kind) = (posted.post.channel_id, posted.channel_kind);
        Some(Room {
            id,
            foreign: self.serves(id, kind, posted.team_id)?,
            kind,
            name: posted.channel_name.as_str().into(),
            display_name: posted.channel_display_name.as_str().into(),
        })
    }

    /// The same of a channel that was read over REST.
    #[must_use]
    pub fn room_of(&self, channel: &Channel) -> Option<Room> {
        Some(Room {
            id: channel.id,
            foreign: self.serves(channel.id, channel.kind, channel.team_id)?,
            kind: channel.kind,
            name: channel.name.as_str().into(),
            display_name: channel.display_name.as_str().into(),
        })
    }
}

/// A channel that is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// The channel.
    pub id: ChannelId,
    /// Whether it lies outside `Lifecycle.channels`.
    pub foreign: bool,
    /// What it is.
    pub kind: ChannelKind,
    /// The name in its address.
    pub name: Arc<str>,
    /// The name that people see; of a direct or group message it says nothing that can be relied on.
    pub display_name: Arc<str>,
}

impl Room {
    /// Whether it is a direct or group message: it belongs to no team, and its name is made of identifiers.
    #[must_use]
    pub fn is_conversation(&self) -> bool {
        matches!(self.kind, ChannelKind::Direct | ChannelKind::Group)
    }

    /// An open channel of this name, inside `Lifecycle.channels`.
    #[cfg(test)]
    pub(super) fn open(id: ChannelId, name: &str) -> Self {
        Self {
            id,
            foreign: false,
            kind: ChannelKind::Open,
            name: name.into(),
            display_name: name.into(),
        }
    }
}

/// That we are not in the team is final only if a server says so that is well and accepts our token.
async fn no_team(api: &Api, name: &str, account: &str, ours: &[Team]) -> Unidentified {
    let exists = match api.team_by_name(name).await {
        Ok(_) => true,
        // It is there, and not to be seen by those outside.
        Err(error) if error.is_refusal() && !error.is_not_found() => true,
        Err(error) if error.is_not_found() => false,
        Err(error) => {
            let error = anyhow::Error::new(error);
            return Unidentified::NotNow(error.context("asking for the team"));
        }
    };
    if !(api.healthy().await && api.me().await.is_ok()) {
        return Unidentified::NotNow(anyhow::anyhow!(
            "the server does not find us in the team {name:?}, and is not well"
        ));
    }
    if exists {
        return Unidentified::Misconfigured(format!(
            "the bot's account @{account} is not a member of the team {name:?}: invite it to the team and to the \
             channels that it is to read, or correct Matterbot.teamname"
        ));
    }
    let mut known: Vec<&str> = ours.iter().map(|team| team.name.as_str()).collect();
    known.sort_unstable();
    let known = match known.as_slice() {
        [] => "it is in none yet".to_owned(),
        known => format!("it is in: {}", known.join(", ")),
    };
    Unidentified::Misconfigured(format!(
        "the server has no team named {name:?}, or hides it from the bot's account @{account}: correct \
         Matterbot.teamname to the name in the team's URL, and invite the bot to the team ({known})"
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
                    "Lifecycle.channels names {name:?}, which the team does not have or the bot cannot see: write the \
                     name as in the channel's URL, and invite the bot to a private channel"
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
