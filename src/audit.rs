//! The audit trail: every decision about a command, appended to `audit.jsonl`.
//!
//! The file belongs to a thread of its own behind a bounded channel, so that a slow disk blocks nobody. It is only ever
//! appended to, also where an earlier line is torn. Who wants it to begin anew renames it, and asks for the name to be
//! opened again.

mod entry;
mod trail;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

pub use entry::{Entry, Verdict};
use trail::Trail;

use crate::tasks::catch_panic;

/// The file in the state directory.
const NAME: &str = "audit.jsonl";

/// How many entries may wait for the disk; about 6 MB if all are as long as they can be. The places are taken from the
/// memory at the start, used or not.
const WAITING_AT_MOST: usize = 2_000;

/// Why the audit trail cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The file could not be opened, created or read.
    #[error("cannot open {path}")]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The file is a directory, a device or the like; belongs to somebody else; or has another name too.
    #[error("{path} is not a regular file of this user with a single link: move it away")]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
    /// The line could not be written or synced.
    #[error("cannot write the audit trail")]
    Write(#[source] std::io::Error),
    /// So much waits for the disk already that the line was not taken.
    #[error("the disk is too slow for the audit trail")]
    Behind,
    /// The trail was closed.
    #[error("the audit trail is closed")]
    Closed,
}

/// What went wrong with the trail since the process started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// How many decisions are missing from the file.
    pub lost: u64,
    /// The last error, in the system's words.
    pub error: String,
    /// Whether the last line went wrong too.
    pub lasting: bool,
}

/// A handle to the thread that owns `audit.jsonl`; clones share it.
#[derive(Debug, Clone)]
pub struct Audit {
    thread: SyncSender<Message>,
    trouble: Arc<Mutex<Option<Trouble>>>,
}

/// What the thread is asked.
#[derive(Debug)]
enum Message {
    Record(Box<Entry>),
    RecordDurably(Box<Entry>, oneshot::Sender<Result<(), AuditError>>),
    Last(usize, oneshot::Sender<Vec<Entry>>),
    Reopen(PathBuf),
    Close(oneshot::Sender<()>),
}

impl Audit {
    /// Opens or creates `audit.jsonl` in `directory`, and starts its thread. A line that a crash has torn is ended, so
    /// that the next one stands on its own.
    ///
    /// # Errors
    /// If the file cannot be opened, or is not a regular file of this user with one link.
    pub fn open(directory: &Path) -> Result<Self, AuditError> {
        let trail = Trail::open(directory)?;
        Self::start(trail).map_err(|source| AuditError::Open {
            path: directory.join(NAME),
            source,
        })
    }

    /// Whether `audit.jsonl` in `directory` could be kept, if it exists; changes nothing.
    ///
    /// # Errors
    /// As of [`Audit::open`].
    pub fn check(directory: &Path) -> Result<(), AuditError> {
        Trail::examine(directory)
    }

    /// A trail that could not be opened: what is recorded is lost, and told by [`Audit::trouble`].
    #[must_use]
    pub fn unopened() -> Self {
        let (thread, _) = sync_channel(1);
        Self {
            thread,
            trouble: Arc::default(),
        }
    }

    fn start(trail: Trail) -> std::io::Result<Self> {
        let (thread, messages) = sync_channel(WAITING_AT_MOST);
        let trouble = Arc::new(Mutex::new(None));
        let noticed = Arc::clone(&trouble);
        std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || write(trail, &messages, &noticed))?;
        Ok(Self { thread, trouble })
    }

    /// Appends `entry` some time soon; never blocks. What goes wrong is logged, and told by [`Audit::trouble`].
    pub fn record(&self, entry: Entry) {
        if let Err(error) = self.send(Message::Record(Box::new(entry))) {
            notice(&self.trouble, &Err(error));
        }
    }

    /// Appends `entry` and returns once it is on disk.
    ///
    /// # Errors
    /// If it could not be written or synced: then a lifecycle command must not act.
    pub async fn record_durably(&self, entry: Entry) -> Result<(), AuditError> {
        let (answer, answered) = oneshot::channel();
        if let Err(error) = self.send(Message::RecordDurably(Box::new(entry), answer)) {
            let result = Err(error);
            notice(&self.trouble, &result);
            return result;
        }
        answered.await.unwrap_or(Err(AuditError::Closed))
    }

    /// The last `count` entries, the oldest of them first, as far as they stand in the last mebibyte; lines that cannot
    /// be read are left out.
    pub async fn last(&self, count: usize) -> Vec<Entry> {
        let (answer, answered) = oneshot::channel();
        match self.send(Message::Last(count, answer)) {
            Ok(()) => answered.await.unwrap_or_default(),
            Err(_) => Vec::new(),
        }
    }

    /// Opens the name in `directory` again, which may have become another file; what was recorded before stands in the
    /// old one. If that fails, the old one goes on, and the log says so. Never blocks.
    pub fn reopen(&self, directory: &Path) {
        if let Err(error) = self.send(Message::Reopen(directory.to_owned())) {
            tracing::warn!(%error, "the audit trail could not be opened again");
        }
    }

    /// What went wrong since the start, for `@status`.
    #[must_use]
    pub fn trouble(&self) -> Option<Trouble> {
        self.trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Writes and syncs what was recorded before, and ends the thread; what is recorded later is lost.
    pub async fn close(&self) {
        let (answer, answered) = oneshot::channel();
        if self.send(Message::Close(answer)).is_ok() {
            // An error says that the thread has ended, which is what was asked.
            answered.await.unwrap_or_default();
        }
    }

    fn send(&self, message: Message) -> Result<(), AuditError> {
        self.thread.try_send(message).map_err(|error| match error {
            TrySendError::Full(_) => AuditError::Behind,
            TrySendError::Disconnected(_) => AuditError::Closed,
        })
    }
}

