//! What catch-up came to too late, told in one post a channel.

use std::sync::Arc;

use crate::ledger::{CallKey, Kind, Reply, Settlement, Unwritable};
use crate::tasks::catch_panic_async;

use super::context::Context;
use super::event::Event;
use super::reply;
use super::serve::{declined, parts};
use super::sweep::Unread;
use super::ticket::Ticket;

/// Settles `tickets`, which are of one channel, and answers them in one post.
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
    let mut tickets = tickets.to_vec();
    tickets.retain(|ticket| {
        let key = ticket.key();
        let is_it = |known: &CallKey| (known.post, known.ordinal) == ticket.id();
        !known.iter().any(is_it) && !context.unrecorded.holds(&key)
    });
    let mut settlements: Vec<Settlement> = tickets.iter().map(settlement).collect();
    let Some(first) = settlements.first_mut() else {
        return Ok(());
    };
    let text = reply::expired_together(
        &tickets,
        &context.settings().config.matterbot.permalink_base(),
    );
    first.replies.push(Reply {
        channel: first.call.channel,
        root: None,
        kind: Kind::Outcome,
        calls: tickets.iter().map(Ticket::key).collect(),
        parts: parts(context, "expired", &text),
    });
    let deliveries = context.ledger.settle(settlements).await?;
    for ticket in &tickets {
        let (_, verdict, code) = declined(ticket.fate);
        let entry = context.entry(ticket, verdict, Some(code), None);
        context.decided(entry);
    }
    context.outbox.send(deliveries);
    Ok(())
}

fn settlement(ticket: &Ticket) -> Settlement {
    let (state, _, code) = declined(ticket.fate);
    Settlement {
        call: ticket.call(),
        state,
        detail: code.to_owned(),
        replies: Vec::new(),
    }
}

/// Says in the channel which of its posts are not read.
pub async fn tell_unread(context: Arc<Context>, unread: Unread) {
    let text = reply::unread(unread.from, unread.to);
    let notice = Reply::notice(unread.channel, None, parts(&context, "unread", &text));
    context
        .post(notice, "a channel could not be told what was not read")
        .await;
}
