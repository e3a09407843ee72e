//! The JSON that the real servers write: key order, omitted keys and escaping included.

use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, Value};

/// The free-form object of a post.
pub(crate) type Props = serde_json::Map<String, Value>;

/// Text as Go's encoder writes it: compact, with `<`, `>` and `&` escaped, also inside of a string in a string.
pub(crate) fn to_text<T: Serialize>(value: &T) -> String {
    let mut bytes = Vec::with_capacity(256);
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, Escaping);
    if value.serialize(&mut serializer).is_err() {
        // Only a map with keys that are no strings fails, and no type here has one.
        return "null".to_owned();
    }
    String::from_utf8(bytes).unwrap_or_default()
}

/// The same text as a value that can stand inside of another document.
pub(crate) fn to_raw<T: Serialize>(value: &T) -> Box<RawValue> {
    RawValue::from_string(to_text(value)).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

struct Escaping;

impl serde_json::ser::Formatter for Escaping {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(found) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            let (before, at) = rest.split_at(found);
            writer.write_all(before.as_bytes())?;
            let mut characters = at.chars();
            let special = characters.next().unwrap_or_default();
            write!(writer, "\\u{:04x}", u32::from(special))?;
            rest = characters.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

fn is_false(value: &bool) -> bool {
    !*value
}

fn is_zero(value: &i64) -> bool {
    *value == 0
}

/// A user; which fields are there depends on who asks and on the flavour.
#[derive(Serialize)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) create_at: i64,
    pub(crate) update_at: i64,
    pub(crate) delete_at: i64,
    pub(crate) username: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) auth_data: Option<&'static str>,
    pub(crate) auth_service: &'static str,
    pub(crate) email: String,
    pub(crate) nickname: String,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) position: String,
    pub(crate) roles: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) notify_props: Option<BTreeMap<&'static str, &'static str>>,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) last_password_update: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) last_picture_update: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) failed_attempts: i64,
    pub(crate) locale: &'static str,
    pub(crate) timezone: Timezone,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) remote_id: Option<&'static str>,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) is_bot: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) bot_description: String,
    pub(crate) disable_welcome_email: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Timezone {
    pub(crate) automatic_timezone: &'static str,
    pub(crate) manual_timezone: &'static str,
    pub(crate) use_automatic_timezone: &'static str,
}

impl Timezone {
    pub(crate) const DEFAULT: Self = Self {
        automatic_timezone: "",
        manual_timezone: "",
        use_automatic_timezone: "true",
    };
}

#[derive(Serialize)]
pub(crate) struct Bot {
    pub(crate) user_id: String,
    pub(crate) username: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) display_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) description: String,
    pub(crate) owner_id: String,
    pub(crate) create_at: i64,
    pub(crate) update_at: i64,
    pub(crate) delete_at: i64,
}

#[derive(Serialize)]
pub(crate) struct Team {
    pub(crate) id: String,
    pub(crate) create_at: i64,
    pub(crate) update_at: i64,
    pub(crate) delete_at: i64,
    pub(crate) display_name: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) email: String,
    pub(crate) r#type: String,
    pub(crate) company_name: &'static str,
    pub(crate) allowed_domains: &'static str,
    pub(crate) invite_id: String,
    pub(crate) allow_open_invite: bool,
    pub(crate) scheme_id: Option<()>,
    pub(crate) group_constrained: Option<()>,
    pub(crate) policy_id: Option<()>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cloud_limits_archived: Option<bool>,
}

#[derive(Serialize)]
pub(crate) struct TeamMember {
    pub(crate) team_id: String,
    pub(crate) user_id: String,
    pub(crate) roles: String,
    pub(crate) delete_at: i64,
    pub(crate) scheme_guest: bool,
    pub(crate) scheme_user: bool,
    pub(crate) scheme_admin: bool,
    pub(crate) explicit_roles: &'static str,
}

#[derive(Serialize)]
pub(crate) struct Channel {
    pub(crate) id: String,
    pub(crate) create_at: i64,
    pub(crate) update_at: i64,
    pub(crate) delete_at: i64,
    pub(crate) team_id: String,
    pub(crate) r#type: String,
    pub(crate) display_name: String,
    pub(crate) name: String,
    pub(crate) header: String,
    pub(crate) purpose: String,
    pub(crate) last_post_at: i64,
    pub(crate) total_msg_count: i64,
    pub(crate) extra_update_at: i64,
    pub(crate) creator_id: String,
    pub(crate) scheme_id: Option<()>,
    pub(crate) props: Option<()>,
    pub(crate) group_constrained: Option<()>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) autotranslation: Option<bool>,
    pub(crate) shared: Option<bool>,
    pub(crate) total_msg_count_root: i64,
    pub(crate) policy_id: Option<()>,
    #[serde(flatten)]
    pub(crate) newer: Option<NewerChannel>,
}

/// What channels have had since 5.37.
#[derive(Serialize)]
pub(crate) struct NewerChannel {
    pub(crate) last_root_post_at: i64,
    pub(crate) banner_info: Option<()>,
    pub(crate) policy_enforced: bool,
    pub(crate) policy_is_active: bool,
    pub(crate) default_category_name: &'static str,
}

