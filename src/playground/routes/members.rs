//! Members of channels.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::channels::visible;
use crate::playground::call::{Answer, Call, Reply, is_id, valid};
use crate::playground::error::{ApiError, invalid_body, permissions};
use crate::playground::state::channels::{Channel, channel_not_found};
use crate::playground::wire;

fn missing() -> ApiError {
    ApiError::new(
        404,
        "app.channel.get_member.missing.app_error",
        "No channel member found for that user ID and channel ID.",
    )
}

/// The channel whose members the caller may see.
fn readable(call: &Call<'_>, id: &str) -> Result<(String, String), ApiError> {
    let caller = call.user()?;
    let id = valid(id, "channel_id")?;
    let channel = call.state.channels.get(&id).ok_or_else(permissions)?;
    if call.state.may_read(&caller, channel) {
        Ok((id, caller))
    } else {
        Err(permissions())
    }
}

pub(super) fn list(call: &mut Call<'_>, id: &str) -> Answer {
    let (id, caller) = readable(call, id)?;
    let (page, per_page) = call.asked.paging();
    let members = call.state.members_of(&id);
    let members = members.iter().skip(page * per_page).take(per_page);
    let members: Vec<wire::ChannelMember> = members
        .filter_map(|user| call.state.channel_member(&id, user, &caller))
        .collect();
    Ok(Reply::json(200, &members))
}

pub(super) fn by_ids(call: &mut Call<'_>, id: &str) -> Answer {
    let ids: Vec<String> = call.asked.list("user_ids")?;
    let (id, caller) = readable(call, id)?;
    let members = ids
        .iter()
        .filter_map(|user| call.state.channel_member(&id, user, &caller));
    Ok(Reply::json(200, &members.collect::<Vec<_>>()))
}

pub(super) fn one(call: &mut Call<'_>, id: &str, user: &str) -> Answer {
    let user = call.subject(user)?;
    let (id, caller) = readable(call, id)?;
    let member = call
        .state
        .channel_member(&id, &user, &caller)
        .ok_or_else(missing)?;
    Ok(Reply::json(200, &member))
}

pub(super) fn of_user(call: &mut Call<'_>, user: &str, team_id: &str) -> Answer {
    let caller = call.user()?;
    let user = call.subject(user)?;
    let may = user == caller || call.state.is_admin(&caller);
    if !may || (call.state.team_of(team_id, &caller).is_none() && !call.state.is_admin(&caller)) {
        return Err(permissions());
    }
    let channels = call.state.channels.values();
    let channels =
        channels.filter(|channel| channel.team_id == team_id || channel.team_id.is_empty());
    let members: Vec<wire::ChannelMember> = channels
        .filter_map(|channel| call.state.channel_member(&channel.id, &user, &caller))
        .collect();
    Ok(Reply::json(200, &members))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct New {
    user_id: String,
}

fn may_add(call: &Call<'_>, channel: &Channel, caller: &str, user: &str) -> bool {
    if call.state.is_admin(caller) {
        return true;
    }
    let is_member = channel
        .members
        .get(caller)
        .is_some_and(|member| !member.is_guest);
    // Members bring others along; a public channel of one's team one may join by oneself.
    is_member || (caller == user && channel.is_open() && call.state.may_look_at(caller, channel))
}

pub(super) fn add(call: &mut Call<'_>, id: &str) -> Answer {
    let new: New = call.asked.body("user_id")?;
    let caller = call.user()?;
    let id = valid(id, "channel_id")?;
    if !is_id(&new.user_id) {
        return Err(invalid_body("user_id"));
    }
    let channel = call
        .state
        .channels
        .get(&id)
        .ok_or_else(|| channel_not_found(&id))?;
    if matches!(channel.kind.as_str(), "D" | "G") {
        return Err(ApiError::new(
            400,
            "api.channel.add_user_to_channel.type.app_error",
            "Can not add user to this channel type.",
        ));
    }
    if !may_add(call, channel, &caller, &new.user_id) {
        return Err(permissions());
    }
    if channel.delete_at > 0 {
        return Err(ApiError::new(
            400,
            "api.channel.add_user_to_channel.deleted.app_error",
            "The channel has been archived or deleted.",
        ));
    }
    call.state.join_channel(&id, &new.user_id, &caller)?;
    let mut member = call
        .state
        .channel_member(&id, &new.user_id, &caller)
        .ok_or_else(missing)?;
    // The answer is from before the post that says so.
    (
        member.msg_count,
        member.msg_count_root,
        member.mention_count,
        member.mention_count_root,
    ) = (0, 0, 0, 0);
    Ok(Reply::json(201, &member))
}

pub(super) fn remove(call: &mut Call<'_>, id: &str, user: &str) -> Answer {
    let caller = call.user()?;
    let user = call.subject(user)?;
    let id = valid(id, "channel_id")?;
    let channel = call
        .state
        .channels
        .get(&id)
        .ok_or_else(|| channel_not_found(&id))?;
    if matches!(channel.kind.as_str(), "D" | "G") {
        return Err(ApiError::new(
            400,
            "api.channel.remove_channel_member.type.app_error",
            "Unable to remove user from channel.",
        ));
    }
    let is_member = channel
        .members
        .get(&caller)
        .is_some_and(|member| !member.is_guest);
    if caller != user && !is_member && !call.state.is_admin(&caller) {
        return Err(permissions());
    }
    if channel.name == "town-square" {
        return Err(ApiError::new(
            400,
            "api.channel.remove.default.app_error",
            "Unable to remove user from the default channel town-square.",
        ));
    }
    if !channel.members.contains_key(&user) {
        return Err(missing());
    }
    call.state.leave_channel(&id, &user, &caller);
    Ok(Reply::done())
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct SchemeRoles {
    scheme_admin: bool,
}

pub(super) fn set_admin(call: &mut Call<'_>, id: &str, user: &str) -> Answer {
    let roles: SchemeRoles = call.asked.body("scheme_roles")?;
    let caller = call.user()?;
    let user = call.subject(user)?;
    let channel = visible(call, id, &caller)?;
    if !call.state.may_manage(&caller, channel) {
        return Err(permissions());
    }
    call.state
        .set_channel_admin(id, &user, roles.scheme_admin)
        .ok_or_else(missing)?;
    Ok(Reply::done())
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct View {
    channel_id: String,
    prev_channel_id: String,
}

#[derive(Serialize)]
struct Viewed {
    status: &'static str,
    last_viewed_at_times: BTreeMap<String, i64>,
}

pub(super) fn view(call: &mut Call<'_>, user: &str) -> Answer {
    let view: View = call.asked.body("channel_view")?;
    let caller = call.user()?;
    let user = call.subject(user)?;
    if user != caller {
        return Err(permissions());
    }
    let mut times = BTreeMap::new();
    for id in [view.channel_id, view.prev_channel_id] {
        if let Some(instant) = call.state.view_channel(&id, &user) {
            times.insert(id, instant);
        }
    }
    Ok(Reply::json(
        200,
        &Viewed {
            status: "OK",
            last_viewed_at_times: times,
        },
    ))
}
