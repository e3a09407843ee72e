//! One call, from its turn to its answer; read from top to bottom.

mod answer;
mod memory;
mod module;

use std::sync::Arc;

use crate::audit::Verdict;
use crate::command::author::{Author, author};
use crate::command::role::{self, Denied, Grant};
use crate::command::{Builtin, Role};
use crate::ledger::{Attachment, CallState, Kind, Part, Reply, Settlement, Started, Unwritable};
use crate::mattermost::api::ApiError;
use crate::tasks::{Panicked, catch_panic_async};
use crate::text::{self, Rendered};

use super::authors::Authors;
use super::builtin::{self, Answer};
use super::causes::causes;
use super::context::Context;
use super::event::Event;
use super::reply;
use super::status::Status;
use super::ticket::{Fate, Ticket};
use super::unrecorded::Record;
use memory::without_ledger;

/// The reaction to a call that takes longer than `Lifecycle.ack_after`.
const SEEN: &str = "eyes";
/// The reaction to a call of a user who was told already that there are too many.
const TOO_MANY: &str = "hourglass_flowing_sand";

/// Serves `ticket` and tells the loop when that has ended.
pub async fn serve(context: Arc<Context>, ticket: Ticket, status: Status) {
    let attempt = attempt(&context, &ticket, &status);
    finish(&context, &ticket, attempt).await;
}

/// Sees `attempt` to its end, a panic too: the loop must learn of it, and the asker of the outcome.
async fn finish(context: &Arc<Context>, ticket: &Ticket, attempt: impl Future<Output = Ending>) {
    let ending = match catch_panic_async(attempt).await {
        Ok(ending) => ending,
        Err(panicked) => failed(context, ticket, &panicked).await,
    };
    let written = match ending {
        Ending::Settled => true,
        Ending::LeftOpen => false,
        Ending::HandedOver => return,
    };
    let key = ticket.key();
    context.tell(Event::Ended { key, written });
}

/// How the serving of a call ended.
enum Ending {
    /// It has its outcome; if the ledger did not take it, it is kept until that does.
    Settled,
    /// It has none, and is to be found again by catch-up.
    LeftOpen,
    /// The restart settles it: the successor, or the loop if the restart cannot be prepared.
    HandedOver,
}

async fn attempt(context: &Arc<Context>, ticket: &Ticket, status: &Status) -> Ending {
    if context.unrecorded.holds(&ticket.key()) {
        return Ending::Settled;
    }
    let served = match ticket.fate {
        Fate::Run | Fate::Join => run(context, ticket, status).await,
        Fate::Edited => edited(context, ticket).await,
        _ => decline(context, ticket).await,
    };
    match served {
        Ok(ending) => ending,
        Err(unwritable) => without_ledger(context, ticket, status, &unwritable).await,
    }
}

/// Serving `ticket` panicked, started or not: it has failed, and is not tried again.
async fn failed(context: &Arc<Context>, ticket: &Ticket, panicked: &Panicked) -> Ending {
    tracing::error!(%panicked, post = %ticket.post.id, command = ticket.name(),
        "serving a command failed, by a defect of this program");
    let outcome = Outcome::failed(panicked.to_string(), reply::defect(ticket));
    let record = record(context, ticket, outcome);
    context.record_or_keep(record).await;
    Ending::Settled
}

/// Checks, starts, runs and settles a call.
async fn run(
    context: &Arc<Context>,
    ticket: &Ticket,
    status: &Status,
) -> Result<Ending, Unwritable> {
    let Some(builtin) = ticket.builtin() else {
        return module::run(context, ticket).await;
    };
    let grant = match check(context, ticket, builtin).await {
        Ok(grant) => grant,
        Err(denied) => {
            let sentence = reply::denied(ticket, denied);
            return deny(context, ticket, denied.code(), sentence).await;
        }
    };
    if let Err(refusal) = builtin::restart::allowance(context, ticket).await? {
        return deny(context, ticket, refusal.code(), refusal.sentence()).await;
    }
    match context.ledger.start(ticket.call()).await? {
        Started::New => {}
        Started::Known(_) => return Ok(Ending::Settled),
    }
    let work = builtin::run(context, ticket, grant, status);
    let outcome = match acknowledging(context, ticket, work).await {
        Answer::Text(text) => Outcome::done(text),
        Answer::Failed { reason, text } => {
            tracing::warn!(command = ticket.name(), post = %ticket.post.id, %reason, "a command failed");
            Outcome::failed(reason, text)
        }
        Answer::HandedOver => return Ok(Ending::HandedOver),
    };
    // It has run: from here on there is only this outcome.
    let record = record(context, ticket, outcome);
    context.record_or_keep(record).await;
    Ok(Ending::Settled)
}

