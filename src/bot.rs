//! The bot: one select loop that makes an event, decides and performs.
//!
//! [`Bot::start`] opens what the bot needs and settles what an earlier process left; [`Bot::run`] serves until it is
//! asked to stop or to restart, or can start over with the ledger that it had to do without. Decisions are taken in
//! `decide`, deeds done in `perform`; a call is served from its turn to its answer in `serve`.

pub mod advice;
pub mod authors;
pub mod availability;
pub mod binds;
pub mod builtin;
pub mod catch_up;
pub mod causes;
pub mod check;
pub mod command_log;
pub mod condition;
pub mod context;
pub mod decide;
pub mod effect;
pub mod event;
pub mod expired;
pub mod identity;
pub mod lane;
pub mod modules;
pub mod names;
pub mod newcomers;
pub mod notices;
pub mod outbox;
pub mod perform;
pub mod process;
pub mod recovery;
pub mod refusal;
pub mod reload;
pub mod reply;
pub mod report;
pub mod restart;
pub mod serve;
pub mod settings;
pub mod start;
pub mod status;
pub mod stores;
pub mod supervision;
pub mod survey;
pub mod sweep;
pub mod ticket;
pub mod unrecorded;
pub mod upkeep;
pub mod watermark;
pub mod welcome;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::lifecycle::signals::{Signal, Signals, Stopper};
use crate::lifecycle::state_directory::Lock;
use crate::lifecycle::{ExitStatus, Outcome, ready};
use crate::mattermost::event::Event as Heard;
use crate::mattermost::gateway::{Gateway, Update};
use crate::tasks::Tasks;

use causes::causes;
use condition::Teller;
use context::Context;
use decide::{State, decide};
use effect::{Effect, End};
use event::{Event, Now};
use modules::host::Keeper;
use perform::Performer;
use recovery::Carried;
use start::Resumption;

pub use start::StartFailure;

/// The distance of ticks.
const TICK: Duration = Duration::from_secs(30);
/// How long answers that are being sent may hold the end; the ledger has them all.
const LAST_ANSWERS: Duration = Duration::from_secs(2);
/// How long the last commit may hold the end; a run without it counts as cut off...
const LAST_COMMIT: Duration = Duration::from_secs(5);
/// ...and when the end is to be now.
const LAST_COMMIT_AT_ONCE: Duration = Duration::from_millis(200);
/// How long the goodbye to the server may take.
const GOODBYE: Duration = Duration::from_millis(500);

/// A bot that has everything it needs.
#[derive(Debug)]
pub struct Bot {
    context: Arc<Context>,
    state: State,
    performer: Performer,
    gateway: Gateway,
    signals: Signals,
    events: mpsc::UnboundedReceiver<Event>,
    sending: Tasks,
    keeper: Keeper,
    lock: Lock,
}

/// How a bot ends.
#[derive(Debug)]
pub enum Ended {
    /// With the process, or an exec.
    Process(Outcome),
    /// Another one takes over in this process.
    StartOver(Box<Resumption>),
}

