//! The start: what the bot needs is opened, and what an earlier process left is settled.
//!
//! ```text
//!  state directory, lock ─▶ ledger, audit trail ─▶ back-off ─▶ what was left is settled ─▶ serving
//!                                 │ no room                      │ no room                    ▲
//!                                 ▼                              ▼                            │ started over
//!                                 serving without them: nothing runs ─────────────────────────┘ when there is room
//! ```

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::sync::{mpsc, watch};

use crate::audit::Audit;
use crate::command::rate::Rate;
use crate::config::Config;
use crate::ledger::Ledger;
use crate::lifecycle::marker::{self, Marker};
use crate::lifecycle::notify::Notify;
use crate::lifecycle::signals::Signals;
use crate::lifecycle::state_directory::{Lock, StateDirectory};
use crate::lifecycle::{ExitStatus, crash_backoff};
use crate::logging::Logging;
use crate::mattermost::api::{Api, Connection};
use crate::mattermost::gateway::Gateway;
use crate::tasks::Tasks;
use crate::timestamp::Timestamp;

use super::Bot;
use super::binds::Binds;
use super::context::Context;
use super::decide::{Rules, State};
use super::modules::{Modules, host};
use super::names::Names;
use super::newcomers::Newcomers;
use super::notices::Notices;
use super::outbox::Outbox;
use super::perform::Performer;
use super::recovery::{self, Carried, Estate};
use super::refusal;
use super::settings::Settings;
use super::stores::{self, Reopened, Stores, Unopened};
use super::supervision::{self, Launch};
use super::unrecorded::Unrecorded;
use super::upkeep;
use super::welcome;

/// How long a predecessor may hold the state directory while it ends.
const PREDECESSOR: Duration = Duration::from_secs(10);

/// What a bot that could not open its ledger leaves to the one that starts over in its process.
#[derive(Debug)]
pub struct Resumption {
    pub(super) signals: Signals,
    pub(super) lock: Lock,
    pub(super) stores: Stores,
    pub(super) carried: Carried,
}

/// A start that failed, with the status that the process ends with.
#[derive(Debug)]
pub struct StartFailure {
    /// 78 for what only a person can mend.
    pub status: ExitStatus,
    /// What, where, what to do.
    pub error: anyhow::Error,
    /// Whether whoever reads standard error has seen it in the log.
    pub seen: bool,
}

impl StartFailure {
    /// A failure that only a person can mend: another start would fail as well.
    pub fn configuration(error: impl Into<anyhow::Error>) -> Self {
        Self {
            status: ExitStatus::Configuration,
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
            status: ExitStatus::Failure,
            error: error.into(),
            seen: false,
        }
    }
}

/// What a start has taken before it asks the server.
struct Ground {
    signals: Signals,
    lock: Lock,
    directory: StateDirectory,
    boot_id: String,
    ledger: Ledger,
    audit: Audit,
    estate: Estate,
    /// What a bot without ledger has from one before it that had none either.
    carried: Carried,
    /// Nothing could be opened.
    without_stores: bool,
}

impl Ground {
    /// None if it is asked to stop while it waits.
    async fn take(
        config: &Config,
        resumption: Option<Box<Resumption>>,
    ) -> Result<Option<Self>, StartFailure> {
        let directory =
            StateDirectory::open(&config.lifecycle.state_dir).map_err(refusal::directory)?;
        let boot_id = marker::boot_id().context("reading the boot id")?;
        if let Some(resumption) = resumption {
            let Resumption {
                signals,
                lock,
                stores,
                carried,
            } = *resumption;
            let ground = Self::bare((signals, lock), directory, boot_id);
            let (stores, marker) = ground.marker(stores).await?;
            return Ok(Some(ground.with(stores, marker, carried).await));
        }
        let signals = Signals::listen().context("listening to signals")?;
        let lock = directory.lock(PREDECESSOR).map_err(refusal::directory)?;
        let mut ground = Self::bare((signals, lock), directory, boot_id);
        let stores = match stores::open(ground.directory.path()).await {
            Ok(stores) => stores,
            Err(Unopened::NoRoom(reason)) => {
                ground.announce();
                return Ok(Some(ground.without(&reason, Carried::default())));
            }
            Err(Unopened::Failure(failure)) => return Err(failure),
        };
        ground.announce();
        let (stores, marker) = ground.marker(stores).await?;
        if !ground.hold_back(&stores, marker.as_ref()).await {
            stores.close(recovery::STOP).await;
            return Ok(None);
        }
        Ok(Some(ground.with(stores, marker, Carried::default()).await))
    }

    /// Nothing is open yet.
    fn bare((signals, lock): (Signals, Lock), directory: StateDirectory, boot_id: String) -> Self {
        Self {
            signals,
            lock,
            directory,
            boot_id,
            ledger: Ledger::unopened(String::new()),
            audit: Audit::unopened(),
            estate: Estate::default(),
            carried: Carried::default(),
            without_stores: true,
        }
    }

    /// Reads the marker of a predecessor. If that fails, the run that was begun in `stores` ends as failed.
    async fn marker(&self, stores: Stores) -> Result<(Stores, Option<Marker>), StartFailure> {
        match recovery::marker(&self.directory) {
            Ok(marker) => Ok((stores, marker)),
            Err(error) => {
                stores.close(recovery::FAILURE).await;
                Err(error.into())
            }
        }
    }

