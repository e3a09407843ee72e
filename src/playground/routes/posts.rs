//! `/posts`: making, reading, changing and deleting posts.

use serde::Deserialize;

use self::create::NewPost;
use super::reactions;
use crate::playground::call::{Answer, Call, Reply, is_id, valid};
use crate::playground::error::{ApiError, invalid_body, permissions, post_not_found};
use crate::playground::state::channels::channel_not_found;
use crate::playground::state::posts::Post;
use crate::playground::state::reading::{Direction, ThreadQuery};
use crate::playground::wire;

mod change;
mod create;

pub(crate) use create::create;

pub(crate) fn route(call: &mut Call<'_>, method: &str, path: &[&str]) -> Option<Answer> {
    Some(match (method, path) {
        ("POST", ["posts", "ephemeral"]) => ephemeral(call),
        ("POST", ["posts", "ids"]) => by_ids(call),
        ("GET", ["posts", id]) => one(call, id),
        ("PUT", ["posts", id]) => change::update(call, id),
        ("DELETE", ["posts", id]) => change::delete(call, id),
        ("PUT", ["posts", id, "patch"]) => change::patch(call, id),
        ("GET", ["posts", id, "thread"]) => thread(call, id),
        ("GET", ["posts", id, "reactions"]) => reactions::of_post(call, id),
        ("POST", ["posts", id, "pin"]) => change::pin(call, id, true),
        ("POST", ["posts", id, "unpin"]) => change::pin(call, id, false),
        ("POST", ["posts", id, "actions", _]) => act(call, id),
        _ => return None,
    })
}

/// A post that the caller may read.
fn readable(call: &Call<'_>, id: &str, with_deleted: bool) -> Result<Post, ApiError> {
    let caller = call.user()?;
    let id = valid(id, "post_id")?;
    let post = call.state.posts.get(&id).ok_or_else(post_not_found)?;
    if post.delete_at > 0 && !with_deleted {
        return Err(post_not_found());
    }
    let channel = call
        .state
        .channels
        .get(&post.channel_id)
        .ok_or_else(permissions)?;
    if call.state.may_read(&caller, channel) {
        Ok(post.clone())
    } else {
        Err(permissions())
    }
}

fn etag(call: &Call<'_>, post: &Post) -> String {
    format!("{}.{}.{}", call.state.version(), post.id, post.update_at)
}

fn one(call: &mut Call<'_>, id: &str) -> Answer {
    let caller = call.user()?;
    let with_deleted = call.asked.flag("include_deleted") && !call.state.is_old();
    if with_deleted && !call.state.is_admin(&caller) {
        return Err(permissions());
    }
    let post = readable(call, id, with_deleted)?;
    let reply = Reply::json(200, &call.state.post_in_thread(&post));
    Ok(call.tagged(etag(call, &post), reply))
}

fn by_ids(call: &mut Call<'_>) -> Answer {
    let ids: Vec<String> = call.asked.list("post_ids")?;
    let caller = call.user()?;
    if ids.is_empty() || ids.len() > 1_000 {
        return Err(invalid_body("post_ids"));
    }
    let posts = ids
        .iter()
        .filter_map(|id| call.state.posts.live(id))
        .filter(|post| {
            let channel = call.state.channels.get(&post.channel_id);
            channel.is_some_and(|channel| call.state.may_read(&caller, channel))
        });
    let posts: Vec<wire::Post> = posts.map(|post| call.state.post(post)).collect();
    Ok(Reply::json(200, &posts))
}

fn thread(call: &mut Call<'_>, id: &str) -> Answer {
    let post = readable(call, id, false)?;
    let root = if post.root_id.is_empty() {
        Some(post.clone())
    } else {
        call.state.posts.live(&post.root_id).cloned()
    };
    let root = root.ok_or_else(post_not_found)?;
    let query = thread_query(call)?;
    let list = call.state.thread(&post, &root, &query);
    let last = list.posts.values().max_by_key(|post| post.update_at);
    let etag = last.map_or_else(String::new, |last| {
        let last_id = call
            .state
            .posts
            .replies(&root.id)
            .next_back()
            .map_or(&root.id, |reply| &reply.id);
        format!(
            "{}.{}.{last_id}.{}",
            call.state.version(),
            root.id,
            last.update_at
        )
    });
    let reply = Reply::json(200, &list);
    Ok(call.tagged(etag, reply))
}

