//! One word of modules, from its turn to the last answer; read from top to bottom.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;

use crate::audit::{Entry, Verdict};
use crate::bot::availability::{Availabilities, Availability};
use crate::bot::causes::causes;
use crate::bot::context::Context;
use crate::bot::event::Event;
use crate::bot::modules::hanging::{GRACE, suspect};
use crate::bot::modules::{NotReady, Said};
use crate::bot::reply;
use crate::bot::ticket::{Fate, Ticket};
use crate::bot::unrecorded::Record;
use crate::command::catalogue::Module;
use crate::command::indicator::{self, classify};
use crate::command::table;
use crate::id::log_reference;
use crate::ledger::{Call, CallState, Kind, Part, Reply, Settlement, Started, Unwritable};
use crate::module::protocol::{self, Answer, Failure, FailureReason, Risk};
use crate::tasks::catch_panic_async;
use crate::text;

use super::{Ending, Outcome, acknowledging, answer, declined, is_known, parts, react, record};

/// Until the modules have been greeted, their words wait for so long.
const GREETING: Duration = Duration::from_secs(30);
/// So many progress posts of one call are posted; the rest is dropped.
const MOST_PROGRESS: usize = 20;
/// So much of the text of each is posted, in bytes.
const LONGEST_PROGRESS: usize = 16 << 10;
/// The reaction to calls that succeeded and say nothing.
const SILENT_SUCCESS: &str = "white_check_mark";

/// A module that is called.
struct Called {
    name: String,
    generation: u64,
}

/// Why a word calls nothing, and what its asker is told.
struct Refusal {
    verdict: Verdict,
    code: &'static str,
    sentence: String,
}

impl Refusal {
    fn denied(code: &'static str, sentence: String) -> Self {
        Self {
            verdict: Verdict::Denied,
            code,
            sentence,
        }
    }

    fn failed(code: &'static str, sentence: String) -> Self {
        Self {
            verdict: Verdict::Allowed,
            code,
            sentence,
        }
    }

    /// What changes something is never run late.
    fn missed(ticket: &Ticket) -> Self {
        let fate = Fate::MissedAct;
        let (_, verdict, code) = declined(fate);
        let ticket = Ticket {
            fate,
            ..ticket.clone()
        };
        Self {
            verdict,
            code,
            sentence: reply::declined(&ticket).unwrap_or_default(),
        }
    }

    /// The outcome of the call.
    fn outcome(self) -> Outcome {
        let state = match self.verdict {
            Verdict::Allowed => return Outcome::failed(self.code.to_owned(), self.sentence),
            Verdict::Expired => CallState::Expired,
            _ => CallState::Denied,
        };
        Outcome::refused((state, self.verdict), self.code, Some(self.sentence))
    }
}

/// Finds the modules that are called, starts them together and sees each to its outcome.
pub(super) async fn run(context: &Arc<Context>, ticket: &Ticket) -> Result<Ending, Unwritable> {
    acknowledging(context, ticket, serve(context, ticket)).await
}

async fn serve(context: &Arc<Context>, ticket: &Ticket) -> Result<Ending, Unwritable> {
    let may_start = async {
        let called = resolve(context, ticket).await?;
        let names = called.iter().map(|module| module.name.as_str());
        let workers = context.settings().config.matterbot.command_workers;
        let turns = context.modules.turns(names, workers).await;
        Ok::<Vec<_>, Refusal>(called.into_iter().zip(turns).collect())
    };
    let may_start = tokio::select! {
        biased;
        // What only waits when the drain begins has no row, so that the successor finds it.
        () = context.calls.stopped() => return Ok(Ending::LeftOpen),
        may_start = may_start => may_start,
    };
    let called = match may_start {
        Ok(called) => called,
        Err(refusal) => {
            // The row of an earlier decision may bear the name of another module.
            if !is_known(context, ticket).await? {
                let outcome = refusal.outcome();
                context.record(record(context, ticket, outcome)).await?;
            }
            return Ok(Ending::Settled);
        }
    };
    let rows = called.iter();
    let rows = rows.map(|(module, _)| row(ticket, module)).collect();
    match context.ledger.start_together(rows).await? {
        Started::New => context.tell(Event::Started(ticket.id())),
        Started::Known(_) => return Ok(Ending::Settled),
    }
    let asker = asker(context, ticket).await;
    let calls = called.into_iter().map(async |(module, turn)| {
        let is_silent = one(context, (ticket, &asker), &module).await;
        drop(turn);
        is_silent
    });
    let silent = join_all(calls).await;
    if silent.into_iter().all(|silent| silent) {
        react(context, ticket, SILENT_SUCCESS).await;
    }
    Ok(Ending::Settled)
}

