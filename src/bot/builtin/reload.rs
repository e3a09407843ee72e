//! `@reload [--dry-run]`: modules and configuration without a restart.

use std::sync::Arc;

use crate::audit::Verdict;
use crate::bot::context::Context;
use crate::bot::reload::{self, Unchanged};
use crate::bot::reply;
use crate::bot::ticket::Ticket;
use crate::command::Grant;

use super::{Answer, audited};

/// Reloads, and reports; `_grant` proves that the asker may.
pub async fn run(context: &Arc<Context>, ticket: &Ticket, _grant: Grant) -> Answer {
    let dry_run = match ticket.invocation.arguments.as_slice() {
        [] => false,
        [option] if option == "--dry-run" => true,
        _ => return Answer::Text(reply::reload_usage(&context.settings().vocabulary)),
    };
    let entry = context.entry(ticket, Verdict::Allowed, None, Some("reloading"));
    if let Err(unwritable) = audited(context, ticket, entry).await {
        return unwritable;
    }
    match reload::reload(context, dry_run).await {
        Ok(report) => Answer::Text(reply::reloaded(&report, &context.settings().vocabulary)),
        Err(Unchanged::Invalid(invalid)) => Answer::Failed {
            reason: "the configuration has errors".to_owned(),
            text: reply::not_reloaded(&invalid),
        },
        Err(Unchanged::Modules(reason)) => Answer::Failed {
            text: reply::modules_not_loaded(&reason),
            reason,
        },
    }
}
