//! `/channels`: channels themselves; their members lie beside this file.

use serde::Deserialize;

use super::{lists, members, posts};
use crate::playground::call::{Answer, Call, Reply, is_id, valid};
use crate::playground::error::{ApiError, invalid_body, permissions};
use crate::playground::state::channels::{Channel, NewChannel, channel_not_found};
use crate::playground::state::membership::ChannelPatch;
use crate::playground::wire;

pub(crate) fn route(call: &mut Call<'_>, method: &str, path: &[&str]) -> Option<Answer> {
    Some(match (method, path) {
        ("POST", ["channels"]) => create(call),
        ("POST", ["channels", "direct"]) => direct(call),
        ("POST", ["channels", "group"]) => group(call),
        ("POST", ["channels", "members", user, "view"]) => members::view(call, user),
        ("GET", ["channels", id]) => one(call, id),
        ("DELETE", ["channels", id]) => archive(call, id),
        ("PUT", ["channels", id, "patch"]) => patch(call, id),
        ("POST", ["channels", id, "restore"]) => restore(call, id),
        ("PUT", ["channels", id, "privacy"]) => set_privacy(call, id),
        ("GET", ["channels", id, "stats"]) => stats(call, id),
        ("GET", ["channels", id, "posts"]) => posts::of_channel(call, id),
        ("GET", ["channels", id, "pinned"]) => posts::pinned(call, id),
        ("GET", ["channels", id, "unread"]) => lists::unread(call, "me", id),
        ("GET", ["channels", id, "members"]) => members::list(call, id),
        ("POST", ["channels", id, "members"]) => members::add(call, id),
        ("POST", ["channels", id, "members", "ids"]) => members::by_ids(call, id),
        ("GET", ["channels", id, "members", user]) => members::one(call, id, user),
        ("DELETE", ["channels", id, "members", user]) => members::remove(call, id, user),
        ("PUT", ["channels", id, "members", user, "schemeRoles"]) => {
            members::set_admin(call, id, user)
        }
        _ => return None,
    })
}

fn create(call: &mut Call<'_>) -> Answer {
    let new: NewChannel = call.asked.body("channel")?;
    let caller = call.user()?;
    if !matches!(new.kind.as_str(), "O" | "P") {
        return Err(invalid_body("type"));
    }
    let may = call.state.may_create(&caller)
        && (call.state.team_of(&new.team_id, &caller).is_some() || call.state.is_admin(&caller));
    if !may || !call.state.teams.contains_key(&new.team_id) {
        return Err(permissions());
    }
    Ok(Reply::json(201, &call.state.create_channel(&new, &caller)?))
}

/// Always 201, whether the channel was there or not.
fn direct(call: &mut Call<'_>) -> Answer {
    let ids: Vec<String> = call.asked.list("user_ids")?;
    let caller = call.user()?;
    let [one, other] = ids.as_slice() else {
        return Err(invalid_body("user_ids"));
    };
    if !is_id(one) || !is_id(other) {
        return Err(invalid_body("user_ids"));
    }
    if caller != *one && caller != *other && !call.state.is_admin(&caller) {
        return Err(permissions());
    }
    if !call.state.accounts.contains_key(one) || !call.state.accounts.contains_key(other) {
        return Err(ApiError::new(
            400,
            "api.channel.create_direct_channel.invalid_user.app_error",
            "Invalid user ID.",
        ));
    }
    let (creator, mate) = if caller == *other {
        (other, one)
    } else {
        (one, other)
    };
    if !call.state.may_see_user(creator, mate) {
        return Err(permissions());
    }
    let id = call.state.direct_channel(creator, mate);
    show(call, 201, &id)
}

fn group(call: &mut Call<'_>) -> Answer {
    let mut ids: Vec<String> = call.asked.list("user_ids")?;
    let caller = call.user()?;
    if !ids.contains(&caller) {
        ids.push(caller);
    }
    ids.sort_unstable();
    ids.dedup();
    if !(3..=8).contains(&ids.len()) {
        return Err(ApiError::new(
            400,
            "api.channel.create_group.bad_size.app_error",
            "Group message channels must contain at least 3 and no more than 8 users.",
        ));
    }
    if ids.iter().any(|id| !call.state.accounts.contains_key(id)) {
        return Err(ApiError::new(
            400,
            "api.channel.create_group.bad_user.app_error",
            "One of the provided users does not exist.",
        ));
    }
    let id = call.state.group_channel(&ids);
    show(call, 201, &id)
}

fn show(call: &Call<'_>, status: u16, id: &str) -> Answer {
    let channel = call
        .state
        .channels
        .get(id)
        .ok_or_else(|| channel_not_found(id))?;
    Ok(Reply::json(status, &call.state.channel(channel)))
}

/// The channel if the caller may look at it.
pub(super) fn visible<'a>(
    call: &'a Call<'_>,
    id: &str,
    caller: &str,
) -> Result<&'a Channel, ApiError> {
    let channel = call
        .state
        .channels
        .get(id)
        .ok_or_else(|| channel_not_found(id))?;
    if call.state.may_look_at(caller, channel) {
        Ok(channel)
    } else {
        Err(permissions())
    }
}

fn one(call: &mut Call<'_>, id: &str) -> Answer {
    let caller = call.user()?;
    let id = valid(id, "channel_id")?;
    visible(call, &id, &caller)?;
    show(call, 200, &id)
}

