//! Personal access tokens.

use serde::Deserialize;

use crate::playground::call::{Answer, Call, Reply};
use crate::playground::error::{ApiError, invalid_body, permissions};
use crate::playground::state::sessions::AccessToken;
use crate::playground::wire;

fn token(token: &AccessToken, with_secret: bool) -> wire::Token {
    wire::Token {
        id: token.id.clone(),
        token: with_secret.then(|| token.token.clone()),
        user_id: token.user_id.clone(),
        description: token.description.clone(),
        is_active: token.is_active,
    }
}

fn admin(call: &Call<'_>) -> Result<(), ApiError> {
    let caller = call.user()?;
    if call.state.is_admin(&caller) {
        Ok(())
    } else {
        Err(permissions())
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct New {
    description: String,
}

/// Lists the tokens of a user, or makes one; only then its secret is shown.
pub(super) fn of_user(call: &mut Call<'_>, method: &str, id: &str) -> Answer {
    admin(call)?;
    let id = call.subject(id)?;
    if method == "GET" {
        let tokens = call
            .state
            .sessions
            .tokens
            .values()
            .filter(|token| token.user_id == id);
        let tokens: Vec<wire::Token> = tokens.map(|found| token(found, false)).collect();
        return Ok(Reply::marshalled(&tokens));
    }
    let new: New = call.asked.body("user_access_token")?;
    if new.description.is_empty() {
        return Err(invalid_body("description"));
    }
    if !call.state.accounts.contains_key(&id) {
        return Err(crate::playground::error::user_not_found());
    }
    if !call.state.access_tokens && !call.state.is_bot(&id) {
        return Err(ApiError::new(
            501,
            "app.user_access_token.disabled",
            "Personal access tokens are disabled on this server. Please contact your system administrator for details.",
        ));
    }
    let made = call.state.create_token(&id, &new.description);
    Ok(Reply::json(200, &token(&made, true)))
}

pub(super) fn one(call: &mut Call<'_>, id: &str) -> Answer {
    admin(call)?;
    let found = call.state.token_by_id(id).map(|found| token(found, false));
    found
        .map(|found| Reply::json(200, &found))
        .ok_or_else(missing)
}

fn missing() -> ApiError {
    ApiError::new(
        404,
        "app.user_access_token.get_by_user.app_error",
        "Unable to get the token.",
    )
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Which {
    token_id: String,
}

/// `disable`, `enable` or `revoke`; another word is another route.
pub(super) fn change(call: &mut Call<'_>, verb: &str) -> Option<Answer> {
    if !matches!(verb, "disable" | "enable" | "revoke") {
        return None;
    }
    Some(change_known(call, verb))
}

fn change_known(call: &mut Call<'_>, verb: &str) -> Answer {
    let which: Which = call.asked.body("token_id")?;
    if which.token_id.is_empty() {
        return Err(invalid_body("token_id"));
    }
    admin(call)?;
    if call.state.token_by_id(&which.token_id).is_none() {
        return Err(missing());
    }
    match verb {
        "disable" => call.state.set_token_active(&which.token_id, false),
        "enable" => call.state.set_token_active(&which.token_id, true),
        _ => call.state.revoke_token(&which.token_id),
    }
    Ok(Reply::done())
}
