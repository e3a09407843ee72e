//! Our share of the server's rate limit: a pure state, and waiting for it.
//!
//! ```text
//! unlimited --X-Ratelimit-* header or 429--> shared: 7/s, burst 40, of which 10 are kept for lifecycle commands
//!                                              |  ^
//!                       X-Ratelimit-Remaining  v  | it rises again, or X-Ratelimit-Reset is over
//!                                    below 20: slow: 7/s times remaining/20, at least 1/s
//!                                      any: Retry-After: nothing until then
//! ```
//!
//! A server without a rate limit (the default) is never slowed down for. Mattermost's limiter is a bucket of
//! `MaxBurst` + 1, refilled at `PerSec`, per address or per user; the feed companion draws on the same one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Requests per second.
const RATE: f64 = 7.0;
/// Requests at once after a rest.
const BURST: f64 = 40.0;
/// Of the burst, what only lifecycle commands may use.
const RESERVED: f64 = 10.0;
/// Below this many requests that the server says are left, we slow down.
const FEW_REMAINING: f64 = 20.0;
/// The slowest that we become.
const SLOWEST: f64 = 1.0;
/// The longest that we wait on the server's word.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Which part of the share a request may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// All but what is kept for lifecycle commands.
    Ordinary,
    /// All of it.
    Lifecycle,
}

/// What the headers of an answer say about the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Observation {
    /// `X-Ratelimit-Remaining`; where the header is doubled, the smaller one.
    pub remaining: Option<u32>,
    /// `X-Ratelimit-Reset`: seconds from now until the server's bucket is full.
    pub reset: Option<Duration>,
    /// Of a 429: how long to stay away.
    pub retry_after: Option<Duration>,
}

/// The limiter's state; the present is a parameter.
#[derive(Debug, Clone)]
pub struct State {
    phase: Phase,
    blocked_until: Option<Instant>,
}

/// Whether the server has shown a limit.
#[derive(Debug, Clone)]
enum Phase {
    Unlimited,
    Shared {
        tokens: f64,
        counted_at: Instant,
        /// The pace that the server's word demands, and until when it stands for.
        slow: Option<(f64, Instant)>,
    },
}

/// The limiter; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Limiter {
    state: Arc<Mutex<State>>,
    /// Whoever waits for the ordinary share holds this, so that the requests go in the order in which they came.
    queue: Arc<tokio::sync::Mutex<()>>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            phase: Phase::Unlimited,
            blocked_until: None,
        }
    }
}

impl State {
    /// Takes a permit for one request, or says how long to wait before asking again.
    ///
    /// # Errors
    /// The wait.
    pub fn take(&mut self, now: Instant, share: Share) -> Result<(), Duration> {
        if let Some(until) = self.blocked_until.filter(|until| *until > now) {
            return Err(until - now);
        }
        let Phase::Shared {
            tokens,
            counted_at,
            slow,
        } = &mut self.phase
        else {
            return Ok(());
        };
        *slow = slow.filter(|(_, until)| *until > now);
        let (rate, burst) = match slow {
            Some((rate, _)) => (*rate, RESERVED + 1.0),
            None => (RATE, BURST),
        };
        let elapsed = now.saturating_duration_since(*counted_at).as_secs_f64();
        *tokens = (*tokens + elapsed * rate).min(burst);
        *counted_at = now;
        let needed = match share {
            Share::Ordinary => RESERVED + 1.0,
            Share::Lifecycle => 1.0,
        };
        if *tokens >= needed {
            *tokens -= 1.0;
            return Ok(());
        }
        // A little longer than computed, so that rounding does not make the caller ask twice.
        Err(Duration::from_secs_f64((needed - *tokens) / rate) + Duration::from_millis(1))
    }

