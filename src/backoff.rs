//! Exponential back-off with full jitter; pure, so that its course can be tested step by step.

use std::time::Duration;

/// Delays that grow from at most `min` to at most `max`, each drawn evenly from zero to its ceiling.
///
/// Full jitter spreads the clients that a restarting server has dropped at one instant.
#[derive(Debug, Clone)]
pub struct Backoff {
    min: Duration,
    max: Duration,
    attempt: u32,
    random: fastrand::Rng,
}

impl Backoff {
    /// A back-off whose first delay is at most `min`, doubling up to `max`; `seed` makes its draws repeatable.
    #[must_use]
    pub fn new(min: Duration, max: Duration, seed: u64) -> Self {
        Self {
            min,
            max,
            attempt: 0,
            random: fastrand::Rng::with_seed(seed),
        }
    }

    /// The longest that the next delay can be.
    #[must_use]
    pub fn ceiling(&self) -> Duration {
        self.min
            .saturating_mul(2u32.saturating_pow(self.attempt))
            .min(self.max)
    }

    /// The next delay; each call counts as one failure.
    pub fn next_delay(&mut self) -> Duration {
        let ceiling = self.ceiling();
        self.attempt = self.attempt.saturating_add(1);
        ceiling.mul_f64(self.random.f64())
    }

    /// Starts anew; to be called after proof of life, not after a mere connection.
    pub fn reset(&mut self) {
        self.attempt = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_stay_below_a_doubling_ceiling() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60), 7);
        for ceiling in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(backoff.ceiling(), Duration::from_secs(ceiling));
            assert!(backoff.next_delay() <= Duration::from_secs(ceiling));
        }
        backoff.reset();
        assert_eq!(backoff.ceiling(), Duration::from_secs(1));
    }

    #[test]
    fn endless_failures_do_not_overflow() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60), 7);
        for _ in 0..200 {
            assert!(backoff.next_delay() <= Duration::from_secs(60));
        }
    }
}
