//! The bot: one select loop that makes an event, decides and performs.
//!
//! [`Bot::start`] opens what the bot needs and settles what an earlier process left; [`Bot::run`] serves until it is
//! asked to stop or to restart. Decisions are taken in `decide`, deeds done in `perform`; a call is served from its
//! turn to its answer in `serve`.

pub mod builtin;
pub mod catch_up;
pub mod causes;
pub mod check;
pub mod context;
pub mod decide;
pub mod effect;
pub mod event;
pub mod expired;
pub mod identity;
pub mod lane;
pub mod notices;
pub mod outbox;
pub mod perform;
pub mod process;
pub mod recovery;
pub mod reply;
pub mod restart;
pub mod serve;
pub mod status;
pub mod supervision;
pub mod survey;
pub mod ticket;
pub mod unrecorded;
pub mod upkeep;
pub mod watermark;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::sync::{mpsc, watch};

use crate::audit::Audit;
use crate::command::rate::Rate;
use crate::command::{Policy, Vocabulary};
use crate::config::Config;
use crate::ledger::{Delivery, Kind, Ledger, OpenError};
use crate::lifecycle::marker;
use crate::lifecycle::notify::Notify;
use crate::lifecycle::signals::Signals;
use crate::lifecycle::state_directory::{Lock, StateDirectory, StateDirectoryError};
use crate::lifecycle::{Outcome, Status, crash_backoff, ready};
use crate::logging::Logging;
use crate::mattermost::api::{Api, Connection};
use crate::mattermost::gateway::Gateway;
use crate::tasks::Tasks;
use crate::timestamp::Timestamp;

use causes::causes;
use context::Context;
use decide::{Rules, State, decide};
use effect::{Effect, End};
use event::{Event, Now};
use notices::Notices;
use outbox::Outbox;
use perform::Performer;
use supervision::Launch;
use unrecorded::Unrecorded;
use watermark::{Marks, SETTLING};

/// How long a predecessor may hold the state directory while it ends.
const PREDECESSOR: Duration = Duration::from_secs(10);
/// The distance of ticks.
const TICK: Duration = Duration::from_secs(30);
/// How long answers that are being sent may hold the end; the ledger has them all.
const LAST_ANSWERS: Duration = Duration::from_secs(2);
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
    chores: Tasks,
    _lock: Lock,
}

/// A start that failed, with the status that the process ends with.
#[derive(Debug)]
pub struct StartFailure {
    /// 78 for what only a person can mend.
    pub status: Status,
    /// What, where, what to do.
    pub error: anyhow::Error,
    /// Whether whoever reads standard error has seen it in the log.
    pub seen: bool,
}

impl StartFailure {
    /// A failure that only a person can mend: another start would fail as well.
    pub fn configuration(error: impl Into<anyhow::Error>) -> Self {
        Self {
            status: Status::Configuration,
            error: error.into(),
            seen: false,
        }
    }

    /// The same, after it was written to the log.
    #[must_use]
    pub fn logged(self, logging: &Logging) -> Self {
        tracing::error!("{:#}", self.error);
        Self {
            seen: logging.reaches_stderr(),
            ..self
        }
    }
}

impl<E: Into<anyhow::Error>> From<E> for StartFailure {
    fn from(error: E) -> Self {
        Self {
            status: Status::Failure,
            error: error.into(),
            seen: false,
        }
    }
}

