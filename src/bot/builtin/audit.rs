//! `@audit [n]`: the last decisions.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use tokio::time::{Instant, timeout_at};

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
/// So many of them at a time.
const LOOK_UPS_AT_ONCE: usize = 4;
/// The answer waits no longer for names.
const PATIENCE: Duration = Duration::from_secs(2);
/// A call has few lines in the trail: its start, its outcome, and what interrupts it.
const LINES_A_CALL: usize = 3;

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
    let entries = calls(context.audit.last(count * LINES_A_CALL).await, count);
    let names = names(context, &entries).await;
    Answer::Text(reply::audit(&entries, &names))
}

/// The last `count` calls of `entries`, each as its newest line tells of it, in the order of these lines.
fn calls(entries: Vec<Entry>, count: usize) -> Vec<Entry> {
    let mut known = HashSet::new();
    let mut calls: Vec<Entry> = entries
        .into_iter()
        .rev()
        .filter(|entry| known.insert((entry.post, entry.ordinal)))
        .take(count)
        .collect();
    calls.reverse();
    calls
}

/// The names of those who stand in `entries`, as far as the server tells them in time.
async fn names(context: &Context, entries: &[Entry]) -> HashMap<UserId, String> {
    let users: HashSet<UserId> = entries.iter().map(|entry| entry.user).collect();
    let look_up = |user| context.api.user(user);
    let mut found = stream::iter(users.into_iter().take(MOST_NAMES))
        .map(look_up)
        .buffer_unordered(LOOK_UPS_AT_ONCE);
    let deadline = Instant::now() + PATIENCE;
    let mut names = HashMap::new();
    while let Ok(Some(user)) = timeout_at(deadline, found.next()).await {
        if let Ok(user) = user {
            names.insert(user.id, user.username);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use crate::audit::Verdict;
    use crate::id::{ChannelId, PostId};
    use crate::timestamp::Timestamp;

    use super::*;

    fn entry(post: PostId, outcome: &str) -> Entry {
        Entry {
            at: Timestamp(0),
            post,
            ordinal: 0,
            channel: ChannelId::random(),
            user: UserId::random(),
            command: "@restart".to_owned(),
            module: None,
            verdict: Verdict::Allowed,
            reason: None,
            outcome: Some(outcome.to_owned()),
        }
    }

    #[test]
    fn the_newest_line_of_a_call_decides() {
        let (first, second) = (PostId::random(), PostId::random());
        let lines = vec![
            entry(first, "restarting"),
            entry(second, "done"),
            entry(first, "restarted"),
        ];
        let outcomes = |count| -> Vec<String> {
            let calls = calls(lines.clone(), count);
            calls.into_iter().filter_map(|call| call.outcome).collect()
        };
        assert_eq!(outcomes(10), ["done", "restarted"]);
        assert_eq!(outcomes(1), ["restarted"]);
    }
}
