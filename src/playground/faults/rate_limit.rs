//! The server's rate limiter: the generic cell rate algorithm, as in its source (`app/ratelimit.go`).

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// Who shares a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VaryBy {
    /// All who come from one address: everybody, on loopback.
    Address,
    /// Each user for himself.
    User,
}

/// A limit and how far each key has used it up.
#[derive(Debug)]
pub(crate) struct Limiter {
    /// Between two requests that go on for ever, in milliseconds.
    interval: i64,
    max_burst: i64,
    pub(crate) vary_by: VaryBy,
    /// For each key the instant from which on nothing of its limit is used.
    free_from: HashMap<String, i64>,
}

/// How a request stands to the limit; the headers' values, in seconds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) limit: i64,
    pub(crate) remaining: i64,
    pub(crate) reset: i64,
    /// Set if the request is refused.
    pub(crate) retry_after: Option<i64>,
}

impl Limiter {
    pub(crate) fn new(per_second: u32, max_burst: u32, vary_by: VaryBy) -> Self {
        Self {
            interval: 1000 / i64::from(per_second.max(1)),
            max_burst: i64::from(max_burst),
            vary_by,
            free_from: HashMap::new(),
        }
    }

    /// Counts a request of `key` at `now`, in milliseconds, unless it is refused.
    pub(crate) fn count(&mut self, key: &str, now: i64) -> Verdict {
        let limit = self.max_burst + 1;
        let tolerance = self.interval * limit;
        let used = self.free_from.get(key).copied().unwrap_or(now).max(now);
        let wait = used + self.interval - tolerance - now;
        if wait > 0 {
            return Verdict {
                limit,
                remaining: ((tolerance - (used - now)) / self.interval).max(0),
                reset: seconds(used - now),
                retry_after: Some(seconds(wait)),
            };
        }
        let until = used + self.interval;
        self.free_from.insert(key.to_owned(), until);
        Verdict {
            limit,
            remaining: (tolerance - (until - now)) / self.interval,
            reset: seconds(until - now),
            retry_after: None,
        }
    }
}

/// Whole seconds, rounded up.
fn seconds(milliseconds: i64) -> i64 {
    (milliseconds + 999) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers are those of the recordings: two a second, a burst of five.
    #[test]
    fn a_burst_is_served_then_refused_then_served_again() {
        let mut limiter = Limiter::new(2, 5, VaryBy::Address);
        for (remaining, reset) in [(5, 1), (4, 1), (3, 2), (2, 2), (1, 3), (0, 3)] {
            let expected = Verdict { limit: 6, remaining, reset, retry_after: None };
            assert_eq!(limiter.count("k", 0), expected);
        }
        let refused = Verdict { limit: 6, remaining: 0, reset: 3, retry_after: Some(1) };
        assert_eq!(limiter.count("k", 0), refused);
        assert_eq!(limiter.count("other", 0).remaining, 5);
        assert_eq!(limiter.count("k", 4_000).remaining, 5);
    }
}
