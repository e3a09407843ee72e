//! Everything that the server knows: plain values behind one mutex, no input or output.
//!
//! A mutation leaves its events in [`State::outgoing`]; whoever holds the lock gives them to the hub.

pub(crate) mod accounts;
pub(crate) mod bots;
pub(crate) mod channels;
pub(crate) mod files;
pub(crate) mod hooks;
pub(crate) mod membership;
pub(crate) mod mentions;
pub(crate) mod names;
pub(crate) mod pending;
pub(crate) mod posting;
pub(crate) mod posts;
pub(crate) mod profile;
pub(crate) mod reading;
pub(crate) mod roles;
pub(crate) mod seed;
pub(crate) mod sessions;
pub(crate) mod system;
pub(crate) mod teams;
pub(crate) mod threads;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Flavour;
use super::event::Outgoing;
use super::faults::Faults;
use super::wire::Broadcast;
use crate::timestamp::Timestamp;

/// One of a user's preferences.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Preference {
    pub(crate) user_id: String,
    pub(crate) category: String,
    pub(crate) name: String,
    pub(crate) value: String,
}

/// The server's memory.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct State {
    #[serde(skip)]
    pub(crate) flavour: Flavour,
    #[serde(skip)]
    pub(crate) licensed: bool,
    #[serde(skip)]
    pub(crate) access_tokens: bool,
    /// What goes wrong on purpose.
    #[serde(skip)]
    pub(crate) faults: Arc<Faults>,
    pub(crate) accounts: BTreeMap<String, accounts::Account>,
    pub(crate) sessions: sessions::Sessions,
    pub(crate) teams: BTreeMap<String, teams::Team>,
    pub(crate) channels: BTreeMap<String, channels::Channel>,
    pub(crate) posts: posts::Posts,
    pub(crate) threads: threads::Threads,
    pub(crate) files: HashMap<String, files::File>,
    pub(crate) hooks: HashMap<String, hooks::Hook>,
    pub(crate) preferences: HashMap<String, Vec<Preference>>,
    /// The claims on `pending_post_id`s live in memory alone, as the real server's do.
    #[serde(skip)]
    pub(crate) pending: pending::Pending,
    /// The users that were read lately, by their ids: a database that is down takes them from nobody.
    #[serde(skip)]
    pub(crate) cached_users: HashSet<String>,
    /// Until when searches are refused.
    #[serde(skip)]
    pub(crate) busy_until: i64,
    /// Events that were made and not yet delivered.
    #[serde(skip)]
    pub(crate) outgoing: Vec<Outgoing>,
    /// Users whose connections must be looked up again.
    #[serde(skip)]
    pub(crate) doubted: Vec<String>,
    /// Whether something happened since the state was last written.
    #[serde(skip)]
    pub(crate) changed: bool,
}

impl State {
    /// The server's clock, in milliseconds; the only place that reads it.
    pub(crate) fn now(&self) -> i64 {
        Timestamp::now().0 + self.faults.clock_offset()
    }

    pub(crate) fn is_old(&self) -> bool {
        self.flavour == Flavour::V5_37
    }

    /// The value of a key that only newer servers write.
    pub(crate) fn newer<T>(&self, value: T) -> Option<T> {
        (!self.is_old()).then_some(value)
    }

    /// Leaves an event for the hub.
    pub(crate) fn emit(&mut self, mut outgoing: Outgoing) {
        if !self.is_old() {
            outgoing.broadcast.connection_id = Some("");
            outgoing.broadcast.omit_connection_id = Some("");
        } else {
            outgoing.broadcast = Broadcast {
                contains_sanitized_data: false,
                ..outgoing.broadcast
            };
        }
        self.outgoing.push(outgoing);
    }

    /// The version that answers, `hello` and ETags show.
    pub(crate) fn version(&self) -> &'static str {
        match self.flavour {
            Flavour::V11_6 => "11.6.0",
            Flavour::V5_37 => "5.37.0",
        }
    }

    /// The value of `X-Version-Id` and of hello's `server_version`.
    pub(crate) fn server_version(&self) -> &'static str {
        match self.flavour {
            Flavour::V11_6 => {
                "11.6.0..7d1f0c5e9a2b48d6b3e5f1a07c94d2e86a5b3f0d1c7e92a4b6d8f0e1c3a5b7d9.false"
            }
            Flavour::V5_37 => "5.37.0.5.37.0-playground.8c1d6a0e4f7b92d35a6c8e0f1b3d5a79.false",
        }
    }
}
