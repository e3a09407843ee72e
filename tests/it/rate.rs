//! The rate limit: how many calls one user may make in a sliding window.

use std::time::Duration;

use matterbot::command::rate::{Rate, Verdict};
use matterbot::id::UserId;

#[test]
fn the_rate_limits_each_user_in_a_sliding_window() {
    let at = Duration::from_millis;
    let (one, other) = (UserId::random(), UserId::random());
    let mut rate = Rate::new(2, Duration::from_secs(10));
    assert_eq!(rate.check(one, at(0)), Verdict::Allowed);
    assert_eq!(rate.check(one, at(6_000)), Verdict::Allowed);
    assert_eq!(rate.check(one, at(7_000)), Verdict::FirstOver);
    assert_eq!(rate.check(one, at(9_999)), Verdict::Over);
    assert_eq!(rate.check(other, at(9_999)), Verdict::Allowed);
    assert_eq!(
        rate.check(one, at(10_000)),
        Verdict::Allowed,
        "the first call has left the window"
    );
    assert_eq!(
        rate.check(one, at(10_001)),
        Verdict::Over,
        "it was said in words three seconds ago"
    );
    assert_eq!(rate.check(one, at(16_000)), Verdict::Allowed);
    assert_eq!(rate.check(one, at(17_000)), Verdict::FirstOver);
}

#[test]
fn a_count_of_zero_limits_nothing() {
    let (now, user) = (Duration::ZERO, UserId::random());
    let mut rate = Rate::new(0, Duration::from_secs(10));
    assert!((0..1000).all(|_| rate.check(user, now) == Verdict::Allowed));
}
