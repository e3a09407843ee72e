//! Loading all modules beside those that run, and swapping them in one instant.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::bot::causes::causes;
use crate::bot::context::Context;
use crate::config::{self, Config};
use crate::id::log_reference;
use crate::module::protocol::{Stage, Staged, ToHost};

use super::changes::{Changes, Plan, plan, roster};
use super::{Condition, Modules, NotReady};

/// How long loading may take.
pub(super) const LOADING: Duration = Duration::from_secs(300);

/// A reload waits so long for modules that are being loaded already.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a reload finds.
#[derive(Debug)]
pub enum Found {
    /// There is no folder of modules, and there was none before.
    Nothing,
    /// There is a folder now; its modules are loaded after the swap of the configuration.
    Folder,
    /// There is no host that could load modules, for this reason, as half a sentence; the next one loads what the
    /// configuration says then.
    NoHost(String),
    /// The modules have been loaded beside those that run.
    Loaded(Box<Plan>),
}

impl Modules {
    /// Loads the modules that `config` names beside those that run. What is found must be swapped or given up.
    ///
    /// # Errors
    /// Why they cannot be loaded, as half a sentence; those that run are untouched.
    pub async fn load(&self, config: &Config) -> Result<Found, String> {
        let is_there = is_there(&config.modules);
        if self.are_absent() {
            return Ok(if is_there {
                Found::Folder
            } else {
                Found::Nothing
            });
        }
        if !is_there {
            return Err(no_folder(&config.modules));
        }
        let patience = if self.connection().orders.is_some() {
            PATIENCE
        } else {
            Duration::ZERO
        };
        match self.greeted(patience).await {
            Ok(()) => {}
            Err(NotReady::Loading(reason)) if self.connection().has_greeted => return Err(reason),
            Err(NotReady::Loading(reason)) => return Ok(Found::NoHost(reason)),
            Err(NotReady::Absent) => return Err(no_folder(&config.modules)),
        }
        if !self.answers().await {
            return Ok(Found::NoHost("the module host does not answer".to_owned()));
        }
        let staged = match self.stage(config) {
            Ok(staged) => timeout(LOADING, staged).await,
            Err(reason) => return Ok(Found::NoHost(reason)),
        };
        let staged = match staged {
            Ok(Ok(staged)) => staged,
            Ok(Err(_)) => {
                let reason = "the module host has ended meanwhile".to_owned();
                return Ok(Found::NoHost(reason));
            }
            Err(_) => {
                self.give_up();
                return Err("loading the modules took too long".to_owned());
            }
        };
        let connection = self.connection();
        let plan = plan(&connection.serving, connection.python.as_deref(), staged);
        Ok(Found::Loaded(Box::new(plan)))
    }

    /// Orders all modules to be loaded.
    pub(super) fn stage(&self, config: &Config) -> Result<oneshot::Receiver<Staged>, String> {
        let (tell, staged) = oneshot::channel();
        let mut connection = self.connection();
        connection.generation += 1;
        let order = ToHost::Stage(Stage {
            generation: connection.generation,
            folder: config.modules.commanddir.clone(),
            python: config.modules.python.clone(),
            workers: config.matterbot.command_workers,
        });
        let orders = connection.orders.as_ref();
        if orders.is_none_or(|orders| orders.send(order).is_err()) {
            return Err("no module host is there".to_owned());
        }
        connection.staging = Some((connection.generation, tell));
        Ok(staged)
    }

    /// Calls go to what `plan` says from now on; calls that run end in the code that they began in.
    pub(super) fn swap(&self, plan: &Plan) {
        let mut connection = self.connection();
        connection.serving = plan.serving.clone();
        connection.python = plan.python.clone();
        connection.serve();
    }

    /// What was loaded is given up.
    pub fn give_up(&self) {
        self.connection().serve();
    }

    /// There is a folder of modules now: they are loaded.
    pub fn wake(&self) {
        self.condition.send_replace(Condition::Loading(
            "the modules are still being loaded".to_owned(),
        ));
        self.wanted.notify_one();
    }
}

/// What is served stays, as it is what was loaded; the bind map may have changed.
pub async fn leave(context: &Arc<Context>, plan: Plan) -> Changes {
    context.modules.give_up();
    let mut changes = plan.changes;
    note_failures(context, &mut changes);
    changes.binds = reread(context).await;
    changes
}

/// Reads the bind map again; says why it cannot be used, if it cannot.
pub async fn reread(context: &Arc<Context>) -> Option<String> {
    let shared = Arc::clone(context);
    let read = tokio::task::spawn_blocking(move || shared.binds.reread()).await;
    let trouble = read.unwrap_or_else(|panic| Err(panic.to_string())).err()?;
    tracing::error!("{trouble}; what was known before counts");
    Some(trouble)
}

/// The log and `@status` tell what could not be loaded.
fn note_failures(context: &Context, changes: &mut Changes) {
    log_failures(changes);
    let failed = changes.failed.iter();
    let failed = failed.map(|failed| (failed.name.clone(), failed.summary.clone()));
    context.binds.could_not_load(failed.collect());
}

/// The log tells what could not be loaded, under a reference if there is something that only the log may tell.
pub fn log_failures(changes: &mut Changes) {
    if changes.failed.iter().any(|failed| failed.text.is_some()) {
        changes.reference = Some(log_reference());
    }
    let reference = changes.reference.as_deref();
    for problem in &changes.problems {
        tracing::warn!("{problem}");
    }
    for failed in &changes.failed {
        tracing::error!(
            module = failed.name,
            reason = failed.text.as_ref().unwrap_or(&failed.summary),
            reference,
            trace = failed.trace,
            "a module could not be loaded"
        );
    }
}

/// Takes what `plan` says into service, and tells the catalogue of it.
pub async fn adopt(context: &Arc<Context>, plan: Plan) -> Changes {
    context.modules.swap(&plan);
    let Plan {
        serving,
        mut changes,
        ..
    } = plan;
    note_failures(context, &mut changes);
    let (shared, roster) = (Arc::clone(context), roster(&serving));
    match tokio::task::spawn_blocking(move || shared.binds.greeted(roster)).await {
        Ok(Ok(differences)) => changes.differences = differences,
        Ok(Err(error)) => {
            tracing::error!(error = %causes(&error), "the bind map was left as it is");
            changes.binds = Some(causes(&error).to_string());
        }
        Err(panic) => tracing::error!(%panic, "the bind map was left as it is"),
    }
    changes
}

/// That there is no folder of modules, as half a sentence.
#[must_use]
pub fn no_folder(modules: &config::Modules) -> String {
    let folder = modules.commanddir.display();
    format!("there is no folder of modules ({folder})")
}

/// Whether somebody wants modules: a folder that is not there is an error then.
#[must_use]
pub fn are_wanted(context: &Context, modules: &config::Modules) -> bool {
    modules.commanddir_is_named || context.binds.catalogue().modules().next().is_some()
}

/// Whether there may be a folder of modules.
pub(super) fn is_there(modules: &config::Modules) -> bool {
    match modules.commanddir.metadata() {
        Ok(metadata) => metadata.is_dir(),
        // A host in a unit of its own may see more than we do, whose sandbox hides all homes.
        Err(error) => modules.socket.is_some() && error.kind() == ErrorKind::PermissionDenied,
    }
}
