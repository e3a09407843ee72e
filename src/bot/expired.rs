//! What catch-up came to too late, told in few posts a channel.

use std::collections::HashMap;
use std::sync::Arc;

use crate::audit::Verdict;
use crate::command::Role;
use crate::id::UserId;
use crate::ledger::{CallKey, CallState, Kind, Reply, Settlement, Unwritable};
use crate::tasks::catch_panic_async;

use super::context::Context;
use super::event::Event;
use super::reply;
use super::serve::{check, declined, parts};
use super::sweep::Unread;
use super::ticket::Ticket;

/// So many characters the names of its calls may take in the props of one post: 5.37 refuses props of more than 8,000.
const NAMES: usize = 6_000;
/// What a name takes in the props beside its own characters: it stands in two lists, with quotes and a comma.
const NAME_MARGIN: usize = 6;

/// A call that is not run, and how that is written down.
struct Refused<'a> {
    ticket: &'a Ticket,
    state: CallState,
    verdict: Verdict,
    code: &'static str,
}

/// Settles `tickets`, which are of one channel, and answers them together.
pub async fn settle(context: Arc<Context>, tickets: Vec<Ticket>) {
    let written = match catch_panic_async(record(&context, &tickets)).await {
        Ok(Ok(())) => true,
        Ok(Err(unwritable)) => {
            tracing::error!(%unwritable, "expired commands are answered later");
            false
        }
        Err(panicked) => {
            tracing::error!(%panicked, "expired commands were not answered, by a defect of this program");
            false
        }
    };
    for ticket in &tickets {
        let key = ticket.key();
        context.tell(Event::Ended { key, written });
    }
}

async fn record(context: &Context, tickets: &[Ticket]) -> Result<(), Unwritable> {
    let posts = tickets.iter().map(|ticket| ticket.post.id).collect();
    let known = context.ledger.known(posts).await?;
    let is_new = |ticket: &&Ticket| {
        let is_it = |known: &CallKey| (known.post, known.ordinal) == ticket.id();
        !known.iter().any(is_it) && !context.unrecorded.holds(&ticket.key())
    };
    let new = tickets.iter().filter(is_new);
    let (expired, denied): (Vec<_>, Vec<_>) = judged(context, new)
        .await
        .into_iter()
        .partition(|refused| refused.state == CallState::Expired);
    let mut settlements = Vec::new();
    for (refused, text) in [
        (
            &expired,
            reply::expired_together as fn(&[&Ticket], &str) -> _,
        ),
        (&denied, reply::denied_together),
    ] {
        for told in by_names(refused) {
            settlements.extend(settlements_of(context, told, text));
        }
    }
    let deliveries = context.ledger.settle(settlements).await?;
    for refused in expired.iter().chain(&denied) {
        let entry = context.entry(refused.ticket, refused.verdict, Some(refused.code), None);
        context.decided(entry);
    }
    context.outbox.send(deliveries);
    Ok(())
}

/// How each of `tickets` is refused: whoever may not run it is told no more of it than at any other time.
async fn judged<'a>(
    context: &Context,
    tickets: impl Iterator<Item = &'a Ticket>,
) -> Vec<Refused<'a>> {
    let mut roles: HashMap<(UserId, Role), Option<&'static str>> = HashMap::new();
    let mut judged = Vec::new();
    for ticket in tickets {
        let (state, verdict, code) = declined(ticket.fate);
        let expired = Refused {
            ticket,
            state,
            verdict,
            code,
        };
        let Some(builtin) = ticket.builtin() else {
            judged.push(expired);
            continue;
        };
        let asked_by = (ticket.post.user_id, ticket.role());
        let denied = match roles.get(&asked_by) {
            Some(known) => *known,
            None => {
                let checked = check(context, ticket, builtin).await;
                let denied = checked.err().map(|denied| denied.code());
                roles.insert(asked_by, denied);
                denied
            }
        };
        judged.push(denied.map_or(expired, |code| Refused {
            ticket,
            state: CallState::Denied,
            verdict: Verdict::Denied,
            code,
        }));
    }
    judged
}

/// `refused` in pieces whose names one post has room for.
fn by_names<'a>(refused: &'a [Refused<'a>]) -> Vec<&'a [Refused<'a>]> {
    let mut pieces = Vec::new();
    let (mut begin, mut room) = (0, NAMES);
    for (index, one) in refused.iter().enumerate() {
        let key = one.ticket.key();
        let length = key.to_string().len() + key.name.len() + NAME_MARGIN;
        if length > room && begin < index {
            pieces.push(&refused[begin..index]);
            (begin, room) = (index, NAMES);
        }
        room = room.saturating_sub(length);
    }
    if begin < refused.len() {
        pieces.push(&refused[begin..]);
    }
    pieces
}

/// The settlements of `told`; the first one holds the post that tells of all.
fn settlements_of(
    context: &Context,
    told: &[Refused<'_>],
    text: fn(&[&Ticket], &str) -> String,
) -> Vec<Settlement> {
    let tickets: Vec<&Ticket> = told.iter().map(|refused| refused.ticket).collect();
    let base = context.settings().config.matterbot.permalink_base();
    let settlement = |refused: &Refused<'_>| Settlement {
        call: refused.ticket.call(),
        state: refused.state,
        detail: refused.code.to_owned(),
        replies: Vec::new(),
    };
    let mut settlements: Vec<Settlement> = told.iter().map(settlement).collect();
    if let Some(first) = settlements.first_mut() {
        first.replies.push(Reply {
            kind: Kind::Outcome,
            calls: tickets.iter().map(|ticket| ticket.key()).collect(),
            ..Reply::notice(
                first.call.channel,
                None,
                parts(context, "expired", &text(&tickets, &base)),
            )
        });
    }
    settlements
}

/// Says in the channel which of its posts are not read.
pub async fn tell_unread(context: Arc<Context>, unread: Unread) {
    let text = reply::unread(unread.from, unread.to);
    let notice = Reply::notice(unread.channel, None, parts(&context, "unread", &text));
    context
        .post(notice, "a channel could not be told what was not read")
        .await;
}
