//! Channels, direct and group messages included, and who is in them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::State;
use super::names::{check_name, check_texts, name_taken};
use super::teams::scheme_roles;
use crate::id::random_token;
use crate::playground::error::ApiError;
use crate::playground::event::Outgoing;
use crate::playground::wire;

/// A channel; `kind` is O, P, D or G.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Channel {
    pub(crate) id: String,
    pub(crate) create_at: i64,
    pub(crate) update_at: i64,
    pub(crate) delete_at: i64,
    pub(crate) team_id: String,
    pub(crate) kind: String,
    pub(crate) display_name: String,
    pub(crate) name: String,
    pub(crate) header: String,
    pub(crate) purpose: String,
    pub(crate) creator_id: String,
    pub(crate) last_post_at: i64,
    pub(crate) last_root_post_at: i64,
    pub(crate) message_count: i64,
    pub(crate) root_count: i64,
    pub(crate) members: BTreeMap<String, Member>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Member {
    pub(crate) last_viewed_at: i64,
    pub(crate) message_count: i64,
    pub(crate) root_count: i64,
    pub(crate) mention_count: i64,
    pub(crate) mention_count_root: i64,
    pub(crate) last_update_at: i64,
    pub(crate) is_guest: bool,
    pub(crate) is_admin: bool,
}

impl Channel {
    pub(crate) fn is_direct(&self) -> bool {
        self.kind == "D"
    }

    pub(crate) fn is_open(&self) -> bool {
        self.kind == "O"
    }
}

fn member_notify_props(old: bool) -> BTreeMap<&'static str, &'static str> {
    let mut props = BTreeMap::from([
        ("desktop", "default"),
        ("email", "default"),
        ("ignore_channel_mentions", "default"),
        ("mark_unread", "all"),
        ("push", "default"),
    ]);
    if !old {
        props.insert("channel_auto_follow_threads", "off");
    }
    props
}

impl State {
    pub(crate) fn channel_by_name(&self, team_id: &str, name: &str) -> Option<&Channel> {
        self.channels
            .values()
            .find(|channel| channel.team_id == team_id && channel.name == name)
    }

    pub(crate) fn channel(&self, channel: &Channel) -> wire::Channel {
        let is_private = matches!(channel.kind.as_str(), "D" | "G");
        wire::Channel {
            id: channel.id.clone(),
            create_at: channel.create_at,
            update_at: channel.update_at,
            delete_at: channel.delete_at,
            team_id: channel.team_id.clone(),
            r#type: channel.kind.clone(),
            display_name: channel.display_name.clone(),
            name: channel.name.clone(),
            header: channel.header.clone(),
            purpose: channel.purpose.clone(),
            last_post_at: channel.last_post_at,
            total_msg_count: channel.message_count,
            extra_update_at: 0,
            creator_id: channel.creator_id.clone(),
            scheme_id: None,
            props: None,
            group_constrained: None,
            autotranslation: self.newer(false),
            shared: (is_private && (!self.is_old() || channel.is_direct())).then_some(false),
            total_msg_count_root: channel.root_count,
            policy_id: None,
            newer: self.newer(wire::NewerChannel {
                last_root_post_at: channel.last_root_post_at,
                banner_info: None,
                policy_enforced: false,
                policy_is_active: false,
                default_category_name: "",
            }),
        }
    }

