//! The claims on `pending_post_id`s.
//!
//! ```text
//! absent ──claim──► claimed ──post saved──► saved ──ttl──► absent
//!   ▲                  │
//!   └────failed────────┘        a claim ends by itself after the ttl, too
//! ```
//! A key is a plain text for the whole server, whoever and wherever its user is.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Claim {
    /// It is ours now.
    Made,
    /// Another request with it has not ended.
    Pending,
    /// It led to this post.
    Saved(String),
}

/// All claims that have not ended.
#[derive(Debug)]
pub(crate) struct Pending {
    ttl: Duration,
    /// By key: the post, empty until it is saved, and when the entry ends.
    entries: HashMap<String, (String, Instant)>,
    sweep_at: usize,
}

/// Entries from which on those that have ended are looked for.
const SWEEP: usize = 1_000;

impl Default for Pending {
    fn default() -> Self {
        Self::new(Duration::from_secs(30))
    }
}

impl Pending {
    /// No claims; each will last `ttl`.
    pub(crate) fn new(ttl: Duration) -> Self {
        Self {
            ttl,
            entries: HashMap::new(),
            sweep_at: SWEEP,
        }
    }

    /// Looks a key up and claims it if nobody has it.
    pub(crate) fn claim(&mut self, key: &str, now: Instant) -> Claim {
        if let Some((post_id, end)) = self.entries.get(key)
            && *end > now
        {
            return if post_id.is_empty() {
                Claim::Pending
            } else {
                Claim::Saved(post_id.clone())
            };
        }
        if self.entries.len() >= self.sweep_at {
            self.entries.retain(|_, (_, end)| *end > now);
            self.sweep_at = self.entries.len() * 2 + SWEEP;
        }
        self.entries
            .insert(key.to_owned(), (String::new(), now + self.ttl));
        Claim::Made
    }

    /// The claim led to a post; its time starts anew.
    pub(crate) fn saved(&mut self, key: &str, post_id: &str, now: Instant) {
        self.entries
            .insert(key.to_owned(), (post_id.to_owned(), now + self.ttl));
    }

    /// The claim led to an error; the key is free.
    pub(crate) fn failed(&mut self, key: &str) {
        self.entries.remove(key);
    }
}