/// Which part of a thread is asked for (`api4.getPostThread`); 5.37 reads none of it.
fn thread_query(call: &Call<'_>) -> Result<ThreadQuery, ApiError> {
    if call.state.is_old() {
        return Ok(ThreadQuery::default());
    }
    let text = |key: &'static str| call.asked.query(key).filter(|text| !text.is_empty());
    let number = |key: &'static str| {
        let number = text(key).map_or(Ok(0), str::parse::<i64>);
        number.map_err(|_| invalid_body(key))
    };
    let (per_page, from_create_at) = (number("perPage")?, number("fromCreateAt")?);
    if per_page > 200 {
        return Err(invalid_body("perPage"));
    }
    let from_post = text("fromPost").unwrap_or_default().to_owned();
    if !from_post.is_empty() && from_create_at == 0 {
        return Err(invalid_body("fromCreateAt"));
    }
    let direction = match text("direction") {
        None => None,
        Some("up") => Some(Direction::Up),
        Some("down") => Some(Direction::Down),
        Some(_) => return Err(invalid_body("direction")),
    };
    Ok(ThreadQuery {
        per_page: usize::try_from(per_page).unwrap_or(0),
        direction,
        from_create_at,
        from_post,
    })
}

/// The channel's posts: what changed since an instant, what was made around a post, or a page from the newest end.
pub(super) fn of_channel(call: &mut Call<'_>, id: &str) -> Answer {
    let caller = call.user()?;
    let id = valid(id, "channel_id")?;
    let channel = call.state.channels.get(&id);
    let channel = channel.ok_or_else(|| {
        if call.state.is_old() {
            permissions()
        } else {
            channel_not_found(&id)
        }
    })?;
    if !call.state.may_read(&caller, channel) {
        return Err(permissions());
    }
    let since = call
        .asked
        .query("since")
        .map_or(Ok(0), |text| text.parse::<i64>());
    let since = since.map_err(|_| invalid_body("since"))?;
    if since > 0 {
        return Ok(Reply::json(200, &call.state.posts_since(&id, since)));
    }
    let (page, per_page) = call.asked.paging();
    let list = if let Some(anchor) = call.asked.query("after").filter(|anchor| is_id(anchor)) {
        call.state.posts_after(&id, anchor, page, per_page)
    } else if let Some(anchor) = call.asked.query("before").filter(|anchor| is_id(anchor)) {
        call.state.posts_before(&id, anchor, page, per_page)
    } else {
        call.state.posts_page(&id, page, per_page)
    };
    let etag = format!(
        "{}.{}",
        call.state.version(),
        call.state.posts.last_change(&id)
    );
    Ok(call.tagged(etag, Reply::json(200, &list)))
}

pub(super) fn pinned(call: &mut Call<'_>, id: &str) -> Answer {
    let caller = call.user()?;
    let channel = super::channels::visible(call, id, &caller)?;
    if !call.state.may_read(&caller, channel) {
        return Err(permissions());
    }
    Ok(Reply::json(200, &call.state.pinned_posts(id)))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Ephemeral {
    user_id: String,
    post: Option<NewPost>,
}

/// Only system admins hold the permission; a bot does not.
fn ephemeral(call: &mut Call<'_>) -> Answer {
    let body: Ephemeral = call.asked.body("body")?;
    let caller = call.user()?;
    if body.user_id.is_empty() {
        return Err(invalid_body("user_id"));
    }
    let post = body.post.ok_or_else(|| invalid_body("post"))?;
    if !call.state.is_admin(&caller) {
        return Err(permissions());
    }
    let made = call
        .state
        .ephemeral_post(&caller, &body.user_id, &post.channel_id, &post.message);
    Ok(Reply::json(201, &made))
}

/// A click on a button: no integration can be reached from here.
fn act(call: &mut Call<'_>, id: &str) -> Answer {
    readable(call, id, false)?;
    Err(ApiError::new(
        400,
        "api.post.do_action.action_integration.app_error",
        "Action integration error.",
    ))
}
