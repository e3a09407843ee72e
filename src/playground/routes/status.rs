//! Presence, typing and preferences of users.

use serde::Deserialize;

use crate::playground::call::{Answer, Call, Reply};
use crate::playground::error::{ApiError, invalid_body, permissions};
use crate::playground::state::Preference;
use crate::playground::wire;

fn own(call: &Call<'_>, id: &str) -> Result<String, ApiError> {
    let caller = call.user()?;
    let id = call.subject(id)?;
    if caller == id || call.state.is_admin(&caller) {
        Ok(id)
    } else {
        Err(permissions())
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Typing {
    channel_id: String,
    parent_id: String,
}

pub(super) fn typing(call: &mut Call<'_>, id: &str) -> Answer {
    let id = own(call, id)?;
    let body: Typing = call.asked.body("typing")?;
    call.state.type_in(&id, &body.channel_id, &body.parent_id)?;
    Ok(Reply::done())
}

pub(super) fn get(call: &mut Call<'_>, id: &str) -> Answer {
    call.user()?;
    let id = call.subject(id)?;
    if !call.state.accounts.contains_key(&id) {
        return Err(crate::playground::error::user_not_found());
    }
    Ok(Reply::json(200, &call.state.status(&id)))
}

pub(super) fn by_ids(call: &mut Call<'_>) -> Answer {
    call.user()?;
    let ids: Vec<String> = call.asked.list("user_ids")?;
    let known = ids
        .iter()
        .filter(|id| call.state.accounts.contains_key(*id));
    let statuses: Vec<wire::Status> = known.map(|id| call.state.status(id)).collect();
    Ok(Reply::marshalled(&statuses))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct NewStatus {
    user_id: String,
    status: String,
}

pub(super) fn put(call: &mut Call<'_>, id: &str) -> Answer {
    let id = own(call, id)?;
    let body: NewStatus = call.asked.body("status")?;
    if body.user_id != id {
        return Err(invalid_body("user_id"));
    }
    match body.status.as_str() {
        "online" => call.state.set_status(&id, "online", false),
        status @ ("away" | "dnd" | "offline") => call.state.set_status(&id, status, true),
        _ => return Err(invalid_body("status")),
    }
    Ok(Reply::json(200, &call.state.status(&id)))
}

pub(super) fn preferences(call: &mut Call<'_>, method: &str, id: &str) -> Answer {
    let id = own(call, id)?;
    if method == "GET" {
        let preferences = call
            .state
            .preferences
            .get(&id)
            .map_or(&[][..], Vec::as_slice);
        return Ok(Reply::json(200, &preferences));
    }
    let changed: Vec<Preference> = call.asked.list("preferences")?;
    if changed.is_empty() || changed.len() > 100 {
        return Err(invalid_body("preferences"));
    }
    let all = call.state.preferences.entry(id.clone()).or_default();
    for preference in &changed {
        all.retain(|other| other.category != preference.category || other.name != preference.name);
    }
    let event = if method == "PUT" {
        all.extend(changed.clone());
        "preferences_changed"
    } else {
        "preferences_deleted"
    };
    call.state.changed = true;
    let event = crate::playground::event::Outgoing::new(event);
    call.state.emit(
        event
            .with("preferences", &wire::to_text(&changed))
            .for_user(&id),
    );
    Ok(Reply::done())
}
