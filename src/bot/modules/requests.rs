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
use crate::module::protocol::{Outcome, Request, Response, ToHost};
use crate::text;

/// Why a method is not served.
const NO_METHOD: &str = "is none of the methods that modules may use";

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
    let bytes = context.api.file(id).await;
    let bytes = bytes.map_err(|error| causes(&error).to_string())?;
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
    let message = text::without_channel_mentions(text("message").unwrap_or_default());
    let parts = text::split(&message, identity.post_size);
    let reply = Reply::notice(channel, root, parts.into_iter().map(Part::of).collect());
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
