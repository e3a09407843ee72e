//! Teams and who is in them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::State;
use super::accounts::Account;
use crate::id::random_token;
use crate::playground::error::{ApiError, permissions};
use crate::playground::event::Outgoing;
use crate::playground::wire;

/// A team; left members stay with the instant of their leaving.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Team {
    pub(crate) id: String,
    pub(crate) create_at: i64,
    pub(crate) update_at: i64,
    pub(crate) display_name: String,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) kind: String,
    pub(crate) invite_id: String,
    pub(crate) members: BTreeMap<String, TeamMember>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct TeamMember {
    pub(crate) delete_at: i64,
    pub(crate) is_guest: bool,
    pub(crate) is_admin: bool,
}

/// How the name of no team may begin: the paths of the web client (`model.reservedName`).
const RESERVED: [&str; 17] = [
    "admin",
    "api",
    "channel",
    "claim",
    "error",
    "files",
    "help",
    "landing",
    "login",
    "mfa",
    "oauth",
    "plug",
    "plugins",
    "post",
    "signup",
    "boards",
    "playbooks",
];

/// What the model refuses, in the order in which it looks (`model.Team.IsValid`).
fn check(name: &str, display_name: &str, kind: &str) -> Result<(), ApiError> {
    let letters = |text: &str, more: &str| {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || more.contains(c);
        text.chars().all(fits)
    };
    let ends = |at: Option<char>| at.is_some_and(|c| letters(&c.to_string(), ""));
    let has_valid_characters = name.len() >= 2
        && letters(name, "-")
        && ends(name.chars().next())
        && ends(name.chars().next_back());
    let (what, message) = if !(1..=64).contains(&display_name.chars().count()) {
        ("name", "Invalid name.")
    } else if name.len() > 64 {
        ("url", "Invalid URL Identifier.")
    } else if RESERVED
        .iter()
        .any(|reserved| name.to_lowercase().starts_with(reserved))
    {
        ("reserved", "This URL is unavailable. Please try another.")
    } else if !has_valid_characters {
        (
            "characters",
            "Name must be 2 or more lowercase alphanumeric characters.",
        )
    } else if !matches!(kind, "O" | "I") {
        ("type", "Invalid type.")
    } else {
        return Ok(());
    };
    let id = format!("model.team.is_valid.{what}.app_error");
    Err(ApiError::new(400, id, message))
}

/// The roles that go with the flags of a membership, `scope` being `team` or `channel`.
pub(crate) fn scheme_roles(scope: &str, is_guest: bool, is_admin: bool) -> String {
    match (is_guest, is_admin) {
        (true, _) => format!("{scope}_guest"),
        (false, true) => format!("{scope}_user {scope}_admin"),
        (false, false) => format!("{scope}_user"),
    }
}

impl Team {
    pub(crate) fn has(&self, user_id: &str) -> bool {
        self.members
            .get(user_id)
            .is_some_and(|member| member.delete_at == 0)
    }

    pub(crate) fn present(&self) -> Vec<String> {
        let present = self
            .members
            .iter()
            .filter(|(_, member)| member.delete_at == 0);
        present.map(|(user_id, _)| user_id.clone()).collect()
    }

    pub(crate) fn member(&self, user_id: &str) -> Option<wire::TeamMember> {
        let member = self.members.get(user_id)?;
        Some(wire::TeamMember {
            team_id: self.id.clone(),
            user_id: user_id.to_owned(),
            roles: scheme_roles("team", member.is_guest, member.is_admin),
            delete_at: member.delete_at,
            scheme_guest: member.is_guest,
            scheme_user: !member.is_guest,
            scheme_admin: member.is_admin,
            explicit_roles: "",
        })
    }
}

impl State {
    pub(crate) fn team_by_name(&self, name: &str) -> Option<&Team> {
        self.teams.values().find(|team| team.name == name)
    }

    pub(crate) fn team_of(&self, team_id: &str, user_id: &str) -> Option<&Team> {
        self.teams.get(team_id).filter(|team| team.has(user_id))
    }

    /// The team for somebody who may see it; the address only for its admins.
    pub(crate) fn team(&self, team: &Team, viewer: &str) -> wire::Team {
        let sees_all = self.is_admin(viewer)
            || team
                .members
                .get(viewer)
                .is_some_and(|member| member.is_admin);
        wire::Team {
            id: team.id.clone(),
            create_at: team.create_at,
            update_at: team.update_at,
            delete_at: 0,
            display_name: team.display_name.clone(),
            name: team.name.clone(),
            description: String::new(),
            email: if sees_all {
                team.email.clone()
            } else {
                String::new()
            },
            r#type: team.kind.clone(),
            company_name: "",
            allowed_domains: "",
            invite_id: team.invite_id.clone(),
            allow_open_invite: false,
            scheme_id: None,
            group_constrained: None,
            policy_id: None,
            cloud_limits_archived: self.newer(false),
        }
    }