pub(super) fn by_name(call: &mut Call<'_>, team_id: &str, name: &str) -> Answer {
    let caller = call.user()?;
    let missing = || {
        ApiError::new(
            404,
            "app.channel.get_by_name.missing.app_error",
            "Channel does not exist.",
        )
    };
    let found = call.state.channel_by_name(team_id, name);
    // An archived channel is found only by who asks for it.
    let found =
        found.filter(|channel| channel.delete_at == 0 || call.asked.flag("include_deleted"));
    let channel = found.ok_or_else(missing)?;
    if call.state.may_look_at(&caller, channel) {
        return Ok(Reply::json(200, &call.state.channel(channel)));
    }
    // Who may not see a private channel is not told that it exists.
    Err(if channel.is_open() {
        permissions()
    } else {
        missing()
    })
}

pub(super) fn of_team(call: &mut Call<'_>, team_id: &str) -> Answer {
    let caller = call.user()?;
    if call.state.team_of(team_id, &caller).is_none() && !call.state.is_admin(&caller) {
        return Err(permissions());
    }
    let (page, per_page) = call.asked.paging();
    let channels = call.state.channels.values();
    let mut open: Vec<&Channel> = channels
        .filter(|channel| channel.team_id == team_id && channel.is_open() && channel.delete_at == 0)
        .collect();
    open.sort_by(|one, other| one.display_name.cmp(&other.display_name));
    let page = open.into_iter().skip(page * per_page).take(per_page);
    let channels: Vec<wire::Channel> = page.map(|channel| call.state.channel(channel)).collect();
    Ok(Reply::json(200, &channels))
}

/// A member's right to change a channel: everybody in it, but guests.
fn changeable(call: &Call<'_>, id: &str) -> Result<String, ApiError> {
    let caller = call.user()?;
    let id = valid(id, "channel_id")?;
    let channel = call
        .state
        .channels
        .get(&id)
        .ok_or_else(|| channel_not_found(&id))?;
    let is_member = channel
        .members
        .get(&caller)
        .is_some_and(|member| !member.is_guest);
    if is_member || call.state.is_admin(&caller) {
        Ok(caller)
    } else {
        Err(permissions())
    }
}

fn patch(call: &mut Call<'_>, id: &str) -> Answer {
    let patch: ChannelPatch = call.asked.body("channel")?;
    let caller = changeable(call, id)?;
    Ok(Reply::json(
        200,
        &call.state.patch_channel(id, patch, &caller)?,
    ))
}

fn archive(call: &mut Call<'_>, id: &str) -> Answer {
    let caller = changeable(call, id)?;
    let channel = call
        .state
        .channels
        .get(id)
        .ok_or_else(|| channel_not_found(id))?;
    if matches!(channel.kind.as_str(), "D" | "G") {
        return Err(ApiError::new(
            400,
            "api.channel.delete_channel.type.invalid",
            "Unable to delete direct or group message channels",
        ));
    }
    if channel.name == "town-square" {
        return Err(ApiError::new(
            400,
            "api.channel.delete_channel.cannot.app_error",
            "Unable to delete the default channel town-square.",
        ));
    }
    if channel.delete_at > 0 {
        return Err(ApiError::new(
            400,
            "api.channel.delete_channel.deleted.app_error",
            "The channel has been archived or deleted.",
        ));
    }
    call.state.archive_channel(id, &caller);
    Ok(Reply::done())
}

fn restore(call: &mut Call<'_>, id: &str) -> Answer {
    let caller = call.user()?;
    let id = valid(id, "channel_id")?;
    let channel = call
        .state
        .channels
        .get(&id)
        .ok_or_else(|| channel_not_found(&id))?;
    if !call.state.is_team_admin(&channel.team_id, &caller) {
        return Err(permissions());
    }
    Ok(Reply::json(200, &call.state.restore_channel(&id, &caller)?))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Privacy {
    privacy: String,
}

fn set_privacy(call: &mut Call<'_>, id: &str) -> Answer {
    let body: Privacy = call.asked.body("channel")?;
    let caller = call.user()?;
    let id = valid(id, "channel_id")?;
    let channel = call
        .state
        .channels
        .get(&id)
        .ok_or_else(|| channel_not_found(&id))?;
    if !matches!(body.privacy.as_str(), "O" | "P") {
        return Err(invalid_body("privacy"));
    }
    if !call.state.is_team_admin(&channel.team_id, &caller) {
        return Err(permissions());
    }
    Ok(Reply::json(
        200,
        &call.state.set_privacy(&id, &body.privacy, &caller)?,
    ))
}

#[derive(serde::Serialize)]
struct Stats {
    channel_id: String,
    member_count: usize,
    guest_count: usize,
    pinnedpost_count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    files_count: Option<usize>,
}

fn stats(call: &mut Call<'_>, id: &str) -> Answer {
    let caller = call.user()?;
    let id = valid(id, "channel_id")?;
    let channel = visible(call, &id, &caller)?;
    let active = |user: &&String| {
        call.state
            .accounts
            .get(*user)
            .is_some_and(|account| account.delete_at == 0)
    };
    let files = call
        .state
        .files
        .values()
        .filter(|file| file.channel_id == id && !file.post_id.is_empty());
    Ok(Reply::json(
        200,
        &Stats {
            member_count: channel.members.keys().filter(active).count(),
            guest_count: channel
                .members
                .values()
                .filter(|member| member.is_guest)
                .count(),
            pinnedpost_count: call
                .state
                .posts
                .newest_first(&id)
                .filter(|post| post.is_pinned)
                .count(),
            files_count: call.state.newer(files.count()),
            channel_id: id.clone(),
        },
    ))
}
