//! The ledger's thread: it waits for a job, takes all that wait with it, and answers them after one commit.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Instant;

use tokio::sync::oneshot;

use super::mark::{Mark, Marks};
use super::store::Store;
use super::{RIDE, Unwritable};
use crate::tasks::catch_panic;

/// The pages that our commits dirty stay below SQLite's own checkpoint (1000 pages), which would make a commit wait.
const COMMITS_PER_CHECKPOINT: u32 = 200;

/// What is sent to the thread.
pub(super) enum Message {
    /// Work for a transaction.
    Job(Job),
    /// Rides on the next commit.
    Mark(Mark),
    /// Commit what rides, close the file, end the thread.
    Close(oneshot::Sender<Result<(), Unwritable>>),
}

/// Work for a transaction, or the reason why there is none; answers whether it succeeded, and how to answer its asker.
pub(super) type Job =
    Box<dyn FnOnce(Result<&Store, Unwritable>) -> (Result<(), Unwritable>, Answer) + Send>;

/// Tells the asker once it is known whether the transaction was committed.
pub(super) type Answer = Box<dyn FnOnce(Result<(), Unwritable>)>;

/// Makes a job of `work`, and the receiver of its result.
pub(super) fn job<T: Send + 'static>(
    work: impl FnOnce(&Store) -> rusqlite::Result<T> + Send + 'static,
) -> (Job, oneshot::Receiver<Result<T, Unwritable>>) {
    let (sender, receiver) = oneshot::channel();
    let job: Job = Box::new(move |store| {
        let done = store.and_then(|store| match catch_panic(|| work(store)) {
            Ok(done) => done.map_err(Unwritable::from),
            // Its transaction is rolled back, and the thread goes on.
            Err(panicked) => {
                tracing::error!(%panicked, "a use of the ledger failed, by a defect of this program");
                Err(Unwritable(panicked.to_string()))
            }
        });
        let outcome = done.as_ref().map(drop).map_err(Clone::clone);
        // An asker that no longer waits needs no answer.
        (
            outcome,
            Box::new(move |committed| drop(sender.send(committed.and(done)))),
        )
    });
    (job, receiver)
}

/// Starts the thread; it ends when it is told to, or when nobody can tell it anything any more.
pub(super) fn spawn(store: Store) -> std::io::Result<Sender<Message>> {
    let (sender, inbox) = mpsc::channel();
    let writer = Writer {
        store,
        inbox,
        marks: Marks::default(),
        ride_by: None,
        commits: 0,
        trouble: None,
    };
    thread::Builder::new()
        .name("ledger".to_owned())
        .spawn(move || writer.run())?;
    Ok(sender)
}

struct Writer {
    store: Store,
    inbox: Receiver<Message>,
    marks: Marks,
    /// When the oldest mark has waited long enough.
    ride_by: Option<Instant>,
    commits: u32,
    /// Since when nothing can be written.
    trouble: Option<Instant>,
}

/// What one wait gave.
enum Batch {
    Jobs(Vec<Job>),
    Close(Vec<Job>, Option<oneshot::Sender<Result<(), Unwritable>>>),
}

impl Writer {
    fn run(mut self) {
        loop {
            match self.next_batch() {
                Batch::Jobs(jobs) => drop(self.commit_and_answer(jobs)),
                Batch::Close(jobs, asker) => {
                    let committed = self.commit_and_answer(jobs);
                    let closed = self
                        .store
                        .connection
                        .close()
                        .map_err(|(_, error)| Unwritable::from(error));
                    if let Some(asker) = asker {
                        drop(asker.send(committed.and(closed)));
                    }
                    return;
                }
            }
        }
    }