/// The thread: serves `messages` until it is closed, or nobody is left to ask. A message whose serving panics ends alone.
fn write(mut trail: Trail, messages: &Receiver<Message>, trouble: &Mutex<Option<Trouble>>) {
    while let Ok(message) = messages.recv() {
        match catch_panic(|| serve(&mut trail, message, trouble)) {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(())) => return,
            Err(panicked) => {
                tracing::error!(%panicked, "a use of the audit trail failed, by a defect of this program");
            }
        }
    }
}

fn serve(trail: &mut Trail, message: Message, trouble: &Mutex<Option<Trouble>>) -> ControlFlow<()> {
    match message {
        Message::Record(entry) => {
            notice(trouble, &trail.append(&entry).map_err(AuditError::Write));
        }
        Message::RecordDurably(entry, answer) => {
            let result = trail
                .append(&entry)
                .and_then(|()| trail.sync())
                .map_err(AuditError::Write);
            notice(trouble, &result);
            answer.send(result).unwrap_or_default();
        }
        Message::Last(count, answer) => {
            let entries = trail.last(count).unwrap_or_else(|error| {
                tracing::error!(%error, "cannot read the audit trail");
                Vec::new()
            });
            answer.send(entries).unwrap_or_default();
        }
        Message::Reopen(directory) => reopen(trail, &directory),
        Message::Close(answer) => {
            if let Err(error) = trail.sync() {
                tracing::error!(%error, "cannot sync the audit trail");
            }
            answer.send(()).unwrap_or_default();
            return ControlFlow::Break(());
        }
    }
    ControlFlow::Continue(())
}

/// Takes the file that has the trail's name now.
fn reopen(trail: &mut Trail, directory: &Path) {
    let opened = trail
        .sync()
        .map_err(AuditError::Write)
        .and_then(|()| Trail::open(directory));
    match opened {
        Ok(opened) => *trail = opened,
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(%error, cause, "the audit trail goes on in the file that was open");
        }
    }
}

/// The last `count` entries of the trail in `directory`, as [`Audit::last`] gives them, for a process that only looks;
/// none if there is no trail.
///
/// # Errors
/// The file cannot be read, or is not a regular file.
pub fn tail(directory: &Path, count: usize) -> Result<Vec<Entry>, AuditError> {
    Trail::look(directory)?.map_or(Ok(Vec::new()), |trail| {
        trail.last(count).map_err(|source| AuditError::Open {
            path: directory.join(NAME),
            source,
        })
    })
}

/// Keeps account of what is lost; logs the first error of a row of them.
fn notice(trouble: &Mutex<Option<Trouble>>, result: &Result<(), AuditError>) {
    let mut trouble = trouble.lock().unwrap_or_else(PoisonError::into_inner);
    match result {
        Ok(()) => {
            if let Some(trouble) = trouble.as_mut() {
                trouble.lasting = false;
            }
        }
        Err(error) => {
            let error = match error {
                AuditError::Write(source) => source.to_string(),
                other => other.to_string(),
            };
            if trouble.as_ref().is_none_or(|trouble| !trouble.lasting) {
                tracing::error!(%error, "a decision is missing from the audit trail");
            }
            let lost = trouble.as_ref().map_or(0, |trouble| trouble.lost) + 1;
            *trouble = Some(Trouble {
                lost,
                error,
                lasting: true,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `/dev/full` answers each write as a full disk does.
    #[tokio::test]
    async fn a_full_disk_refuses_what_must_be_durable_and_is_remembered() {
        let full = std::fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let audit = Audit::start(Trail::of(full)).unwrap();
        assert_eq!(audit.trouble(), None);
        audit.record(entry::example());
        let refused = audit.record_durably(entry::example()).await;
        assert!(matches!(refused, Err(AuditError::Write(_))), "{refused:?}");
        let trouble = audit.trouble().unwrap();
        assert!(
            trouble.lasting && trouble.lost == 2 && trouble.error.contains("No space"),
            "{trouble:?}"
        );
        audit.close().await;
        assert!(matches!(
            audit.record_durably(entry::example()).await,
            Err(AuditError::Closed)
        ));
    }
}
