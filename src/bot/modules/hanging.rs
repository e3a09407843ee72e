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
const PATIENCE: Duration = Duration::from_secs(3);

/// The host has not ended the call or hook `id`: nobody waits for it any longer, and a host that hangs is given up.
pub fn suspect(context: &Arc<Context>, id: &str) {
    let Some(mut answer) = context.modules.probe(id) else {
        return;
    };
    let shared = Arc::clone(context);
    let chores = &context.chores;
    drop(chores.spawn(chores.until_stopped(async move {
        // It answers, or is gone.
        if tokio::time::timeout(PATIENCE, answer.recv()).await.is_err() {
            shared.modules.hang_up();
        }
    })));
}

impl Modules {
    /// Forgets `id`, and asks the host for what it answers at once: a call of a module that does not exist. Nothing if the
    /// host that `id` was told is gone, or is asked already.
    fn probe(&self, id: &str) -> Option<mpsc::UnboundedReceiver<Said>> {
        let (tell, answer) = mpsc::unbounded_channel();
        let mut connection = self.connection();
        connection.calls.remove(id)?;
        connection.hang_up.as_ref()?;
        let call = Call {
            id: format!("probe:{}", random_token()),
            ..Call::default()
        };
        connection.calls.insert(call.id.clone(), tell);
        let order = ToHost::Call {
            module: String::new(),
            generation: 0,
            call,
        };
        connection.orders.as_ref()?.send(order).ok()?;
        Some(answer)
    }

    /// Ends the connection.
    fn hang_up(&self) {
        if let Some(hang_up) = self.connection().hang_up.take() {
            // The connection has ended by itself.
            hang_up.send(()).ok();
        }
    }
}
