//! Lanes: one user's calls in one channel start in order, and a slow lane holds no other.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// What waits in each lane; a lane exists while one of its members runs.
#[derive(Debug)]
pub struct Lanes<K, T> {
    waiting: HashMap<K, VecDeque<T>>,
}

impl<K, T> Default for Lanes<K, T> {
    /// No lane is in use.
    fn default() -> Self {
        Self {
            waiting: HashMap::new(),
        }
    }
}

impl<K: Hash + Eq, T> Lanes<K, T> {
    /// Puts `member` into its lane; gives it back if the lane was free, to be started now.
    pub fn enter(&mut self, lane: K, member: T) -> Option<T> {
        match self.waiting.get_mut(&lane) {
            Some(queue) => {
                queue.push_back(member);
                None
            }
            None => {
                self.waiting.insert(lane, VecDeque::new());
                Some(member)
            }
        }
    }

    /// The running member of `lane` has ended: gives the next one, to be started now, or frees the lane.
    pub fn leave(&mut self, lane: &K) -> Option<T> {
        let next = self.waiting.get_mut(lane)?.pop_front();
        if next.is_none() {
            self.waiting.remove(lane);
        }
        next
    }

    /// Takes out of `lane` what waits there and is `unwanted`.
    pub fn withdraw(&mut self, lane: &K, mut unwanted: impl FnMut(&T) -> bool) -> Vec<T> {
        let Some(queue) = self.waiting.get_mut(lane) else {
            return Vec::new();
        };
        let (out, kept) = std::mem::take(queue)
            .into_iter()
            .partition(|member| unwanted(member));
        *queue = kept;
        Vec::from_iter::<VecDeque<T>>(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_a_lane_start_in_order_and_lanes_are_apart() {
        let mut lanes = Lanes::default();
        assert_eq!(lanes.enter("olga", 1), Some(1));
        assert_eq!(lanes.enter("olga", 2), None);
        assert_eq!(lanes.enter("pat", 3), Some(3));
        assert_eq!(lanes.leave(&"olga"), Some(2));
        assert_eq!(lanes.leave(&"olga"), None);
        assert_eq!(lanes.enter("olga", 4), Some(4), "the lane is free again");
    }

    #[test]
    fn what_waits_can_be_withdrawn() {
        let mut lanes = Lanes::default();
        for member in 1..=4 {
            lanes.enter("olga", member);
        }
        assert_eq!(lanes.withdraw(&"olga", |member| member % 2 == 0), [2, 4]);
        assert_eq!(lanes.leave(&"olga"), Some(3));
        assert!(lanes.withdraw(&"pat", |_| true).is_empty());
    }
}
