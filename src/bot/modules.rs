//! The command modules as the bot calls them: who of them can be, and what they answer.
//!
//! ```text
//!  no folder: absent ──there is one at a reload──▶ loading
//!  loading ──greeted──▶ greeted ──the host is gone──▶ loading, after a while
//!     │ calls wait for a while        calls fail at once ▲
//!     └──────────────────────────────────────────────────┘
//! ```

pub mod changes;
pub mod hanging;
pub mod happening;
pub mod hooks;
pub mod host;
pub mod reloading;
mod requests;
mod strays;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

use crate::module::protocol::{
    Answer, Call, Failure, FailureReason, FromHost, Hook, Staged, ToHost,
};
use crate::tasks::Tasks;

use changes::Serving;
use happening::Dropped;

/// What a module says of a call.
#[derive(Debug)]
pub enum Said {
    /// While it runs.
    Progress(String),
    /// That is all.
    Answer(Answer),
    /// It failed.
    Failure(Failure),
}

/// Whether modules can be called.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Condition {
    /// Not yet, for this reason, as half a sentence.
    Loading(String),
    /// They have been greeted.
    Greeted,
    /// Never: there is no folder of modules.
    Absent,
}

/// Why modules cannot be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotReady {
    /// They are not loaded yet, for this reason, as half a sentence.
    Loading(String),
    /// There is no folder of modules.
    Absent,
}

/// The modules, shared by all that serves.
#[derive(Debug)]
pub struct Modules {
    condition: watch::Sender<Condition>,
    connection: Mutex<Connection>,
    /// Who waits for a folder of modules learns that there is one.
    wanted: Notify,
    /// The turns of each module, and how many run at once.
    turns: Mutex<HashMap<String, (usize, Arc<Semaphore>)>>,
    /// What the modules are being told.
    hooks: Tasks,
    dropped: Dropped,
    /// The turns of files that modules have asked for: each may be large.
    downloads: Semaphore,
}

#[derive(Debug, Default)]
struct Connection {
    /// To the host, while there is one.
    orders: Option<mpsc::UnboundedSender<ToHost>>,
    /// Who waits for what is said of a call.
    calls: HashMap<String, mpsc::UnboundedSender<Said>>,
    /// Generations are counted over all hosts.
    generation: u64,
    /// Who waits for this generation to be loaded.
    staging: Option<(u64, oneshot::Sender<Staged>)>,
    /// The modules that are called.
    serving: Serving,
    /// The interpreter of those in Python.
    python: Option<String>,
    /// Ends the connection with a host that hangs.
    hang_up: Option<oneshot::Sender<()>>,
    /// Whether the host has said hello.
    has_greeted: bool,
    /// Its process, where it is a child of ours.
    child: Option<tokio::process::Child>,
}

impl Default for Modules {
    /// No module can be called yet.
    fn default() -> Self {
        let reason = "the modules are still being loaded".to_owned();
        Self {
            condition: watch::Sender::new(Condition::Loading(reason)),
            connection: Mutex::default(),
            wanted: Notify::new(),
            turns: Mutex::default(),
            hooks: Tasks::new(),
            dropped: Dropped::default(),
            downloads: Semaphore::new(requests::DOWNLOADS),
        }
    }
}

impl Modules {
    /// Waits until the modules have been greeted.
    ///
    /// # Errors
    /// Why they are not; at once if they never will be.
    pub async fn greeted(&self, patience: Duration) -> Result<(), NotReady> {
        let mut condition = self.condition.subscribe();
        let known = condition.wait_for(|known| !matches!(known, Condition::Loading(_)));
        // The sender lives as long as we do.
        let known = match tokio::time::timeout(patience, known).await {
            Ok(Ok(known)) => known.clone(),
            Ok(Err(_)) | Err(_) => self.condition.borrow().clone(),
        };
        match known {
            Condition::Greeted => Ok(()),
            Condition::Loading(reason) => Err(NotReady::Loading(reason)),
            Condition::Absent => Err(NotReady::Absent),
        }
    }

    /// Whether there is no folder of modules.
    #[must_use]
    pub fn are_absent(&self) -> bool {
        *self.condition.borrow() == Condition::Absent
    }

