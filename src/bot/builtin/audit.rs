//! `@audit [n]`: the last decisions.

use std::collections::{HashMap, HashSet};

use crate::audit::Entry;
use crate::bot::context::Context;
use crate::bot::reply;
use crate::bot::ticket::Ticket;
use crate::command::Grant;
use crate::id::UserId;

use super::Answer;

/// So many decisions are shown if no number is given.
const USUAL: usize = 10;
/// At most so many are shown.
const MOST: usize = 200;
/// At most so many people are looked up; the others are shown by their identifiers.
const MOST_NAMES: usize = 20;

/// Shows the last decisions; `_grant` proves that the asker may see them.
pub async fn last(context: &Context, ticket: &Ticket, _grant: Grant) -> Answer {
    let count = match ticket.invocation.arguments.as_slice() {
        [] => USUAL,
        [number] => match number.parse::<usize>() {
            Ok(count @ 1..=MOST) => count,
            _ => return Answer::Text(reply::audit_usage(MOST)),
        },
        _ => return Answer::Text(reply::audit_usage(MOST)),
    };
    let entries = context.audit.last(count).await;
    let names = names(context, &entries).await;
    Answer::Text(reply::audit(&entries, &names))
}

/// The names of those who stand in `entries`, as far as the server tells them.
async fn names(context: &Context, entries: &[Entry]) -> HashMap<UserId, String> {
    let users: HashSet<UserId> = entries.iter().map(|entry| entry.user).collect();
    let mut names = HashMap::new();
    for user in users.into_iter().take(MOST_NAMES) {
        if let Ok(user) = context.api.user(user).await {
            names.insert(user.id, user.username);
        }
    }
    names
}