/// The start row of the call of `module`, with what is decided of it: it is never decided again.
fn row(ticket: &Ticket, module: &Called) -> Call {
    let plan = json!({
        "word": ticket.invocation.word,
        "arguments": ticket.invocation.arguments,
        "module": module.name,
        "generation": module.generation,
    });
    ticket.call_with(ticket.key_of(&module.name), &plan)
}

/// The modules that the word calls: those of the word that the asker may use here, that are loaded, and that take what was
/// asked about.
async fn resolve(context: &Context, ticket: &Ticket) -> Result<Vec<Called>, Refusal> {
    match context.modules.greeted(GREETING).await {
        Ok(()) => {}
        Err(NotReady::Loading(reason)) => {
            let sentence = reply::not_ready(ticket, &reason);
            return Err(Refusal::failed("modules not ready", sentence));
        }
        Err(NotReady::Absent) => {
            return Err(Refusal::failed("not loaded", reply::not_loaded(ticket)));
        }
    }
    let catalogue = context.binds.catalogue();
    let bound = catalogue
        .bound_to(&ticket.invocation.word)
        .filter(|module| table::named(&module.name).is_none());
    let mut modules = available(context, ticket, bound).await?;
    modules.retain(|module| module.generation.is_some());
    if modules.is_empty() {
        return Err(Refusal::failed("not loaded", reply::not_loaded(ticket)));
    }
    // When it was found, the modules may not have told yet what their calls do.
    if ticket.found && modules.iter().any(|module| module.risk > Risk::Read) {
        return Err(Refusal::missed(ticket));
    }
    if let Some(indicator) = ticket.invocation.arguments.first() {
        let kind = classify(indicator);
        modules.retain(|module| indicator::takes(module, kind));
        if modules.is_empty() {
            let sentence = match kind {
                None => reply::no_indicator(ticket, indicator),
                Some(kind) => reply::indicator_of_no_use(ticket, kind),
            };
            return Err(Refusal::denied("indicator", sentence));
        }
    }
    let called = modules.into_iter().filter_map(|module| {
        Some(Called {
            name: module.name.clone(),
            generation: module.generation?,
        })
    });
    Ok(called.collect())
}

/// Those of `bound` that the asker may use where he asks.
async fn available<'a>(
    context: &Context,
    ticket: &Ticket,
    bound: impl Iterator<Item = &'a Module>,
) -> Result<Vec<&'a Module>, Refusal> {
    let mut availabilities = Availabilities::new(context, &ticket.room, ticket.post.user_id);
    let (mut available, mut unknown) = (Vec::new(), None);
    for module in bound {
        match availabilities.of(module).await {
            Availability::Available => available.push(module),
            Availability::Elsewhere => {}
            Availability::Unknown(reason) => unknown = Some(reason),
        }
    }
    match unknown {
        _ if !available.is_empty() => Ok(available),
        Some(reason) => {
            let sentence = reply::availability_unknown(ticket, &reason);
            Err(Refusal::denied("lookup_failed", sentence))
        }
        None => Err(Refusal::denied("unavailable", reply::unavailable(ticket))),
    }
}

/// Calls one module and records its outcome; says whether that was a silent success.
async fn one(context: &Arc<Context>, (ticket, asker): (&Ticket, &str), module: &Called) -> bool {
    let called = catch_panic_async(call(context, (ticket, asker), module)).await;
    let called = called.unwrap_or_else(|panicked| {
        tracing::error!(%panicked, post = %ticket.post.id, module = module.name,
            "a call of a module failed, by a defect of this program");
        Err((panicked.to_string(), reply::defect(ticket)))
    });
    let (state, reason, posts) = match called {
        Ok(posts) => (CallState::Done, None, posts),
        Err((reason, sentence)) => {
            let posts = parts(context, &module.name, &sentence);
            (CallState::Failed, Some(reason), posts)
        }
    };
    let is_silent = posts.is_empty();
    let word = if state == CallState::Done {
        "done"
    } else {
        "failed"
    };
    let entry = context.entry(ticket, Verdict::Allowed, reason.as_deref(), Some(word));
    let call = row(ticket, module);
    let told = Reply::outcome(&call, posts);
    let settlement = Settlement {
        call,
        state,
        detail: reason.unwrap_or_else(|| word.to_owned()),
        replies: (!is_silent).then_some(told).into_iter().collect(),
    };
    let module = Some(module.name.clone());
    let entry = Entry { module, ..entry };
    context.record_or_keep(Record { settlement, entry }).await;
    is_silent
}