    /// A membership as `viewer` sees it: what others have read is nobody's business.
    pub(crate) fn channel_member(
        &self,
        channel_id: &str,
        user_id: &str,
        viewer: &str,
    ) -> Option<wire::ChannelMember> {
        let member = self.channels.get(channel_id)?.members.get(user_id)?;
        let own = user_id == viewer;
        Some(wire::ChannelMember {
            channel_id: channel_id.to_owned(),
            user_id: user_id.to_owned(),
            roles: scheme_roles("channel", member.is_guest, member.is_admin),
            last_viewed_at: if own { member.last_viewed_at } else { -1 },
            msg_count: member.message_count,
            mention_count: member.mention_count,
            mention_count_root: member.mention_count_root,
            urgent_mention_count: self.newer(0),
            msg_count_root: member.root_count,
            notify_props: member_notify_props(self.is_old()),
            last_update_at: if own { member.last_update_at } else { -1 },
            scheme_guest: member.is_guest,
            scheme_user: !member.is_guest,
            scheme_admin: member.is_admin,
            explicit_roles: "",
            autotranslation_disabled: self.newer(false),
        })
    }

    /// Makes a member admin of a channel or takes that away; tells only that member.
    pub(crate) fn set_channel_admin(
        &mut self,
        channel_id: &str,
        user_id: &str,
        is_admin: bool,
    ) -> Option<()> {
        let now = self.now();
        let member = self
            .channels
            .get_mut(channel_id)?
            .members
            .get_mut(user_id)?;
        member.is_admin = is_admin;
        member.last_update_at = now;
        self.changed = true;
        let shown = self.channel_member(channel_id, user_id, user_id)?;
        self.emit(
            Outgoing::new("channel_member_updated")
                .with("channelMember", &wire::to_text(&shown))
                .for_user(user_id),
        );
        Some(())
    }

    pub(crate) fn members_of(&self, channel_id: &str) -> Vec<String> {
        self.channels
            .get(channel_id)
            .map(|channel| channel.members.keys().cloned().collect())
            .unwrap_or_default()
    }

    /// Adds an open channel without members, events or checks.
    pub(crate) fn add_channel(
        &mut self,
        team_id: &str,
        name: &str,
        display_name: &str,
        creator: &str,
    ) -> String {
        let now = self.now();
        let channel = Channel {
            id: random_token(),
            create_at: now,
            update_at: now,
            team_id: team_id.to_owned(),
            kind: "O".to_owned(),
            display_name: display_name.to_owned(),
            name: name.to_owned(),
            creator_id: creator.to_owned(),
            ..Channel::default()
        };
        let id = channel.id.clone();
        self.channels.insert(id.clone(), channel);
        self.changed = true;
        id
    }

    /// Makes a channel of a team; its creator joins it as its admin.
    pub(crate) fn create_channel(
        &mut self,
        new: &NewChannel,
        creator: &str,
    ) -> Result<wire::Channel, ApiError> {
        check_name(&new.name)?;
        check_texts(&new.display_name, &new.header, &new.purpose)?;
        if self.channel_by_name(&new.team_id, &new.name).is_some() {
            return Err(name_taken());
        }
        let id = self.add_channel(&new.team_id, &new.name, &new.display_name, creator);
        if let Some(channel) = self.channels.get_mut(&id) {
            new.kind.clone_into(&mut channel.kind);
            new.header.clone_into(&mut channel.header);
            new.purpose.clone_into(&mut channel.purpose);
        }
        self.add_member(&id, creator, true);
        // The answer is from before the system post of the creator's joining.
        let answer = self.channels.get(&id).map(|channel| self.channel(channel));
        self.join_post(&id, creator);
        self.emit(
            Outgoing::new("channel_created")
                .with("channel_id", &id)
                .with("team_id", &new.team_id)
                .for_user(creator),
        );
        answer.ok_or_else(|| channel_not_found(&id))
    }

    /// Puts a user into a channel without a word.
    pub(crate) fn add_member(&mut self, channel_id: &str, user_id: &str, is_admin: bool) {
        let now = self.now();
        let is_guest = self
            .accounts
            .get(user_id)
            .is_some_and(super::accounts::Account::is_guest);
        if let Some(channel) = self.channels.get_mut(channel_id) {
            let member = Member {
                message_count: channel.message_count,
                root_count: channel.root_count,
                last_update_at: now,
                is_guest,
                is_admin,
                ..Member::default()
            };
            channel.members.entry(user_id.to_owned()).or_insert(member);
            self.changed = true;
        }
    }

