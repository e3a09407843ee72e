//! The one place that spawns tasks, so that a drain knows what still runs.

use std::future::Future;
use std::time::Duration;

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

#[cfg(test)]
mod tests {
    use super::*;

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
    async fn a_drain_gives_up_after_its_grace() {
        let tasks = Tasks::new();
        tasks.spawn(std::future::pending::<()>());
        assert!(!tasks.drain(Duration::from_millis(1)).await);
    }
}
