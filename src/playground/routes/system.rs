//! The server itself: whether it lives, what it is set to, and the few slash commands it knows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::playground::call::{Answer, Call, Reply};
use crate::playground::error::{ApiError, permissions};
use crate::playground::state::membership::ChannelPatch;
use crate::playground::state::posting::MAX_MESSAGE;
use crate::playground::state::posts::Post;

pub(crate) fn route(call: &mut Call<'_>, method: &str, path: &[&str]) -> Option<Answer> {
    Some(match (method, path) {
        ("GET", ["system", "ping"]) => Ok(ping(call)),
        ("GET", ["config", "client"]) => Ok(client_config(call)),
        ("GET", ["config"]) => config(call),
        ("GET", ["license", "client"]) => Ok(Reply::marshalled(&json!({"IsLicensed": "false"}))),
        ("POST" | "DELETE", ["server_busy"]) => set_busy(call, method),
        ("GET", ["roles", "name", name]) => role(call, name),
        ("POST", ["roles", "names"]) => roles(call),
        ("GET", ["groups"]) => groups(call),
        ("GET", ["emoji", "name", _]) => emoji(call),
        ("POST", ["commands", "execute"]) => execute(call),
        _ => return None,
    })
}

fn ping(call: &Call<'_>) -> Reply {
    let mut answer = BTreeMap::from([
        ("AndroidLatestVersion", ""),
        ("AndroidMinVersion", ""),
        ("IosLatestVersion", ""),
        ("IosMinVersion", ""),
        ("status", "OK"),
    ]);
    if call.state.is_old() {
        answer.extend([("DesktopLatestVersion", ""), ("DesktopMinVersion", "")]);
    } else {
        answer.insert("ActiveSearchBackend", "database");
    }
    if !call.asked.flag("get_server_status") {
        return Reply::marshalled(&answer);
    }
    answer.extend([("database_status", "OK"), ("filestore_status", "OK")]);
    Reply::marshalled(&answer)
        .with_header("Status", "OK")
        .with_header("Database_status", "OK")
        .with_header("Filestore_status", "OK")
}

/// What clients are told of the configuration; more of it, when they have a session.
fn client_config(call: &Call<'_>) -> Reply {
    let mut config: BTreeMap<&str, String> = BTreeMap::new();
    let fixed = [
        ("DefaultClientLocale", "en"),
        ("DiagnosticsEnabled", "false"),
        ("EnableBotAccountCreation", "true"),
        ("EnableCustomEmoji", "true"),
        ("EnableGuestAccounts", "true"),
        ("EnableOpenServer", "true"),
        ("EnableSignInWithEmail", "true"),
        ("EnableSignInWithUsername", "true"),
        ("EnableUserCreation", "true"),
        ("PasswordMinimumLength", "8"),
        ("PluginsEnabled", "false"),
        ("SiteName", "Mattermost"),
        ("BuildNumber", ""),
        ("BuildHash", ""),
        ("WebsocketPort", "80"),
        ("WebsocketSecurePort", "443"),
        ("WebsocketURL", ""),
    ];
    config.extend(fixed.map(|(key, value)| (key, value.to_owned())));
    config.insert("Version", call.state.version().to_owned());
    config.insert("NoAccounts", call.state.accounts.is_empty().to_string());
    if call.state.is_old() {
        config.insert("EnableReliableWebSockets", "true".to_owned());
    }
    if call.user().is_ok() {
        let more = [
            ("EnableUserAccessTokens", "true"),
            ("EnableIncomingWebhooks", "true"),
            ("EnablePostUsernameOverride", "false"),
            ("EnableUserTypingMessages", "true"),
            ("PostEditTimeLimit", "-1"),
            ("MaxFileSize", "104857600"),
            ("MaxNotificationsPerChannel", "1000"),
            ("RestrictDirectMessage", "any"),
            ("CollapsedThreads", "always_on"),
        ];
        config.extend(more.map(|(key, value)| (key, value.to_owned())));
        config.insert("MaxPostSize", MAX_MESSAGE.to_string());
    }
    Reply::json(200, &config)
}

fn config(call: &mut Call<'_>) -> Answer {
    let caller = call.user()?;
    if !call.state.is_admin(&caller) {
        return Err(permissions());
    }
    Ok(Reply::json(
        200,
        &json!({"ServiceSettings": {"EnableBotAccountCreation": true}}),
    ))
}

fn set_busy(call: &mut Call<'_>, method: &str) -> Answer {
    let caller = call.user()?;
    if !call.state.is_admin(&caller) {
        return Err(permissions());
    }
    let seconds: i64 = call
        .asked
        .query("seconds")
        .and_then(|text| text.parse().ok())
        .unwrap_or(3_600);
    call.state.busy_until = if method == "POST" {
        call.state.now() + seconds * 1_000
    } else {
        0
    };
    Ok(Reply::done())
}

#[derive(Serialize)]
struct Role {
    id: String,
    name: String,
    display_name: String,
    description: String,
    create_at: i64,
    update_at: i64,
    delete_at: i64,
    permissions: Vec<&'static str>,
    scheme_managed: bool,
    built_in: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheme_id: Option<Option<()>>,
}

