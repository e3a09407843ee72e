//! Lanes: the order in which one user's calls start, and how many of them run at once.
//!
//! ```text
//!           all before it in its channel have started,
//!           none of its thread runs, and a slot is free          told           told
//! waiting ────────────────────────────────────────────▶ starting ────▶ running ────▶ ended
//! ```
//!
//! One user's calls in one channel start in order, those of one thread follow one another, and those of other users are
//! held by none of them. Only calls of modules need a slot.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::id::{ChannelId, PostId, UserId};

/// What names a call among all that wait and run: its post, and its place there.
pub type CallId = (PostId, u16);

/// Where a call waits, and runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lane {
    /// Who asks.
    pub user: UserId,
    /// Where.
    pub channel: ChannelId,
    /// In which thread.
    pub thread: PostId,
    /// Whether it takes one of the user's slots.
    pub takes_slot: bool,
}

/// The lanes of all users; a user is known while a call of his waits or runs.
#[derive(Debug)]
pub struct Lanes<T> {
    /// How many calls of one user that need a slot run at once, over all channels.
    slots: usize,
    users: HashMap<UserId, Calls<T>>,
}

/// The calls of one user.
#[derive(Debug)]
struct Calls<T> {
    /// In the order of asking.
    waiting: VecDeque<(CallId, Lane, T)>,
    running: HashMap<CallId, Running>,
}

#[derive(Debug)]
struct Running {
    lane: Lane,
    /// The next of its channel may start.
    started: bool,
}

impl<T> Lanes<T> {
    /// Nothing waits; at least one call of a user runs at a time.
    #[must_use]
    pub fn new(slots: usize) -> Self {
        Self {
            slots: slots.max(1),
            users: HashMap::new(),
        }
    }

    /// From now on so many calls of one user that need a slot run at once; what runs goes on.
    pub fn limit(&mut self, slots: usize) {
        self.slots = slots.max(1);
    }

    /// Puts `call` into its lane; gives what is to be started now.
    pub fn enter(&mut self, id: CallId, lane: Lane, call: T) -> Vec<T> {
        let calls = self.users.entry(lane.user).or_insert_with(|| Calls {
            waiting: VecDeque::new(),
            running: HashMap::new(),
        });
        calls.waiting.push_back((id, lane, call));
        self.ready(lane.user)
    }

    /// The call `id` of `user` has started: the next of its channel may. Gives what is to be started now.
    pub fn started(&mut self, user: UserId, id: CallId) -> Vec<T> {
        let calls = self.users.get_mut(&user);
        match calls.and_then(|calls| calls.running.get_mut(&id)) {
            Some(running) => running.started = true,
            None => return Vec::new(),
        }
        self.ready(user)
    }

    /// The call `id` of `user` has ended. Gives what is to be started now.
    pub fn ended(&mut self, user: UserId, id: CallId) -> Vec<T> {
        if let Some(calls) = self.users.get_mut(&user) {
            calls.running.remove(&id);
        }
        self.ready(user)
    }

    /// Takes out what waits and is `unwanted`; gives it, and what is to be started now.
    pub fn withdraw(&mut self, mut unwanted: impl FnMut(&T) -> bool) -> (Vec<T>, Vec<T>) {
        let (mut out, mut ready) = (Vec::new(), Vec::new());
        let users: Vec<UserId> = self.users.keys().copied().collect();
        for user in users {
            if let Some(calls) = self.users.get_mut(&user) {
                let waiting = std::mem::take(&mut calls.waiting).into_iter();
                let (gone, kept): (VecDeque<_>, _) =
                    waiting.partition(|(_, _, call)| unwanted(call));
                calls.waiting = kept;
                out.extend(gone.into_iter().map(|(_, _, call)| call));
            }
            ready.extend(self.ready(user));
        }
        (out, ready)
    }

    /// Takes out what may start now of `user`, in the order of asking.
    fn ready(&mut self, user: UserId) -> Vec<T> {
        let Some(calls) = self.users.get_mut(&user) else {
            return Vec::new();
        };
        let mut ready = Vec::new();
        let mut held = VecDeque::new();
        // Whatever waits holds up what was asked after it in the same channel.
        let mut blocked: HashSet<ChannelId> = calls.starting().collect();
        for (id, lane, call) in std::mem::take(&mut calls.waiting) {
            if !blocked.insert(lane.channel) || !calls.is_free_for(lane, self.slots) {
                held.push_back((id, lane, call));
                continue;
            }
            let started = false;
            calls.running.insert(id, Running { lane, started });
            ready.push(call);
        }
        calls.waiting = held;
        if calls.waiting.is_empty() && calls.running.is_empty() {
            self.users.remove(&user);
        }
        ready
    }
}

