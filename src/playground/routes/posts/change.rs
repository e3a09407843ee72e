//! Editing, pinning and deleting posts.

use serde::Deserialize;

use super::readable;
use crate::playground::attachments;
use crate::playground::call::{Answer, Call, Reply, valid};
use crate::playground::error::{ApiError, invalid_body, permissions, post_not_found};
use crate::playground::state::posting::Edit;
use crate::playground::wire::Props;

/// Who may change a post: its author, and system admins.
fn editable(call: &Call<'_>, id: &str) -> Result<String, ApiError> {
    let caller = call.user()?;
    let id = valid(id, "post_id")?;
    let post = call.state.posts.live(&id).ok_or_else(permissions)?;
    let may = call.state.may_post(&caller, &post.channel_id)
        && (post.user_id == caller || call.state.is_admin(&caller));
    if !may {
        return Err(permissions());
    }
    if post.kind.starts_with("system_") {
        return Err(ApiError::new(
            400,
            "api.post.update_post.system_message.app_error",
            "Unable to update system message.",
        ));
    }
    Ok(id)
}

/// What stands in an archived channel stays as it is; `what` is the part of the error's id that tells who says so.
fn check_channel(call: &Call<'_>, id: &str, what: &str) -> Result<(), ApiError> {
    let post = call.state.posts.live(id);
    let channel = post.and_then(|post| call.state.channels.get(&post.channel_id));
    if channel.is_none_or(|channel| channel.delete_at == 0) {
        return Ok(());
    }
    let id = format!("api.post.{what}_in_deleted.error");
    Err(ApiError::new(
        400,
        id,
        "Can not change a post in a deleted channel.",
    ))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Patch {
    message: Option<String>,
    props: Option<Props>,
    is_pinned: Option<bool>,
}

pub(super) fn patch(call: &mut Call<'_>, id: &str) -> Answer {
    let patch: Patch = call.asked.body("post")?;
    let id = editable(call, id)?;
    check_channel(call, &id, "patch_post.can_not_update_post")?;
    edit(
        call,
        &id,
        Edit {
            message: patch.message,
            props: patch.props,
            is_pinned: patch.is_pinned,
        },
    )
}

fn edit(call: &mut Call<'_>, id: &str, mut edit: Edit) -> Answer {
    if let Some(props) = edit.props.as_mut() {
        call.state.check_props(props)?;
        attachments::normalise(props);
    }
    Ok(Reply::json(200, &call.state.edit_post(id, edit)?))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Full {
    id: String,
    message: String,
    props: Option<Props>,
    is_pinned: bool,
}

/// The whole post anew: an absent message is an empty one; absent props stay (5.37: are emptied).
pub(super) fn update(call: &mut Call<'_>, id: &str) -> Answer {
    let full: Full = call.asked.body("post")?;
    call.user()?;
    if full.id != id {
        return Err(invalid_body("id"));
    }
    let id = editable(call, id)?;
    check_channel(call, &id, "update_post.can_not_update_post")?;
    let props = full.props.or_else(|| call.state.is_old().then(Props::new));
    edit(
        call,
        &id,
        Edit {
            message: Some(full.message),
            props,
            is_pinned: Some(full.is_pinned),
        },
    )
}

pub(super) fn pin(call: &mut Call<'_>, id: &str, is_pinned: bool) -> Answer {
    let post = readable(call, id, false)?;
    check_channel(call, &post.id, "patch_post.can_not_update_post")?;
    call.state.edit_post(
        &post.id,
        Edit {
            is_pinned: Some(is_pinned),
            ..Edit::default()
        },
    )?;
    Ok(Reply::done())
}

pub(super) fn delete(call: &mut Call<'_>, id: &str) -> Answer {
    let caller = call.user()?;
    let id = valid(id, "post_id")?;
    let Some(post) = call.state.posts.live(&id) else {
        return Err(if call.state.is_old() {
            permissions()
        } else {
            post_not_found()
        });
    };
    let channel = call
        .state
        .channels
        .get(&post.channel_id)
        .ok_or_else(permissions)?;
    let is_own = post.user_id == caller && channel.members.contains_key(&caller);
    // Those who head a channel alone do not hold `delete_others_posts`.
    if !is_own && !call.state.is_team_admin(&channel.team_id, &caller) {
        return Err(permissions());
    }
    check_channel(call, &id, "delete_post.can_not_delete_post")?;
    call.state.delete_post(&id, &caller)?;
    Ok(Reply::done())
}
