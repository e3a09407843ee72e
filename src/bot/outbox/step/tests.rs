//! Courses of deliveries, second by second.

use super::*;
use crate::id::ChannelId;
use crate::ledger::Kind;

/// What happens, with seconds from the start.
enum At {
    Failed(u64, u64, Saved),
    NotFound(u64),
    /// The step that must be taken then.
    Is(u64, Step),
}
use At::{Failed, Is, NotFound};
use Saved::{No, Other, Unclear};
use Step::{Attempt, Look};

fn delivery() -> Delivery {
    Delivery {
        id: 1,
        key: "key".to_owned(),
        channel: ChannelId::random(),
        root: None,
        kind: Kind::Outcome,
        calls: Vec::new(),
        part: 1,
        parts: 1,
        text: "text".to_owned(),
        attachment: None,
        files: Vec::new(),
        queued_at: Timestamp(1_000_000),
        first_attempt_at: None,
        last_attempt_ended_at: None,
    }
}

#[test]
fn no_attempt_is_made_that_could_be_a_second_post() {
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let wait = |until| Step::Wait(start + Duration::from_secs(until));
    let courses: &[(&str, &[At])] = &[
        ("the first attempt", &[Is(0, Attempt)]),
        (
            "after a clear refusal the next attempt is the first one",
            &[Failed(0, 1, No), Is(90, Attempt)],
        ),
        (
            "an unclear end is looked up, and then tried with the same key",
            &[
                Failed(0, 10, Unclear),
                Is(10, Look),
                NotFound(10),
                Is(11, Attempt),
                Is(20, Attempt),
            ],
        ),
        (
            "a young look does not clear an unclear end, whatever a later attempt is told",
            &[
                Failed(0, 10, Unclear),
                NotFound(10),
                Failed(11, 11, No),
                Is(12, Look),
                Is(71, Look),
                NotFound(71),
                Is(72, Attempt),
            ],
        ),
        (
            "the window ends before the bytes go, during an upload or a wait for the limiter",
            &[
                Failed(0, 10, Unclear),
                NotFound(10),
                Is(11, Attempt),
                Is(21, wait(45)),
                Is(45, Look),
            ],
        ),
        (
            "a look that ends after the window is not enough",
            &[
                Failed(0, 10, Unclear),
                NotFound(15),
                Is(80, Look),
                NotFound(80),
                Is(80, Attempt),
            ],
        ),
        (
            "a look that begins before everything is readable is not enough",
            &[
                Failed(0, 10, Unclear),
                Is(44, wait(45)),
                NotFound(44),
                Is(46, Look),
            ],
        ),
        (
            "the window counts from the first unclear attempt, the wait from the last",
            &[
                Failed(0, 10, Unclear),
                NotFound(10),
                Failed(18, 28, Unclear),
                Is(28, wait(63)),
                NotFound(62),
                Is(63, Look),
                NotFound(63),
                Failed(64, 74, Unclear),
                Is(74, Look),
            ],
        ),
        (
            "a post that is not ours is not asked for again with the same key",
            &[
                Failed(0, 1, Other),
                Is(1, wait(36)),
                NotFound(36),
                Is(36, Attempt),
            ],
        ),
    ];
    for (what, course) in courses {
        let begun = Start {
            instant: start,
            time: Timestamp(0),
        };
        let mut progress = Progress::new(&delivery(), begun, Timing::default());
        for (number, event) in course.iter().enumerate() {
            match event {
                Failed(began, ended, saved) => {
                    assert!(!progress.failed(at(*began), at(*ended), *saved), "{what}");
                }
                NotFound(began) => progress.not_found(at(*began)),
                Is(now, step) => assert_eq!(progress.step(at(*now)), *step, "{what}, {number}"),
            }
        }
    }
}

#[test]
fn what_an_earlier_process_left_is_looked_up_first() {
    // A clock of the machine that was booted a minute ago could not be set back that far.
    let instant = Instant::now() + Duration::from_secs(3_600);
    let mut left = delivery();
    left.first_attempt_at = Some(left.queued_at);
    left.last_attempt_ended_at = Some(left.queued_at);
    let wait = Step::Wait(instant + Duration::from_secs(35));
    for (seconds_ago, first) in [(5, Look), (20, Look), (21, wait), (600, wait), (-30, wait)] {
        let time = Timestamp(left.queued_at.0 + seconds_ago * 1_000);
        let progress = Progress::new(&left, Start { instant, time }, Timing::default());
        assert_eq!(progress.step(instant), first, "{seconds_ago}");
        let readable = instant + Duration::from_secs(35);
        assert_eq!(progress.step(readable), Look, "{seconds_ago}");
    }
}

#[test]
fn three_of_a_kind_are_enough() {
    let now = Instant::now();
    let start = Start {
        instant: now,
        time: Timestamp(0),
    };
    let mut progress = Progress::new(&delivery(), start, Timing::default());
    assert!(!progress.refused() && !progress.refused() && progress.refused());
    assert!(!progress.failed(now, now, Other) && !progress.failed(now, now, Unclear));
    assert!(!progress.failed(now, now, Other) && progress.failed(now, now, Other));
}