    /// The direct message between two users, made when it is first asked for.
    pub(crate) fn direct_channel(&mut self, creator: &str, other: &str) -> String {
        let mut ids = [creator, other];
        ids.sort_unstable();
        let name = ids.join("__");
        if let Some(channel) = self.channel_by_name("", &name) {
            return channel.id.clone();
        }
        let id = self.add_channel("", &name, "", creator);
        if let Some(channel) = self.channels.get_mut(&id) {
            channel.kind = "D".to_owned();
        }
        self.add_member(&id, creator, false);
        self.add_member(&id, other, false);
        let members = self.members_of(&id);
        self.emit(
            Outgoing::new("direct_added")
                .with("creator_id", &creator)
                .with("teammate_id", &other)
                .for_channel(&id, members),
        );
        id
    }

    /// The group message of these users, made when it is first asked for.
    pub(crate) fn group_channel(&mut self, users: &[String]) -> String {
        let mut sorted = users.to_vec();
        sorted.sort_unstable();
        let name = group_name(&sorted);
        if let Some(channel) = self.channel_by_name("", &name) {
            return channel.id.clone();
        }
        let names = sorted.iter().filter_map(|id| self.accounts.get(id));
        let mut names: Vec<&str> = names.map(|account| account.username.as_str()).collect();
        names.sort_unstable();
        let display_name = names.join(", ");
        let id = self.add_channel("", &name, &display_name, "");
        if let Some(channel) = self.channels.get_mut(&id) {
            channel.kind = "G".to_owned();
        }
        for user_id in &sorted {
            self.add_member(&id, user_id, false);
        }
        let added = Outgoing::new("group_added").with("teammate_ids", &wire::to_text(&sorted));
        if self.is_old() {
            self.emit(added.for_channel(&id, sorted));
        } else {
            for user_id in &sorted {
                self.emit(added.clone().for_channel(&id, Vec::new()).for_user(user_id));
            }
        }
        id
    }

    /// Marks a channel as read by a user, who is told so; gives back the instant up to which it was read.
    pub(crate) fn view_channel(&mut self, channel_id: &str, user_id: &str) -> Option<i64> {
        let channel = self.channels.get_mut(channel_id)?;
        let last_post_at = channel.last_post_at;
        let (messages, roots) = (channel.message_count, channel.root_count);
        let member = channel.members.get_mut(user_id)?;
        member.last_viewed_at = last_post_at;
        member.last_update_at = last_post_at;
        member.message_count = messages;
        member.root_count = roots;
        member.mention_count = 0;
        member.mention_count_root = 0;
        self.changed = true;
        let viewed = if self.is_old() {
            Outgoing::new("channel_viewed").with("channel_id", &channel_id)
        } else {
            Outgoing::new("multiple_channels_viewed").with(
                "channel_times",
                &BTreeMap::from([(channel_id, last_post_at)]),
            )
        };
        self.emit(viewed.for_user(user_id));
        Some(last_post_at)
    }
}

/// What is asked for when a channel is made.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NewChannel {
    pub(crate) team_id: String,
    pub(crate) name: String,
    pub(crate) display_name: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) header: String,
    pub(crate) purpose: String,
}

/// A name of 40 hexadecimal digits that the same users always lead to; the real server takes their SHA-1.
fn group_name(sorted: &[String]) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut name = String::new();
    for round in 0u8..3 {
        let mut hasher = DefaultHasher::new();
        (round, sorted).hash(&mut hasher);
        name.push_str(&format!("{:016x}", hasher.finish()));
    }
    name.chars().take(40).collect()
}

pub(crate) fn channel_not_found(id: &str) -> ApiError {
    ApiError::new(
        404,
        "app.channel.get.existing.app_error",
        format!("Unable to find the existing channel {id}."),
    )
}
