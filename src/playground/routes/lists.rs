//! Lists of users, teams, channels and unread posts.

use serde_json::Value;

use crate::playground::call::{Answer, Call, Reply, is_id};
use crate::playground::error::{ApiError, Begun, invalid_body, permissions};
use crate::playground::state::channels::Channel;
use crate::playground::wire;

fn shown<'a>(
    call: &Call<'_>,
    viewer: &str,
    ids: impl Iterator<Item = &'a String>,
) -> Vec<wire::User> {
    ids.filter(|id| call.state.may_see_user(viewer, id))
        .filter_map(|id| call.state.listed_user(id, viewer))
        .collect()
}

fn texts(call: &Call<'_>, what: &str) -> Result<Vec<String>, ApiError> {
    let texts: Vec<Value> = call.asked.list(what)?;
    let texts: Vec<String> = texts
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    if texts.is_empty() {
        Err(invalid_body(what))
    } else {
        Ok(texts)
    }
}

/// Unknown ids are missing in the answer.
pub(super) fn by_ids(call: &mut Call<'_>) -> Answer {
    let viewer = call.user()?;
    let ids = texts(call, "user_ids")?;
    Ok(Reply::marshalled(&shown(call, &viewer, ids.iter())))
}

pub(super) fn by_usernames(call: &mut Call<'_>) -> Answer {
    let viewer = call.user()?;
    let usernames = texts(call, "usernames")?;
    let found: Vec<String> = usernames
        .iter()
        .filter_map(|username| call.state.account_by_name(username))
        .map(|account| account.id.clone())
        .collect();
    Ok(Reply::marshalled(&shown(call, &viewer, found.iter())))
}

/// Users of a channel, of a team, or all, by user name.
pub(super) fn users(call: &mut Call<'_>) -> Answer {
    let viewer = call.user()?;
    let (page, per_page) = call.asked.paging();
    let state = &*call.state;
    let mut ids: Vec<&String> = if let Some(channel) = call.asked.query("in_channel") {
        let channel = state
            .channels
            .get(channel)
            .filter(|channel| state.may_read(&viewer, channel));
        channel.ok_or_else(permissions)?.members.keys().collect()
    } else if let Some(team) = call.asked.query("in_team") {
        let team = state
            .teams
            .get(team)
            .filter(|team| team.has(&viewer) || state.is_admin(&viewer));
        let team = team.ok_or_else(permissions)?;
        team.members.keys().filter(|id| team.has(id)).collect()
    } else {
        state.accounts.keys().collect()
    };
    ids.sort_by_key(|id| state.username(id));
    let users = shown(
        call,
        &viewer,
        ids.into_iter().skip(page * per_page).take(per_page),
    );
    Ok(Reply::marshalled(&users))
}

pub(super) fn teams_of_user(call: &mut Call<'_>, id: &str) -> Answer {
    let viewer = call.user()?;
    let id = call.subject(id)?;
    if id != viewer && !call.state.is_admin(&viewer) {
        return Err(permissions());
    }
    let teams = call.state.teams.values().filter(|team| team.has(&id));
    let teams: Vec<wire::Team> = teams.map(|team| call.state.team(team, &viewer)).collect();
    Ok(Reply::marshalled(&teams))
}

/// The posts around the oldest unread one; here, the newest page.
pub(super) fn unread(call: &mut Call<'_>, id: &str, channel_id: &str) -> Answer {
    let viewer = call.user()?;
    let id = call.subject(id)?;
    let channel = call
        .state
        .channels
        .get(channel_id)
        .filter(|channel| call.state.may_read(&viewer, channel));
    if (id != viewer && !call.state.is_admin(&viewer)) || channel.is_none() || !is_id(channel_id) {
        return Err(permissions());
    }
    let reply = Reply::json(200, &call.state.posts_page(channel_id, 0, 60));
    let etag = format!(
        "{}.{}",
        call.state.version(),
        call.state.posts.last_change(channel_id)
    );
    Ok(call.tagged(etag, reply))
}

/// The channels that a user is in: of one team with all direct and group messages, or of all teams.
pub(super) fn channels_of_user(call: &mut Call<'_>, user: &str, team_id: Option<&str>) -> Answer {
    let caller = call.user()?;
    let user = call.subject(user)?;
    if user != caller && !call.state.is_admin(&caller) {
        return Err(permissions());
    }
    if let Some(team_id) = team_id
        && call.state.team_of(team_id, &caller).is_none()
        && !call.state.is_admin(&caller)
    {
        return Err(permissions());
    }
    let wanted_deleted = call.asked.flag("include_deleted");
    let mut channels: Vec<&Channel> = call
        .state
        .channels
        .values()
        .filter(|channel| channel.members.contains_key(&user))
        .filter(|channel| channel.delete_at == 0 || wanted_deleted)
        .filter(|channel| {
            team_id.is_none_or(|team| channel.team_id == team || channel.team_id.is_empty())
        })
        .collect();
    let shown = |channel: &&Channel| call.state.channel(channel);
    if channels.is_empty() {
        let none = ApiError::new(
            404,
            "app.channel.get_channels.not_found.app_error",
            "No channels were found.",
        );
        // Of all teams they are written while they are read, and the list has begun.
        return Err(match team_id {
            Some(_) => none,
            None => none.after(Begun {
                status: 200,
                content_type: "application/json",
                text: "[",
            }),
        });
    }
    if team_id.is_none() {
        return Ok(streamed(&channels.iter().map(shown).collect::<Vec<_>>()));
    }
    channels.sort_by(|one, other| one.display_name.cmp(&other.display_name));
    let newest = channels
        .iter()
        .max_by_key(|channel| channel.last_post_at.max(channel.update_at));
    let etag = newest.map_or_else(String::new, |channel| {
        let instant = channel.last_post_at.max(channel.update_at);
        format!(
            "{}.{}.{instant}.0.{}",
            call.state.version(),
            channel.id,
            channels.len()
        )
    });
    let reply = Reply::json(200, &channels.iter().map(shown).collect::<Vec<_>>());
    Ok(call.tagged(etag, reply))
}

/// An array that is written while it is read: each element is followed by a newline.
fn streamed(channels: &[wire::Channel]) -> Reply {
    let elements: Vec<String> = channels
        .iter()
        .map(|channel| wire::to_text(channel) + "\n")
        .collect();
    let text = format!("[{}]", elements.join(","));
    Reply {
        status: 200,
        body: text.into_bytes(),
        ..Reply::default()
    }
}
