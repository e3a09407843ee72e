//! Who joined the welcome channel a moment ago: each is greeted once, together with those who come meanwhile.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::id::UserId;

/// An event that comes a second time within this time tells of the same joining.
const SAME_JOINING: Duration = Duration::from_secs(10);

/// Who joined, and is to be greeted or was greeted a short while ago.
#[derive(Debug, Default)]
pub struct Newcomers {
    lists: Mutex<Lists>,
}

#[derive(Debug, Default)]
struct Lists {
    waiting: Vec<UserId>,
    recent: HashMap<UserId, Instant>,
}

impl Newcomers {
    /// Notes that `user` joined; says whether he is the first of those who wait.
    pub fn joined(&self, user: UserId, now: Instant) -> bool {
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        lists
            .recent
            .retain(|_, joined| now.duration_since(*joined) < SAME_JOINING);
        if lists.recent.insert(user, now).is_some() {
            return false;
        }
        lists.waiting.push(user);
        lists.waiting.len() == 1
    }

    /// All who wait; nobody does then.
    pub fn take(&self) -> Vec<UserId> {
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut lists.waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_joining_counts_once() {
        let (newcomers, now) = (Newcomers::default(), Instant::now());
        let (one, other) = (UserId::random(), UserId::random());
        assert!(newcomers.joined(one, now));
        assert!(!newcomers.joined(other, now));
        assert!(!newcomers.joined(one, now));
        assert_eq!(newcomers.take(), [one, other]);
        assert!(!newcomers.joined(one, now + Duration::from_secs(9)));
        assert_eq!(newcomers.take(), []);
        assert!(newcomers.joined(one, now + Duration::from_secs(20)));
    }
}
