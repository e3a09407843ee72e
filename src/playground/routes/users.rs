//! `/users`: accounts, logins, roles. What belongs to a user but is no account lies beside this file.

use serde::Deserialize;

use super::{lists, members, reactions, roles, status, tokens};
use crate::playground::call::{Answer, Call, Reply};
use crate::playground::error::{ApiError, invalid_body, permissions, user_not_found};
use crate::playground::event::Outgoing;
use crate::playground::state::accounts::{
    NewAccount, check_password, invalid_username, is_valid_username,
};

pub(crate) fn route(call: &mut Call<'_>, method: &str, path: &[&str]) -> Option<Answer> {
    Some(match (method, path) {
        ("POST", ["users"]) => create(call),
        ("GET", ["users"]) => lists::users(call),
        ("POST", ["users", "login"]) => log_in(call),
        ("POST", ["users", "logout"]) => log_out(call),
        ("POST", ["users", "ids"]) => lists::by_ids(call),
        ("POST", ["users", "usernames"]) => lists::by_usernames(call),
        ("GET", ["users", "username", username]) => by_username(call, username),
        ("GET", ["users", "email", email]) => by_email(call, email),
        ("POST", ["users", "status", "ids"]) => status::by_ids(call),
        ("POST", ["users", "tokens", verb]) => tokens::change(call, verb)?,
        ("GET", ["users", "tokens", id]) => tokens::one(call, id),
        ("GET", ["users", id]) => one(call, id),
        ("DELETE", ["users", id]) => deactivate(call, id),
        ("PUT", ["users", id, "patch"]) => patch(call, id),
        ("PUT", ["users", id, "roles"]) => roles::set(call, id),
        ("PUT", ["users", id, "active"]) => set_active(call, id),
        ("PUT", ["users", id, "password"]) => set_password(call, id),
        ("POST", ["users", id, "demote"]) => roles::set_guest(call, id, true),
        ("POST", ["users", id, "promote"]) => roles::set_guest(call, id, false),
        ("POST", ["users", id, "sessions", "revoke", "all"]) => revoke_sessions(call, id),
        ("POST" | "GET", ["users", id, "tokens"]) => tokens::of_user(call, method, id),
        ("POST", ["users", id, "typing"]) => status::typing(call, id),
        ("GET", ["users", id, "status"]) => status::get(call, id),
        ("PUT", ["users", id, "status"]) => status::put(call, id),
        ("GET" | "PUT", ["users", id, "preferences"]) => status::preferences(call, method, id),
        ("POST", ["users", id, "preferences", "delete"]) => status::preferences(call, "DELETE", id),
        ("GET", ["users", id, "teams"]) => lists::teams_of_user(call, id),
        ("GET", ["users", id, "channels"]) if !call.state.is_old() => {
            lists::channels_of_user(call, id, None)
        }
        ("GET", ["users", id, "teams", team, "channels"]) => {
            lists::channels_of_user(call, id, Some(team))
        }
        ("GET", ["users", id, "teams", team, "channels", "members"]) => {
            members::of_user(call, id, team)
        }
        ("GET", ["users", id, "channels", channel, "posts", "unread"]) => {
            lists::unread(call, id, channel)
        }
        ("DELETE", ["users", id, "posts", post, "reactions", emoji]) => {
            reactions::remove(call, id, post, emoji)
        }
        _ => return None,
    })
}

fn create(call: &mut Call<'_>) -> Answer {
    let new: NewAccount = call.asked.body("user")?;
    let id = call.state.create_account(new)?;
    show(call, 201, &id, &id)
}

