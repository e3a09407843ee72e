//! Keeping a module host: a child of ours, or one that listens at a socket.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use tokio::process::Child;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use crate::backoff::Backoff;
use crate::bot::causes::causes;
use crate::bot::context::Context;
use crate::command::catalogue::{Loaded, Roster};
use crate::module::descent;
use crate::module::link::{Link, LinkError, Receiver, Sender};
use crate::module::protocol::{FromHost, Loading, Log, PROTOCOL, Stage, Staged, ToHost};

use super::{Condition, requests, strays};

/// How long a host may take to end, once we have hung up.
const ENDING: Duration = Duration::from_secs(2);
/// A host that lived so long is replaced at once.
const STEADY: Duration = Duration::from_secs(60);
/// How long loading may take.
const STAGING: Duration = Duration::from_secs(300);

/// The task that keeps a host.
#[derive(Debug)]
pub struct Keeper {
    task: Option<JoinHandle<()>>,
    stop: tokio::sync::watch::Sender<bool>,
}

/// Keeps a module host from now on, if there is a folder of modules.
#[must_use]
pub fn keep(context: &Arc<Context>) -> Keeper {
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let settings = context.settings();
    let modules = &settings.config.modules;
    let folder = &modules.commanddir;
    let is_there = match folder.metadata() {
        Ok(metadata) => metadata.is_dir(),
        // A host of another unit sees more than we do: our sandbox hides all homes.
        Err(error) => modules.socket.is_some() && error.kind() == ErrorKind::PermissionDenied,
    };
    if !is_there {
        let reason = format!("there is no folder of modules ({})", folder.display());
        let condition = &context.modules.condition;
        condition.send_replace(Condition::Absent(reason));
        return Keeper { task: None, stop };
    }
    if let Err(error) = descent::become_subreaper() {
        tracing::warn!(%error, "what a module host leaves behind cannot be ended");
    }
    let context = Arc::clone(context);
    let chores = context.chores.clone();
    let task = chores.spawn(run(context, stopped));
    Keeper {
        task: Some(task),
        stop,
    }
}

impl Keeper {
    /// Ends the host and all that it started. Calls that run get no answer any more: the next process settles them.
    pub async fn end(&mut self) {
        self.stop.send_replace(true);
        if let Some(task) = self.task.take() {
            drop(timeout(2 * ENDING, task).await);
        }
    }
}

type Stopped = tokio::sync::watch::Receiver<bool>;

async fn run(context: Arc<Context>, mut stopped: Stopped) {
    let mut backoff = Backoff::new(
        Duration::from_secs(1),
        Duration::from_secs(60),
        fastrand::u64(..),
    );
    loop {
        let began = Instant::now();
        let reason = tokio::select! {
            // What was begun is dropped; what it started is ended below.
            _ = stopped.wait_for(|stopped| *stopped) => None,
            reason = converse(&context) => Some(reason),
        };
        let Some(reason) = reason else {
            let child = context.modules.connection().child.take();
            context.modules.connection().orders = None;
            finish(child).await;
            return;
        };
        tracing::error!("{reason}; another module host is started");
        let child = context.modules.connection().child.take();
        context.modules.connection().orders = None;
        finish(child).await;
        context.modules.lost(reason);
        if began.elapsed() >= STEADY {
            backoff.reset();
        }
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return,
            () = tokio::time::sleep(backoff.next_delay()) => {}
        }
    }
}

/// Waits for the end of a host that was hung up on, and ends what it leaves behind.
async fn finish(child: Option<Child>) {
    if let Some(mut child) = child {
        if timeout(ENDING, child.wait()).await.is_err() {
            tracing::warn!("the module host does not end by itself");
            if let Some(pid) = child.id() {
                descent::kill_tree(pid);
            }
            drop(timeout(ENDING, child.wait()).await);
        }
        strays::end().await;
    }
}

/// Speaks with a host until that is gone; says why, as a sentence without its end.
async fn converse(context: &Arc<Context>) -> String {
    let link = match connect(context).await {
        Ok(link) => link,
        Err(error) => return format!("the module host could not be reached ({error})"),
    };
    let Link {
        mut receiver,
        sender,
        child,
    } = link;
    let (orders, queue) = mpsc::unbounded_channel();
    let writer = AbortOnDrop(context.chores.spawn(write(sender, queue)));
    {
        let mut connection = context.modules.connection();
        connection.orders = Some(orders);
        connection.child = child;
    }
    stage(context);
    let reason = hear(context, &mut receiver).await;
    drop(writer);
    reason
}