impl Bot {
    /// Serves until it is asked to stop or to restart.
    pub async fn run(mut self) -> Ended {
        let notify = self.context.notify;
        let mut failures = self.context.api.failures();
        let mut tick = every(TICK);
        let mut alive = every(notify.watchdog().unwrap_or(TICK));
        let condition = Teller::start(&self.context, &self.lock);
        let mut stopper = None;
        self.await_grace();
        notify.alive();
        let end = 'serving: loop {
            // Every arm is cancel-safe: what was not returned is returned by the next call.
            let event = tokio::select! {
                signal = self.signals.next() => Event::Signal(signal),
                Some(event) = self.events.recv() => event,
                Ok(()) = failures.changed() => {
                    Event::RequestFailed(failures.borrow_and_update().clone())
                }
                update = self.gateway.next() => Event::Gateway(update),
                _ = tick.tick() => Event::Tick,
                _ = alive.tick() => {
                    notify.alive();
                    continue;
                }
            };
            report::report(&self.context, &event);
            self.hear_names(&event);
            condition.take(&self.context, &event);
            if let Event::Signal(Signal::Stop(signal)) = event {
                stopper = Some(signal);
            }
            for effect in decide(&mut self.state, Now::read(), event) {
                let reload = matches!(effect, Effect::Reload);
                if let Some(end) = self.performer.perform(effect) {
                    break 'serving end;
                }
                if reload {
                    self.gateway.retry_now();
                }
            }
        };
        self.end(end, stopper).await
    }

    /// Whoever writes is known by name from then on.
    fn hear_names(&self, event: &Event) {
        if let (Event::Gateway(Update::Event(Heard::Posted(posted))), Some(identity)) =
            (event, self.context.identity())
        {
            self.context.names.hear(posted, identity.me);
        }
    }

    /// A server that is down keeps the start from succeeding only for a while.
    fn await_grace(&self) {
        let context = Arc::clone(&self.context);
        let chores = &self.context.chores;
        drop(chores.spawn(chores.until_stopped(async move {
            tokio::time::sleep(ready::GRACE).await;
            context.tell(Event::GraceOver);
        })));
    }

    /// Says goodbye and closes what is open. A stop that is asked for meanwhile wins.
    async fn end(mut self, end: End, mut stopper: Option<Stopper>) -> Ended {
        let (outcome, answers, commit) = match end {
            End::Process(outcome) => (outcome, LAST_ANSWERS, LAST_COMMIT),
            End::AtOnce(outcome) => (outcome, Duration::ZERO, LAST_COMMIT_AT_ONCE),
            End::StartOver => return self.start_over().await,
        };
        supervision::ending(self.context.notify, outcome);
        let sending = self.sending.drain(answers);
        let (sent, (), ()) = tokio::join!(sending, self.gateway.close(GOODBYE), self.keeper.end());
        if !sent {
            tracing::info!("the next process sends the rest of the answers");
        }
        self.context.chores.stop();
        let outcome = self.unless_stopped(outcome, &mut stopper).await;
        let closing = close_stores(&self.context, outcome);
        if tokio::time::timeout(commit, closing).await.is_err() {
            tracing::error!("the disk is too slow: the end does not wait for the last marks");
        }
        let outcome = self.unless_stopped(outcome, &mut stopper).await;
        report::ended(&self.context, outcome, stopper);
        Ended::Process(outcome)
    }

    /// Makes way for a bot that has its ledger; what was not run is found by its catch-up.
    async fn start_over(mut self) -> Ended {
        tracing::info!("there is room again: starting over");
        self.gateway.close(GOODBYE).await;
        self.keeper.end().await;
        self.context.chores.stop();
        let Some(stores) = self.context.reopened.take() else {
            return Ended::Process(Outcome::Exit(ExitStatus::Failure));
        };
        let carried = Carried {
            records: self.context.unrecorded.take(),
            heard_since: self.state.heard_since(),
        };
        Ended::StartOver(Box::new(Resumption {
            signals: self.signals,
            lock: self.lock,
            stores,
            carried,
        }))
    }

    /// `outcome`, unless a stop was asked for since the loop has ended: an exec would lose it.
    async fn unless_stopped(&mut self, outcome: Outcome, stopper: &mut Option<Stopper>) -> Outcome {
        if !matches!(
            outcome,
            Outcome::Reexec | Outcome::Exit(ExitStatus::Restart)
        ) {
            return outcome;
        }
        match self.signals.stop_asked().await {
            None => outcome,
            asked => {
                *stopper = asked;
                Outcome::Exit(ExitStatus::Success)
            }
        }
    }
}

/// Writes the last marks and how this run ends.
async fn close_stores(context: &Context, outcome: Outcome) {
    let word = match outcome {
        Outcome::Reexec => recovery::REEXEC,
        Outcome::Exit(ExitStatus::Restart) => recovery::RESTART,
        Outcome::Exit(ExitStatus::Success) => recovery::STOP,
        Outcome::Exit(_) => recovery::FAILURE,
    };
    // The next process sends the answers.
    drop(context.write_unrecorded().await);
    // What could be opened only now has a run of its own.
    if let Some(reopened) = context.reopened.take() {
        let records = context.unrecorded.take();
        if let Err(error) = recovery::settle(&reopened, records).await {
            tracing::error!(error = %causes(&error), "what was answered from memory could not be written");
        }
        reopened.close(word).await;
    }
    stores::close(context.ledger.clone(), &context.audit, word).await;
}

/// Ticks `period` apart, the first one after that; what was missed is not made up for.
fn every(period: Duration) -> tokio::time::Interval {
    let mut interval = tokio::time::interval_at(tokio::time::Instant::now() + period, period);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    interval
}
