//! `/posts`: making, reading, changing and deleting posts.

use serde::Deserialize;
use serde_json::Value;

use super::reactions;
use crate::playground::attachments;
use crate::playground::call::{Answer, Asked, Call, Reply, is_id, valid};
use crate::playground::error::{
    ApiError, invalid_body, invalid_param, permissions, post_not_found,
};
use crate::playground::server::Server;
use crate::playground::state::State;
use crate::playground::state::channels::channel_not_found;
use crate::playground::state::pending::Claim;
use crate::playground::state::posting::Edit;
use crate::playground::state::posts::Post;
use crate::playground::state::reading::ThreadQuery;
use crate::playground::wire::{self, Props};

pub(crate) fn route(call: &mut Call<'_>, method: &str, path: &[&str]) -> Option<Answer> {
    Some(match (method, path) {
        ("POST", ["posts", "ephemeral"]) => ephemeral(call),
        ("POST", ["posts", "ids"]) => by_ids(call),
        ("GET", ["posts", id]) => one(call, id),
        ("PUT", ["posts", id]) => update(call, id),
        ("DELETE", ["posts", id]) => delete(call, id),
        ("PUT", ["posts", id, "patch"]) => patch(call, id),
        ("GET", ["posts", id, "thread"]) => thread(call, id),
        ("GET", ["posts", id, "reactions"]) => reactions::of_post(call, id),
        ("POST", ["posts", id, "pin"]) => pin(call, id, true),
        ("POST", ["posts", id, "unpin"]) => pin(call, id, false),
        ("POST", ["posts", id, "actions", _]) => act(call, id),
        _ => return None,
    })
}

/// What a client may say of a post that it makes.
#[derive(Debug, Deserialize, Default)]
#[serde(default)]
struct NewPost {
    id: String,
    create_at: i64,
    channel_id: String,
    message: String,
    root_id: String,
    parent_id: String,
    #[serde(rename = "type")]
    kind: String,
    props: Option<Props>,
    file_ids: Option<Vec<String>>,
    pending_post_id: String,
    metadata: Option<NewMetadata>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(default)]
struct NewMetadata {
    priority: Option<Value>,
}

/// What is to be saved, once the claim on its pending id is made.
struct Prepared {
    post: Post,
    pending_post_id: String,
    set_online: bool,
}

impl Prepared {
    /// With the instant that a fault wants.
    fn born(mut self, at: Option<i64>) -> Self {
        if let Some(at) = at {
            self.post.create_at = at;
            self.post.update_at = at;
        }
        self
    }
}

enum Preparation {
    Save(Prepared),
    /// The pending id led to a post that is there already.
    Known(Reply),
}

/// Makes a post. Between the claim on its `pending_post_id` and the saving others get their turn, as on the real
/// server: a repetition that comes in that moment is refused.
pub(crate) async fn create(server: &Server, asked: &Asked) -> Answer {
    let prepared = server.change(|state| prepare(&mut Call { state, asked }))?;
    match prepared {
        Preparation::Known(reply) => Ok(reply),
        Preparation::Save(prepared) => {
            tokio::task::yield_now().await;
            server.change(|state| Ok(save(state, prepared)))
        }
    }
}

