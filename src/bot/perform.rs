//! Effects become deeds: what takes time runs as a task and comes back as an event.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use crate::backoff::Backoff;
use crate::ledger::{CallState, Kind, Part, Reply, Settlement};
use crate::lifecycle::marker::{self, Marker};
use crate::logging::Logging;
use crate::tasks::Tasks;
use crate::timestamp::Timestamp;

use super::catch_up::Sweep;
use super::causes::causes;
use super::context::Context;
use super::effect::{Effect, End, SweepPlan};
use super::event::Event;
use super::identity::{Identity, Unidentified};
use super::recovery::Unsettled;
use super::reply;
use super::restart::{Manner, Request, Return};
use super::serve::{answer, serve};
use super::supervision;

/// "Back up." waits this long for catch-up.
const RETURN_WAIT: Duration = Duration::from_secs(5);

/// Performs effects.
#[derive(Debug)]
pub struct Performer {
    context: Arc<Context>,
    /// Calls: what a drain waits for.
    calls: Tasks,
    /// Everything else; given up at the end.
    chores: Tasks,
    logging: Arc<Logging>,
    /// Markers are written one after the other, in the order of asking.
    marker: Arc<Mutex<()>>,
    unsettled: Arc<Unsettled>,
}

impl Performer {
    /// A performer; `calls` are drained before the end, `chores` are not.
    #[must_use]
    pub fn new(
        context: Arc<Context>,
        calls: Tasks,
        chores: Tasks,
        logging: Arc<Logging>,
        unsettled: Unsettled,
    ) -> Self {
        Self {
            context,
            calls,
            chores,
            logging,
            marker: Arc::default(),
            unsettled: Arc::new(unsettled),
        }
    }

    /// Performs `effect`; an end ends the loop.
    pub fn perform(&self, effect: Effect) -> Option<End> {
        let context = Arc::clone(&self.context);
        match effect {
            Effect::Identify => drop(self.chores.spawn(identify(context))),
            Effect::Sweep(plan) => self.sweep(plan),
            Effect::Serve(ticket, status) => {
                drop(self.calls.spawn(serve(context, *ticket, status)))
            }
            Effect::Advance(watermark) => context.ledger.advance(watermark),
            Effect::ProofOfLife(server_time) => context.ledger.proof_of_life(server_time),
            Effect::TokenWorked => drop(self.chores.spawn(async move {
                if let Err(error) = context.ledger.token_worked().await {
                    tracing::warn!(error = %causes(&error), "that the token works could not be noted");
                }
            })),
            Effect::OwnPost { key } => {
                if key.is_none_or(|key| !context.ledger.is_ours(&key)) {
                    tracing::warn!(
                        "somebody else writes with this bot's account; is another bot running on its token?"
                    );
                    context.tell(Event::ForeignPost);
                }
            }
            Effect::Prepare => drop(self.chores.spawn(async move {
                let prepared = supervision::prepare(&context).await;
                context.tell(Event::Prepared(prepared));
            })),
            Effect::LeaveMarker { marker, named } => {
                let turn = Arc::clone(&self.marker);
                self.calls.spawn(async move {
                    let _turn = turn.lock().await;
                    let result = leave_marker(&context, *marker).await;
                    context.tell(Event::MarkerLeft { named, result });
                });
            }
            Effect::AnnounceRestart { request, joined } => {
                drop(
                    self.calls
                        .spawn(async move { announce_restart(&context, &request, joined).await }),
                );
            }
            Effect::RefuseRestart { request, reason } => {
                drop(
                    self.calls
                        .spawn(async move { refuse_restart(&context, &request, &reason).await }),
                );
            }
            Effect::AwaitReturn => drop(self.chores.spawn(async move {
                tokio::time::sleep(RETURN_WAIT).await;
                context.tell(Event::ReturnDue);
            })),
            Effect::AnnounceReturn(back) => {
                let unsettled = Arc::clone(&self.unsettled);
                drop(
                    self.calls
                        .spawn(async move { announce_return(&context, &back, &unsettled).await }),
                );
            }
            Effect::WriteUnrecorded => drop(
                self.chores
                    .spawn(async move { context.write_unrecorded().await }),
            ),
            Effect::Drain => {
                let calls = self.calls.clone();
                self.chores.spawn(async move {
                    if !calls.drain(context.config.lifecycle.drain).await {
                        tracing::warn!(cut_off = calls.running(), "the drain's time is over");
                    }
                    context.tell(Event::Drained);
                });
            }
            Effect::Ready => {
                context.notify.ready();
                drop(self.chores.spawn(async move {
                    if let Err(error) = context.ledger.ready().await {
                        tracing::warn!(error = %causes(&error), "that the start succeeded could not be noted");
                    }
                }));
            }
            Effect::StillStarting { retry_in } => {
                supervision::still_starting(context.notify, retry_in);
            }
            Effect::Stopping => {
                supervision::stopping(context.notify, context.config.lifecycle.drain);
            }
            Effect::Reload => self.reload(),
            Effect::Finish(end) => return Some(end),
        }
        None
    }