/// The role check: a fresh look at the account for every command that needs a role.
pub(super) async fn check(
    context: &Context,
    ticket: &Ticket,
    builtin: Builtin,
) -> Result<Grant, Denied> {
    let needed = ticket.role();
    if needed == Role::Everyone {
        return role::for_everyone(builtin);
    }
    match context.api_for(ticket).user(ticket.post.user_id).await {
        Ok(user) if user.id == ticket.post.user_id => {
            role::authorize(&context.settings().policy, &user, needed, builtin)
        }
        Ok(_) => Err(Denied::LookupFailed),
        Err(error) => {
            tracing::warn!(error = %causes(&error), user = %ticket.post.user_id, "who asks could not be looked up");
            Err(Denied::LookupFailed)
        }
    }
}

/// Runs `work`; if that takes a while, the asker sees that it was noticed.
async fn acknowledging<T>(context: &Context, ticket: &Ticket, work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    tokio::select! {
        // Only the waiting is given up; the work goes on below.
        answer = &mut work => return answer,
        () = tokio::time::sleep(context.settings().config.lifecycle.ack_after) => {}
    }
    let noticed = acknowledge(context, ticket);
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
    let refused = (CallState::Denied, Verdict::Denied);
    let outcome = Outcome::refused(refused, code, Some(sentence));
    context.record(record(context, ticket, outcome)).await?;
    Ok(Ending::Settled)
}

/// Whether the word has a row, whichever built-in or module that is of: what it calls may be another one by now.
async fn is_known(context: &Context, ticket: &Ticket) -> Result<bool, Unwritable> {
    let known = context.ledger.known(vec![ticket.post.id]).await?;
    let ordinal = ticket.invocation.ordinal;
    Ok(known.iter().any(|key| key.ordinal == ordinal))
}

/// Records what was decided before the call's turn came.
async fn decline(context: &Context, ticket: &Ticket) -> Result<Ending, Unwritable> {
    let (state, verdict, code) = declined(ticket.fate);
    if is_known(context, ticket).await? {
        return Ok(Ending::Settled);
    }
    if ticket.fate == (Fate::RateStillOver { is_shown: false }) && ticket.answer_owed() {
        react(context, ticket, TOO_MANY).await;
    }
    // Whoever may not run it is told no more of it than at any other time.
    if state == CallState::Expired
        && reply::declined(ticket).is_some()
        && let Some(builtin) = ticket.builtin()
        && let Err(denied) = check(context, ticket, builtin).await
    {
        let sentence = reply::denied(ticket, denied);
        return deny(context, ticket, denied.code(), sentence).await;
    }
    let outcome = Outcome::refused((state, verdict), code, reply::declined(ticket));
    context.record(record(context, ticket, outcome)).await?;
    Ok(Ending::Settled)
}

/// How a call ends that is not run: in the ledger, in the audit trail, and in one word.
#[must_use]
pub fn declined(fate: Fate) -> (CallState, Verdict, &'static str) {
    match fate {
        Fate::WrongChannel => (CallState::Denied, Verdict::Denied, "channel"),
        Fate::RateOver | Fate::RateStillOver { .. } => {
            (CallState::Denied, Verdict::Limited, "rate")
        }
        Fate::TooMany(_) => (CallState::Denied, Verdict::Limited, "too many"),
        Fate::WasAway | Fate::MissedAct => (CallState::Expired, Verdict::Expired, "away"),
        Fate::TooOld(_) => (CallState::Expired, Verdict::Expired, "age"),
        _ => (CallState::Denied, Verdict::Denied, "deleted"),
    }
}