    /// Learns from the headers of an answer.
    pub fn observe(&mut self, now: Instant, seen: Observation) {
        if seen == Observation::default() {
            return;
        }
        if let Some(wait) = seen.retry_after {
            let until = now + wait.min(LONGEST_WAIT);
            self.blocked_until = Some(self.blocked_until.map_or(until, |before| before.max(until)));
        }
        if matches!(self.phase, Phase::Unlimited) {
            self.phase = Phase::Shared {
                tokens: BURST,
                counted_at: now,
                slow: None,
            };
        }
        if let (Phase::Shared { slow, .. }, Some(remaining)) = (&mut self.phase, seen.remaining) {
            let left = f64::from(remaining);
            *slow = (left < FEW_REMAINING).then(|| {
                let stands_for = seen
                    .reset
                    .unwrap_or(Duration::from_secs(1))
                    .min(LONGEST_WAIT);
                ((RATE * left / FEW_REMAINING).max(SLOWEST), now + stands_for)
            });
        }
    }
}

impl Limiter {
    /// Waits until a request may be sent. Dropping the future gives the place in the queue up, nothing else.
    pub async fn acquire(&self, share: Share) {
        let _turn = match share {
            Share::Ordinary => Some(self.queue.lock().await),
            Share::Lifecycle => None,
        };
        loop {
            let taken = self.lock().take(Instant::now(), share);
            match taken {
                Ok(()) => return,
                Err(wait) => tokio::time::sleep(wait).await,
            }
        }
    }

    /// Learns from the headers of an answer.
    pub fn observe(&self, seen: Observation) {
        self.lock().observe(Instant::now(), seen);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many requests `share` gets at one instant.
    fn at_once(state: &mut State, now: Instant, share: Share) -> usize {
        (0..1_000)
            .take_while(|_| state.take(now, share).is_ok())
            .count()
    }

    fn remaining(count: u32) -> Observation {
        Observation {
            remaining: Some(count),
            reset: Some(Duration::from_secs(5)),
            retry_after: None,
        }
    }

    #[test]
    fn a_server_that_shows_no_limit_is_not_slowed_down_for() {
        let (mut state, now) = (State::default(), Instant::now());
        state.observe(now, Observation::default());
        assert_eq!(at_once(&mut state, now, Share::Ordinary), 1_000);
    }

    #[test]
    fn the_burst_keeps_ten_for_lifecycle_commands() {
        let (mut state, now) = (State::default(), Instant::now());
        state.observe(now, remaining(100));
        assert_eq!(at_once(&mut state, now, Share::Ordinary), 30);
        assert_eq!(at_once(&mut state, now, Share::Lifecycle), 10);
        let later = now + Duration::from_secs(1);
        assert_eq!(
            at_once(&mut state, later, Share::Ordinary),
            0,
            "the reserve fills first"
        );
        assert_eq!(at_once(&mut state, later, Share::Lifecycle), 7);
    }

    #[test]
    fn the_wait_is_as_long_as_the_refill_takes() {
        let (mut state, now) = (State::default(), Instant::now());
        state.observe(now, remaining(100));
        at_once(&mut state, now, Share::Ordinary);
        let wait = state.take(now, Share::Ordinary).unwrap_err();
        assert!(wait < Duration::from_millis(150), "{wait:?}");
        assert_eq!(state.take(now + wait, Share::Ordinary), Ok(()));
    }

    #[test]
    fn retry_after_stops_everything_and_is_capped() {
        let (mut state, now) = (State::default(), Instant::now());
        let observation = |seconds| Observation {
            retry_after: Some(Duration::from_secs(seconds)),
            ..Observation::default()
        };
        state.observe(now, observation(3_600));
        state.observe(now, observation(1));
        assert_eq!(state.take(now, Share::Lifecycle), Err(LONGEST_WAIT));
        assert_eq!(state.take(now + LONGEST_WAIT, Share::Lifecycle), Ok(()));
    }

    #[test]
    fn few_requests_remaining_slow_us_down_until_the_reset() {
        let (mut state, now) = (State::default(), Instant::now());
        state.observe(now, remaining(10));
        assert_eq!(at_once(&mut state, now, Share::Ordinary), 1);
        let wait = state.take(now, Share::Ordinary).unwrap_err();
        assert!(wait > Duration::from_millis(280), "half of 7/s: {wait:?}");
        state.observe(now, remaining(0));
        let wait = state.take(now, Share::Ordinary).unwrap_err();
        assert!(wait > Duration::from_millis(990), "1/s: {wait:?}");
        let later = now + Duration::from_secs(10);
        assert!(
            at_once(&mut state, later, Share::Ordinary) > 20,
            "the reset is over"
        );
    }
}