impl Bot {
    /// Takes the state directory, opens the ledger and the audit trail, waits if earlier starts have failed, and settles
    /// what an earlier process left. None if it is asked to stop while it waits.
    ///
    /// # Errors
    /// Each in a sentence for the operator, with the exit status that tells a supervisor whether to try again.
    pub async fn start(
        config: Config,
        logging: Arc<Logging>,
        launch: Launch,
    ) -> Result<Option<Self>, StartFailure> {
        let started_at = Timestamp::now();
        let mut signals = Signals::listen().context("listening to signals")?;
        let notify = Notify::of_process();
        let directory =
            StateDirectory::open(&config.lifecycle.state_dir).map_err(refuse_directory)?;
        let lock = directory.lock(PREDECESSOR).map_err(refuse_directory)?;
        let (ledger, recovered) = Ledger::open(directory.path()).map_err(refuse_ledger)?;
        let boot_id = marker::boot_id().context("reading the boot id")?;
        // From here on whatever ends this start is counted by the next one.
        ledger
            .begin_run(env!("CARGO_PKG_VERSION"), &boot_id)
            .await?;
        let left = recovery::marker(&directory)?;
        let now = Timestamp::now();
        let starts = recovery::starts(recovery::own_run(now, &boot_id), &recovered.runs);
        let wait = match &left {
            Some(_) => Duration::ZERO,
            None => crash_backoff::wait(recovery::failed_starts(&recovered.runs), now),
        };
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            process = std::process::id(),
            state = %directory.path().display(),
            "starting"
        );
        if !supervision::hold_back(&mut signals, notify, wait).await {
            ledger.end_run(recovery::STOP).await?;
            ledger.close().await?;
            return Ok(None);
        }
        let audit = Audit::open(directory.path()).context("opening the audit trail")?;
        let (answers, interrupted, unsettled) =
            recovery::settle(&ledger, &audit, recovered.unfinished, left.as_ref()).await?;

        let api = Api::new(&Connection::new(
            config.matterbot.api_url(),
            config.matterbot.token.clone(),
        ))
        .map_err(StartFailure::configuration)?;
        let (identity, known) = watch::channel(None);
        let (sending, calls, chores) = (Tasks::new(), Tasks::new(), Tasks::new());
        let outbox = Outbox::new(ledger.clone(), api.clone(), known, sending.clone());
        outbox.send(undelivered(&ledger, recovered.undelivered));
        outbox.send(answers);
        let vocabulary =
            Vocabulary::new(&config.matterbot.helpcmds, &config.matterbot.lifecyclecmds);
        let rules = Rules {
            vocabulary: vocabulary.clone(),
            rate: Rate::new(config.lifecycle.rate.count, config.lifecycle.rate.window),
            max_age: config.lifecycle.catch_up.max_age,
            notice_expiry: config.lifecycle.notice_expiry,
            read_from: recovered.proof_of_life.map(|alive| alive.minus(SETTLING)),
            token_worked: recovered.token_worked,
            start: recovery::start_reason(&recovered.runs),
            started: Instant::now(),
            version: env!("CARGO_PKG_VERSION"),
            boot_id,
            mishap: launch.mishap,
        };
        let state = State::new(
            rules,
            Marks::recovered(recovered.watermarks),
            left,
            interrupted,
        );
        let (tell, events) = mpsc::unbounded_channel();
        let gateway = Gateway::new(api.clone(), fastrand::u64(..));
        let context = Arc::new(Context {
            lifecycle_api: api.for_lifecycle(),
            api,
            ledger,
            audit,
            outbox,
            directory,
            vocabulary,
            policy: Policy {
                admins: config.matterbot.botadmins.clone(),
                operators: config.matterbot.botoperators.clone(),
            },
            config,
            origin: launch.origin,
            strict: launch.strict,
            starts,
            notify,
            identity,
            notices: Notices::default(),
            unrecorded: Unrecorded::default(),
            chores: chores.clone(),
            started_at,
            events: tell,
        });
        let performer = Performer::new(Arc::clone(&context), calls, logging, unsettled);
        Ok(Some(Self {
            context,
            state,
            performer,
            gateway,
            signals,
            events,
            sending,
            chores,
            _lock: lock,
        }))
    }

    /// Serves until it is asked to stop or to restart.
    pub async fn run(mut self) -> Outcome {
        let notify = self.context.notify;
        let mut tick = every(TICK);
        let mut alive = every(notify.watchdog().unwrap_or(TICK));
        self.await_grace();
        let (ledger, stopped) = (self.context.ledger.clone(), self.chores.stopped());
        drop(self.chores.spawn(upkeep::retention::keep(ledger, stopped)));
        notify.alive();
        let end = 'serving: loop {
            // Every arm is cancel-safe: what was not returned is returned by the next call.
            let event = tokio::select! {
                signal = self.signals.next() => Event::Signal(signal),
                Some(event) = self.events.recv() => event,
                update = self.gateway.next() => Event::Gateway(update),
                _ = tick.tick() => Event::Tick,
                _ = alive.tick() => {
                    notify.alive();
                    continue;
                }
            };
            supervision::report(notify, &event);
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
        self.end(end).await
    }

    /// A server that is down keeps the start from succeeding only for a while.
    fn await_grace(&self) {
        let context = Arc::clone(&self.context);
        drop(self.chores.spawn(async move {
            tokio::time::sleep(ready::GRACE).await;
            context.tell(Event::GraceOver);
        }));
    }

    /// Says goodbye, writes the last marks, and closes what is open. A stop that is asked for meanwhile wins.
    async fn end(mut self, end: End) -> Outcome {
        supervision::ending(self.context.notify, end.outcome);
        let answers = if end.at_once {
            Duration::ZERO
        } else {
            LAST_ANSWERS
        };
        let sending = self.sending.drain(answers);
        let (sent, ()) = tokio::join!(sending, self.gateway.close(GOODBYE));
        if !sent {
            tracing::info!("the next process sends the rest of the answers");
        }
        self.chores.stop();
        let outcome = self.unless_stopped(end.outcome).await;
        let word = match outcome {
            Outcome::Reexec => recovery::REEXEC,
            Outcome::Exit(Status::Restart) => recovery::RESTART,
            Outcome::Exit(Status::Stopped) => recovery::STOP,
            Outcome::Exit(_) => recovery::FAILURE,
        };
        // The next process sends the answers.
        drop(self.context.write_unrecorded().await);
        self.context.audit.close().await;
        let ledger = self.context.ledger.clone();
        let ended = ledger.end_run(word).await;
        if let Err(error) = ended.and(ledger.close().await) {
            tracing::error!(error = %causes(&error), "the last marks could not be written");
        }
        self.unless_stopped(outcome).await
    }

    /// `outcome`, unless a stop was asked for since the loop has ended: an exec would lose it.
    async fn unless_stopped(&mut self, outcome: Outcome) -> Outcome {
        match outcome {
            Outcome::Reexec | Outcome::Exit(Status::Restart) if self.signals.stop_asked().await => {
                Outcome::Exit(Status::Stopped)
            }
            outcome => outcome,
        }
    }
}

