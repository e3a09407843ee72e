//! `/bots`: bot accounts.

use serde::Deserialize;

use crate::playground::call::{Answer, Call, Reply, valid};
use crate::playground::error::{ApiError, permissions};
use crate::playground::state::accounts::{invalid_username, is_valid_username};
use crate::playground::state::bots::BotDetails;
use crate::playground::wire;

pub(crate) fn route(call: &mut Call<'_>, method: &str, path: &[&str]) -> Option<Answer> {
    Some(match (method, path) {
        ("POST", ["bots"]) => create(call),
        ("GET", ["bots"]) => list(call),
        ("GET", ["bots", id]) => one(call, id),
        ("PUT", ["bots", id]) => patch(call, id),
        ("POST", ["bots", id, "disable"]) => set_active(call, id, false),
        ("POST", ["bots", id, "enable"]) => set_active(call, id, true),
        _ => return None,
    })
}

fn missing() -> ApiError {
    ApiError::new(
        404,
        "store.sql_bot.get.missing.app_error",
        "Bot does not exist.",
    )
}

fn bot(call: &Call<'_>, id: &str) -> Result<wire::Bot, ApiError> {
    let account = call.state.accounts.get(id).ok_or_else(missing)?;
    let details = account.bot.as_ref().ok_or_else(missing)?;
    Ok(wire::Bot {
        user_id: id.to_owned(),
        username: account.username.clone(),
        display_name: details.display_name.clone(),
        description: details.description.clone(),
        owner_id: details.owner_id.clone(),
        create_at: details.create_at,
        update_at: details.update_at,
        delete_at: details.delete_at,
    })
}

/// Bots are made and seen by system admins; for everybody else they do not exist.
fn admin(call: &Call<'_>, otherwise: fn() -> ApiError) -> Result<String, ApiError> {
    let caller = call.user()?;
    if call.state.is_admin(&caller) {
        Ok(caller)
    } else {
        Err(otherwise())
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Given {
    username: Option<String>,
    display_name: Option<String>,
    description: Option<String>,
}

fn create(call: &mut Call<'_>) -> Answer {
    let given: Given = call.asked.body("bot")?;
    let owner_id = admin(call, permissions)?;
    let now = call.state.now();
    let details = BotDetails {
        display_name: given.display_name.unwrap_or_default(),
        description: given.description.unwrap_or_default(),
        owner_id,
        create_at: now,
        update_at: now,
        delete_at: 0,
    };
    let id = call
        .state
        .create_bot(&given.username.unwrap_or_default(), details)?;
    Ok(Reply::json(201, &bot(call, &id)?))
}

fn list(call: &mut Call<'_>) -> Answer {
    admin(call, permissions)?;
    let (page, per_page) = call.asked.paging();
    let wanted = |deleted: i64| deleted == 0 || call.asked.flag("include_deleted");
    let ids = call
        .state
        .accounts
        .values()
        .filter(|account| account.bot.is_some() && wanted(account.delete_at));
    let ids: Vec<String> = ids
        .map(|account| account.id.clone())
        .skip(page * per_page)
        .take(per_page)
        .collect();
    let bots: Vec<wire::Bot> = ids.iter().filter_map(|id| bot(call, id).ok()).collect();
    Ok(Reply::json(200, &bots))
}

fn one(call: &mut Call<'_>, id: &str) -> Answer {
    let id = valid(id, "bot_user_id")?;
    admin(call, missing)?;
    let bot = bot(call, &id)?;
    if bot.delete_at > 0 && !call.asked.flag("include_deleted") {
        return Err(missing());
    }
    Ok(Reply::json(200, &bot))
}

fn patch(call: &mut Call<'_>, id: &str) -> Answer {
    let id = valid(id, "bot_user_id")?;
    let given: Given = call.asked.body("bot")?;
    admin(call, missing)?;
    bot(call, &id)?;
    if let Some(username) = &given.username {
        if !is_valid_username(username) {
            return Err(invalid_username());
        }
        if call.state.username(&id) != *username {
            call.state.refuse_taken_name(username)?;
        }
    }
    let now = call.state.now();
    let account = call.state.accounts.get_mut(&id).ok_or_else(missing)?;
    let before = (account.username.clone(), account.first_name.clone());
    account.username = given.username.unwrap_or(before.0);
    account.first_name = given.display_name.clone().unwrap_or(before.1);
    account.update_at = now;
    if let Some(details) = account.bot.as_mut() {
        details.display_name = given
            .display_name
            .unwrap_or_else(|| details.display_name.clone());
        details.description = given
            .description
            .unwrap_or_else(|| details.description.clone());
    }
    call.state.changed = true;
    call.state.emit_user_updated(&id);
    Ok(Reply::json(200, &bot(call, &id)?))
}

fn set_active(call: &mut Call<'_>, id: &str, active: bool) -> Answer {
    let id = valid(id, "bot_user_id")?;
    admin(call, missing)?;
    bot(call, &id)?;
    call.state.set_bot_active(&id, active)?;
    Ok(Reply::json(200, &bot(call, &id)?))
}