fn prepare(call: &mut Call<'_>) -> Result<Preparation, ApiError> {
    let user_id = call.user()?;
    let new: Option<NewPost> = call.asked.body("post")?;
    let new = new.unwrap_or_default();
    if !call.state.may_post(&user_id, &new.channel_id) {
        return Err(permissions());
    }
    if new
        .metadata
        .as_ref()
        .is_some_and(|metadata| metadata.priority.is_some())
        && !call.state.is_old()
    {
        return Err(ApiError::new(
            501,
            "license_error.feature_unavailable",
            "Feature is not available for the current license.",
        ));
    }
    if new.kind.starts_with("system_") {
        return Err(invalid_param("post.type"));
    }
    if call
        .state
        .channels
        .get(&new.channel_id)
        .is_some_and(|channel| channel.delete_at > 0)
    {
        return Err(ApiError::new(
            400,
            "api.post.create_post.can_not_post_to_deleted.error",
            "Can not post to deleted channel.",
        ));
    }
    if !new.pending_post_id.is_empty() {
        match call
            .state
            .pending
            .claim(&new.pending_post_id, call.state.faults.instant())
        {
            Claim::Made => {}
            Claim::Pending => return Err(duplicate("pending")),
            Claim::Saved(id) => {
                if let Some(reply) = repeated(call.state, &user_id, &new, &id)? {
                    return Ok(Preparation::Known(reply));
                }
            }
        }
    }
    let key = new.pending_post_id.clone();
    let set_online = call.asked.query("set_online") != Some("false");
    checked(call.state, &user_id, new, set_online)
        .inspect_err(|_| call.state.pending.failed(&key))
        .map(|prepared| Preparation::Save(prepared.born(call.asked.born)))
}

fn duplicate(what: &'static str) -> ApiError {
    match what {
        "pending" => ApiError::new(
            500,
            "api.post.deduplicate_create_post.pending",
            "Rejected post since another client is making the same request.",
        ),
        _ => ApiError::new(
            500,
            "api.post.deduplicate_create_post.failed_to_get",
            "Failed to fetch original post after deduplicating a client repeating the same request.",
        ),
    }
}

/// The post that a known pending id led to; none if this user may not read it, who then makes a new one.
fn repeated(
    state: &mut State,
    user_id: &str,
    new: &NewPost,
    id: &str,
) -> Result<Option<Reply>, ApiError> {
    let post = state
        .posts
        .live(id)
        .cloned()
        .ok_or_else(|| duplicate("failed_to_get"))?;
    let channel = state.channels.get(&post.channel_id);
    let may_read = channel.is_some_and(|channel| state.may_read(user_id, channel));
    if !may_read && !state.is_old() {
        return Ok(None);
    }
    let mut answer = state.post(&post);
    answer.metadata = None;
    let claims_a_webhook = new
        .props
        .as_ref()
        .is_some_and(|props| props.contains_key("from_webhook"));
    if new.root_id.is_empty() && !claims_a_webhook {
        state.view_channel(&new.channel_id, user_id);
    }
    Ok(Some(Reply::json(201, &answer)))
}

fn checked(
    state: &State,
    user_id: &str,
    new: NewPost,
    set_online: bool,
) -> Result<Prepared, ApiError> {
    if !new.root_id.is_empty() {
        let root = state
            .posts
            .live(&new.root_id)
            .filter(|root| root.root_id.is_empty());
        let root = root.ok_or_else(|| {
            ApiError::new(
                400,
                "api.post.create_post.root_id.app_error",
                "Invalid RootId parameter.",
            )
        })?;
        if root.channel_id != new.channel_id {
            return Err(ApiError::new(
                400,
                "api.post.create_post.channel_root_id.app_error",
                "Invalid ChannelId for RootId parameter.",
            ));
        }
    }
    if state.is_old() && new.root_id.is_empty() && !new.parent_id.is_empty() {
        return Err(ApiError::new(
            400,
            "model.post.is_valid.root_parent.app_error",
            "Invalid root ID must be set if parent ID set.",
        ));
    }
    if !new.id.is_empty() {
        return Err(ApiError::new(
            400,
            "app.post.save.existing.app_error",
            "You cannot update an existing Post.",
        ));
    }
    state.check_text(&new.message)?;
    let is_known_kind = matches!(
        new.kind.as_str(),
        "" | "me" | "slack_attachment" | "reminder"
    ) || new.kind.starts_with("custom_");
    if !is_known_kind {
        return Err(ApiError::new(
            400,
            "model.post.is_valid.type.app_error",
            "Invalid type.",
        ));
    }
    let mut props = new.props.unwrap_or_default();
    state.check_props(&props)?;
    attachments::normalise(&mut props);
    props.remove("add_channel_member");
    props.remove("force_notification");
    let now = state.now();
    let created = if new.create_at > 0 && state.is_admin(user_id) {
        new.create_at
    } else {
        now
    };
    let post = Post {
        id: crate::id::random_token(),
        create_at: created,
        update_at: created,
        user_id: user_id.to_owned(),
        channel_id: new.channel_id,
        root_id: new.root_id,
        message: new.message,
        kind: new.kind,
        props,
        file_ids: new.file_ids.unwrap_or_default(),
        has_remote_id: true,
        ..Post::default()
    };
    Ok(Prepared {
        post,
        pending_post_id: new.pending_post_id,
        set_online,
    })
}