    fn reload(&self) {
        if let Err(error) = self.logging.reopen() {
            tracing::warn!(error = %causes(&error), "the log file could not be opened again");
        }
        self.context.audit.reopen(self.context.directory.path());
        let verdict = supervision::reread_token(&self.context);
        tracing::info!("{verdict}");
        self.context.notify.status(&verdict);
    }

    fn sweep(&self, plan: SweepPlan) {
        let context = Arc::clone(&self.context);
        let Some(identity) = context.identity() else {
            return;
        };
        let sweep = Sweep {
            api: context.api.clone(),
            ledger: context.ledger.clone(),
            identity: (*identity).clone(),
            max_posts: usize::try_from(context.config.lifecycle.catch_up.max_posts)
                .unwrap_or(usize::MAX),
            events: context.events.clone(),
        };
        self.chores.spawn(sweep.run(plan));
    }
}

/// Asks until the server answers; what a person must mend ends the asking.
async fn identify(context: Arc<Context>) {
    let mut backoff = Backoff::new(
        Duration::from_secs(1),
        Duration::from_secs(60),
        fastrand::u64(..),
    );
    loop {
        match Identity::ask(&context.api, &context.config).await {
            Ok(identity) => {
                context
                    .identity
                    .send_replace(Some(Arc::new(identity.clone())));
                return context.tell(Event::Identified(Box::new(identity)));
            }
            Err(Unidentified::Misconfigured(sentence)) => {
                return context.tell(Event::Misconfigured(sentence));
            }
            Err(Unidentified::NotNow(error)) => {
                tracing::warn!("the server does not tell who we are: {error:#}")
            }
        }
        tokio::time::sleep(backoff.next_delay()).await;
    }
}

/// Writes the marker on a thread where a slow disk holds nobody.
async fn leave_marker(context: &Arc<Context>, marker: Marker) -> Result<(), String> {
    let shared = Arc::clone(context);
    let write = move || {
        marker::obstacle(&shared.directory, Timestamp::now())
            .map_err(|obstacle| obstacle.to_string())?;
        marker::leave(&shared.directory, &marker)
            .map_err(|error| format!("{:#}", anyhow::Error::new(error)))
    };
    match tokio::task::spawn_blocking(write).await {
        Ok(result) => result,
        Err(error) => Err(format!("the restart marker could not be written: {error}")),
    }
}

async fn announce_restart(context: &Context, request: &Request, joined: bool) {
    tracing::info!("restarting");
    let Some(ticket) = &request.asker else { return };
    let reply = Reply {
        kind: Kind::Progress,
        ..answer(context, ticket, &reply::restarting(joined))
    };
    match context.ledger.queue(vec![reply]).await {
        Ok(deliveries) => context.outbox.send(deliveries),
        Err(error) => tracing::warn!(error = %causes(&error), "the restart could not be announced"),
    }
}

async fn refuse_restart(context: &Context, request: &Request, reason: &str) {
    tracing::error!("the restart is refused: {reason}");
    context
        .notify
        .status(&format!("A restart was refused: {reason}"));
    let Some(ticket) = &request.asker else { return };
    let replies = vec![answer(context, ticket, &reply::restart_refused(reason))];
    let settlement = Settlement {
        call: ticket.call(),
        state: CallState::Failed,
        detail: reason.to_owned(),
        replies,
    };
    let written = match context.ledger.settle(vec![settlement]).await {
        Ok(deliveries) => {
            context.outbox.send(deliveries);
            true
        }
        Err(error) => {
            tracing::error!(error = %causes(&error), "the refusal could not be recorded");
            false
        }
    };
    context.tell(Event::Ended {
        key: ticket.key(),
        written,
    });
}

/// One transaction: the restart is over, its calls are done, a notice for each; then the marker goes.
async fn announce_return(context: &Context, back: &Return, unsettled: &Unsettled) {
    let text = reply::back(back, env!("CARGO_PKG_VERSION"));
    tracing::info!(manner = ?back.manner, "{text}");
    let settle = |request: &marker::Request| {
        let call = unsettled.call(request);
        let part = Part {
            text: text.clone(),
            attachment: None,
        };
        let notice = Reply {
            channel: request.channel,
            root: Some(request.root),
            kind: Kind::Outcome,
            calls: vec![call.key.clone()],
            parts: vec![part],
        };
        let replies = if back.manner == Manner::Silent {
            Vec::new()
        } else {
            vec![notice]
        };
        Settlement {
            call,
            state: CallState::Done,
            detail: "restarted".to_owned(),
            replies,
        }
    };
    let settlements = back.marker.requests.iter().map(settle).collect();
    let told = match context
        .ledger
        .settle_restart(&back.marker.nonce, settlements, Vec::new())
        .await
    {
        Ok(deliveries) => {
            context.outbox.send(deliveries.unwrap_or_default());
            if let Err(error) = marker::remove(&context.directory) {
                tracing::error!(
                    "the restart marker could not be removed: {:#}",
                    anyhow::Error::new(error)
                );
            }
            true
        }
        Err(error) => {
            tracing::error!(error = %causes(&error), "the return could not be recorded");
            false
        }
    };
    context.tell(Event::Returned { told });
}