/// Calls the module, and makes posts of what it says; or says why not, for the log and for the asker.
async fn call(
    context: &Arc<Context>,
    (ticket, asker): (&Ticket, &str),
    module: &Called,
) -> Result<Vec<Part>, (String, String)> {
    let patience = context.settings().config.matterbot.command_timeout;
    let call = message((ticket, asker), module, patience);
    let id = call.id.clone();
    let said = context.modules.call(&module.name, call);
    let mut room = answer::MOST_TEXT;
    let end = hear(context, (ticket, module), said, &mut room);
    match timeout(patience + GRACE, end).await {
        Ok(Ok(answer)) => Ok(answer::posts(context, (ticket, &module.name), answer, room).await),
        Ok(Err(failure)) => Err(failed(ticket, module, &failure)),
        Err(_) => {
            suspect(context, &id);
            let failure = Failure {
                call: id,
                reason: FailureReason::Deadline,
                trace: "the module host did not end the call at its deadline".to_owned(),
            };
            Err(failed(ticket, module, &failure))
        }
    }
}

/// Hears the module until its call has ended; what it says meanwhile takes some of the `room` for its answer's text.
async fn hear(
    context: &Arc<Context>,
    (ticket, module): (&Ticket, &Called),
    mut said: UnboundedReceiver<Said>,
    room: &mut usize,
) -> Result<Answer, Failure> {
    let mut told = 0;
    loop {
        match said.recv().await {
            Some(Said::Progress(text)) if told < MOST_PROGRESS => {
                told += 1;
                let text = shortened(text);
                *room = room.saturating_sub(text.len());
                progress(context, ticket, module, &text).await;
            }
            Some(Said::Progress(_)) => {}
            Some(Said::Answer(answer)) => return Ok(answer),
            Some(Said::Failure(failure)) => return Err(failure),
            // The connection is given up with this process: the next one settles the call.
            None => std::future::pending().await,
        }
    }
}

/// The text, of a long one its beginning.
fn shortened(mut text: String) -> String {
    if text.len() > LONGEST_PROGRESS {
        let ends = 0..=LONGEST_PROGRESS;
        let end = ends.rev().find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or_default());
        text.push('…');
    }
    text
}

/// Who asks, by name with an `@`; by identifier if the server does not tell the name.
async fn asker(context: &Context, ticket: &Ticket) -> String {
    let user = ticket.post.user_id;
    match context.api.user(user).await {
        Ok(found) => {
            let name = format!("@{}", found.username);
            context.names.is_named(user, &name);
            name
        }
        Err(error) => {
            tracing::warn!(error = %causes(&error), %user, "who asks could not be looked up");
            format!("@{user}")
        }
    }
}

/// What the module is told of the call.
fn message(
    (ticket, asker): (&Ticket, &str),
    module: &Called,
    patience: Duration,
) -> protocol::Call {
    let post = &ticket.post;
    protocol::Call {
        id: format!("{}:{}", ticket.key_of(&module.name), module.name),
        command: ticket.invocation.word.clone(),
        parameters: ticket.invocation.arguments.clone(),
        channel: ticket.room.name.to_string(),
        channel_id: post.channel_id.to_string(),
        username: asker.to_owned(),
        user_id: post.user_id.to_string(),
        post_id: post.id.to_string(),
        files: post.metadata.files.clone(),
        deadline_ms: u64::try_from(patience.as_millis()).unwrap_or(u64::MAX),
    }
}

/// Posts what the module says while it runs; that it could not be posted harms nothing.
async fn progress(context: &Context, ticket: &Ticket, module: &Called, text: &str) {
    let told = Reply {
        channel: ticket.post.channel_id,
        root: Some(ticket.root()),
        kind: Kind::Progress,
        calls: vec![ticket.key_of(&module.name)],
        parts: parts(context, &module.name, &text::without_channel_mentions(text)),
    };
    context
        .post(told, "what a module said meanwhile was not posted")
        .await;
}

/// Why the call failed, for the ledger, and what its asker is told; what the module says of it is for the log alone.
fn failed(ticket: &Ticket, module: &Called, failure: &Failure) -> (String, String) {
    let reference = log_reference();
    let reason = match failure.reason {
        FailureReason::Raised => "raised",
        FailureReason::Died => "died",
        FailureReason::Deadline => "deadline",
        FailureReason::Malformed => "malformed",
        FailureReason::Unknown => "unknown",
    };
    tracing::warn!(reference, module = module.name, post = %ticket.post.id, reason, trace = failure.trace,
        "a call of a module failed");
    let sentence = reply::module_failed(ticket, &module.name, failure.reason, &reference);
    (format!("{reason}, {reference}"), sentence)
}