    /// Waits until a call of each of `modules` may run, of which at most `workers` do at once, and no more than the module
    /// takes; gives their turns in the same order. None is held while another one is waited for, so that a module whose
    /// calls hang holds up no other. After a change of those numbers what runs counts no more.
    pub async fn turns<'a>(
        &self,
        modules: impl Iterator<Item = &'a str> + Clone,
        workers: usize,
    ) -> Vec<OwnedSemaphorePermit> {
        let turns: Vec<_> = modules
            .map(|module| self.semaphore(module, workers))
            .collect();
        let mut waited: Option<(usize, OwnedSemaphorePermit)> = None;
        loop {
            let mut held = Vec::with_capacity(turns.len());
            let full = turns.iter().enumerate().find(|(index, turn)| {
                let turn = match waited.take_if(|(waited, _)| waited == index) {
                    Some((_, turn)) => Ok(turn),
                    None => Arc::clone(turn).try_acquire_owned(),
                };
                turn.map(|turn| held.push(turn)).is_err()
            });
            let Some((index, turn)) = full else {
                return held;
            };
            drop((held, waited.take()));
            // It is never closed.
            let turn = Arc::clone(turn).acquire_owned().await;
            waited = turn.ok().map(|turn| (index, turn));
        }
    }

    /// The turns of `module`.
    fn semaphore(&self, module: &str, workers: usize) -> Arc<Semaphore> {
        let taken = self
            .connection()
            .serving
            .get(module)
            .map_or(workers, |served| {
                workers.min(served.description.concurrency)
            });
        let workers = taken.max(1);
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || (workers, Arc::new(Semaphore::new(workers)));
        let known = turns.entry(module.to_owned()).or_insert_with(new);
        if known.0 != workers {
            *known = new();
        }
        Arc::clone(&known.1)
    }

    /// Calls `module`, in the code that is served now; gives what it says, at last an answer or a failure.
    pub fn call(&self, module: &str, call: Call) -> mpsc::UnboundedReceiver<Said> {
        let id = call.id.clone();
        let order = |generation| ToHost::Call {
            module: module.to_owned(),
            generation,
            call,
        };
        self.begin(module, &id, order).unwrap_or_else(|| {
            let (tell, said) = mpsc::unbounded_channel();
            drop(tell.send(lost(&id)));
            said
        })
    }

    /// Tells `module` what has happened; gives what it says of that, or nothing if it cannot be told.
    fn tell(&self, module: &str, hook: Hook) -> Option<mpsc::UnboundedReceiver<Said>> {
        let id = hook.id.clone();
        let order = |generation| ToHost::Hook {
            module: module.to_owned(),
            generation,
            hook,
        };
        self.begin(module, &id, order)
    }

    /// Orders what is named `id`, in the generation that is served; between looking and sending nothing can be swapped.
    fn begin(
        &self,
        module: &str,
        id: &str,
        order: impl FnOnce(u64) -> ToHost,
    ) -> Option<mpsc::UnboundedReceiver<Said>> {
        let (tell, said) = mpsc::unbounded_channel();
        let mut connection = self.connection();
        let orders = connection.orders.as_ref()?;
        let generation = connection.serving.get(module)?.generation;
        orders.send(order(generation)).ok()?;
        connection.calls.insert(id.to_owned(), tell);
        Some(said)
    }

    /// Tells the host, if there is one.
    fn order(&self, order: ToHost) {
        if let Some(orders) = &self.connection().orders {
            drop(orders.send(order));
        }
    }

    /// Hands what the host says of a call to whoever waits for it.
    fn heard(&self, heard: FromHost) {
        let (id, said, is_end) = match heard {
            FromHost::Progress(progress) => (progress.call, Said::Progress(progress.text), false),
            FromHost::Result(answer) => (answer.call.clone(), Said::Answer(answer), true),
            FromHost::Error(failure) => (failure.call.clone(), Said::Failure(failure), true),
            _ => return,
        };
        let mut connection = self.connection();
        let asker = if is_end {
            connection.calls.remove(&id)
        } else {
            connection.calls.get(&id).cloned()
        };
        if let Some(asker) = asker {
            drop(asker.send(said));
        }
    }

    /// The host is gone, and its calls with it.
    fn lost(&self, reason: String) {
        self.condition.send_replace(Condition::Loading(reason));
        let mut connection = self.connection();
        connection.orders = None;
        connection.hang_up = None;
        connection.has_greeted = false;
        connection.staging = None;
        connection.serving.clear();
        for (id, asker) in std::mem::take(&mut connection.calls) {
            drop(asker.send(lost(&id)));
        }
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// Tells the host which generation each module is called in.
    fn serve(&self) {
        let generations = self.serving.iter();
        let generations = generations.map(|(name, served)| (name.clone(), served.generation));
        if let Some(orders) = &self.orders {
            let generations = generations.collect();
            // A host that is gone serves nothing.
            orders.send(ToHost::Serve { generations }).ok();
        }
    }
}

fn lost(call: &str) -> Said {
    Said::Failure(Failure {
        call: call.to_owned(),
        reason: FailureReason::Died,
        trace: "the module host is gone".to_owned(),
    })
}