    /// Waits for the first job or until the marks have waited long enough; then takes what else is there.
    fn next_batch(&mut self) -> Batch {
        let mut jobs = Vec::new();
        loop {
            let message = if jobs.is_empty() {
                match self.wait() {
                    Ok(message) => message,
                    Err(RecvTimeoutError::Timeout) => return Batch::Jobs(jobs),
                    Err(RecvTimeoutError::Disconnected) => return Batch::Close(jobs, None),
                }
            } else {
                match self.inbox.try_recv() {
                    Ok(message) => message,
                    Err(_) => return Batch::Jobs(jobs),
                }
            };
            match message {
                Message::Job(job) => jobs.push(job),
                Message::Mark(mark) => {
                    self.marks.add(mark);
                    self.ride_by.get_or_insert_with(|| Instant::now() + RIDE);
                }
                Message::Close(asker) => return Batch::Close(jobs, Some(asker)),
            }
        }
    }

    fn wait(&self) -> Result<Message, RecvTimeoutError> {
        match self.ride_by {
            Some(ride_by) => self
                .inbox
                .recv_timeout(ride_by.saturating_duration_since(Instant::now())),
            None => self
                .inbox
                .recv()
                .map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    fn commit_and_answer(&mut self, jobs: Vec<Job>) -> Result<(), Unwritable> {
        let mut answers = Vec::with_capacity(jobs.len());
        let committed = self.commit(jobs, &mut answers);
        match &committed {
            Ok(()) => {
                self.marks = Marks::default();
                self.ride_by = None;
            }
            Err(_) => self.ride_by = (!self.marks.is_empty()).then(|| Instant::now() + RIDE),
        }
        self.report(&committed);
        for answer in answers {
            answer(committed.clone());
        }
        self.checkpoint();
        committed
    }

    /// Tells the operator once that nothing can be written, and once that it can again.
    fn report(&mut self, committed: &Result<(), Unwritable>) {
        let path = self.store.connection.path().unwrap_or_default();
        match (committed, self.trouble) {
            (Err(Unwritable(reason)), None) => {
                self.trouble = Some(Instant::now());
                tracing::error!(
                    "{path} cannot be written ({reason}), so no command is run until it can: is its disk full, or its file \
                     system mounted read-only?"
                );
            }
            (Ok(()), Some(since)) => {
                self.trouble = None;
                let seconds = since.elapsed().as_secs();
                tracing::info!("{path} can be written again, after {seconds} s");
            }
            _ => {}
        }
    }

    /// Does the jobs and writes the marks in one transaction: all of it is on the disk, or nothing is.
    fn commit(&mut self, jobs: Vec<Job>, answers: &mut Vec<Answer>) -> Result<(), Unwritable> {
        let begun = self.store.connection.execute_batch("BEGIN IMMEDIATE");
        let mut outcome = begun
            .and_then(|()| self.marks.write(&self.store.connection))
            .map_err(Unwritable::from);
        for job in jobs {
            let (done, answer) = job(outcome.clone().map(|()| &self.store));
            outcome = outcome.and(done);
            answers.push(answer);
        }
        let outcome = outcome.and_then(|()| {
            self.store
                .connection
                .execute_batch("COMMIT")
                .map_err(Unwritable::from)
        });
        if outcome.is_err() && !self.store.connection.is_autocommit() {
            // Some errors roll back by themselves; if this fails, the next BEGIN says so.
            self.store.connection.execute_batch("ROLLBACK").ok();
        }
        outcome
    }

    /// Moves what was committed from the log into the file, while nobody waits for an answer.
    fn checkpoint(&mut self) {
        self.commits += 1;
        if self.store.bulky.take() || self.commits >= COMMITS_PER_CHECKPOINT {
            self.commits = 0;
            // A checkpoint that fails loses nothing: the log still has it all.
            self.store
                .connection
                .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
                .ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::ledger::Ledger;

    #[tokio::test]
    async fn a_job_that_panics_is_answered_and_undone_and_the_thread_goes_on() {
        let home = tempfile::tempdir().unwrap();
        let (ledger, _) = Ledger::open(home.path()).unwrap();
        let panics = ledger.transact::<()>(|store| {
            store.token_worked()?;
            panic!("as tested")
        });
        assert_eq!(panics.await.unwrap_err().reason(), "panicked: as tested");
        ledger.flush().await.unwrap();
        ledger.close().await.unwrap();
        let (_, left) = Ledger::open(home.path()).unwrap();
        assert!(!left.token_worked);
    }
}