fn show(call: &Call<'_>, status: u16, id: &str, viewer: &str) -> Answer {
    let user = call.state.user_for(id, viewer).ok_or_else(user_not_found)?;
    Ok(Reply::json(status, &user))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Login {
    login_id: String,
    password: String,
}

fn log_in(call: &mut Call<'_>) -> Answer {
    let login: Login = call.asked.body("login")?;
    let (token, id) = call.state.log_in(&login.login_id, &login.password)?;
    Ok(show(call, 200, &id, &id)?.with_header("Token", token))
}

fn log_out(call: &mut Call<'_>) -> Answer {
    call.user()?;
    call.state
        .log_out(call.asked.token.as_deref().unwrap_or_default());
    Ok(Reply::done())
}

fn one(call: &mut Call<'_>, id: &str) -> Answer {
    let viewer = call.user()?;
    let id = call.subject(id)?;
    if !call.state.may_see_user(&viewer, &id) {
        return Err(permissions());
    }
    let reply = show(call, 200, &id, &viewer)?;
    call.state.cached_users.insert(id.clone());
    Ok(call.tagged(call.state.user_etag(&id), reply))
}

fn by_username(call: &mut Call<'_>, username: &str) -> Answer {
    let viewer = call.user()?;
    if !is_valid_username(username) {
        return Err(invalid_body("username"));
    }
    let id = call.state.account_by_name(username).map(|account| account.id.clone()).ok_or_else(|| {
        ApiError::new(
            404,
            "app.user.get_by_username.app_error",
            "Unable to find an existing account matching your username for this team. This team may require an \
             invite from the team owner to join.",
        )
    })?;
    found(call, &id, &viewer)
}

fn found(call: &mut Call<'_>, id: &str, viewer: &str) -> Answer {
    if !call.state.may_see_user(viewer, id) {
        return Err(permissions());
    }
    let reply = show(call, 200, id, viewer)?;
    Ok(call.tagged(call.state.user_etag(id), reply))
}

fn by_email(call: &mut Call<'_>, email: &str) -> Answer {
    let viewer = call.user()?;
    let mut accounts = call.state.accounts.values();
    let id = accounts
        .find(|account| account.email == email)
        .map(|account| account.id.clone());
    let id = id.ok_or_else(|| {
        ApiError::new(
            404,
            "app.user.get_by_email.app_error",
            "Unable to find the user by their email address.",
        )
    })?;
    found(call, &id, &viewer)
}

/// The caller, if it is the user itself or a system admin.
fn allowed(call: &Call<'_>, id: &str) -> Result<String, ApiError> {
    let caller = call.user()?;
    if caller == id || call.state.is_admin(&caller) {
        Ok(caller)
    } else {
        Err(permissions())
    }
}

pub(super) fn admin(call: &Call<'_>) -> Result<String, ApiError> {
    let caller = call.user()?;
    if call.state.is_admin(&caller) {
        Ok(caller)
    } else {
        Err(permissions())
    }
}

fn deactivate(call: &mut Call<'_>, id: &str) -> Answer {
    let id = call.subject(id)?;
    let caller = allowed(call, &id)?;
    if caller == id && !call.state.is_admin(&caller) {
        return Err(not_by_oneself());
    }
    if !call.state.accounts.contains_key(&id) {
        return Err(user_not_found());
    }
    call.state.set_active(&id, false)?;
    Ok(Reply::done())
}

/// `EnableUserDeactivation` is off by default.
fn not_by_oneself() -> ApiError {
    ApiError::new(
        401,
        "api.user.update_active.not_enable.app_error",
        "You cannot deactivate yourself because this feature is not enabled. Please contact your System Administrator.",
    )
}

#[derive(Deserialize, Default)]
struct Active {
    active: bool,
}

fn set_active(call: &mut Call<'_>, id: &str) -> Answer {
    let id = call.subject(id)?;
    let body: Active = call.asked.body("active")?;
    // Whoever deactivates himself is refused here, the administrator too.
    if !body.active && call.user()? == id {
        return Err(not_by_oneself());
    }
    admin(call)?;
    if !call.state.accounts.contains_key(&id) {
        return Err(user_not_found());
    }
    call.state.set_active(&id, body.active)?;
    call.state
        .emit(Outgoing::new("user_activation_status_change"));
    Ok(Reply::done())
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Patch {
    username: Option<String>,
    nickname: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    position: Option<String>,
}

fn patch(call: &mut Call<'_>, id: &str) -> Answer {
    let id = call.subject(id)?;
    allowed(call, &id)?;
    let patch: Patch = call.asked.body("user")?;
    if !call.state.accounts.contains_key(&id) {
        return Err(user_not_found());
    }
    if let Some(username) = &patch.username {
        if !is_valid_username(username) {
            return Err(invalid_username());
        }
        if call.state.username(&id) != *username {
            call.state.refuse_taken_name(username)?;
        }
    }
    let now = call.state.now();
    let is_old = call.state.is_old();
    let account = call
        .state
        .accounts
        .get_mut(&id)
        .ok_or_else(user_not_found)?;
    if let Some(username) = patch
        .username
        .filter(|username| *username != account.username)
    {
        account.username = username;
        // The default picture is drawn anew from the name.
        account.last_picture_update = if is_old { 0 } else { -now };
    }
    for (field, value) in [
        (&mut account.nickname, patch.nickname),
        (&mut account.first_name, patch.first_name),
        (&mut account.last_name, patch.last_name),
        (&mut account.position, patch.position),
    ] {
        if let Some(value) = value {
            *field = value;
        }
    }
    account.update_at = now;
    call.state.changed = true;
    call.state.emit_user_updated(&id);
    show(call, 200, &id, &id)
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Password {
    current_password: String,
    new_password: String,
}

fn set_password(call: &mut Call<'_>, id: &str) -> Answer {
    let id = call.subject(id)?;
    let caller = allowed(call, &id)?;
    let body: Password = call.asked.body("password")?;
    check_password(&body.new_password)?;
    let now = call.state.now();
    let account = call
        .state
        .accounts
        .get_mut(&id)
        .ok_or_else(user_not_found)?;
    if caller == id && account.password != body.current_password {
        return Err(ApiError::new(
            400,
            "api.user.update_password.incorrect.app_error",
            "The \"Current Password\" you entered is incorrect. Please check that Caps Lock is off and try again.",
        ));
    }
    account.password = body.new_password;
    account.last_password_update = now;
    account.update_at = now;
    account.failed_attempts = 0;
    call.state.changed = true;
    Ok(Reply::done())
}

fn revoke_sessions(call: &mut Call<'_>, id: &str) -> Answer {
    let id = call.subject(id)?;
    allowed(call, &id)?;
    call.state.revoke_sessions(&id);
    Ok(Reply::done())
}
