//! `/reactions`.

use serde::Deserialize;

use crate::playground::call::{Answer, Call, Reply, is_id};
use crate::playground::emoji;
use crate::playground::error::{ApiError, permissions, post_not_found};

pub(crate) fn route(call: &mut Call<'_>, method: &str, path: &[&str]) -> Option<Answer> {
    match (method, path) {
        ("POST", ["reactions"]) => Some(add(call)),
        _ => None,
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct New {
    user_id: String,
    post_id: String,
    emoji_name: String,
}

fn is_old_name(name: &str) -> bool {
    name.chars()
        .all(|c| c.is_ascii_alphanumeric() || "_+-".contains(c))
}

fn check_name(call: &Call<'_>, name: &str) -> Result<(), ApiError> {
    if call.state.is_old() {
        return if is_old_name(name) {
            Ok(())
        } else {
            Err(ApiError::new(
                400,
                "model.reaction.is_valid.emoji_name.app_error",
                "Invalid emoji name.",
            ))
        };
    }
    if emoji::is_known(name) {
        return Ok(());
    }
    Err(ApiError::new(
        404,
        "app.emoji.get_by_name.no_result",
        "We couldn’t find the emoji.",
    ))
}

fn add(call: &mut Call<'_>) -> Answer {
    let new: New = call.asked.body("reaction")?;
    let caller = call.user()?;
    if !is_id(&new.user_id)
        || !is_id(&new.post_id)
        || new.emoji_name.is_empty()
        || new.emoji_name.len() > 64
    {
        return Err(ApiError::new(
            400,
            "api.reaction.save_reaction.invalid.app_error",
            "Reaction is not valid.",
        ));
    }
    if new.user_id != caller {
        return Err(ApiError::new(
            403,
            "api.reaction.save_reaction.user_id.app_error",
            "You cannot save reaction for the other user.",
        ));
    }
    let post = call.state.posts.get(&new.post_id).ok_or_else(permissions)?;
    if !call.state.may_post(&caller, &post.channel_id) {
        return Err(permissions());
    }
    call.state
        .posts
        .live(&new.post_id)
        .ok_or_else(post_not_found)?;
    check_name(call, &new.emoji_name)?;
    let reaction = call.state.react(&caller, &new.post_id, &new.emoji_name)?;
    Ok(Reply::json(200, &reaction))
}

pub(super) fn remove(call: &mut Call<'_>, user: &str, post_id: &str, emoji: &str) -> Answer {
    let caller = call.user()?;
    let user = call.subject(user)?;
    let post = call.state.posts.get(post_id).ok_or_else(permissions)?;
    if !call.state.may_post(&caller, &post.channel_id)
        || (user != caller && !call.state.is_admin(&caller))
    {
        return Err(permissions());
    }
    call.state.unreact(&user, post_id, emoji)?;
    Ok(Reply::done())
}

pub(super) fn of_post(call: &mut Call<'_>, post_id: &str) -> Answer {
    let caller = call.user()?;
    let post = call.state.posts.get(post_id).ok_or_else(permissions)?;
    let channel = call.state.channels.get(&post.channel_id);
    channel
        .filter(|channel| call.state.may_read(&caller, channel))
        .ok_or_else(permissions)?;
    Ok(Reply::marshalled(&call.state.posts.reactions(post_id)))
}
