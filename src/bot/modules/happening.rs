//! What modules may ask to be told, and how much of it was too much.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::id::{ChannelId, UserId};

/// So many may wait for their modules; more of them are dropped.
const MOST_WAITING: usize = 64;

/// Something that modules may ask to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// A person wrote this.
    Written {
        /// Who.
        user: UserId,
        /// Where.
        channel: ChannelId,
        /// Where, by name.
        name: Arc<str>,
        /// What.
        text: String,
    },
    /// Somebody joined a channel.
    Joined {
        /// Who.
        user: UserId,
        /// Which.
        channel: ChannelId,
    },
    /// The bot has connected.
    Connected,
}

impl Happening {
    /// The hook's name, as in a module's description.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Written { .. } => "scan_message",
            Self::Joined { .. } => "on_join",
            Self::Connected => "reconcile",
        }
    }
}

/// How many hooks were dropped since the start.
#[derive(Debug, Default)]
pub struct Dropped(AtomicUsize);

impl Dropped {
    /// Whether another hook may wait beside `waiting` others; if not it is counted, and the log is told now and then.
    pub fn admits(&self, waiting: usize) -> bool {
        if waiting < MOST_WAITING {
            return true;
        }
        let dropped = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        if dropped.is_power_of_two() {
            tracing::warn!(
                dropped,
                "modules are not told of all that happens: too much of it waits for them"
            );
        }
        false
    }
}
