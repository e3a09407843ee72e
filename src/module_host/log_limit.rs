//! How much of what modules print reaches the log: a burst, then a number of lines a second, each of bounded length.

use std::time::Instant;

/// How many lines may come at once.
const BURST: u32 = 200;

/// How many lines a second may come for ever.
const RATE: u32 = 20;

/// The longest line of a print that is read at once, in bytes; a longer one is told in pieces.
pub(super) const LONGEST: usize = 4096;

/// The longest text that reaches the log, in bytes.
const LONGEST_TEXT: usize = 64 * 1024;

/// As much of a text as is told. Errors quote what they were not made for, which may be as long as a line may be.
pub(super) fn shorten(text: String) -> String {
    match text.as_bytes().get(..LONGEST_TEXT) {
        Some(most) => format!(
            "{} [{} bytes in all]",
            String::from_utf8_lossy(most),
            text.len()
        ),
        None => text,
    }
}

/// As much of a printed line as is told.
pub(super) fn clip(line: &[u8]) -> String {
    let most = line.get(..LONGEST).unwrap_or(line);
    String::from_utf8_lossy(most).into_owned()
}

/// Lets lines through, or counts them.
#[derive(Debug)]
pub(super) struct TokenBucket {
    left: u32,
    since: Instant,
    dropped: u64,
}

impl TokenBucket {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            left: BURST,
            since: now,
            dropped: 0,
        }
    }

    /// Whether a line may go to the log at `now`; and how many before it may not have.
    pub(super) fn pass(&mut self, now: Instant) -> Option<u64> {
        let earned = now.saturating_duration_since(self.since);
        let earned = u32::try_from(earned.as_millis() * u128::from(RATE) / 1000).unwrap_or(BURST);
        if earned > 0 {
            self.left = self.left.saturating_add(earned).min(BURST);
            self.since = now;
        }
        if self.left == 0 {
            self.dropped += 1;
            return None;
        }
        self.left -= 1;
        Some(std::mem::take(&mut self.dropped))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn after_a_burst_so_many_lines_a_second_pass() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(start);
        let passed = |bucket: &mut TokenBucket, now: Instant| {
            (0..10_000).filter(|_| bucket.pass(now).is_some()).count()
        };
        assert_eq!(passed(&mut bucket, start), 200);
        assert_eq!(passed(&mut bucket, start + Duration::from_millis(10)), 0);
        let later = start + Duration::from_secs(1);
        assert_eq!(bucket.pass(later), Some(19_800));
        assert_eq!(passed(&mut bucket, later), 19);
    }
}
