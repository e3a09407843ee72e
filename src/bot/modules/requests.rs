//! What modules ask of the server through us: a fixed list of methods, with our rights and no more.
//!
//! The names and arguments are those of the driver that upstream's modules were written for.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::bot::causes::causes;
use crate::bot::context::Context;
use crate::id::{ChannelId, PostId, UserId};
use crate::ledger::{Part, Reply};
use crate::mattermost::api::ApiError;
use crate::module::protocol::{Outcome, Request, Response, ToHost};
use crate::text;

/// Why a method is not served.
const NO_METHOD: &str = "is none of the methods that modules may use";

/// So many files are fetched at the same time.
pub(super) const DOWNLOADS: usize = 2;

/// The server takes so many files with one post.
const FILES_A_POST: usize = 10;

/// Answers `request` beside everything else.
pub(super) fn serve(context: &Arc<Context>, request: Request) {
    let shared = Arc::clone(context);
    let chores = &context.chores;
    drop(chores.spawn(chores.until_stopped(async move {
        let outcome = match answer(&shared, &request).await {
            Ok(value) => Outcome::Result(value),
            Err(reason) => {
                tracing::info!(
                    module = request.module,
                    method = request.method,
                    reason,
                    "a module's request failed"
                );
                Outcome::Error(reason)
            }
        };
        let id = request.id;
        shared
            .modules
            .order(ToHost::Response(Response { id, outcome }));
    })));
}

async fn answer(context: &Context, request: &Request) -> Result<Value, String> {
    let text = |index, name: &str| argument(request, index, name).and_then(word);
    let path: Vec<String> = match request.method.as_str() {
        "files.get_file" => return file(context, &text(0, "file_id")?).await,
        "posts.create_post" => return create_post(context, argument(request, 0, "options")?).await,
        "channels.create_direct_message_channel" => {
            return direct(context, argument(request, 0, "options")?).await;
        }
        "users.get_user" => vec!["users".to_owned(), text(0, "user_id")?],
        "users.get_user_by_username" => ["users", "username"]
            .map(str::to_owned)
            .into_iter()
            .chain([text(0, "username")?])
            .collect(),
        "channels.get_channel" => vec!["channels".to_owned(), text(0, "channel_id")?],
        "channels.get_channel_members" => {
            vec![
                "channels".to_owned(),
                text(0, "channel_id")?,
                "members".to_owned(),
            ]
        }
        "channels.get_channel_member" => vec![
            "channels".to_owned(),
            text(0, "channel_id")?,
            "members".to_owned(),
            text(1, "user_id")?,
        ],
        "channels.get_channel_by_name" => vec![
            "teams".to_owned(),
            text(0, "team_id")?,
            "channels".to_owned(),
            "name".to_owned(),
            text(1, "channel_name")?,
        ],
        "teams.get_team" => vec!["teams".to_owned(), text(0, "team_id")?],
        "teams.get_team_by_name" => vec!["teams".to_owned(), "name".to_owned(), text(0, "name")?],
        "teams.get_user_teams" | "teams.get_teams_for_user" => {
            vec!["users".to_owned(), text(0, "user_id")?, "teams".to_owned()]
        }
        other => return Err(format!("{other} {NO_METHOD}")),
    };
    let query = query(request);
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let query: Vec<(&str, &str)> = query
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let answer = context.api.read(&path, &query).await;
    answer.map_err(|error| causes(&error).to_string())
}

/// The argument at this place, or of this name.
fn argument<'a>(request: &'a Request, index: usize, name: &str) -> Result<&'a Value, String> {
    let given = request
        .arguments
        .get(index)
        .or_else(|| request.keywords.get(name));
    given.ok_or_else(|| format!("{} needs {name}", request.method))
}

/// A text that is one part of an address.
fn word(value: &Value) -> Result<String, String> {
    match value.as_str() {
        Some(text) if !text.is_empty() && !text.starts_with('.') => Ok(text.to_owned()),
        _ => Err(format!("{value} is no name or identifier")),
    }
}

