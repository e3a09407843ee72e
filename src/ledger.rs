//! The durable record of calls, answers and watermarks.
//!
//! ```text
//!            start                     settle
//! (no row) ───────▶ running ─────────────────────▶ done | failed | denied | expired | interrupted
//!     └───────────────────────────────────────────▶ (a denial has no start row)
//! ```
//!
//! A call never leaves a settled state and never gets a second row, so it is started at most once and has at most one
//! outcome, whatever process asks. Everything that a method returns was synced to the disk before it returned; the
//! methods that return nothing ride on the next commit, at the latest after [`RIDE`].

mod call;
mod column;
mod file;
mod inspect;
mod mark;
mod migrations;
mod outbox;
mod prune;
mod reader;
mod restore;
mod retention;
mod run;
mod schema;
mod store;
mod survey;
mod watermark;
mod writer;

use std::path::Path;
use std::sync::mpsc::Sender;
use std::time::Duration;

use tokio::sync::oneshot;

pub use call::{Call, CallKey, CallState, Recent, Started};
pub use file::{OpenError, wants_room};
pub use inspect::{Inspection, inspect};
pub use outbox::{Attachment, Delivery, Kind, Part, Reply};
pub use prune::{Pruned, prune, would_prune};
pub use restore::{Restored, is_sound, restore};
pub use retention::{Forgotten, Pass, RETENTION, SHORTEST_RETENTION};
pub use run::Run;
pub use schema::check;
pub use store::Settlement;
pub use survey::{Owed, Query, Record, Survey, Undeliverable, Waiting, survey};
pub use watermark::Watermark;

use crate::id::{PostId, UserId};
use crate::timestamp::Timestamp;
use mark::Mark;
use store::Store;
use writer::Message;

/// The longest that a mark waits for a commit to ride on.
pub const RIDE: Duration = Duration::from_secs(5);

/// The ledger of one state directory; clones share it.
///
/// Only one process may write it: take the lock of the state directory first.
#[derive(Debug, Clone)]
pub struct Ledger {
    tag: String,
    thread: Sender<Message>,
    /// What is said when the thread is gone.
    gone: Unwritable,
}

/// What an earlier process left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// Calls that were started and have no outcome, oldest first.
    pub unfinished: Vec<Call>,
    /// What still has to be posted, oldest first; progress posts are not among it.
    pub undelivered: Vec<Delivery>,
    /// How far each channel was read.
    pub watermarks: Vec<Watermark>,
    /// The server's clock at the last sign of life; `None` in a new ledger.
    pub proof_of_life: Option<Timestamp>,
    /// The latest runs of the bot, newest first, at most [`Run::KEPT`].
    pub runs: Vec<Run>,
    /// Whether the server ever accepted our token.
    pub token_worked: bool,
}

/// The ledger could not be written; nothing of the request was recorded, and the next one may succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the ledger cannot be written: {0}")]
pub struct Unwritable(String);

