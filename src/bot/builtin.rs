//! The built-in commands: each acts with a grant and gives an answer; the sentences stand in `reply`.

pub mod audit;
pub mod binds;
pub mod help;
pub mod reload;
pub mod restart;

use std::sync::Arc;

use crate::audit::Entry;
use crate::command::{Builtin, Grant};

use super::causes::causes;
use super::context::Context;
use super::reply;
use super::status::Status;
use super::ticket::Ticket;

/// What a built-in came to.
#[derive(Debug)]
pub enum Answer {
    /// It did what it was asked, and this is the answer.
    Text(String),
    /// It did not.
    Failed {
        /// Why, for the log.
        reason: String,
        /// The answer for the asker.
        text: String,
    },
    /// The loop goes on with it.
    HandedOver,
}

/// Runs the command that `grant` allows.
pub async fn run(context: &Arc<Context>, ticket: &Ticket, grant: Grant, status: &Status) -> Answer {
    match grant.builtin() {
        Builtin::Help => Answer::Text(help::text(context, ticket).await),
        Builtin::Status => Answer::Text(status_of(context, ticket, status)),
        Builtin::Map => Answer::Text(binds::map(context, ticket).await),
        Builtin::Bind | Builtin::Unbind => binds::bind(context, ticket, grant).await,
        Builtin::Audit => audit::last(context, ticket, grant).await,
        Builtin::Restart => restart::ask(context, ticket, grant).await,
        Builtin::Reload => reload::run(context, ticket, grant).await,
        Builtin::Start | Builtin::Stop | Builtin::Reset => Answer::Failed {
            reason: "no ward".to_owned(),
            text: reply::no_ward(),
        },
    }
}

/// Has on the disk what `entry` says is begun; without that line nothing is begun.
async fn audited(context: &Context, ticket: &Ticket, entry: Entry) -> Result<(), Answer> {
    let recorded = context.audit.record_durably(entry).await;
    recorded.map_err(|error| Answer::Failed {
        reason: causes(&error).to_string(),
        text: reply::audit_unwritable(ticket),
    })
}

/// `@status [name]`: the bot is all there is to tell of.
fn status_of(context: &Context, ticket: &Ticket, status: &Status) -> String {
    match ticket.invocation.arguments.first() {
        Some(name) if !name.eq_ignore_ascii_case("bot") => reply::status_unknown(name),
        _ => {
            let trouble = context
                .audit
                .trouble()
                .map(|trouble| reply::audit_trouble(&trouble));
            let (modules, settings) = (context.modules_status(), context.settings());
            let starts = context.starts_within(reply::LATELY);
            let facts = reply::Facts {
                status,
                modules: &modules,
                starts,
                trouble: trouble.as_deref(),
            };
            reply::status(&facts, &settings.vocabulary)
        }
    }
}
