//! The rate limit: how many calls one user may make in a sliding window.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::id::UserId;

/// What the limit says to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Below the limit.
    Allowed,
    /// The first call over the limit within a window: it is answered in words.
    FirstOver,
    /// Another call over the limit: it only gets a reaction.
    Over,
}

/// The calls of one user inside the window.
#[derive(Debug, Default)]
struct Calls {
    times: VecDeque<Duration>,
    /// When it was last said in words that there are too many.
    told: Option<Duration>,
}

/// A sliding window for each user, in memory only.
#[derive(Debug)]
pub struct Rate {
    count: usize,
    window: Duration,
    users: HashMap<UserId, Calls>,
    swept: Option<Duration>,
}

impl Rate {
    /// At most `count` calls of one user in any `window`; a count of 0 limits nothing.
    #[must_use]
    pub fn new(count: u32, window: Duration) -> Self {
        Self {
            count: usize::try_from(count).unwrap_or(usize::MAX),
            window,
            users: HashMap::new(),
            swept: None,
        }
    }

    /// The same limit, with nothing counted.
    #[must_use]
    pub fn anew(&self) -> Self {
        Self {
            users: HashMap::new(),
            swept: None,
            ..*self
        }
    }

    /// From now on this is the limit; what was counted stays.
    pub fn limit(&mut self, count: u32, window: Duration) {
        self.count = usize::try_from(count).unwrap_or(usize::MAX);
        self.window = window;
    }

    /// Counts one call of `user` at `now`, as time since any instant that stays the same, and says whether it may go on;
    /// calls over the limit do not count.
    pub fn check(&mut self, user: UserId, now: Duration) -> Verdict {
        if self.count == 0 {
            return Verdict::Allowed;
        }
        self.forget(now);
        let window = self.window;
        let calls = self.users.entry(user).or_default();
        while calls
            .times
            .front()
            .is_some_and(|time| now.saturating_sub(*time) >= window)
        {
            calls.times.pop_front();
        }
        if calls.times.len() < self.count {
            calls.times.push_back(now);
            return Verdict::Allowed;
        }
        if calls
            .told
            .is_some_and(|told| now.saturating_sub(told) < window)
        {
            return Verdict::Over;
        }
        calls.told = Some(now);
        Verdict::FirstOver
    }

    /// Forgets the users who are silent for a window; once a window, so that a call costs little.
    fn forget(&mut self, now: Duration) {
        let window = self.window;
        if self
            .swept
            .is_some_and(|swept| now.saturating_sub(swept) < window)
        {
            return;
        }
        self.swept = Some(now);
        self.users.retain(|_, calls| {
            calls
                .times
                .back()
                .is_some_and(|time| now.saturating_sub(*time) < window)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silent_users_are_forgotten() {
        let mut rate = Rate::new(60, Duration::from_secs(10));
        for second in 0..1000 {
            rate.check(UserId::random(), Duration::from_secs(second));
            let remembered = rate.users.len();
            assert!(remembered <= 21, "{remembered} after {second} s");
        }
    }

    #[test]
    fn without_a_limit_nobody_is_remembered() {
        let mut rate = Rate::new(0, Duration::from_secs(10));
        rate.check(UserId::random(), Duration::ZERO);
        assert!(rate.users.is_empty());
    }
}
