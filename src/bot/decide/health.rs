//! Decisions about a server that keeps the websocket open and serves no requests, as one without its database does.
//!
//! ```text
//!        a request failed             the server is not well
//!  Well ─────────────────▶ Suspected ────────────────────────▶ Ill, asked again at each tick
//!   ▲                          │ it is well                     │
//!   └──────────────────────────┴────────── it is well, or the connection is lost ┘
//! ```

use crate::bot::effect::Effect;

use super::State;

/// What is known of the server beside its websocket.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Health {
    #[default]
    Well,
    /// A request failed, for this reason; the server is asked how it is.
    Suspected(String),
    /// It says that it is not well, or nothing.
    Ill,
}

impl State {
    /// A request came to nothing, for `reason`.
    pub(super) fn request_failed(&mut self, reason: String) -> Vec<Effect> {
        if self.health != Health::Well || self.connection.since.is_none() {
            return Vec::new();
        }
        self.health = Health::Suspected(reason);
        vec![Effect::AskHealth]
    }

    /// The server was asked how it is.
    pub(super) fn health_told(&mut self, well: bool) -> Vec<Effect> {
        match (std::mem::take(&mut self.health), well) {
            (Health::Suspected(reason), false) => {
                self.health = Health::Ill;
                vec![Effect::ServerIll(reason)]
            }
            (Health::Ill, false) => {
                self.health = Health::Ill;
                Vec::new()
            }
            (Health::Ill, true) => vec![Effect::ServerWell],
            (Health::Well | Health::Suspected(_), _) => Vec::new(),
        }
    }

    /// A server that is not well is asked again.
    pub(super) fn ask_health(&self) -> Option<Effect> {
        (self.health == Health::Ill).then_some(Effect::AskHealth)
    }
}
