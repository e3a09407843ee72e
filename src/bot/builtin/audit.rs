//! `@audit [n]`: the last decisions.

use crate::bot::context::Context;
use crate::bot::reply;
use crate::bot::ticket::Ticket;
use crate::command::Grant;

use super::Answer;

/// So many decisions are shown if no number is given.
const USUAL: usize = 10;
/// At most so many are shown.
const MOST: usize = 200;

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
    Answer::Text(reply::audit(&context.audit.last(count).await))
}