fn role_of(call: &Call<'_>, name: &str) -> Option<Role> {
    let permissions = match name {
        "system_user" if call.state.is_old() => vec![
            "delete_emojis",
            "list_public_teams",
            "join_public_teams",
            "create_direct_channel",
            "create_group_channel",
            "view_members",
            "create_team",
            "create_emojis",
        ],
        "system_user" => vec![
            "delete_custom_group",
            "edit_custom_group",
            "create_direct_channel",
            "create_custom_group",
            "restore_custom_group",
            "create_emojis",
            "list_public_teams",
            "join_public_teams",
            "create_team",
            "delete_emojis",
            "manage_custom_group_members",
            "create_group_channel",
            "view_members",
        ],
        "system_admin" => vec![
            "manage_system",
            "create_post_ephemeral",
            "edit_others_posts",
        ],
        "system_guest" => vec!["create_direct_channel", "create_group_channel"],
        "team_user" => vec!["create_public_channel", "join_public_channels", "view_team"],
        "team_admin" => vec!["manage_team_roles", "remove_user_from_team"],
        "channel_user" => vec![
            "add_reaction",
            "create_post",
            "edit_post",
            "read_channel",
            "upload_file",
        ],
        "channel_admin" => vec!["manage_channel_roles"],
        _ => return None,
    };
    // The same id each time: a role is never made anew.
    let id: String = name
        .bytes()
        .cycle()
        .filter(u8::is_ascii_lowercase)
        .take(26)
        .map(char::from)
        .collect();
    Some(Role {
        id,
        name: name.to_owned(),
        display_name: format!("authentication.roles.{name}.name"),
        description: format!("authentication.roles.{name}.description"),
        create_at: 1_577_836_800_000,
        update_at: 1_577_836_800_000,
        delete_at: 0,
        permissions,
        scheme_managed: true,
        built_in: true,
        scheme_id: call.state.newer(None),
    })
}

fn role(call: &mut Call<'_>, name: &str) -> Answer {
    call.user()?;
    role_of(call, name)
        .map(|role| Reply::json(200, &role))
        .ok_or_else(|| ApiError::new(404, "app.role.get_by_name.app_error", "Unable to get role."))
}

fn roles(call: &mut Call<'_>) -> Answer {
    call.user()?;
    let names: Vec<String> = call.asked.list("rolenames")?;
    let roles: Vec<Role> = names
        .iter()
        .filter_map(|name| role_of(call, name))
        .collect();
    Ok(Reply::marshalled(&roles))
}

fn groups(call: &mut Call<'_>) -> Answer {
    call.user()?;
    Err(if call.state.is_old() {
        ApiError::new(
            501,
            "api.ldap_groups.license_error",
            "your license does not support ldap groups",
        )
    } else {
        ApiError::new(501, "api.license_error", "api endpoint requires a license")
    })
}

/// Only emoji of users' own making are found here, and there are none.
fn emoji(call: &mut Call<'_>) -> Answer {
    call.user()?;
    Err(ApiError::new(
        404,
        "app.emoji.get_by_name.no_result",
        "We couldn’t find the emoji.",
    ))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Command {
    channel_id: String,
    command: String,
    root_id: String,
}

fn command_answer(kind: &str, response_type: &str, text: &str) -> Reply {
    Reply::json(
        200,
        &json!({
            "response_type": response_type, "text": text, "username": "", "channel_id": "", "icon_url": "",
            "type": kind, "props": null, "goto_location": "", "trigger_id": "", "skip_slack_parsing": false,
            "attachments": null, "extra_responses": null
        }),
    )
}

/// `/me`, `/shrug`, `/header` and the statuses: the answer of a plugin would bear no mark either.
fn execute(call: &mut Call<'_>) -> Answer {
    let command: Command = call.asked.body("command_args")?;
    let caller = call.user()?;
    if !call.state.may_post(&caller, &command.channel_id) {
        return Err(permissions());
    }
    let line = command.command.strip_prefix('/').unwrap_or_default();
    let (name, text) = line.split_once(' ').unwrap_or((line, ""));
    match name {
        "me" => {
            post_as(call, &caller, &command, "me", format!("*{text}*"));
            Ok(command_answer("me", "in_channel", &format!("*{text}*")))
        }
        "shrug" => {
            let text = format!("{text} ¯\\\\_(ツ)\\_/¯");
            post_as(call, &caller, &command, "", text.clone());
            Ok(command_answer("", "in_channel", &text))
        }
        "header" => {
            let patch = ChannelPatch {
                header: Some(text.to_owned()),
                ..ChannelPatch::default()
            };
            call.state
                .patch_channel(&command.channel_id, patch, &caller)?;
            Ok(command_answer("", "", ""))
        }
        "away" | "online" | "offline" | "dnd" => {
            call.state.set_status(&caller, name, name != "online");
            let text = format!("You are now {name}");
            call.state
                .ephemeral_post(&caller, &caller, &command.channel_id, &text);
            Ok(command_answer("", "ephemeral", &text))
        }
        _ => Err(ApiError::new(
            404,
            "api.command.execute_command.not_found.app_error",
            format!(
                "Command with a trigger of '{name}' not found. To send a message beginning with \"/\", try adding \
                 an empty space at the beginning of the message."
            ),
        )),
    }
}

fn post_as(call: &mut Call<'_>, author: &str, command: &Command, kind: &str, message: String) {
    let now = call.state.now();
    let post = Post {
        id: crate::id::random_token(),
        create_at: now,
        update_at: now,
        user_id: author.to_owned(),
        channel_id: command.channel_id.clone(),
        root_id: command.root_id.clone(),
        message,
        kind: kind.to_owned(),
        ..Post::default()
    };
    call.state.save_post(post, "", true);
}