fn save(state: &mut State, prepared: Prepared) -> Reply {
    let Prepared {
        post,
        pending_post_id,
        set_online,
    } = prepared;
    let (user_id, channel_id) = (post.user_id.clone(), post.channel_id.clone());
    let is_reply = !post.root_id.is_empty() && !state.is_old();
    let answer = state.save_post(post, &pending_post_id, set_online);
    if !pending_post_id.is_empty() {
        let now = state.faults.instant();
        state.pending.saved(&pending_post_id, &answer.id, now);
    }
    // Who writes has read; what says that it comes from a program reads nothing.
    let is_program =
        answer.props.contains_key("from_webhook") || answer.props.contains_key("from_bot");
    if !is_program && !is_reply {
        state.view_channel(&channel_id, &user_id);
    }
    Reply::json(201, &answer)
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
    let reply = Reply::json(200, &call.state.post(&post));
    Ok(call.tagged(etag(call, &post), reply))
}

fn by_ids(call: &mut Call<'_>) -> Answer {
    let ids: Vec<String> = call.asked.body("post_ids")?;
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
        Some(post)
    } else {
        call.state.posts.live(&post.root_id).cloned()
    };
    let root = root.ok_or_else(post_not_found)?;
    let number = |key: &str| {
        call.asked
            .query(key)
            .and_then(|text| text.parse::<i64>().ok())
            .unwrap_or(0)
    };
    let query = ThreadQuery {
        per_page: usize::try_from(number("perPage").clamp(0, 200)).unwrap_or(0),
        from_create_at: number("fromCreateAt"),
        upwards: call.asked.query("direction") == Some("up"),
    };
    let list = call.state.thread(&root, &query);
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
    if call
        .state
        .channels
        .get(&post.channel_id)
        .is_some_and(|channel| channel.delete_at > 0)
    {
        return Err(ApiError::new(
            400,
            "api.post.update_post.can_not_update_post_in_deleted.error",
            "Can not update a post in a deleted channel.",
        ));
    }
    Ok(id)
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Patch {
    message: Option<String>,
    props: Option<Props>,
    is_pinned: Option<bool>,
}

fn patch(call: &mut Call<'_>, id: &str) -> Answer {
    let patch: Patch = call.asked.body("post")?;
    let id = editable(call, id)?;
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
fn update(call: &mut Call<'_>, id: &str) -> Answer {
    let full: Full = call.asked.body("post")?;
    call.user()?;
    if full.id != id {
        return Err(invalid_body("id"));
    }
    let id = editable(call, id)?;
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

fn pin(call: &mut Call<'_>, id: &str, is_pinned: bool) -> Answer {
    let post = readable(call, id, false)?;
    call.state.edit_post(
        &post.id,
        Edit {
            is_pinned: Some(is_pinned),
            ..Edit::default()
        },
    )?;
    Ok(Reply::done())
}

fn delete(call: &mut Call<'_>, id: &str) -> Answer {
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
    if !is_own && !call.state.may_manage(&caller, channel) {
        return Err(permissions());
    }
    call.state.delete_post(&id, &caller)?;
    Ok(Reply::done())
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
