//! One call, from its turn to its answer; read from top to bottom.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::audit::Verdict;
use crate::command::role::{self, Denied, Grant};
use crate::command::{Builtin, Role};
use crate::ledger::{Attachment, CallState, Kind, Part, Reply, Settlement, Started, Unwritable};
use crate::text::{self, Rendered};

use super::builtin::{self, Answer};
use super::causes::causes;
use super::context::Context;
use super::event::Event;
use super::reply;
use super::status::Status;
use super::ticket::{Fate, Ticket};

/// The reaction to a call that takes longer than `Lifecycle.ack_after`.
const SEEN: &str = "eyes";
/// The reaction to a call of a user who was told already that there are too many.
const TOO_MANY: &str = "hourglass_flowing_sand";

/// Serves `ticket` and tells the loop when that has ended.
pub async fn serve(context: Arc<Context>, ticket: Ticket, status: Status) {
    let key = ticket.key();
    let written = match ticket.fate {
        Fate::Run | Fate::Join => run(&context, &ticket, &status).await,
        Fate::Edited => edited(&context, &ticket).await,
        _ => decline(&context, &ticket).await,
    };
    match written {
        Ok(Ending::Settled) => context.tell(Event::Ended { key, written: true }),
        // The restart settles the call: the successor, or the loop if it cannot be prepared.
        Ok(Ending::HandedOver) => {}
        Err(unwritable) => {
            let written = without_ledger(&context, &ticket, &status, &unwritable).await;
            context.tell(Event::Ended { key, written });
        }
    }
}

/// How the serving of a call ended.
enum Ending {
    Settled,
    HandedOver,
}

/// Checks, starts, runs and settles a call.
async fn run(
    context: &Arc<Context>,
    ticket: &Ticket,
    status: &Status,
) -> Result<Ending, Unwritable> {
    let grant = match check(context, ticket).await {
        Ok(grant) => grant,
        Err(denied) => {
            return deny(
                context,
                ticket,
                denied.code(),
                reply::denied(ticket, denied),
            )
            .await;
        }
    };
    if let Err(refusal) = builtin::restart::allowance(context, ticket).await? {
        return deny(context, ticket, refusal.code(), refusal.sentence()).await;
    }
    match context.ledger.start(ticket.call()).await? {
        Started::New => {}
        Started::Known(_) => return Ok(Ending::Settled),
    }
    let answer = acknowledging(
        context,
        ticket,
        builtin::run(context, ticket, grant, status),
    )
    .await;
    let (state, outcome, text) = match answer {
        Answer::Text(text) => (CallState::Done, "done", text),
        Answer::Failed { reason, text } => {
            tracing::warn!(command = ticket.row().name, post = %ticket.post.id, %reason, "a command failed");
            (CallState::Failed, "failed", text)
        }
        Answer::HandedOver => return Ok(Ending::HandedOver),
    };
    context
        .audit
        .record(context.entry(ticket, Verdict::Allowed, None, Some(outcome)));
    settle(context, ticket, state, outcome, Some(text)).await
}

/// The role check: a fresh look at the account for every command that needs a role.
async fn check(context: &Context, ticket: &Ticket) -> Result<Grant, Denied> {
    let (builtin, needed) = (ticket.invocation.builtin, ticket.row().role);
    if needed == Role::Everyone {
        return role::for_everyone(ticket.post.user_id, builtin);
    }
    match context.api_for(ticket).user(ticket.post.user_id).await {
        Ok(user) if user.id == ticket.post.user_id => {
            role::authorize(&context.policy, &user, needed, builtin)
        }
        Ok(_) => Err(Denied::LookupFailed),
        Err(error) => {
            tracing::warn!(error = %causes(&error), user = %ticket.post.user_id, "who asks could not be looked up");
            Err(Denied::LookupFailed)
        }
    }
}

/// Runs `work`; if that takes a while, the asker sees that it was noticed.
async fn acknowledging(
    context: &Context,
    ticket: &Ticket,
    work: impl Future<Output = Answer>,
) -> Answer {
    tokio::pin!(work);
    tokio::select! {
        // Only the waiting is given up; the work goes on below.
        answer = &mut work => return answer,
        () = tokio::time::sleep(context.config.lifecycle.ack_after) => {}
    }
    let noticed = react(context, ticket, SEEN);
    tokio::pin!(noticed);
    tokio::select! {
        // A courtesy does not hold a finished answer.
        answer = &mut work => answer,
        () = &mut noticed => work.await,
    }
}

/// Records a denial that was decided while serving.
async fn deny(
    context: &Context,
    ticket: &Ticket,
    code: &str,
    sentence: String,
) -> Result<Ending, Unwritable> {
    context
        .audit
        .record(context.entry(ticket, Verdict::Denied, Some(code), None));
    settle(context, ticket, CallState::Denied, code, Some(sentence)).await
}

