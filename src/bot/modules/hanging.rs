//! A module host that is there and does nothing: it is found by a call that it does not end, asked once more, and given up.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::bot::context::Context;
use crate::id::random_token;
use crate::module::protocol::{Call, ToHost};

use super::{Modules, Said};

/// The host ends calls and hooks at their deadlines; if it does not, we do, so much later.
pub const GRACE: Duration = Duration::from_secs(5);

/// How long it may then take to answer anything. A machine that stood still wakes the host and us at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// The host has not ended the call or hook `id`: nobody waits for it any longer, and a host that hangs is given up.
pub fn suspect(context: &Arc<Context>, id: &str) {
    // Without an entry the host that was told is gone.
    if context.modules.connection().calls.remove(id).is_none() {
        return;
    }
    let shared = Arc::clone(context);
    let chores = &context.chores;
    drop(chores.spawn(chores.until_stopped(async move {
        shared.modules.answers().await;
    })));
}

impl Modules {
    /// Whether there is a host that answers; one that does not is given up.
    pub(super) async fn answers(&self) -> bool {
        let Some(mut answer) = self.probe() else {
            return false;
        };
        let answered = tokio::time::timeout(PATIENCE, answer.recv()).await.is_ok();
        if !answered && let Some(hang_up) = self.connection().hang_up.take() {
            // The connection may have ended by itself.
            hang_up.send(()).ok();
        }
        answered
    }

    /// Asks the host for what it answers at once: a call of a module that does not exist.
    fn probe(&self) -> Option<mpsc::UnboundedReceiver<Said>> {
        let (tell, answer) = mpsc::unbounded_channel();
        let call = Call {
            id: format!("probe:{}", random_token()),
            ..Call::default()
        };
        let id = call.id.clone();
        let order = ToHost::Call {
            module: String::new(),
            generation: 0,
            call,
        };
        let mut connection = self.connection();
        connection.orders.as_ref()?.send(order).ok()?;
        connection.calls.insert(id, tell);
        Some(answer)
    }
}