/// Ticks `period` apart, the first one after that; what was missed is not made up for.
fn every(period: Duration) -> tokio::time::Interval {
    let mut interval = tokio::time::interval_at(tokio::time::Instant::now() + period, period);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    interval
}

/// What an earlier process had still to send; its progress posts are worth nothing any more. It may have tried
/// without a note of it, at the latest until just now.
fn undelivered(ledger: &Ledger, deliveries: Vec<Delivery>) -> Vec<Delivery> {
    let (stale, mut owed): (Vec<_>, Vec<_>) = deliveries
        .into_iter()
        .partition(|delivery| delivery.kind == Kind::Progress);
    for delivery in stale {
        ledger.undeliverable(delivery.id, "its process has ended".to_owned());
    }
    for delivery in &mut owed {
        delivery.first_attempt_at.get_or_insert(delivery.queued_at);
        delivery.last_attempt_ended_at = Some(Timestamp::now());
    }
    owed
}

fn refuse_directory(error: StateDirectoryError) -> StartFailure {
    let status = match error {
        StateDirectoryError::Foreign { .. } | StateDirectoryError::Writable { .. } => {
            Status::Configuration
        }
        StateDirectoryError::Io { .. } | StateDirectoryError::Locked { .. } => Status::Failure,
    };
    StartFailure {
        status,
        error: error.into(),
        seen: false,
    }
}

fn refuse_ledger(error: OpenError) -> StartFailure {
    let status = match error {
        OpenError::Newer { .. } | OpenError::Corrupt { .. } | OpenError::Refused { .. } => {
            Status::Configuration
        }
        OpenError::Io { .. } | OpenError::Database { .. } => Status::Failure,
    };
    StartFailure {
        status,
        error: error.into(),
        seen: false,
    }
}
