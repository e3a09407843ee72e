//! Effects become deeds: what takes time runs as a task and comes back as an event.

mod recursion;
mod restart;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, oneshot};

use crate::backoff::Backoff;
use crate::ledger::{CallKey, Unwritable};
use crate::lifecycle::marker::Marker;
use crate::logging::Logging;
use crate::mattermost::model::Post;
use crate::tasks::{Tasks, catch_panic_async};
use crate::timestamp::Timestamp;

use super::authors::Authors;
use super::catch_up::Sweep;
use super::causes::causes;
use super::context::Context;
use super::effect::{Effect, End};
use super::event::Event;
use super::expired;
use super::identity::{Identity, Room, Unidentified};
use super::modules::hooks;
use super::recovery::Unsettled;
use super::reload::{self, Unchanged};
use super::reply;
use super::restart::{Request, Return};
use super::serve::{acknowledge, serve};
use super::supervision;
use super::sweep::SweepPlan;
use super::welcome::welcome;

/// "Back up." and what is asked after a gap wait this long for catch-up.
const FIRST_LOOK: Duration = Duration::from_secs(5);

/// Performs effects.
#[derive(Debug)]
pub struct Performer {
    context: Arc<Context>,
    logging: Arc<Logging>,
    /// Markers are written one after the other, in the order of asking.
    marker: Arc<Mutex<()>>,
    unsettled: Arc<Unsettled>,
    /// While it is there the sweep waits before it looks again.
    sweep_waits: Option<oneshot::Sender<()>>,
}

impl Performer {
    /// A performer.
    #[must_use]
    pub fn new(context: Arc<Context>, logging: Arc<Logging>, unsettled: Unsettled) -> Self {
        Self {
            context,
            logging,
            marker: Arc::default(),
            unsettled: Arc::new(unsettled),
            sweep_waits: None,
        }
    }

    /// Performs `effect`; an end ends the loop.
    pub fn perform(&mut self, effect: Effect) -> Option<End> {
        let context = Arc::clone(&self.context);
        match effect {
            Effect::Identify => self.chore(identify(context)),
            Effect::Sweep(plan) => self.sweep(plan),
            Effect::HurrySweep => self.sweep_waits = None,
            Effect::Serve(ticket, status) => self.call(serve(context, *ticket, status)),
            Effect::Expire(tickets) => self.call(expired::settle(context, tickets)),
            Effect::TellUnread(unread) => self.chore(expired::tell_unread(context, unread)),
            Effect::Welcome(channel, user) => self.call(welcome(context, channel, user)),
            Effect::Advance(watermark) => context.ledger.advance(watermark),
            Effect::ProofOfLife(server_time) => context.ledger.proof_of_life(server_time),
            Effect::FirstProofOfLife(server_time) => self.first_proof_of_life(server_time),
            Effect::TokenWorked => self.token_worked(),
            Effect::OwnPost { key, recursion } => self.own_post(key.as_deref(), recursion),
            Effect::Tell(happening) => hooks::happened(&context, happening),
            Effect::Prepare => self.prepare(),
            Effect::AwaitAcknowledgement(key) => self.await_acknowledgement(key),
            Effect::Acknowledge(ticket) => {
                self.chore(async move { acknowledge(&context, &ticket).await });
            }
            Effect::LeaveMarker { marker, named } => self.leave_marker(*marker, named),
            Effect::AnnounceRestart { request, joined } => {
                self.call(restart::announce(context, request, joined));
            }
            Effect::RefuseRestart { request, reason } => self.refuse_restart(request, reason),
            Effect::AwaitFirstLook => self.await_look(Event::FirstLookDue),
            Effect::AwaitReturn => self.await_look(Event::ReturnDue),
            Effect::AnnounceReturn(back) => self.announce_return(back),
            Effect::Drain => self.drain(),
            Effect::Ready => self.ready(),
            Effect::StillStarting { retry_in } => {
                supervision::still_starting(context.notify, retry_in);
            }
            Effect::Stopping => {
                supervision::stopping(context.notify, context.settings().config.lifecycle.drain);
            }
            Effect::AskHealth => self.ask_health(),
            Effect::ServerIll(reason) => supervision::server_ill(context.notify, &reason),
            Effect::ServerWell => supervision::server_well(context.notify),
            Effect::Reload => self.reload(),
            Effect::Finish(end) => return Some(end),
        }
        None
    }

