//! The command modules as the bot calls them: who of them can be, and what they answer.
//!
//! ```text
//!  no folder: absent
//!  loading ──greeted──▶ greeted ──the host is gone──▶ loading, after a while
//!     │ calls wait for a while        calls fail at once ▲
//!     └──────────────────────────────────────────────────┘
//! ```

pub mod hooks;
mod host;
mod requests;
mod strays;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use crate::module::protocol::{Answer, Call, Failure, FailureReason, FromHost, ToHost};

use crate::tasks::Tasks;

use super::context::Context;
use hooks::{Dropped, Happening};

pub use host::{Keeper, keep};

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
    /// Never: there is no folder of modules, as half a sentence says.
    Absent(String),
}

/// The modules, shared by all that serves.
#[derive(Debug)]
pub struct Modules {
    condition: watch::Sender<Condition>,
    connection: Mutex<Connection>,
    /// How many calls of one module run at once.
    workers: usize,
    turns: Mutex<HashMap<String, Arc<Semaphore>>>,
    /// What the modules are being told.
    hooks: Tasks,
    dropped: Dropped,
}

#[derive(Debug, Default)]
struct Connection {
    /// To the host, while there is one.
    orders: Option<mpsc::UnboundedSender<ToHost>>,
    /// Who waits for what is said of a call.
    calls: HashMap<String, mpsc::UnboundedSender<Said>>,
    /// Generations are counted over all hosts.
    generation: u64,
    /// Its process, where it is a child of ours.
    child: Option<tokio::process::Child>,
}

impl Modules {
    /// No module can be called yet; at most `workers` calls of one run at once.
    #[must_use]
    pub fn new(workers: usize) -> Self {
        let reason = "the modules are still being loaded".to_owned();
        Self {
            condition: watch::Sender::new(Condition::Loading(reason)),
            connection: Mutex::default(),
            workers: workers.max(1),
            turns: Mutex::default(),
            hooks: Tasks::new(),
            dropped: Dropped::default(),
        }
    }

    /// Waits until the modules have been greeted.
    ///
    /// # Errors
    /// Why they are not, as half a sentence; at once if they never will be.
    pub async fn greeted(&self, patience: Duration) -> Result<(), String> {
        let mut condition = self.condition.subscribe();
        let known = condition.wait_for(|known| !matches!(known, Condition::Loading(_)));
        // The sender lives as long as we do.
        let known = match tokio::time::timeout(patience, known).await {
            Ok(Ok(known)) => known.clone(),
            Ok(Err(_)) | Err(_) => self.condition.borrow().clone(),
        };
        match known {
            Condition::Greeted => Ok(()),
            Condition::Loading(reason) | Condition::Absent(reason) => Err(reason),
        }
    }

    /// Waits until a call of `module` may run; those that wait have their turn in order.
    pub async fn turn(&self, module: &str) -> Option<OwnedSemaphorePermit> {
        let turns = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            let turns = turns
                .entry(module.to_owned())
                .or_insert_with(|| Arc::new(Semaphore::new(self.workers)));
            Arc::clone(turns)
        };
        // It is never closed.
        turns.acquire_owned().await.ok()
    }

    /// Calls `module`; gives what it says, at last an answer or a failure.
    pub fn call(&self, module: &str, generation: u64, call: Call) -> mpsc::UnboundedReceiver<Said> {
        let id = call.id.clone();
        let order = ToHost::Call {
            module: module.to_owned(),
            generation,
            call,
        };
        self.begin(&id, order).unwrap_or_else(|| {
            let (tell, said) = mpsc::unbounded_channel();
            drop(tell.send(lost(&id)));
            said
        })
    }

    /// Orders what is named `id`; gives what is said of it, or nothing if there is no host.
    fn begin(&self, id: &str, order: ToHost) -> Option<mpsc::UnboundedReceiver<Said>> {
        let (tell, said) = mpsc::unbounded_channel();
        let mut connection = self.connection();
        connection.orders.as_ref()?.send(order).ok()?;
        connection.calls.insert(id.to_owned(), tell);
        Some(said)
    }

    /// Tells modules what has happened, beside everything else.
    pub fn happened(&self, context: &Arc<Context>, happening: Happening) {
        if self.dropped.admits(self.hooks.running()) {
            let telling = hooks::tell(Arc::clone(context), happening);
            drop(self.hooks.spawn(context.chores.until_stopped(telling)));
        }
    }

    /// Nobody waits for the call `id` any longer.
    pub fn forget(&self, id: &str) {
        self.connection().calls.remove(id);
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

fn lost(call: &str) -> Said {
    Said::Failure(Failure {
        call: call.to_owned(),
        reason: FailureReason::Died,
        trace: "the module host is gone".to_owned(),
    })
}