    /// Makes a team of the `kind` `O` or `I` with its two default channels; its creator is its admin.
    pub(crate) fn create_team(
        &mut self,
        name: &str,
        (display_name, kind): (&str, &str),
        creator: &str,
    ) -> Result<String, ApiError> {
        check(name, display_name, kind)?;
        if self.team_by_name(name).is_some() {
            return Err(ApiError::new(
                400,
                "app.team.save.existing.app_error",
                "A team with that name already exists.",
            ));
        }
        let now = self.now();
        let id = random_token();
        let team = Team {
            id: id.clone(),
            create_at: now,
            update_at: now,
            display_name: display_name.to_owned(),
            name: name.to_owned(),
            email: self
                .accounts
                .get(creator)
                .map(|account| account.email.clone())
                .unwrap_or_default(),
            kind: kind.to_owned(),
            invite_id: random_token(),
            members: BTreeMap::new(),
        };
        self.teams.insert(id.clone(), team);
        self.add_channel(&id, "town-square", "Town Square", "");
        self.add_channel(&id, "off-topic", "Off-Topic", "");
        self.changed = true;
        self.join_team(&id, creator)?;
        if let Some(member) = self
            .teams
            .get_mut(&id)
            .and_then(|team| team.members.get_mut(creator))
        {
            member.is_admin = true;
        }
        Ok(id)
    }

    /// Puts a user into a team and its default channels, with the posts and events that go with it.
    pub(crate) fn join_team(&mut self, team_id: &str, user_id: &str) -> Result<(), ApiError> {
        let account = self
            .accounts
            .get(user_id)
            .ok_or_else(crate::playground::error::user_not_found)?;
        let (is_guest, username) = (account.is_guest(), account.username.clone());
        let team = self.teams.get_mut(team_id).ok_or_else(team_not_found)?;
        if team.has(user_id) {
            return Ok(());
        }
        team.members.insert(
            user_id.to_owned(),
            TeamMember {
                delete_at: 0,
                is_guest,
                is_admin: false,
            },
        );
        self.changed = true;
        self.touch_account(user_id);
        self.join_default_channels(team_id, user_id, &username, is_guest);
        // The real server sends this one twice.
        for _ in 0..2 {
            self.emit(
                Outgoing::new("added_to_team")
                    .with("team_id", &team_id)
                    .with("user_id", &user_id)
                    .for_user(user_id),
            );
        }
        Ok(())
    }

    /// Everybody is in the default channels, guests in the first alone.
    fn join_default_channels(
        &mut self,
        team_id: &str,
        user_id: &str,
        username: &str,
        is_guest: bool,
    ) {
        for (name, kind, words) in [
            ("town-square", "system_join_team", "joined the team."),
            ("off-topic", "system_join_channel", "joined the channel."),
        ] {
            let is_first = name == "town-square";
            let channel = self.channel_by_name(team_id, name);
            let Some(id) = channel.map(|channel| channel.id.clone()) else {
                continue;
            };
            if is_guest && !is_first {
                continue;
            }
            if is_first {
                self.add_member(&id, user_id, false);
            }
            let props = super::roles::props(&[("username", username)]);
            self.system_post(&id, user_id, kind, format!("{username} {words}"), props);
            let members = self.members_of(&id);
            self.emit(
                Outgoing::new("user_added")
                    .with("team_id", &team_id)
                    .with("user_id", &user_id)
                    .for_channel(&id, members),
            );
            // The newcomer hears of the first channel only: what the real server knows of his channels it asks
            // for once, and that is too early for the second.
            if !is_first {
                self.add_member(&id, user_id, false);
            }
        }
    }

    /// Takes a user out of a team and all its channels.
    pub(crate) fn leave_team(
        &mut self,
        team_id: &str,
        user_id: &str,
        remover: &str,
    ) -> Result<(), ApiError> {
        let team = self.team_of(team_id, user_id).ok_or_else(permissions)?;
        let mut members = team.present();
        let username = self
            .accounts
            .get(user_id)
            .map(|account| account.username.clone())
            .unwrap_or_default();
        if let Some(channel_id) = self
            .channel_by_name(team_id, "town-square")
            .map(|channel| channel.id.clone())
        {
            let (kind, words) = if remover == user_id {
                ("system_leave_team", "left the team.")
            } else {
                ("system_remove_from_team", "removed from the team.")
            };
            let props = super::roles::props(&[("username", &username)]);
            self.system_post(
                &channel_id,
                user_id,
                kind,
                format!("{username} {words}"),
                props,
            );
        }
        let left = || {
            Outgoing::new("leave_team")
                .with("team_id", &team_id)
                .with("user_id", &user_id)
        };
        if self.is_old() {
            self.emit(left().for_team(team_id, members));
        } else {
            members.retain(|member| member != user_id);
            self.emit(left().for_team(team_id, members).omitting(user_id));
            self.emit(left().for_user(user_id));
        }
        let now = self.now();
        if let Some(member) = self
            .teams
            .get_mut(team_id)
            .and_then(|team| team.members.get_mut(user_id))
        {
            member.delete_at = now;
            member.is_admin = false;
        }
        for channel in self
            .channels
            .values_mut()
            .filter(|channel| channel.team_id == team_id)
        {
            channel.members.remove(user_id);
        }
        self.touch_account(user_id);
        Ok(())
    }

    /// Tells a member that his place in the team changed.
    pub(crate) fn tell_team_member(&mut self, team_id: &str, user_id: &str) {
        let member = self
            .teams
            .get(team_id)
            .and_then(|team| team.member(user_id));
        if let Some(member) = member {
            self.emit(
                Outgoing::new("memberrole_updated")
                    .with("member", &wire::to_text(&member))
                    .for_user(user_id),
            );
        }
    }

    pub(crate) fn is_admin(&self, user_id: &str) -> bool {
        self.accounts.get(user_id).is_some_and(Account::is_admin)
    }
}

pub(crate) fn team_not_found() -> ApiError {
    ApiError::new(
        404,
        "app.team.get.find.app_error",
        "Unable to find the existing team.",
    )
}
