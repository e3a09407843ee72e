//! The bot: one select loop that makes an event, decides and performs.
//!
//! [`Bot::start`] opens what the bot needs and settles what an earlier process left; [`Bot::run`] serves until it is
//! asked to stop or to restart. Decisions are taken in [`decide`], deeds done in [`perform`]; a call is served from its
//! turn to its answer in [`serve`].

pub mod builtin;
pub mod catch_up;
pub mod context;
pub mod decide;
pub mod effect;
pub mod event;
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
pub mod ticket;
pub mod watermark;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::sync::{mpsc, watch};

use crate::audit::Audit;
use crate::command::rate::Rate;
use crate::command::{Policy, Vocabulary};
use crate::config::Config;
use crate::ledger::{Delivery, Kind, Ledger, OpenError};
use crate::lifecycle::marker;
use crate::lifecycle::signals::Signals;
use crate::lifecycle::state_directory::{Lock, StateDirectory, StateDirectoryError};
use crate::lifecycle::{Outcome, Status};
use crate::logging::Logging;
use crate::mattermost::api::{Api, Connection};
use crate::mattermost::gateway::{Gateway, Update};
use crate::tasks::Tasks;
use crate::timestamp::Timestamp;

use context::Context;
use decide::{Rules, State, decide};
use event::{Event, Now};
use notices::Notices;
use outbox::Outbox;
use perform::Performer;
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
}

impl StartFailure {
    /// A failure that only a person can mend: another start would fail as well.
    pub fn configuration(error: impl Into<anyhow::Error>) -> Self {
        Self {
            status: Status::Configuration,
            error: error.into(),
        }
    }
}

impl<E: Into<anyhow::Error>> From<E> for StartFailure {
    fn from(error: E) -> Self {
        Self {
            status: Status::Failure,
            error: error.into(),
        }
    }
}

impl Bot {
    /// Takes the state directory, opens the ledger and the audit trail, and settles what an earlier process left.
    /// `mishap` says why this process had to start again itself instead of being replaced by a new one.
    ///
    /// # Errors
    /// Each in a sentence for the operator, with the exit status that tells a supervisor whether to try again.
    pub async fn start(
        config: Config,
        logging: Arc<Logging>,
        mishap: Option<String>,
    ) -> Result<Self, StartFailure> {
        let started_at = Timestamp::now();
        let signals = Signals::listen().context("listening to signals")?;
        let directory =
            StateDirectory::open(&config.lifecycle.state_dir).map_err(refuse_directory)?;
        let lock = directory.lock(PREDECESSOR).map_err(refuse_directory)?;
        let (ledger, recovered) = Ledger::open(directory.path()).map_err(refuse_ledger)?;
        let audit = Audit::open(directory.path()).context("opening the audit trail")?;
        let left = recovery::marker(&directory)?;
        let boot_id = marker::boot_id().context("reading the boot id")?;
        ledger
            .begin_run(env!("CARGO_PKG_VERSION"), &boot_id)
            .await?;
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
            mishap,
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
            identity,
            notices: Notices::default(),
            unrecorded: Mutex::default(),
            started_at,
            events: tell,
        });
        let performer = Performer::new(
            Arc::clone(&context),
            calls,
            chores.clone(),
            logging,
            unsettled,
        );
        Ok(Self {
            context,
            state,
            performer,
            gateway,
            signals,
            events,
            sending,
            chores,
            _lock: lock,
        })
    }

    /// Serves until it is asked to stop or to restart.
    pub async fn run(mut self) -> Outcome {
        let mut tick = tokio::time::interval_at(tokio::time::Instant::now() + TICK, TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let outcome = 'serving: loop {
            // Every arm is cancel-safe: what was not returned is returned by the next call.
            let event = tokio::select! {
                signal = self.signals.next() => Event::Signal(signal),
                Some(event) = self.events.recv() => event,
                update = self.gateway.next() => Event::Gateway(update),
                _ = tick.tick() => Event::Tick,
            };
            log(&event);
            for effect in decide(&mut self.state, Now::read(), event) {
                if let Some(outcome) = self.performer.perform(effect) {
                    break 'serving outcome;
                }
            }
        };
        self.end(outcome).await;
        outcome
    }

    /// Says goodbye, writes the last marks, and closes what is open.
    async fn end(mut self, outcome: Outcome) {
        let sending = self.sending.drain(LAST_ANSWERS);
        let (sent, ()) = tokio::join!(sending, self.gateway.close(GOODBYE));
        if !sent {
            tracing::info!("the next process sends the rest of the answers");
        }
        self.chores.stop();
        let word = match outcome {
            Outcome::Reexec => recovery::RESTART,
            Outcome::Exit(Status::Stopped) => recovery::STOP,
            Outcome::Exit(_) => recovery::FAILURE,
        };
        self.context.write_unrecorded().await;
        self.context.audit.close().await;
        let ledger = self.context.ledger.clone();
        let ended = ledger.end_run(word).await;
        if let Err(error) = ended.and(ledger.close().await) {
            tracing::error!(%error, "the last marks could not be written");
        }
    }
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

/// The log's line about `event`, where it has one.
fn log(event: &Event) {
    match event {
        Event::Gateway(Update::Connected { server_version, .. }) => {
            tracing::info!(server_version, "connected");
        }
        Event::Gateway(Update::Disconnected { cause, retry_in }) => {
            let cause = format!("{:#}", chain(cause));
            tracing::warn!(
                "{cause}; the next try is in {:.1} s",
                retry_in.as_secs_f64()
            );
        }
        Event::Gateway(Update::Refused {
            server_healthy,
            retry_in,
        }) => {
            let well = if *server_healthy {
                "is well otherwise"
            } else {
                "is not well itself"
            };
            tracing::error!(
                "the server refuses the token (Matterbot.password) and {well}; the next try is in {:.1} s",
                retry_in.as_secs_f64()
            );
        }
        Event::Identified(identity) => {
            tracing::info!(account = %identity.username, team = %identity.team, "serving");
        }
        Event::Misconfigured(sentence) => tracing::error!("{sentence}"),
        Event::Signal(signal) => tracing::info!(?signal, "a signal arrived"),
        _ => {}
    }
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
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
    }
}