/// A task that ends with whoever wanted it.
struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn connect(context: &Context) -> io::Result<Link> {
    match &context.settings().config.modules.socket {
        Some(socket) => Link::connect(socket).await.map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", socket.display()))
        }),
        None => Link::spawn(context.origin.program()),
    }
}

async fn write(mut sender: Sender, mut queue: mpsc::UnboundedReceiver<ToHost>) {
    while let Some(order) = queue.recv().await {
        if let Err(error) = sender.send(&order).await {
            // Whoever hears the host learns of its end as well.
            tracing::debug!(%error, "the module host does not listen");
            return;
        }
    }
}

/// Orders all modules to be loaded; what came of it comes as [`FromHost::Staged`].
fn stage(context: &Arc<Context>) {
    let settings = context.settings();
    let modules = &settings.config.modules;
    let mut connection = context.modules.connection();
    connection.generation += 1;
    let order = ToHost::Stage(Stage {
        generation: connection.generation,
        folder: modules.commanddir.clone(),
        python: modules.python.clone(),
        workers: settings.config.matterbot.command_workers,
    });
    if let Some(orders) = &connection.orders {
        drop(orders.send(order));
    }
}

/// Hears the host until it says no more; gives the reason.
async fn hear(context: &Arc<Context>, receiver: &mut Receiver) -> String {
    let mut staged = std::pin::pin!(tokio::time::sleep(STAGING));
    let mut is_loading = true;
    loop {
        let heard = tokio::select! {
            heard = receiver.next() => heard,
            () = &mut staged, if is_loading => return "loading the modules took too long".to_owned(),
        };
        match heard {
            Ok(Some(FromHost::Hello { protocol, .. })) if protocol != PROTOCOL => {
                return format!(
                    "the module host speaks protocol {protocol}, and we speak {PROTOCOL}"
                );
            }
            Ok(Some(FromHost::Hello { version, pid, .. })) => {
                tracing::info!(version, pid, "a module host is there");
            }
            Ok(Some(FromHost::Staged(staged))) => {
                is_loading = false;
                serve(context, staged).await;
            }
            Ok(Some(FromHost::Log(line))) => log(&line),
            Ok(Some(FromHost::Request(request))) => requests::serve(context, request),
            Ok(Some(said)) => context.modules.heard(said),
            Ok(None) => return "the module host has ended".to_owned(),
            Err(error @ LinkError::Unknown(_)) => {
                tracing::warn!(error = %causes(&error), "a line is passed over")
            }
            Err(error) => return format!("the module host cannot be heard ({})", causes(&error)),
        }
    }
}

/// Calls go to what was loaded from now on.
async fn serve(context: &Arc<Context>, staged: Staged) {
    let mut roster = Roster::new();
    let mut failed = Vec::new();
    for problem in &staged.problems {
        tracing::warn!("{problem}");
    }
    for module in staged.modules {
        match module.loading {
            Loading::Description(description) => {
                let generation = staged.generation;
                let loaded = Loaded {
                    description,
                    generation,
                };
                roster.insert(module.name, loaded);
            }
            Loading::Failure(failure) => {
                tracing::error!(
                    module = module.name,
                    reason = failure.summary,
                    trace = failure.trace,
                    "a module could not be loaded"
                );
                failed.push(module.name);
            }
        }
    }
    tracing::info!(
        loaded = roster.len(),
        failed = failed.len(),
        python = staged.python.as_deref(),
        "the modules have been greeted"
    );
    let generations: BTreeMap<String, u64> = roster
        .iter()
        .map(|(name, loaded)| (name.clone(), loaded.generation))
        .collect();
    context.modules.order(ToHost::Serve { generations });
    context.binds.could_not_load(failed);
    let shared = Arc::clone(context);
    match tokio::task::spawn_blocking(move || shared.binds.greeted(roster)).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => {
            tracing::error!(error = %causes(&error), "the bind map was left as it is")
        }
        Err(panic) => tracing::error!(%panic, "the bind map was left as it is"),
    }
    context.modules.condition.send_replace(Condition::Greeted);
}

fn log(line: &Log) {
    let (module, text) = (&line.module, &line.text);
    match line.level.as_str() {
        "debug" => tracing::debug!(module, "{text}"),
        "warning" => tracing::warn!(module, "{text}"),
        "error" => tracing::error!(module, "{text}"),
        _ => tracing::info!(module, "{text}"),
    }
}