impl Ledger {
    /// Opens the ledger in `directory`, creating it if there is none, and reads what an earlier process left.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(directory: &Path) -> Result<(Self, Recovered), OpenError> {
        let (store, recovered) = schema::open(directory)?;
        let tag = store.tag().to_owned();
        let thread = writer::spawn(store).map_err(|source| OpenError::Io {
            path: directory.to_owned(),
            source,
        })?;
        let gone = Unwritable("it is closed".to_owned());
        let ledger = Self { tag, thread, gone };
        ledger.mark(Mark::DropProgress);
        Ok((ledger, recovered))
    }

    /// A ledger that could not be opened, for this reason: every request is answered [`Unwritable`].
    #[must_use]
    pub fn unopened(reason: String) -> Self {
        let (thread, _) = std::sync::mpsc::channel();
        Self {
            tag: outbox::new_tag(),
            thread,
            gone: Unwritable(reason),
        }
    }

    /// Whether `key` begins as the keys of this ledger's deliveries do; another bot on our account has other keys.
    #[must_use]
    pub fn is_ours(&self, key: &str) -> bool {
        key.starts_with(&self.tag)
    }

    /// `reply` as deliveries that the ledger does not hold: what is said while it cannot be written.
    #[must_use]
    pub fn unrecorded(&self, reply: Reply) -> Vec<Delivery> {
        outbox::deliveries(reply, std::iter::repeat(outbox::NO_ROW), &self.tag)
    }

    /// The post of `delivery` as another one that the ledger does not hold.
    #[must_use]
    pub fn again(&self, delivery: Delivery) -> Delivery {
        Delivery {
            id: outbox::NO_ROW,
            key: outbox::new_key(&self.tag),
            ..delivery
        }
    }

    /// Records that `call` starts now. Nothing may be done for the call unless the answer is [`Started::New`].
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub async fn start(&self, call: Call) -> Result<Started, Unwritable> {
        self.transact(move |store| call::start(&store.connection, &call))
            .await
    }

    /// The same for calls that start together: all of them, or none if one has a row.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub async fn start_together(&self, calls: Vec<Call>) -> Result<Started, Unwritable> {
        self.transact(move |store| call::start_together(&store.connection, &calls))
            .await
    }

    /// Records outcomes and queues their replies in one transaction; returns what is to be sent, in order.
    ///
    /// A call that has an outcome already keeps it, and the replies of that settlement are dropped.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Delivery>, Unwritable> {
        self.transact(move |store| store.settle(settlements)).await
    }

    /// Queues replies that settle nothing, such as progress posts; returns what is to be sent, in order.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub async fn queue(&self, replies: Vec<Reply>) -> Result<Vec<Delivery>, Unwritable> {
        self.transact(move |store| store.queue(replies)).await
    }

    /// Records in one transaction that the restart `nonce` is over, and its outcomes; returns what is to be sent.
    ///
    /// `None`: that restart was settled before, and nothing was recorded now.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub async fn settle_restart(
        &self,
        nonce: &str,
        settlements: Vec<Settlement>,
    ) -> Result<Option<Vec<Delivery>>, Unwritable> {
        let nonce = nonce.to_owned();
        self.transact(move |store| store.settle_restart(&nonce, settlements))
            .await
    }

    /// The calls of `posts` that have a row. A post may have more calls than it has rows: the rest never started.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn known(&self, posts: Vec<PostId>) -> Result<Vec<CallKey>, Unwritable> {
        self.transact(move |store| call::known(&store.connection, &posts))
            .await
    }

    /// The calls of `name` that got their first row at `since` (our clock) or later, newest first.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn recent_calls(
        &self,
        name: &str,
        since: Timestamp,
    ) -> Result<Vec<Recent>, Unwritable> {
        let name = name.to_owned();
        self.transact(move |store| call::recent(&store.connection, &name, since))
            .await
    }

    /// Who asked for `key`, if it has a row.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn asker(&self, key: &CallKey) -> Result<Option<UserId>, Unwritable> {
        let key = key.clone();
        self.transact(move |store| call::asker(&store.connection, &key))
            .await
    }

    /// Notes that a request that posts `delivery` begins at `at`; the first such note counts. Written with the next
    /// commit.
    pub fn attempted(&self, delivery: i64, at: Timestamp) {
        self.mark(Mark::Attempted(delivery, at));
    }

    /// Notes that a request that posted `delivery` ended at `at`, with an answer or without. Written with the next
    /// commit.
    pub fn attempt_ended(&self, delivery: i64, at: Timestamp) {
        self.mark(Mark::AttemptEnded(delivery, at));
    }

    /// Notes that `delivery` is visible as `post`. Written with the next commit.
    pub fn delivered(&self, delivery: i64, post: PostId) {
        self.mark(Mark::Delivered(delivery, post));
    }

    /// Notes that `delivery` can never be posted, and why. Written with the next commit.
    pub fn undeliverable(&self, delivery: i64, reason: String) {
        self.mark(Mark::Undeliverable(delivery, reason));
    }

    /// Notes how far a channel was read. Written with the next commit.
    pub fn advance(&self, watermark: Watermark) {
        self.mark(Mark::Advance(watermark));
    }

    /// Notes the server's clock at a sign of life. Written with the next commit.
    pub fn proof_of_life(&self, server_time: Timestamp) {
        self.mark(Mark::ProofOfLife(server_time));
    }

    /// Records that the server accepted our token.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub async fn token_worked(&self) -> Result<(), Unwritable> {
        self.transact(Store::token_worked).await
    }

    /// Records that this process begins a run; [`Ledger::ready`] and [`Ledger::end_run`] mean this run.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub async fn begin_run(&self, version: &str, boot_id: &str) -> Result<(), Unwritable> {
        let (version, boot_id) = (version.to_owned(), boot_id.to_owned());
        self.transact(move |store| store.begin_run(&version, &boot_id))
            .await
    }

    /// Records that the run of this process became ready.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub async fn ready(&self) -> Result<(), Unwritable> {
        self.transact(Store::ready).await
    }

    /// Records that the run of this process ends, and how, in one word (`stop`, `restart`, `reexec`, …).
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub async fn end_run(&self, exit: &str) -> Result<(), Unwritable> {
        let exit = exit.to_owned();
        self.transact(move |store| store.end_run(&exit)).await
    }

    /// Commits what rides now.
    ///
    /// # Errors
    /// The ledger cannot be written; the marks wait on.
    pub async fn flush(&self) -> Result<(), Unwritable> {
        self.transact(|_| Ok(())).await
    }

    /// Commits what rides, closes the file and ends the thread; later requests of clones are answered [`Unwritable`].
    ///
    /// # Errors
    /// The last marks could not be written; the file is closed all the same.
    pub async fn close(self) -> Result<(), Unwritable> {
        let (asker, closed) = oneshot::channel();
        // A thread that has gone drops the asker, which the receiver notices.
        self.thread.send(Message::Close(asker)).ok();
        closed.await.unwrap_or(Err(self.gone))
    }

    /// Has the thread do `work` in its next transaction; the result is there once that is on the disk.
    async fn transact<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Unwritable> {
        let (job, done) = writer::job(work);
        // A thread that has gone drops the job, which the receiver notices.
        self.thread.send(Message::Job(job)).ok();
        done.await.unwrap_or_else(|_| Err(self.gone.clone()))
    }

    fn mark(&self, mark: Mark) {
        // A closed ledger has no use for it; its asker was told when it closed.
        self.thread.send(Message::Mark(mark)).ok();
    }
}

impl Unwritable {
    /// Why, in the system's words.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.0
    }
}

impl From<rusqlite::Error> for Unwritable {
    fn from(error: rusqlite::Error) -> Self {
        Self(error.to_string())
    }
}
