//! Incoming webhooks: their posts bear the name of whoever made the hook.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::State;
use super::posts::Post;
use crate::id::random_token;
use crate::playground::error::ApiError;
use crate::playground::wire::Props;

/// An incoming webhook.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Hook {
    pub(crate) id: String,
    pub(crate) create_at: i64,
    pub(crate) user_id: String,
    pub(crate) channel_id: String,
    pub(crate) team_id: String,
    pub(crate) display_name: String,
    pub(crate) description: String,
    pub(crate) channel_locked: bool,
}

/// What a hook is sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct HookMessage {
    pub(crate) text: String,
    pub(crate) channel: String,
    pub(crate) props: Props,
    pub(crate) attachments: Vec<Value>,
    #[serde(rename = "type")]
    pub(crate) kind: String,
}

impl State {
    pub(crate) fn hook_error(
        &self,
        id: &str,
        old_id: &'static str,
        old_message: &'static str,
    ) -> ApiError {
        if self.is_old() {
            return ApiError::new(400, old_id, old_message);
        }
        ApiError::new(
            400,
            "web.incoming_webhook.general.app_error",
            format!(
                "Failed to handle the payload of media type application/json for incoming webhook {id}."
            ),
        )
    }

    /// Where the message goes: the hook's channel, or the one that it names.
    fn hook_channel(&mut self, hook: &Hook, named: &str) -> Option<String> {
        if named.is_empty() || hook.channel_locked {
            return Some(hook.channel_id.clone());
        }
        if let Some(username) = named.strip_prefix('@') {
            let other = self.account_by_name(username)?.id.clone();
            return Some(self.direct_channel(&hook.user_id, &other));
        }
        let name = named.trim_start_matches('#');
        self.channel_by_name(&hook.team_id, name)
            .map(|channel| channel.id.clone())
    }

    /// Posts what came for a hook.
    pub(crate) fn run_hook(&mut self, id: &str, message: HookMessage) -> Result<(), ApiError> {
        let hook = self.hooks.get(id).cloned().ok_or_else(|| {
            self.hook_error(
                id,
                "web.incoming_webhook.invalid.app_error",
                "Invalid webhook.",
            )
        })?;
        if message.text.is_empty() && message.attachments.is_empty() {
            return Err(self.hook_error(
                id,
                "web.incoming_webhook.text.app_error",
                "No text specified.",
            ));
        }
        let channel_id = self.hook_channel(&hook, &message.channel).ok_or_else(|| {
            self.hook_error(
                id,
                "web.incoming_webhook.channel.app_error",
                "Couldn't find the channel.",
            )
        })?;
        let mut props = message.props;
        if !message.attachments.is_empty() {
            props.insert("attachments".to_owned(), Value::Array(message.attachments));
        }
        crate::playground::attachments::normalise(&mut props);
        props.insert("from_webhook".to_owned(), "true".into());
        props.insert(
            "webhook_display_name".to_owned(),
            hook.display_name.clone().into(),
        );
        let now = self.now();
        let post = Post {
            id: random_token(),
            create_at: now,
            update_at: now,
            user_id: hook.user_id,
            channel_id,
            message: message.text,
            kind: message.kind,
            props,
            ..Post::default()
        };
        self.save_post(post, "", false);
        Ok(())
    }
}