    /// Does `work`, which a drain waits for.
    fn call(&self, work: impl Future<Output = ()> + Send + 'static) {
        drop(self.context.calls.spawn(work));
    }

    /// Does `work`, which is given up at the end.
    fn chore(&self, work: impl Future<Output = ()> + Send + 'static) {
        let chores = &self.context.chores;
        drop(chores.spawn(chores.until_stopped(work)));
    }

    /// Does `work`, which tells the loop of its end, as one of `tasks`. If it panics, the loop is told `instead`: it waits
    /// for one or the other.
    fn spawn(
        &self,
        tasks: &Tasks,
        instead: Event,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        let context = Arc::clone(&self.context);
        drop(tasks.spawn(async move {
            if let Err(panicked) = catch_panic_async(work).await {
                tracing::error!(%panicked, ?instead, "a task failed, by a defect of this program");
                context.tell(instead);
            }
        }));
    }

    /// Writes down what the next process would like to know; without the ledger there is nothing to write it to.
    fn note(
        &self,
        what: &'static str,
        noting: impl Future<Output = Result<(), Unwritable>> + Send + 'static,
    ) {
        if self.context.without_stores {
            return;
        }
        self.chore(async move {
            if let Err(error) = noting.await {
                tracing::warn!(error = %causes(&error), "{what} could not be noted");
            }
        });
    }

    fn first_proof_of_life(&self, server_time: Timestamp) {
        let context = Arc::clone(&self.context);
        context.ledger.proof_of_life(server_time);
        self.note("when the bot was here first", async move {
            context.ledger.flush().await
        });
    }

    fn ask_health(&self) {
        let context = Arc::clone(&self.context);
        self.chore(async move {
            let well = context.api.healthy().await;
            context.tell(Event::HealthTold { well });
        });
    }

    fn token_worked(&self) {
        let context = Arc::clone(&self.context);
        self.note("that the token works", async move {
            context.ledger.token_worked().await
        });
    }

    fn ready(&self) {
        self.context.notify.ready();
        let context = Arc::clone(&self.context);
        self.note("that the start succeeded", async move {
            context.ledger.ready().await
        });
    }

    fn own_post(&self, key: Option<&str>, recursion: Option<Box<(Room, Post)>>) {
        if let Some(answered) = recursion {
            self.chore(recursion::follow(Arc::clone(&self.context), answered));
        }
        if key.is_none_or(|key| !self.context.ledger.is_ours(key)) {
            tracing::warn!(
                "somebody else writes with this bot's account; is another bot running on its token?"
            );
            self.context.tell(Event::ForeignPost);
        }
    }

    fn prepare(&self) {
        let (context, chores) = (Arc::clone(&self.context), &self.context.chores);
        let failed = Event::Prepared(Err("it could not be prepared".to_owned()));
        let work = chores.until_stopped(async move {
            let prepared = supervision::prepare(&context).await;
            context.tell(Event::Prepared(prepared));
        });
        self.spawn(chores, failed, work);
    }

    fn await_acknowledgement(&self, key: CallKey) {
        let context = Arc::clone(&self.context);
        self.chore(async move {
            tokio::time::sleep(context.settings().config.lifecycle.ack_after).await;
            context.tell(Event::AcknowledgementDue(key));
        });
    }

