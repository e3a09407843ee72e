//! What modules are told that happens: posts, people who join, connections. It never holds up a command.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::bot::context::Context;
use crate::bot::names::of_user;
use crate::id::random_token;
use crate::module::protocol::Hook;

use super::hanging::{GRACE, suspect};
use super::happening::Happening;

/// Until the modules have been greeted, what happens waits for so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// Tells modules what has happened, beside everything else.
pub fn happened(context: &Arc<Context>, happening: Happening) {
    let modules = &context.modules;
    if modules.dropped.admits(modules.hooks.running()) {
        let telling = tell(Arc::clone(context), happening);
        drop(modules.hooks.spawn(context.chores.until_stopped(telling)));
    }
}

/// Tells the modules that asked for it.
async fn tell(context: Arc<Context>, happening: Happening) {
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
        tracing::warn!(
            hook = name,
            "modules are not told of something that happened"
        );
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
            username: of_user(context, user).await?,
            channel_id: channel.to_string(),
            channel: name.to_string(),
            text,
            ..hook
        },
        Happening::Joined { user, channel } => Hook {
            user_id: user.to_string(),
            username: of_user(context, user).await?,
            channel_id: channel.to_string(),
            ..hook
        },
        Happening::Connected => hook,
    })
}

/// Tells one module, and waits for the end of its call: what waits is counted.
async fn one(context: &Arc<Context>, module: &str, hook: Hook) {
    let (id, deadline) = (hook.id.clone(), Duration::from_millis(hook.deadline_ms));
    let Some(mut said) = context.modules.tell(module, hook) else {
        return;
    };
    let to_its_end = async {
        while let Some(said) = said.recv().await {
            if let super::Said::Failure(failure) = said {
                tracing::warn!(module, reason = ?failure.reason, trace = failure.trace, "a hook of a module failed");
            }
        }
    };
    if timeout(deadline + GRACE, to_its_end).await.is_err() {
        suspect(context, &id);
    }
}
