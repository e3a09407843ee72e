//! `POST /posts`: the checks in the real server's order, the claim on the pending id, the saving.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::playground::attachments;
use crate::playground::call::{Answer, Asked, Call, Reply};
use crate::playground::error::{ApiError, invalid_body, invalid_param, permissions};
use crate::playground::faults::{Fault, Target};
use crate::playground::server::Server;
use crate::playground::state::State;
use crate::playground::state::pending::Claim;
use crate::playground::state::posts::Post;
use crate::playground::wire::{self, Props};

/// What a client may say of a post that it makes.
#[derive(Debug, Deserialize, Default)]
#[serde(default)]
pub(super) struct NewPost {
    id: String,
    create_at: i64,
    pub(super) channel_id: String,
    pub(super) message: String,
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
    Save(Box<Prepared>),
    /// The pending id led to a post that is there already.
    Known(Reply),
}

/// Makes a post. Between the claim on its `pending_post_id` and the saving others get their turn, as on the real
/// server: a repetition that comes in that moment is refused.
pub(crate) async fn create(server: &Arc<Server>, asked: &Asked) -> Answer {
    let life = *server.restarts.borrow();
    let prepared = server.change(|state| prepare(&mut Call { state, asked }))?;
    let prepared = match prepared {
        Preparation::Known(reply) => return Ok(reply),
        Preparation::Save(prepared) => prepared,
    };
    let target = Target {
        path: &asked.path,
        user_id: &prepared.post.user_id,
    };
    let late = server.faults.hit(target, |fault| match fault {
        Fault::LateCommit { delay_ms } => Some(Duration::from_millis(*delay_ms)),
        _ => None,
    });
    let unsaved = || ApiError::new(500, "app.post.save.app_error", "Unable to save the Post.");
    // What a server has not saved before it is restarted it never saves.
    let save_in_time = move |server: &Server| {
        let lives = *server.restarts.borrow() == life;
        let saved = lives.then(|| server.change(|state| save(state, *prepared)));
        saved.ok_or_else(unsaved)
    };
    let Some(delay) = late else {
        tokio::task::yield_now().await;
        return save_in_time(server);
    };
    // It is saved although whoever asked for it may have gone.
    let saving = Arc::clone(server);
    let saved = server.tasks.spawn(async move {
        tokio::time::sleep(delay).await;
        save_in_time(&saving)
    });
    saved.await.map_err(|_| unsaved())?
}

fn prepare(call: &mut Call<'_>) -> Result<Preparation, ApiError> {
    let user_id = call.user()?;
    let new = new_post(call)?;
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
        let now = call.state.faults.instant();
        match call.state.pending.claim(&new.pending_post_id, now) {
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
        .map(|prepared| Preparation::Save(Box::new(prepared.born(call.asked.born))))
}

/// 5.37 took null for no post, and a list for an empty one.
fn new_post(call: &Call<'_>) -> Result<NewPost, ApiError> {
    let value = call.asked.value("post")?;
    if call.state.is_old() && value.is_null() {
        return Err(invalid_body("post"));
    }
    if call.state.is_old() && value.is_array() {
        return Ok(NewPost::default());
    }
    call.asked.body("post")
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
    let mut answer = state.post_in_thread(&post);
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

/// The root must be one, be there, and be of this channel.
fn check_root(state: &State, new: &NewPost) -> Result<(), ApiError> {
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
    Ok(())
}

/// The files of a post, each of them once; as JSON they have at most so many characters (`PostFileidsMaxRunes`).
fn file_ids(named: Option<Vec<String>>) -> Result<Vec<String>, ApiError> {
    const MOST: usize = 300;
    let mut file_ids: Vec<String> = Vec::new();
    for id in named.unwrap_or_default() {
        if !file_ids.contains(&id) {
            file_ids.push(id);
        }
    }
    if wire::to_text(&file_ids).chars().count() > MOST {
        return Err(ApiError::new(
            400,
            "model.post.is_valid.file_ids.app_error",
            "Invalid file ids. Note that uploads are limited to 10 files maximum. Please use additional posts for more \
             files.",
        ));
    }
    Ok(file_ids)
}

fn checked(
    state: &State,
    user_id: &str,
    new: NewPost,
    set_online: bool,
) -> Result<Prepared, ApiError> {
    check_root(state, &new)?;
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
    let file_ids = file_ids(new.file_ids)?;
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
        file_ids,
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
    if set_online {
        state.set_online(&user_id);
    }
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
