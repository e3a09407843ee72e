//! The rate limit: GCRA, as the real server's, off until it is switched on.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

/// By what requests are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitBy {
    /// One limit for each remote address; on loopback, for everybody.
    Address,
    /// One limit for each session. Each header then stands twice in an answer.
    User,
}

/// How many requests are let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests a second in the long run.
    pub per_second: u32,
    /// Requests that may come at once beyond the first.
    pub burst: u32,
    /// By what requests are told apart.
    pub by: LimitBy,
}

/// What the limiter says to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) is_allowed: bool,
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    /// Until the whole burst is there again.
    pub(crate) reset: Duration,
    /// Until the next request is let through.
    pub(crate) retry_after: Duration,
}

/// The state of a limit: for each key the instant at which its bucket is empty again.
#[derive(Debug)]
pub(crate) struct Limiter {
    pub(crate) limit: RateLimit,
    empty_at: HashMap<String, Instant>,
}

impl Limiter {
    pub(crate) fn new(limit: RateLimit) -> Self {
        Self {
            limit,
            empty_at: HashMap::new(),
        }
    }

    /// Counts a request of `key` at `now`.
    pub(crate) fn check(&mut self, key: &str, now: Instant) -> Verdict {
        let interval = Duration::from_secs(1) / self.limit.per_second.max(1);
        let tolerance = interval * (self.limit.burst + 1);
        let before = self.empty_at.get(key).copied().unwrap_or(now).max(now);
        let after = before + interval;
        let is_allowed = after.duration_since(now) <= tolerance;
        let empty_at = if is_allowed { after } else { before };
        self.empty_at.insert(key.to_owned(), empty_at);
        let reset = empty_at.duration_since(now);
        let room = tolerance.saturating_sub(reset);
        let remaining = room.as_nanos() / interval.as_nanos().max(1);
        Verdict {
            is_allowed,
            limit: self.limit.burst + 1,
            remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
            reset,
            retry_after: after.duration_since(now).saturating_sub(tolerance),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_one_request_an_interval() {
        let limit = RateLimit {
            per_second: 2,
            burst: 5,
            by: LimitBy::Address,
        };
        let mut limiter = Limiter::new(limit);
        let start = Instant::now();
        for remaining in [5, 4, 3, 2, 1, 0] {
            let verdict = limiter.check("bot", start);
            assert!(verdict.is_allowed);
            assert_eq!((verdict.limit, verdict.remaining), (6, remaining));
        }
        let refused = limiter.check("bot", start);
        assert!(!refused.is_allowed);
        assert_eq!(refused.retry_after, Duration::from_millis(500));
        assert!(limiter.check("other", start).is_allowed);
        assert!(
            limiter
                .check("bot", start + Duration::from_millis(500))
                .is_allowed
        );
        assert!(
            !limiter
                .check("bot", start + Duration::from_millis(500))
                .is_allowed
        );
    }
}