#[derive(Serialize)]
pub(crate) struct ChannelMember {
    pub(crate) channel_id: String,
    pub(crate) user_id: String,
    pub(crate) roles: String,
    pub(crate) last_viewed_at: i64,
    pub(crate) msg_count: i64,
    pub(crate) mention_count: i64,
    pub(crate) mention_count_root: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) urgent_mention_count: Option<i64>,
    pub(crate) msg_count_root: i64,
    pub(crate) notify_props: BTreeMap<&'static str, &'static str>,
    pub(crate) last_update_at: i64,
    pub(crate) scheme_guest: bool,
    pub(crate) scheme_user: bool,
    pub(crate) scheme_admin: bool,
    pub(crate) explicit_roles: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) autotranslation_disabled: Option<bool>,
}

#[derive(Serialize)]
pub(crate) struct Post {
    pub(crate) id: String,
    pub(crate) create_at: i64,
    pub(crate) update_at: i64,
    pub(crate) edit_at: i64,
    pub(crate) delete_at: i64,
    pub(crate) is_pinned: bool,
    pub(crate) user_id: String,
    pub(crate) channel_id: String,
    pub(crate) root_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parent_id: Option<String>,
    pub(crate) original_id: String,
    pub(crate) message: String,
    pub(crate) r#type: String,
    pub(crate) props: Props,
    pub(crate) hashtags: String,
    /// Outer `None`: no key; inner `None`: null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file_ids: Option<Option<Vec<String>>>,
    pub(crate) pending_post_id: String,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) has_reactions: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) remote_id: Option<&'static str>,
    pub(crate) reply_count: usize,
    pub(crate) last_reply_at: i64,
    pub(crate) participants: Option<()>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) metadata: Option<Metadata>,
}

#[derive(Serialize, Default)]
pub(crate) struct Metadata {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) embeds: Vec<Embed>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) files: Vec<FileInfo>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) reactions: Vec<Reaction>,
}

#[derive(Serialize)]
pub(crate) struct Embed {
    pub(crate) r#type: &'static str,
}

#[derive(Serialize)]
pub(crate) struct PostList {
    pub(crate) order: Vec<String>,
    pub(crate) posts: BTreeMap<String, Post>,
    pub(crate) next_post_id: String,
    pub(crate) prev_post_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) has_next: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_inaccessible_post_time: Option<i64>,
}

#[derive(Debug, Serialize, Deserialize, Clone)]
pub(crate) struct Reaction {
    pub(crate) user_id: String,
    pub(crate) post_id: String,
    pub(crate) emoji_name: String,
    pub(crate) create_at: i64,
    pub(crate) update_at: i64,
    pub(crate) delete_at: i64,
    pub(crate) remote_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) channel_id: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct FileInfo {
    pub(crate) id: String,
    pub(crate) user_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) post_id: String,
    pub(crate) channel_id: String,
    pub(crate) create_at: i64,
    pub(crate) update_at: i64,
    pub(crate) delete_at: i64,
    pub(crate) name: String,
    pub(crate) extension: String,
    pub(crate) size: usize,
    pub(crate) mime_type: String,
    pub(crate) mini_preview: Option<()>,
    pub(crate) remote_id: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) archived: Option<bool>,
}

#[derive(Serialize)]
pub(crate) struct Thread {
    pub(crate) id: String,
    pub(crate) reply_count: usize,
    pub(crate) last_reply_at: i64,
    pub(crate) last_viewed_at: i64,
    pub(crate) participants: Vec<User>,
    pub(crate) post: Post,
    pub(crate) unread_replies: i64,
    pub(crate) unread_mentions: i64,
    pub(crate) is_urgent: bool,
    pub(crate) delete_at: i64,
}

#[derive(Serialize)]
pub(crate) struct Token {
    pub(crate) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<String>,
    pub(crate) user_id: String,
    pub(crate) description: String,
    pub(crate) is_active: bool,
}

#[derive(Serialize)]
pub(crate) struct Status {
    pub(crate) user_id: String,
    pub(crate) status: String,
    pub(crate) manual: bool,
    pub(crate) last_activity_at: i64,
    pub(crate) dnd_end_time: i64,
}

/// To whom an event went, as its receivers see it.
#[derive(Serialize, Default, Clone)]
pub(crate) struct Broadcast {
    pub(crate) omit_users: Option<BTreeMap<String, bool>>,
    pub(crate) user_id: String,
    pub(crate) channel_id: String,
    pub(crate) team_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) connection_id: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) omit_connection_id: Option<&'static str>,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) contains_sanitized_data: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) contains_sensitive_data: bool,
}

/// The answer to a request that came over the websocket.
#[derive(Serialize)]
pub(crate) struct SocketReply {
    pub(crate) status: &'static str,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) seq_reply: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) data: Option<BTreeMap<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<SocketError>,
}

#[derive(Serialize)]
pub(crate) struct SocketError {
    pub(crate) id: std::borrow::Cow<'static, str>,
    pub(crate) message: String,
    pub(crate) detailed_error: &'static str,
    pub(crate) status_code: u16,
}