/// `params` of a request for a list.
fn query(request: &Request) -> Vec<(String, String)> {
    let params = request.keywords.get("params").or(request.arguments.last());
    let params = params.and_then(Value::as_object).into_iter().flatten();
    params
        .filter(|(name, _)| matches!(name.as_str(), "page" | "per_page"))
        .map(|(name, value)| {
            (
                name.clone(),
                value.as_str().map_or(value.to_string(), str::to_owned),
            )
        })
        .collect()
}

async fn file(context: &Context, id: &str) -> Result<Value, String> {
    // It is never closed.
    let _turn = context.modules.downloads.acquire().await;
    let bytes = context.api.file(id).await.map_err(|error| match error {
        ApiError::TooLarge { limit, .. } => {
            format!("the file is larger than {} MiB", limit >> 20)
        }
        error => causes(&error).to_string(),
    })?;
    Ok(json!({ "base64": BASE64_STANDARD.encode(bytes) }))
}

/// The direct message between us and somebody; that between two others is not ours to open.
async fn direct(context: &Context, users: &Value) -> Result<Value, String> {
    let me = context
        .identity()
        .ok_or("the server has not told who we are")?
        .me;
    let users: Vec<UserId> = users
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|user| user.as_str()?.parse().ok())
        .collect();
    let other = match users.as_slice() {
        [one, other] if *one == me => *other,
        [other, one] if *one == me => *other,
        _ => return Err("a direct message is opened between the bot and one other".to_owned()),
    };
    let channel = context.api.direct_channel(me, other).await;
    let channel = channel.map_err(|error| causes(&error).to_string())?;
    Ok(json!({ "id": channel.id, "name": channel.name, "type": "D" }))
}

/// The files that a post is to have; other options than those of ours would get lost without a word.
fn files(options: &Value) -> Result<Vec<String>, String> {
    let known = ["channel_id", "message", "root_id", "file_ids"];
    let given = options.as_object().into_iter().flatten();
    let is_unknown = |name: &&String| !known.contains(&name.as_str());
    let says_something = |value: &Value| match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Object(object) => !object.is_empty(),
        _ => true,
    };
    let mut unknown = given.filter(|(_, value)| says_something(value));
    if let Some((name, _)) = unknown.find(|(name, _)| is_unknown(name)) {
        let known = known.join(", ");
        return Err(format!(
            "posts.create_post takes {known} only, and not {name}"
        ));
    }
    let files = options.get("file_ids").filter(|files| !files.is_null());
    let Some(files) = files else {
        return Ok(Vec::new());
    };
    let ids = files.as_array().filter(|ids| ids.len() <= FILES_A_POST);
    let ids = ids.and_then(|ids| {
        ids.iter()
            .map(|id| id.as_str().map(str::to_owned))
            .collect()
    });
    ids.ok_or_else(|| format!("file_ids is no list of at most {FILES_A_POST} identifiers"))
}

/// Posts as us, with a key by which we know it again; a long text becomes several posts, of which the first is told.
async fn create_post(context: &Context, options: &Value) -> Result<Value, String> {
    let identity = context
        .identity()
        .ok_or("the server has not told who we are")?;
    let text = |name: &str| {
        options
            .get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    let channel: ChannelId = text("channel_id")
        .and_then(|id| id.parse().ok())
        .ok_or("posts.create_post needs channel_id")?;
    let root: Option<PostId> = text("root_id").and_then(|id| id.parse().ok());
    let files = files(options)?;
    let message = text::without_channel_mentions(text("message").unwrap_or_default());
    let parts = text::split(&message, identity.post_size);
    let mut parts: Vec<Part> = parts.into_iter().map(Part::of).collect();
    if parts.is_empty() && !files.is_empty() {
        parts.push(Part::default());
    }
    if let Some(last) = parts.last_mut() {
        last.files = files;
    }
    let reply = Reply::notice(channel, root, parts);
    let mut first = None;
    for delivery in context.ledger.unrecorded(reply) {
        let post = context.outbox.post(&delivery, &identity).await?;
        first.get_or_insert(post);
    }
    let id = first.ok_or("posts.create_post needs a message")?;
    Ok(
        json!({ "id": id, "channel_id": channel, "root_id": root, "message": message, "user_id": identity.me }),
    )
}
