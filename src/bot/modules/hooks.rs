//! What modules are told that happens: posts, people who join, connections. It never holds up a command.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::bot::causes::causes;
use crate::bot::context::Context;
use crate::id::{ChannelId, UserId, random_token};
use crate::module::protocol::Hook;

/// So many may wait for their modules; more of them are dropped.
const MOST_WAITING: usize = 64;

/// Until the modules have been greeted, what happens waits for so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// Something that modules may ask to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// A person wrote this.
    Written {
        /// Who.
        user: UserId,
        /// Where.
        channel: ChannelId,
        /// Where, by name.
        name: Arc<str>,
        /// What.
        text: String,
    },
    /// Somebody joined a channel.
    Joined {
        /// Who.
        user: UserId,
        /// Which.
        channel: ChannelId,
    },
    /// The bot has connected.
    Connected,
}

impl Happening {
    /// The hook's name, as in a module's description.
    fn name(&self) -> &'static str {
        match self {
            Self::Written { .. } => "scan_message",
            Self::Joined { .. } => "on_join",
            Self::Connected => "reconcile",
        }
    }
}

/// How many hooks were dropped since the start.
#[derive(Debug, Default)]
pub struct Dropped(AtomicUsize);

/// Tells the modules that asked for it.
pub async fn tell(context: Arc<Context>, happening: Happening) {
    let name = happening.name();
    // At the first connection the modules are still being loaded, as a rule.
    if context.modules.greeted(PATIENCE).await.is_err() {
        return;
    }
    let catalogue = context.binds.catalogue();
    let told: Vec<String> = catalogue
        .modules()
        .filter(|module| module.hooks.iter().any(|hook| hook == name))
        .map(|module| module.name.clone())
        .collect();
    if told.is_empty() {
        return;
    }
    let Some(hook) = hook(&context, happening).await else {
        return;
    };
    for module in told {
        let id = format!("hook:{}", random_token());
        let hook = Hook { id, ..hook.clone() };
        one(&context, &module, hook).await;
    }
}

/// What the modules are told.
async fn hook(context: &Context, happening: Happening) -> Option<Hook> {
    let bot_id = context.identity()?.me.to_string();
    let patience = context.settings().config.matterbot.command_timeout;
    let hook = Hook {
        name: happening.name().to_owned(),
        bot_id,
        deadline_ms: u64::try_from(patience.as_millis()).unwrap_or(u64::MAX),
        ..Hook::default()
    };
    Some(match happening {
        Happening::Written {
            user,
            channel,
            name,
            text,
        } => Hook {
            user_id: user.to_string(),
            username: username(context, user).await?,
            channel_id: channel.to_string(),
            channel: name.to_string(),
            text,
            ..hook
        },
        Happening::Joined { user, channel } => Hook {
            user_id: user.to_string(),
            username: username(context, user).await?,
            channel_id: channel.to_string(),
            ..hook
        },
        Happening::Connected => hook,
    })
}

async fn username(context: &Context, user: UserId) -> Option<String> {
    match context.api.user(user).await {
        Ok(user) => Some(format!("@{}", user.username)),
        Err(error) => {
            tracing::debug!(error = %causes(&error), %user, "modules are not told of somebody who cannot be looked up");
            None
        }
    }
}

/// Tells one module, and waits for the end of its call: what waits is counted.
async fn one(context: &Context, module: &str, hook: Hook) {
    let Some(mut said) = context.modules.tell(module, hook) else {
        return;
    };
    while let Some(said) = said.recv().await {
        if let super::Said::Failure(failure) = said {
            tracing::warn!(module, reason = ?failure.reason, trace = failure.trace, "a hook of a module failed");
        }
    }
}

impl Dropped {
    /// Whether another hook may wait beside `waiting` others; if not it is counted, and the log is told now and then.
    pub fn admits(&self, waiting: usize) -> bool {
        if waiting < MOST_WAITING {
            return true;
        }
        let dropped = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        if dropped.is_power_of_two() {
            tracing::warn!(
                dropped,
                "modules are not told of all that happens: too much of it waits for them"
            );
        }
        false
    }
}