/// An edited message never runs; one that was a call before it was edited has its outcome already, and of one so old
/// that its calls may be forgotten nobody knows.
async fn edited(context: &Context, ticket: &Ticket) -> Result<Ending, Unwritable> {
    let post = &ticket.post;
    let known = context.ledger.known(vec![post.id]).await?;
    let forgotten = context.ledger.forgotten_until().await?;
    if !known.is_empty() || forgotten >= Some(post.create_at) {
        return Ok(Ending::Settled);
    }
    match by_person(context, ticket).await {
        Ok(true) => {}
        Ok(false) => return Ok(Ending::Settled),
        Err(error) => {
            tracing::warn!(error = %causes(&error), user = %post.user_id, "whose edit it is could not be looked up");
            return Ok(Ending::LeftOpen);
        }
    }
    let refused = (CallState::Denied, Verdict::Denied);
    let outcome = Outcome::refused(refused, "edited", reply::declined(ticket));
    context.record(record(context, ticket, outcome)).await?;
    Ok(Ending::Settled)
}

/// Whether a person of this server wrote the post of `ticket`; a bot may take its mark away before it edits.
async fn by_person(context: &Context, ticket: &Ticket) -> Result<bool, ApiError> {
    let Some(identity) = context.identity() else {
        return Ok(true);
    };
    let mut post = (*ticket.post).clone();
    let api = context.api_for(ticket);
    Authors::default()
        .mark(api, identity.me, vec![&mut post])
        .await?;
    Ok(author(&post, identity.me) == Author::Edited)
}

/// What became of a call.
pub(super) struct Outcome {
    state: CallState,
    verdict: Verdict,
    /// Why, where it was not done.
    reason: Option<String>,
    /// What the asker is told, if that is owed.
    text: Option<String>,
}

impl Outcome {
    fn done(text: String) -> Self {
        Self {
            state: CallState::Done,
            verdict: Verdict::Allowed,
            reason: None,
            text: Some(text),
        }
    }

    /// It may run, but did not succeed.
    pub(super) fn failed(reason: String, text: String) -> Self {
        Self {
            state: CallState::Failed,
            verdict: Verdict::Allowed,
            reason: Some(reason),
            text: Some(text),
        }
    }

    fn refused((state, verdict): (CallState, Verdict), code: &str, text: Option<String>) -> Self {
        Self {
            state,
            verdict,
            reason: Some(code.to_owned()),
            text,
        }
    }
}

/// `outcome` of `ticket` as ledger and audit trail keep it, with the answer that is owed.
pub(super) fn record(context: &Context, ticket: &Ticket, outcome: Outcome) -> Record {
    let word = match outcome.state {
        CallState::Done => Some("done"),
        CallState::Failed => Some("failed"),
        _ => None,
    };
    let reason = outcome.reason.as_deref();
    let entry = context.entry(ticket, outcome.verdict, reason, word);
    let owed = word.is_some() || ticket.answer_owed();
    let replies = outcome
        .text
        .filter(|_| owed)
        .map(|text| answer(context, ticket, &text))
        .into_iter()
        .collect();
    let settlement = Settlement {
        call: ticket.call(),
        state: outcome.state,
        detail: reason.or(word).unwrap_or_default().to_owned(),
        replies,
    };
    Record { settlement, entry }
}

/// `text` as the posts that answer `ticket`.
#[must_use]
pub fn answer(context: &Context, ticket: &Ticket, text: &str) -> Reply {
    Reply {
        channel: ticket.post.channel_id,
        root: Some(ticket.root()),
        kind: Kind::Outcome,
        calls: vec![ticket.key()],
        parts: parts(context, ticket.name(), text),
    }
}

/// `text` cut into posts; if they were too many, the first of them and a file with this `name`.
#[must_use]
pub fn parts(context: &Context, name: &str, text: &str) -> Vec<Part> {
    let limit = context
        .identity()
        .map_or(context.settings().config.matterbot.msglength, |identity| {
            identity.post_size
        });
    match text::render(text, limit) {
        Rendered::Parts(parts) => parts.into_iter().map(Part::of).collect(),
        Rendered::Attached { first, file } => {
            let name = format!("{name}.md");
            vec![Part {
                attachment: Some(Attachment { name, text: file }),
                ..Part::of(first)
            }]
        }
    }
}

/// Shows the asker that his call was noticed.
pub async fn acknowledge(context: &Context, ticket: &Ticket) {
    react(context, ticket, SEEN).await;
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

#[cfg(test)]
mod tests;
