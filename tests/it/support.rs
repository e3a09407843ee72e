//! What the tests share.

pub(crate) mod bot;
pub(crate) mod disk;
pub(crate) mod faults;
pub(crate) mod namespace;
pub(crate) mod notify;
pub(crate) mod playground;
pub(crate) mod program;
pub(crate) mod proxy;
pub(crate) mod s6;
pub(crate) mod scenario;
pub(crate) mod small_disk;
pub(crate) mod strace;
pub(crate) mod upstream;

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Looks again and again until there is something; for what nobody tells of.
pub(crate) async fn poll<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + playground::DEADLINE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        sleep(Duration::from_millis(20)).await;
    }
}