impl<T> Calls<T> {
    /// The channels of what was told to start and has not.
    fn starting(&self) -> impl Iterator<Item = ChannelId> {
        let starting = self.running.values().filter(|running| !running.started);
        starting.map(|running| running.lane.channel)
    }

    /// Whether neither its thread nor the number of slots holds a call of `lane`.
    fn is_free_for(&self, lane: Lane, slots: usize) -> bool {
        let mut running = self.running.values().map(|running| running.lane);
        let thread = (lane.channel, lane.thread);
        let used = running.clone().filter(|other| other.takes_slot).count();
        !running.any(|other| (other.channel, other.thread) == thread)
            && (!lane.takes_slot || used < slots)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: [u16; 0] = [];

    /// One user's calls; those of modules are numbers from 10.
    struct Bench {
        lanes: Lanes<u16>,
        user: UserId,
        channels: [ChannelId; 3],
        threads: [PostId; 4],
        post: PostId,
    }

    impl Bench {
        fn new(slots: usize) -> Self {
            Self {
                lanes: Lanes::new(slots),
                user: UserId::random(),
                channels: [(); 3].map(|()| ChannelId::random()),
                threads: [(); 4].map(|()| PostId::random()),
                post: PostId::random(),
            }
        }

        fn enter(&mut self, call: u16, channel: usize, thread: usize) -> Vec<u16> {
            let lane = Lane {
                user: self.user,
                channel: self.channels[channel],
                thread: self.threads[thread],
                takes_slot: call >= 10,
            };
            self.lanes.enter((self.post, call), lane, call)
        }

        fn started(&mut self, call: u16) -> Vec<u16> {
            self.lanes.started(self.user, (self.post, call))
        }

        fn ended(&mut self, call: u16) -> Vec<u16> {
            self.lanes.ended(self.user, (self.post, call))
        }
    }

    #[test]
    fn calls_of_a_channel_start_in_order_and_run_beside_each_other() {
        let mut bench = Bench::new(5);
        assert_eq!(bench.enter(10, 0, 0), [10]);
        assert_eq!(bench.enter(11, 0, 1), NONE, "the first one has not started");
        assert_eq!(bench.enter(12, 1, 2), [12], "another channel");
        assert_eq!(bench.started(10), [11]);
        assert_eq!(bench.ended(11), NONE);
        assert_eq!(bench.ended(10), NONE);
        assert_eq!(bench.ended(12), NONE);
        assert!(bench.lanes.users.is_empty(), "nobody is remembered");
    }

    #[test]
    fn calls_of_a_thread_follow_one_another() {
        let mut bench = Bench::new(5);
        assert_eq!(bench.enter(10, 0, 0), [10]);
        assert_eq!(bench.enter(11, 0, 0), NONE);
        assert_eq!(bench.enter(12, 0, 1), NONE);
        assert_eq!(
            bench.started(10),
            NONE,
            "the second one holds up what comes after it"
        );
        assert_eq!(bench.ended(10), [11]);
        assert_eq!(bench.started(11), [12]);
    }

    #[test]
    fn slots_count_across_channels_and_for_modules_only() {
        let mut bench = Bench::new(2);
        for (call, place) in [(10, 0), (11, 1)] {
            assert_eq!(bench.enter(call, place, place), [call]);
            assert_eq!(bench.started(call), NONE);
        }
        assert_eq!(bench.enter(12, 2, 2), NONE);
        assert_eq!(bench.enter(1, 0, 3), [1], "a built-in needs no slot");
        assert_eq!(bench.ended(10), [12]);
    }

    #[test]
    fn users_are_apart() {
        let mut bench = Bench::new(1);
        assert_eq!(bench.enter(10, 0, 0), [10]);
        bench.user = UserId::random();
        assert_eq!(bench.enter(11, 0, 0), [11]);
    }

    #[test]
    fn what_waits_can_be_withdrawn() {
        let mut bench = Bench::new(1);
        assert_eq!(bench.enter(10, 0, 0), [10]);
        for call in 11..=13 {
            assert_eq!(bench.enter(call, 0, usize::from(call - 10)), NONE);
        }
        let (withdrawn, ready) = bench.lanes.withdraw(|call| *call == 11);
        assert_eq!((withdrawn, ready), (vec![11], vec![]));
        assert_eq!(bench.started(10), NONE, "its slot is taken");
        assert_eq!(bench.ended(10), [12]);
        // What waited behind something withdrawn may start.
        assert_eq!(bench.enter(1, 0, 0), NONE);
        assert_eq!(bench.started(12), NONE);
        let (withdrawn, ready) = bench.lanes.withdraw(|call| *call == 13);
        assert_eq!((withdrawn, ready), (vec![13], vec![1]));
    }
}
