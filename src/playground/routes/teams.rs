//! `/teams`: teams, who is in them, and their channels by name.

use serde::Deserialize;

use super::channels;
use crate::playground::call::{Answer, Call, Reply, valid};
use crate::playground::error::{ApiError, invalid_body, permissions};
use crate::playground::state::teams::{Team, team_not_found};
use crate::playground::wire;

pub(crate) fn route(call: &mut Call<'_>, method: &str, path: &[&str]) -> Option<Answer> {
    Some(match (method, path) {
        ("POST", ["teams"]) => create(call),
        ("GET", ["teams"]) => list(call),
        ("GET", ["teams", "name", name]) => by_name(call, name),
        ("GET", ["teams", "name", name, "channels", "name", channel]) => {
            let team = call.state.team_by_name(name).map(|team| team.id.clone());
            channels::by_name(call, &team.unwrap_or_default(), channel)
        }
        ("GET", ["teams", id]) => one(call, id),
        ("GET", ["teams", id, "channels"]) => channels::of_team(call, id),
        ("GET", ["teams", id, "channels", "name", channel]) => channels::by_name(call, id, channel),
        ("GET", ["teams", id, "members"]) => members(call, id),
        ("POST", ["teams", id, "members"]) => join(call, id),
        ("GET", ["teams", id, "members", user]) => member(call, id, user),
        ("DELETE", ["teams", id, "members", user]) => leave(call, id, user),
        ("PUT", ["teams", id, "members", user, "schemeRoles"]) => set_admin(call, id, user),
        ("POST", ["teams", id, "posts", "search"]) => search(call, id),
        _ => return None,
    })
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct NewTeam {
    name: String,
    display_name: String,
    #[serde(rename = "type")]
    kind: String,
}

fn create(call: &mut Call<'_>) -> Answer {
    let new: NewTeam = call.asked.body("team")?;
    let caller = call.user()?;
    if !call.state.may_create(&caller) {
        return Err(ApiError {
            status: 403,
            ..ApiError::new(
                403,
                "api.team.is_team_creation_allowed.disabled.app_error",
                "Team creation has been disabled. Please ask your System Administrator for details.",
            )
        });
    }
    let before = call
        .state
        .create_team(&new.name, (&new.display_name, &new.kind), &caller)?;
    let team = call.state.teams.get(&before).ok_or_else(team_not_found)?;
    let mut answer = call.state.team(team, &caller);
    answer.email.clone_from(&team.email);
    Ok(Reply::json(201, &answer))
}

/// The team if the caller may see it.
fn visible<'a>(call: &'a Call<'_>, id: &str, caller: &str) -> Result<&'a Team, ApiError> {
    let team = call.state.teams.get(id);
    team.filter(|team| team.has(caller) || call.state.is_admin(caller))
        .ok_or_else(permissions)
}

fn list(call: &mut Call<'_>) -> Answer {
    let caller = call.user()?;
    let is_admin = call.state.is_admin(&caller);
    let teams = call
        .state
        .teams
        .values()
        .filter(|team| is_admin || team.has(&caller));
    let teams: Vec<wire::Team> = teams.map(|team| call.state.team(team, &caller)).collect();
    Ok(Reply::json(200, &teams))
}

fn one(call: &mut Call<'_>, id: &str) -> Answer {
    let caller = call.user()?;
    let id = valid(id, "team_id")?;
    if !call.state.teams.contains_key(&id) {
        return Err(team_not_found());
    }
    Ok(Reply::json(
        200,
        &call.state.team(visible(call, &id, &caller)?, &caller),
    ))
}

fn by_name(call: &mut Call<'_>, name: &str) -> Answer {
    let caller = call.user()?;
    let team = call.state.team_by_name(name).map(|team| team.id.clone());
    let id = team.ok_or_else(|| {
        ApiError::new(
            404,
            "app.team.get_by_name.missing.app_error",
            "Unable to find the existing team.",
        )
    })?;
    Ok(Reply::json(
        200,
        &call.state.team(visible(call, &id, &caller)?, &caller),
    ))
}

fn members(call: &mut Call<'_>, id: &str) -> Answer {
    let caller = call.user()?;
    let id = valid(id, "team_id")?;
    let (page, per_page) = call.asked.paging();
    let team = visible(call, &id, &caller)?;
    let present = team.present();
    let members = present.iter().skip(page * per_page).take(per_page);
    let members: Vec<wire::TeamMember> = members.filter_map(|user| team.member(user)).collect();
    Ok(Reply::json(200, &members))
}

fn missing_member() -> ApiError {
    ApiError::new(
        404,
        "app.team.get_member.missing.app_error",
        "No team member found for that user ID and team ID.",
    )
}

fn member(call: &mut Call<'_>, id: &str, user: &str) -> Answer {
    let caller = call.user()?;
    let user = call.subject(user)?;
    let member = visible(call, id, &caller)?
        .member(&user)
        .ok_or_else(missing_member)?;
    Ok(Reply::json(200, &member))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct NewMember {
    team_id: String,
    user_id: String,
}

fn join(call: &mut Call<'_>, id: &str) -> Answer {
    let new: NewMember = call.asked.body("team_member")?;
    let caller = call.user()?;
    if new.team_id != id {
        return Err(invalid_body("team_id"));
    }
    valid(&new.user_id, "user_id").map_err(|_| invalid_body("user_id"))?;
    // Team members may add others; nobody joins a closed team by himself.
    if !call.state.is_admin(&caller) && call.state.team_of(id, &caller).is_none() {
        return Err(permissions());
    }
    call.state.join_team(id, &new.user_id)?;
    let team = call.state.teams.get(id).ok_or_else(team_not_found)?;
    let member = team.member(&new.user_id).ok_or_else(missing_member)?;
    Ok(Reply::json(201, &member))
}

fn leave(call: &mut Call<'_>, id: &str, user: &str) -> Answer {
    let caller = call.user()?;
    let user = call.subject(user)?;
    if caller != user && !call.state.is_team_admin(id, &caller) {
        return Err(permissions());
    }
    if call.state.team_of(id, &user).is_none() {
        return Err(missing_member());
    }
    call.state.leave_team(id, &user, &caller)?;
    Ok(Reply::done())
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct SchemeRoles {
    scheme_admin: bool,
}

fn set_admin(call: &mut Call<'_>, id: &str, user: &str) -> Answer {
    let roles: SchemeRoles = call.asked.body("scheme_roles")?;
    let caller = call.user()?;
    let user = call.subject(user)?;
    if !call.state.is_team_admin(id, &caller) {
        return Err(permissions());
    }
    let team = call.state.teams.get_mut(id).ok_or_else(team_not_found)?;
    let member = team.members.get_mut(&user).ok_or_else(missing_member)?;
    member.is_admin = roles.scheme_admin;
    call.state.changed = true;
    call.state.tell_team_member(id, &user);
    Ok(Reply::done())
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Search {
    terms: String,
}

/// All terms in any order, in the channels of the caller; refused while the server is busy.
fn search(call: &mut Call<'_>, id: &str) -> Answer {
    let caller = call.user()?;
    let id = valid(id, "team_id")?;
    if call.state.busy_until > call.state.now() {
        return Err(ApiError::new(
            503,
            "api.context.server_busy.app_error",
            "Server is busy, non-critical services are temporarily unavailable.",
        ));
    }
    let search: Search = call.asked.body("terms")?;
    if search.terms.is_empty() {
        return Err(invalid_body("terms"));
    }
    Ok(Reply::json(
        200,
        &call.state.search(&id, &caller, &search.terms),
    ))
}
