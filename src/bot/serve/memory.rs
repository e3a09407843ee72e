//! What is answered from memory while the ledger cannot be written.

use std::sync::Arc;
use std::time::Duration;

use crate::bot::builtin;
use crate::bot::context::Context;
use crate::bot::reply;
use crate::bot::status::Status;
use crate::bot::ticket::{Fate, Ticket};
use crate::command::Builtin;
use crate::ledger::{Kind, Reply, Unwritable};

use super::{Ending, Outcome, answer, record};

/// That the ledger cannot be written is said once a channel in this time.
const NOTICE_EVERY: Duration = Duration::from_secs(600);
/// How long an answer that no ledger holds is tried.
const SAYING: Duration = Duration::from_secs(30);

/// Without the ledger nothing runs. What only tells of us is told from memory, and its row is the first one written
/// when the ledger can be written again; everything else is found again then.
pub(super) async fn without_ledger(
    context: &Arc<Context>,
    ticket: &Ticket,
    status: &Status,
    unwritable: &Unwritable,
) -> Ending {
    tracing::debug!(%unwritable, post = %ticket.post.id, "nothing is run");
    let answerable = ticket.fate == Fate::Run && !context.unrecorded.is_plenty();
    let text = match ticket.builtin() {
        Some(Builtin::Status) if answerable => {
            let (modules, settings) = (context.modules_status(), context.settings());
            let trouble = unwritable.to_string();
            let facts = reply::Facts {
                status,
                modules: &modules,
                starts: context.starts_within(reply::LATELY),
                trouble: Some(&trouble),
            };
            reply::status(&facts, &settings.vocabulary)
        }
        Some(Builtin::Help) if answerable => builtin::help::text(context, ticket).await,
        _ => {
            let channel = ticket.post.channel_id;
            if ticket.answer_owed() && context.notices.first_within(channel, NOTICE_EVERY) {
                tracing::error!(%unwritable, %channel, "nothing is run");
                let notice = Reply {
                    kind: Kind::Notice,
                    calls: Vec::new(),
                    ..answer(context, ticket, &reply::ledger_unwritable())
                };
                say(context, ticket, notice, SAYING).await;
            }
            return Ending::LeftOpen;
        }
    };
    if !say(context, ticket, answer(context, ticket, &text), SAYING).await {
        return Ending::LeftOpen;
    }
    let mut record = record(context, ticket, Outcome::done(text));
    record.settlement.replies.clear();
    // Who wants to read the question finds it above its answer.
    record.settlement.call.text.clear();
    "answered while the ledger could not be written".clone_into(&mut record.settlement.detail);
    context.keep(record);
    Ending::Settled
}

/// Posts without a row in the outbox, for `patience` at most: the bot that starts over with its ledger waits for this.
/// Says whether all of it is visible.
pub(super) async fn say(
    context: &Context,
    ticket: &Ticket,
    reply: Reply,
    patience: Duration,
) -> bool {
    let Some(identity) = context.identity() else {
        return false;
    };
    let posting = async {
        for delivery in context.ledger.unrecorded(reply) {
            context.outbox.post(&delivery, &identity).await?;
        }
        Ok(())
    };
    let late = |_| Err(format!("it took longer than {} s", patience.as_secs()));
    let said = tokio::time::timeout(patience, posting).await;
    if let Err(reason) = said.unwrap_or_else(late) {
        tracing::warn!(reason, post = %ticket.post.id, "an answer could not be posted");
        return false;
    }
    true
}
