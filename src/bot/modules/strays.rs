//! What a module host leaves behind that died before it could clean up.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::module::process_tree::{self, Processes};

/// How long what was killed may take to be gone.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often that is looked at.
const PAUSE: Duration = Duration::from_millis(10);

/// Ends all that stems from us and left our session: every process of a module has a session of its own, and nothing else
/// that we start has.
pub(super) async fn end() {
    let gone = async {
        while process_tree::kill_all(&of_our_session()) > 0 {
            tokio::time::sleep(PAUSE).await;
        }
    };
    if tokio::time::timeout(PATIENCE, gone).await.is_err() {
        tracing::warn!("processes of modules could not be ended");
    }
}

/// What stems from us and is in our session.
fn of_our_session() -> BTreeSet<u32> {
    let processes = Processes::read();
    let own = std::process::id();
    let session = processes.find(own).map(|process| process.session);
    let all = processes.descendants(own, &BTreeSet::new());
    let ours = all
        .iter()
        .filter(|process| Some(process.session) == session);
    ours.map(|process| process.pid).collect()
}
