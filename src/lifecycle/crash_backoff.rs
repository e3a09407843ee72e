//! Crash back-off: how long a start waits after starts that failed; pure.
//!
//! The program does this itself, because a supervisor that slowed restarts down (`RestartSteps=`) would slow down the
//! planned ones as well, and for good.

use std::time::Duration;

use crate::timestamp::Timestamp;

/// Failed starts older than this are forgiven.
const MEMORY: Duration = Duration::from_secs(10 * 60);

/// The waits after no, one, two and three failed starts...
const WAITS: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(15),
];
/// ...and after more.
const LONGEST: Duration = Duration::from_secs(60);

/// How long to wait now, if the runs that ended before they were ready began at `failed`; all of our clock.
///
/// A start in the future, by a clock that was set back, counts.
pub fn wait(failed: impl IntoIterator<Item = Timestamp>, now: Timestamp) -> Duration {
    let recent = failed
        .into_iter()
        .filter(|start| now.since(*start) < MEMORY)
        .count();
    WAITS.get(recent).copied().unwrap_or(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000_000);

    fn after(seconds_ago: &[u64]) -> u64 {
        let failed = seconds_ago
            .iter()
            .map(|ago| NOW.minus(Duration::from_secs(*ago)));
        wait(failed, NOW).as_secs()
    }

    #[test]
    fn the_waits_grow_to_a_minute() {
        let waits = (0..7).map(|count| after(&vec![30; count]));
        assert_eq!(waits.collect::<Vec<_>>(), [0, 1, 5, 15, 60, 60, 60]);
    }

    #[test]
    fn failures_are_forgiven_after_ten_minutes() {
        assert_eq!(after(&[599]), 1);
        assert_eq!(after(&[600]), 0);
        assert_eq!(after(&[10, 610, 620, 630, 640]), 1);
    }

    #[test]
    fn a_clock_that_was_set_back_forgives_nothing() {
        assert_eq!(
            wait([NOW.plus(Duration::from_secs(3_600))], NOW).as_secs(),
            1
        );
    }
}
