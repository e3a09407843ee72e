//! Incoming webhooks: making them, and what comes in by them.

use serde::{Deserialize, Serialize};

use crate::id::random_token;
use crate::playground::call::{Answer, Call, Reply, is_id, parse_query};
use crate::playground::error::{invalid_body, permissions};
use crate::playground::state::hooks::{Hook, HookMessage};

pub(crate) fn route(call: &mut Call<'_>, method: &str, path: &[&str]) -> Option<Answer> {
    match (method, path) {
        ("POST", ["hooks", "incoming"]) => Some(create(call)),
        ("GET", ["hooks", "incoming"]) => Some(list(call)),
        ("DELETE", ["hooks", "incoming", id]) => Some(delete(call, id)),
        _ => None,
    }
}

#[derive(Serialize)]
struct Shown {
    id: String,
    create_at: i64,
    update_at: i64,
    delete_at: i64,
    user_id: String,
    channel_id: String,
    team_id: String,
    display_name: String,
    description: String,
    username: &'static str,
    icon_url: &'static str,
    channel_locked: bool,
}

fn shown(hook: &Hook) -> Shown {
    Shown {
        id: hook.id.clone(),
        create_at: hook.create_at,
        update_at: hook.create_at,
        delete_at: 0,
        user_id: hook.user_id.clone(),
        channel_id: hook.channel_id.clone(),
        team_id: hook.team_id.clone(),
        display_name: hook.display_name.clone(),
        description: hook.description.clone(),
        username: "",
        icon_url: "",
        channel_locked: hook.channel_locked,
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct New {
    channel_id: String,
    display_name: String,
    description: String,
    channel_locked: bool,
}

fn create(call: &mut Call<'_>) -> Answer {
    let new: New = call.asked.body("incoming_webhook")?;
    let caller = call.user()?;
    if !is_id(&new.channel_id) {
        return Err(invalid_body("channel_id"));
    }
    let channel = call
        .state
        .channels
        .get(&new.channel_id)
        .ok_or_else(permissions)?;
    if !call.state.is_team_admin(&channel.team_id, &caller) {
        return Err(permissions());
    }
    let hook = Hook {
        id: random_token(),
        create_at: call.state.now(),
        user_id: caller,
        channel_id: new.channel_id,
        team_id: channel.team_id.clone(),
        display_name: new.display_name,
        description: new.description,
        channel_locked: new.channel_locked,
    };
    let reply = Reply::json(201, &shown(&hook));
    call.state.hooks.insert(hook.id.clone(), hook);
    call.state.changed = true;
    Ok(reply)
}

fn list(call: &mut Call<'_>) -> Answer {
    let caller = call.user()?;
    if !call.state.is_admin(&caller) {
        return Err(permissions());
    }
    let hooks: Vec<Shown> = call.state.hooks.values().map(shown).collect();
    Ok(Reply::json(200, &hooks))
}

fn delete(call: &mut Call<'_>, id: &str) -> Answer {
    let caller = call.user()?;
    let hook = call.state.hooks.get(id).ok_or_else(permissions)?;
    if hook.user_id != caller && !call.state.is_admin(&caller) {
        return Err(permissions());
    }
    call.state.hooks.remove(id);
    call.state.changed = true;
    Ok(Reply::done())
}

/// What anybody may send who knows the hook's id; as JSON, or as a form's `payload`.
pub(super) fn receive(call: &mut Call<'_>, id: &str) -> Answer {
    let is_form = call
        .asked
        .content_type
        .starts_with("application/x-www-form-urlencoded");
    let message: Option<HookMessage> = if is_form {
        let form = parse_query(&String::from_utf8_lossy(&call.asked.body));
        form.get("payload")
            .and_then(|payload| serde_json::from_str(payload).ok())
    } else {
        call.asked.body("payload").ok()
    };
    let message = message.ok_or_else(|| {
        call.state.hook_error(
            id,
            "web.incoming_webhook.parse.app_error",
            "Unable to parse incoming data.",
        )
    })?;
    call.state.run_hook(id, message)?;
    Ok(Reply {
        status: 200,
        content_type: Some("text/plain".to_owned()),
        body: b"ok".to_vec(),
        ..Reply::default()
    })
}