    /// Waits if earlier starts have failed; false if it is asked to stop meanwhile. A restart that was asked for is not
    /// held up by what failed before it.
    async fn hold_back(&mut self, stores: &Stores, marker: Option<&Marker>) -> bool {
        let asked_at = marker.map_or(Timestamp::default(), |marker| marker.written_at);
        let failed = recovery::failed_starts(&stores.recovered.runs);
        let failed = failed.filter(|start| *start >= asked_at);
        let wait = crash_backoff::wait(failed, Timestamp::now());
        supervision::hold_back(&mut self.signals, Notify::of_process(), wait).await
    }

    fn announce(&self) {
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            process = std::process::id(),
            state = %self.directory.path().display(),
            "starting"
        );
    }

    /// With what is open, and what an earlier process left in it.
    async fn with(mut self, stores: Stores, marker: Option<Marker>, carried: Carried) -> Self {
        match recovery::inherit(&stores, marker, &carried, &self.boot_id).await {
            Ok(estate) => {
                (self.ledger, self.audit) = (stores.ledger, stores.audit);
                (self.estate, self.without_stores) = (estate, false);
                self
            }
            Err(unwritable) => {
                // It is opened again, and settled then; this run did not fail.
                stores.close(recovery::STOP).await;
                self.without(unwritable.reason(), carried)
            }
        }
    }

    /// Without ledger and audit trail: there is no room for them, for this reason.
    fn without(mut self, reason: &str, carried: Carried) -> Self {
        tracing::error!(
            "the ledger in {} cannot be written ({reason}), so no command is run until it can: is its disk full, or its \
             file system mounted read-only?",
            self.directory.path().display()
        );
        self.ledger = Ledger::unopened(reason.to_owned());
        self.estate.read_from = carried.heard_since;
        self.carried = carried;
        self
    }
}

impl Bot {
    /// Takes the state directory, opens the ledger and the audit trail, waits if earlier starts have failed, and settles
    /// what an earlier process left. Without room for that the bot starts all the same, and runs nothing. None if it is
    /// asked to stop while it waits.
    ///
    /// # Errors
    /// Each in a sentence for the operator, with the exit status that tells a supervisor whether to try again.
    pub async fn start(
        config: Config,
        logging: Arc<Logging>,
        launch: Launch,
        resumption: Option<Box<Resumption>>,
    ) -> Result<Option<Self>, StartFailure> {
        let api = Api::new(&Connection::new(
            config.matterbot.api_url(),
            config.matterbot.token.clone(),
        ))
        .map_err(StartFailure::configuration)?;
        let Some(ground) = Ground::take(&config, resumption).await? else {
            return Ok(None);
        };
        Ok(Some(Self::upon(ground, config, api, (logging, launch))))
    }

    fn upon(
        mut ground: Ground,
        config: Config,
        api: Api,
        (logging, launch): (Arc<Logging>, Launch),
    ) -> Self {
        let estate = std::mem::take(&mut ground.estate);
        let (identity, known) = watch::channel(None);
        let sending = Tasks::new();
        let settings = Arc::new(Settings::new(config));
        let rules = rules(&settings, &estate, ground.boot_id, launch.mishap);
        let outbox = Outbox::new(ground.ledger.clone(), api.clone(), known, sending.clone());
        outbox.send(estate.owed);
        let (tell, events) = mpsc::unbounded_channel();
        let context = Arc::new(Context {
            lifecycle_api: api.for_lifecycle(),
            api: api.clone(),
            ledger: ground.ledger,
            audit: ground.audit,
            outbox,
            directory: ground.directory,
            binds: Binds::read(&settings.config.matterbot.bindmap, tell.clone()),
            modules: Modules::default(),
            settings: watch::Sender::new(settings),
            origin: launch.origin,
            strict: launch.strict,
            starts: estate.starts,
            earlier: estate.earlier,
            without_stores: ground.without_stores,
            notify: Notify::of_process(),
            reloading: tokio::sync::Mutex::default(),
            identity,
            notices: Notices::default(),
            names: Names::default(),
            newcomers: Newcomers::default(),
            unrecorded: Unrecorded::of(ground.carried.records),
            reopened: Reopened::default(),
            calls: Tasks::new(),
            chores: Tasks::new(),
            started_at: Timestamp::now(),
            events: tell,
        });
        if ground.without_stores {
            drop(
                context
                    .chores
                    .spawn(stores::reopening::reopen(Arc::clone(&context))),
            );
        } else {
            let chores = &context.chores;
            let forgetting = upkeep::retention::keep(context.ledger.clone());
            drop(chores.spawn(chores.until_stopped(forgetting)));
        }
        Self {
            keeper: host::keep(&context),
            performer: Performer::new(Arc::clone(&context), logging, estate.unsettled),
            context,
            state: State::new(rules, estate.marks, estate.marker, estate.interrupted),
            gateway: Gateway::new(api, fastrand::u64(..)),
            signals: ground.signals,
            events,
            sending,
            lock: ground.lock,
        }
    }
}

/// What of the configuration and of what an earlier process left decides.
fn rules(settings: &Settings, estate: &Estate, boot_id: String, mishap: Option<String>) -> Rules {
    let lifecycle = &settings.config.lifecycle;
    Rules {
        vocabulary: settings.vocabulary.clone(),
        recursion: settings.config.matterbot.recursion,
        user_concurrency: settings.config.matterbot.user_concurrency,
        welcome_channel: welcome::channel(&settings.config.matterbot.welcome),
        rate: Rate::new(lifecycle.rate.count, lifecycle.rate.window),
        max_age: lifecycle.catch_up.max_age,
        notice_expiry: lifecycle.notice_expiry,
        read_from: estate.read_from,
        token_worked: estate.token_worked,
        start: estate.start,
        started: Instant::now(),
        version: env!("CARGO_PKG_VERSION"),
        boot_id,
        mishap,
    }
}