    fn leave_marker(&self, marker: Marker, named: usize) {
        let (context, turn) = (Arc::clone(&self.context), Arc::clone(&self.marker));
        let result = Err("the restart marker could not be written".to_owned());
        self.spawn(
            &self.context.calls,
            Event::MarkerLeft { named, result },
            async move {
                let _turn = turn.lock().await;
                let result = restart::leave_marker(&context, marker).await;
                context.tell(Event::MarkerLeft { named, result });
            },
        );
    }

    fn refuse_restart(&self, request: Box<Request>, reason: String) {
        let work = restart::refuse(Arc::clone(&self.context), request.clone(), reason);
        match &request.asker {
            Some(ticket) => {
                let (key, written) = (ticket.key(), true);
                self.spawn(&self.context.calls, Event::Ended { key, written }, work);
            }
            None => self.call(work),
        }
    }

    fn await_look(&self, due: Event) {
        let context = Arc::clone(&self.context);
        self.chore(async move {
            tokio::time::sleep(FIRST_LOOK).await;
            context.tell(due);
        });
    }

    fn announce_return(&self, back: Box<Return>) {
        let context = Arc::clone(&self.context);
        let work = restart::announce_return(context, back, Arc::clone(&self.unsettled));
        self.spawn(&self.context.calls, Event::Returned { told: false }, work);
    }

    fn drain(&self) {
        let context = Arc::clone(&self.context);
        context.calls.stop();
        let failed = Event::Drained { all: false };
        self.spawn(&self.context.chores, failed, async move {
            let all = context
                .calls
                .drain(context.settings().config.lifecycle.drain)
                .await;
            if !all {
                tracing::warn!(
                    running = context.calls.running(),
                    "the drain's time is over"
                );
            }
            context.tell(Event::Drained { all });
        });
    }

    fn reload(&self) {
        if let Err(error) = self.logging.reopen() {
            tracing::warn!(error = %causes(&error), "the log file could not be opened again");
        }
        self.context.audit.reopen(self.context.directory.path());
        let token = supervision::reread_token(&self.context);
        tracing::info!("{token}");
        self.context.notify.status(&token);
        let context = Arc::clone(&self.context);
        self.chore(async move {
            let verdict = match reload::reload(&context, false).await {
                Ok(report) => reply::reload_verdict(&report),
                // Each of its errors is in the log already.
                Err(Unchanged::Invalid(_)) => return,
                Err(Unchanged::Modules(reason)) => reply::modules_not_loaded(&reason),
            };
            tracing::info!("{verdict}");
            context.notify.status(&format!("{token}. {verdict}"));
        });
    }

    fn sweep(&mut self, plan: SweepPlan) {
        let context = &self.context;
        let Some(identity) = context.identity() else {
            return;
        };
        let sweep = Sweep {
            api: context.api.clone(),
            ledger: context.ledger.clone(),
            identity: (*identity).clone(),
            authors: Authors::default(),
            max_posts: usize::try_from(context.settings().config.lifecycle.catch_up.max_posts)
                .unwrap_or(usize::MAX),
            events: context.events.clone(),
        };
        let failed = Event::Swept {
            last: true,
            complete: false,
        };
        let chores = &context.chores;
        let (waits, hurry) = oneshot::channel();
        self.spawn(chores, failed, chores.until_stopped(sweep.run(plan, hurry)));
        self.sweep_waits = Some(waits);
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
        match catch_panic_async(Identity::ask(&context.api, &context.settings().config)).await {
            Ok(Ok(identity)) => {
                let known = Some(Arc::new(identity.clone()));
                context.identity.send_replace(known);
                return context.tell(Event::Identified(Box::new(identity)));
            }
            Ok(Err(Unidentified::Misconfigured(sentence))) => {
                return context.tell(Event::Misconfigured(sentence));
            }
            Ok(Err(Unidentified::NotNow(error))) => {
                tracing::warn!("the server does not tell who we are: {error:#}");
            }
            Err(panicked) => {
                tracing::error!(%panicked, "asking who we are failed, by a defect of this program");
            }
        }
        tokio::time::sleep(backoff.next_delay()).await;
    }
}
