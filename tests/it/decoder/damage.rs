//! Frames that were damaged on their way: truncated, spliced, with bytes changed or in the wrong place.

use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence, RngAlgorithm, TestRng, TestRunner};

use super::{CORPUS, assert_is_total};

/// What can happen to a frame on its way.
#[derive(Debug, Clone)]
enum Damage {
    /// Only the first bytes arrive.
    Truncated(prop::sample::Index),
    /// One byte is another.
    Flipped(prop::sample::Index, u8),
    /// Two stretches have changed places.
    Swapped(prop::sample::Index, prop::sample::Index),
    /// The end is that of another frame.
    Spliced(prop::sample::Index, prop::sample::Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let place = any::<prop::sample::Index>;
    prop_oneof![
        place().prop_map(Damage::Truncated),
        (place(), any::<u8>()).prop_map(|(at, byte)| Damage::Flipped(at, byte)),
        (place(), place()).prop_map(|(one, other)| Damage::Swapped(one, other)),
        (place(), place()).prop_map(|(at, other)| Damage::Spliced(at, other)),
    ]
}

fn damaged(frame: &str, damages: &[Damage], lines: &[&str]) -> String {
    let mut bytes = frame.as_bytes().to_vec();
    for damage in damages.iter().filter(|_| !frame.is_empty()) {
        if bytes.is_empty() {
            break;
        }
        match damage {
            Damage::Truncated(at) => bytes.truncate(at.index(bytes.len())),
            Damage::Flipped(at, byte) => {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            Damage::Swapped(one, other) => {
                let (one, other) = (one.index(bytes.len()), other.index(bytes.len()));
                let length = 8.min(one.abs_diff(other)).min(bytes.len() - one.max(other));
                for offset in 0..length {
                    bytes.swap(one + offset, other + offset);
                }
            }
            Damage::Spliced(at, other) => {
                let at = at.index(bytes.len());
                let tail = lines[other.index(lines.len())].as_bytes();
                bytes.truncate(at);
                bytes.extend_from_slice(&tail[at.min(tail.len())..]);
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn no_damaged_frame_makes_the_decoder_panic() {
    let lines: Vec<&str> = CORPUS.lines().collect();
    let saved = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/data/decoder/regressions.txt"
    );
    let config = Config {
        cases: 2_000,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(saved))),
        ..Config::default()
    };
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, random);
    let input = (0..lines.len(), prop::collection::vec(damage(), 1..4));
    let outcome = runner.run(&input, |(line, damages)| {
        assert_is_total(&damaged(lines[line], &damages, &lines))
    });
    outcome.unwrap();
}
