//! The one place that makes runtimes and spawns tasks, so that a drain knows what still runs; and what becomes of work
//! that panics.

use std::any::Any;
use std::future::Future;
use std::io;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tokio_util::task::TaskTracker;

/// The tasks of one process or one part of it; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Tasks {
    /// No tasks yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs `task` on the current runtime.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the place that the ban points to"
    )]
    pub fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        tokio::spawn(self.tracker.track_future(task))
    }

    /// How many tasks have not ended.
    #[must_use]
    pub fn running(&self) -> usize {
        self.tracker.len()
    }

    /// Completes once [`Tasks::stop`] was called; long-lived tasks race their waiting against it, never their work.
    pub fn stopped(&self) -> WaitForCancellationFutureOwned {
        self.stop.clone().cancelled_owned()
    }

    /// Does `work` until [`Tasks::stop`] is called, which may be in the midst of it.
    pub fn until_stopped(
        &self,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> impl Future<Output = ()> + Send + 'static {
        let stopped = self.stopped();
        async move {
            tokio::select! {
                biased;
                () = stopped => {}
                () = work => {}
            }
        }
    }

    /// Asks every task that listens to [`Tasks::stopped`] to end.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits until all tasks have ended, at most for `grace`; says whether they did.
    pub async fn drain(&self, grace: Duration) -> bool {
        self.tracker.close();
        tokio::time::timeout(grace, self.tracker.wait())
            .await
            .is_ok()
    }
}

/// A runtime of one thread, which serves everything: the work is waiting.
///
/// # Errors
/// The kernel gives no event queue.
pub fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// Work that panicked, with what the panic said; where it was, the panic's own message tells.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("panicked: {0}")]
pub struct Panicked(String);

/// Does `work`. A panic ends it alone, so that whoever waits for its end still learns of it.
///
/// # Errors
/// It panicked. What it shares with others must be usable all the same.
pub async fn catch_panic_async<F: Future>(work: F) -> Result<F::Output, Panicked> {
    let done = AssertUnwindSafe(work).catch_unwind().await;
    done.map_err(|panic| Panicked(message(&*panic)))
}

/// The same for `work` of a thread.
///
/// # Errors
/// As of [`catch_panic_async`].
pub fn catch_panic<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    let done = std::panic::catch_unwind(AssertUnwindSafe(work));
    done.map_err(|panic| Panicked(message(&*panic)))
}

/// What `panic!` was given; a payload of another type says nothing.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_told_to_whoever_waits() {
        assert_eq!(catch_panic_async(async { 7 }).await, Ok(7));
        let number = 7;
        let told = [
            catch_panic_async(async { panic!("a text") }).await,
            catch_panic_async(async move { panic!("a text with {number}") }).await,
            catch_panic_async(async { std::panic::panic_any(number) }).await,
        ];
        let expected = ["a text", "a text with 7", "no message"];
        assert_eq!(
            told,
            expected.map(|text| Err::<(), _>(Panicked(text.to_owned())))
        );
    }

    #[tokio::test]
    async fn a_panic_after_a_wait_is_told_as_well() {
        let late = async {
            tokio::task::yield_now().await;
            panic!("later");
        };
        assert_eq!(
            catch_panic_async::<_>(late).await,
            Err::<(), _>(Panicked("later".to_owned()))
        );
    }

    #[tokio::test]
    async fn a_drain_waits_for_what_listens_to_the_stop() {
        let tasks = Tasks::new();
        let stopped = tasks.stopped();
        tasks.spawn(stopped);
        assert_eq!(tasks.running(), 1);
        tasks.stop();
        assert!(tasks.drain(Duration::from_secs(10)).await);
    }

    #[tokio::test]
    async fn work_that_is_done_until_the_stop_is_given_up_then() {
        let tasks = Tasks::new();
        tasks.spawn(tasks.until_stopped(std::future::pending()));
        tasks.stop();
        assert!(tasks.drain(Duration::from_secs(10)).await);
    }

    #[tokio::test]
    async fn a_drain_gives_up_after_its_grace() {
        let tasks = Tasks::new();
        tasks.spawn(std::future::pending::<()>());
        assert!(!tasks.drain(Duration::from_millis(1)).await);
    }
}
