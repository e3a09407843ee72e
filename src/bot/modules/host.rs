//! Keeping a module host: a child of ours, or one that listens at a socket.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::process::Child;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use crate::backoff::Backoff;
use crate::bot::causes::causes;
use crate::bot::context::Context;
use crate::module::link::{Link, LinkError, Receiver, Sender};
use crate::module::process_tree;
use crate::module::protocol::{FromHost, Log, PROTOCOL, Staged, ToHost};

use super::changes::{Serving, plan};
use super::reloading::{LOADING, adopt, are_wanted, is_there, no_folder};
use super::{Condition, requests, strays};

/// How long a host may take to end, once we have hung up.
const ENDING: Duration = Duration::from_secs(2);
/// A host that lived so long is replaced at once.
const STEADY: Duration = Duration::from_secs(60);
/// How long a host may take to its first line; one that waits for its turn at a socket too.
const HELLO: Duration = Duration::from_secs(60);

/// The task that keeps a host.
#[derive(Debug)]
pub struct Keeper {
    task: Option<JoinHandle<()>>,
    stop: tokio::sync::watch::Sender<bool>,
}

/// Keeps a module host from now on, while there is a folder of modules.
#[must_use]
pub fn keep(context: &Arc<Context>) -> Keeper {
    let (stop, stopped) = tokio::sync::watch::channel(false);
    if let Err(error) = process_tree::become_subreaper() {
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
        if is_absent(&context) {
            context.modules.condition.send_replace(Condition::Absent);
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => return,
                () = context.modules.wanted.notified() => continue,
            }
        }
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

/// Whether there is nothing to be loaded; if there should be something, the log tells.
fn is_absent(context: &Context) -> bool {
    let settings = context.settings();
    let modules = &settings.config.modules;
    if is_there(modules) {
        return false;
    }
    if are_wanted(context, modules) {
        tracing::error!(
            "{}, so no module can be called: make it or set Modules.commanddir, then `@reload`",
            no_folder(modules)
        );
    }
    true
}

/// Waits for the end of a host that was hung up on, and ends what it leaves behind.
async fn finish(child: Option<Child>) {
    if let Some(mut child) = child {
        if timeout(ENDING, child.wait()).await.is_err() {
            tracing::warn!("the module host does not end by itself");
            if let Some(pid) = child.id() {
                process_tree::kill_tree(pid);
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
    let (hang_up, hangs) = oneshot::channel();
    {
        let mut connection = context.modules.connection();
        connection.orders = Some(orders);
        connection.hang_up = Some(hang_up);
        connection.child = child;
    }
    let reason = tokio::select! {
        // Either ends the other: a host that is gone loads nothing, and one that does not load is given up.
        reason = hear(context, &mut receiver) => reason,
        reason = load(context) => reason,
        Ok(()) = hangs => "the module host hangs".to_owned(),
    };
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

/// Hears the host until it says no more; gives the reason.
async fn hear(context: &Arc<Context>, receiver: &mut Receiver) -> String {
    let mut until = Some(Instant::now() + HELLO);
    loop {
        let said = match until {
            Some(until) => timeout_at(until, receiver.next()).await,
            None => Ok(receiver.next().await),
        };
        let Ok(said) = said else {
            return "the module host does not say hello".to_owned();
        };
        until = None;
        match said {
            Ok(Some(FromHost::Hello { protocol, .. })) if protocol != PROTOCOL => {
                return format!(
                    "the module host speaks protocol {protocol}, and we speak {PROTOCOL}"
                );
            }
            Ok(Some(FromHost::Hello { version, pid, .. })) => {
                tracing::info!(version, pid, "a module host is there");
                context.modules.connection().has_greeted = true;
            }
            Ok(Some(FromHost::Staged(staged))) => {
                let waiting = context.modules.connection().staging.take();
                match waiting {
                    Some((generation, waiting)) if generation == staged.generation => {
                        // Whoever gave up waiting has said so already.
                        waiting.send(staged).ok();
                    }
                    waiting => context.modules.connection().staging = waiting,
                }
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

/// Has all modules loaded by a host that was just begun with, and takes them into service; ends only if that fails.
async fn load(context: &Arc<Context>) -> String {
    let staged = match context.modules.stage(&context.settings().config) {
        Ok(staged) => staged,
        Err(reason) => return reason,
    };
    match timeout(LOADING, staged).await {
        Ok(Ok(staged)) => serve(context, staged).await,
        // That the host is gone is heard as well.
        Ok(Err(_)) => {}
        Err(_) => return "loading the modules took too long".to_owned(),
    }
    std::future::pending().await
}

async fn serve(context: &Arc<Context>, staged: Staged) {
    let python = staged.python.clone();
    let changes = adopt(context, plan(&Serving::new(), None, staged)).await;
    context.modules.condition.send_replace(Condition::Greeted);
    tracing::info!(
        loaded = changes.added.len(),
        failed = changes.failed.len(),
        python = python.as_deref(),
        "the modules have been greeted"
    );
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