/// Records what was decided before the call's turn came.
async fn decline(context: &Context, ticket: &Ticket) -> Result<Ending, Unwritable> {
    let (state, verdict, code) = match ticket.fate {
        Fate::WrongChannel => (CallState::Denied, Verdict::Denied, "channel"),
        Fate::RateOver | Fate::RateStillOver => (CallState::Denied, Verdict::Limited, "rate"),
        Fate::WasAway => (CallState::Expired, Verdict::Expired, "away"),
        Fate::TooOld(_) => (CallState::Expired, Verdict::Expired, "age"),
        _ => (CallState::Denied, Verdict::Denied, "deleted"),
    };
    let key = ticket.key();
    if context.ledger.known(vec![key.post]).await?.contains(&key) {
        return Ok(Ending::Settled);
    }
    context
        .audit
        .record(context.entry(ticket, verdict, Some(code), None));
    if ticket.fate == Fate::RateStillOver && ticket.answer_owed() {
        react(context, ticket, TOO_MANY).await;
    }
    settle(context, ticket, state, code, reply::declined(ticket)).await
}

/// An edited message never runs; one that was a call before it was edited has its outcome already, and of one so old
/// that its calls may be forgotten nobody knows.
async fn edited(context: &Context, ticket: &Ticket) -> Result<Ending, Unwritable> {
    let post = &ticket.post;
    if !context.ledger.known(vec![post.id]).await?.is_empty()
        || context.ledger.forgot(post.create_at).await?
    {
        return Ok(Ending::Settled);
    }
    context
        .audit
        .record(context.entry(ticket, Verdict::Denied, Some("edited"), None));
    settle(
        context,
        ticket,
        CallState::Denied,
        "edited",
        reply::declined(ticket),
    )
    .await
}

/// Writes the outcome and the answer down, and sends the answer.
async fn settle(
    context: &Context,
    ticket: &Ticket,
    state: CallState,
    detail: &str,
    text: Option<String>,
) -> Result<Ending, Unwritable> {
    let text = text
        .filter(|_| state == CallState::Done || state == CallState::Failed || ticket.answer_owed());
    let replies = text
        .map(|text| answer(context, ticket, &text))
        .into_iter()
        .collect();
    let settlement = Settlement {
        call: ticket.call(),
        state,
        detail: detail.to_owned(),
        replies,
    };
    let deliveries = context.ledger.settle(vec![settlement]).await?;
    context.outbox.send(deliveries);
    Ok(Ending::Settled)
}

/// `text` as the posts that answer `ticket`.
#[must_use]
pub fn answer(context: &Context, ticket: &Ticket, text: &str) -> Reply {
    let limit = context
        .identity()
        .map_or(context.config.matterbot.msglength, |identity| {
            identity.post_size
        });
    let part = |text| Part {
        text,
        attachment: None,
    };
    let parts = match text::render(text, limit) {
        Rendered::Parts(parts) => parts.into_iter().map(part).collect(),
        Rendered::Attached { first, file } => {
            let name = format!("{}.md", ticket.row().name);
            vec![Part {
                text: first,
                attachment: Some(Attachment { name, text: file }),
            }]
        }
    };
    let (channel, root) = (ticket.post.channel_id, Some(ticket.root()));
    Reply {
        channel,
        root,
        kind: Kind::Outcome,
        calls: vec![ticket.key()],
        parts,
    }
}

/// A reaction is a courtesy: that it failed harms nothing.
async fn react(context: &Context, ticket: &Ticket, emoji: &str) {
    let Some(identity) = context.identity() else {
        return;
    };
    if let Err(error) = context
        .api_for(ticket)
        .react(identity.me, ticket.post.id, emoji)
        .await
    {
        tracing::debug!(error = %causes(&error), emoji, "a reaction was not taken");
    }
}

/// Without the ledger nothing runs. What only tells of us is told from memory, and its row is the first one written
/// when the ledger can be written again; everything else is found again then. Says whether the call was answered.
async fn without_ledger(
    context: &Context,
    ticket: &Ticket,
    status: &Status,
    unwritable: &Unwritable,
) -> bool {
    tracing::error!(%unwritable, post = %ticket.post.id, "nothing is run");
    let text = match ticket.invocation.builtin {
        Builtin::Status if ticket.fate == Fate::Run => {
            reply::status(status, Some(&unwritable.to_string()))
        }
        Builtin::Help if ticket.fate == Fate::Run => builtin::help::text(context, ticket).await,
        _ => {
            if ticket.answer_owed()
                && context
                    .notices
                    .first_within(ticket.post.channel_id, NOTICE_EVERY)
            {
                say(context, ticket, &reply::ledger_unwritable()).await;
            }
            return false;
        }
    };
    let answered = say(context, ticket, &text).await;
    if answered {
        let detail = "answered while the ledger could not be written".to_owned();
        let settlement = Settlement {
            call: ticket.call(),
            state: CallState::Done,
            detail,
            replies: Vec::new(),
        };
        context
            .unrecorded
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(settlement);
    }
    answered
}

/// Posts without a record; says whether the server took it.
async fn say(context: &Context, ticket: &Ticket, text: &str) -> bool {
    let post =
        super::outbox::unrecorded(&context.ledger, ticket.post.channel_id, ticket.root(), text);
    let posted = context.api_for(ticket).create_post(&post).await;
    if let Err(error) = &posted {
        tracing::warn!(error = %causes(error), "an answer could not be posted");
    }
    posted.is_ok()
}

/// That the ledger cannot be written is said once a channel in this time.
const NOTICE_EVERY: Duration = Duration::from_secs(600);
