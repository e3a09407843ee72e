//! Notices that are not to be repeated at every occasion.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::id::ChannelId;

/// When something was last said in which channel.
#[derive(Debug, Default)]
pub struct Notices {
    said: Mutex<HashMap<ChannelId, Instant>>,
}

impl Notices {
    /// Whether nothing was said in `channel` for `every`; if so, it counts as said now.
    pub fn first_within(&self, channel: ChannelId, every: Duration) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        said.retain(|_, last| now.duration_since(*last) < every);
        if said.contains_key(&channel) {
            return false;
        }
        said.insert(channel, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_hears_it_once() {
        let (notices, channel) = (Notices::default(), ChannelId::random());
        assert!(notices.first_within(channel, Duration::from_secs(600)));
        assert!(!notices.first_within(channel, Duration::from_secs(600)));
        assert!(notices.first_within(ChannelId::random(), Duration::from_secs(600)));
        assert!(
            notices.first_within(channel, Duration::ZERO),
            "the time is over"
        );
    }
}
