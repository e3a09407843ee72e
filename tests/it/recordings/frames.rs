//! Compares the frames of the websockets: which events came, and their shapes.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::{Value, json};

use super::difference::Difference;
use super::recording::{Entry, What};
use super::shape::{self, Mismatch};
use super::sockets::{Frame, census};

/// Events whose number depends on clocks and on who was away for how long.
const UNCOUNTED: &[&str] = &[
    "status_change",
    "multiple_channels_viewed",
    "channel_viewed",
];

/// The recorded frames of each websocket.
pub(crate) fn recorded<'a>(
    entries: impl Iterator<Item = &'a Entry>,
) -> BTreeMap<String, Vec<Frame>> {
    let mut frames: BTreeMap<String, Vec<Frame>> = BTreeMap::new();
    for entry in entries {
        let value = match &entry.what {
            What::FrameIn(text) => serde_json::from_str(text).expect("a recorded frame is JSON"),
            What::FrameCut => json!({"event": "posted"}),
            _ => Value::Null,
        };
        if !value.is_null() {
            frames.entry(entry.conn.clone()).or_default().push(Frame {
                step: entry.step.clone(),
                value,
            });
        }
    }
    frames
}

/// The differences between what each websocket received in the recording and in the replay.
pub(crate) fn compare(
    recorded: &BTreeMap<String, Vec<Frame>>,
    actual: &HashMap<&str, &[Frame]>,
    is_exempt: &mut impl FnMut(&str, &str) -> bool,
) -> Vec<Difference> {
    let mut differences = Vec::new();
    for (conn, frames) in recorded {
        let received = actual.get(conn.as_str()).copied().unwrap_or_default();
        counts(conn, frames, received, is_exempt, &mut differences);
    }
    shapes(recorded, actual, &mut differences);
    differences
}

fn counts(
    conn: &str,
    recorded: &[Frame],
    actual: &[Frame],
    is_exempt: &mut impl FnMut(&str, &str) -> bool,
    differences: &mut Vec<Difference>,
) {
    let (one, other) = (census(recorded), census(actual));
    let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    for name in names {
        let (Some(expected), Some(got)) = (
            one.get(name).or(Some(&NONE)),
            other.get(name).or(Some(&NONE)),
        ) else {
            continue;
        };
        let total = |steps: &BTreeMap<String, usize>| steps.values().sum::<usize>();
        if total(expected) == total(got)
            || UNCOUNTED.contains(&name.as_str())
            || is_exempt(conn, name)
        {
            continue;
        }
        let steps: BTreeSet<&String> = expected.keys().chain(got.keys()).collect();
        let uneven = |steps_of: &BTreeMap<String, usize>| {
            let of = |step: &str| steps_of.get(step).copied().unwrap_or(0);
            let parts = steps
                .iter()
                .filter(|step| expected.get(**step) != got.get(**step));
            let parts: Vec<String> = parts.map(|step| format!("{step} {}", of(step))).collect();
            format!("{} ({})", total(steps_of), parts.join(", "))
        };
        differences.push(Difference {
            n: 0,
            step: "frames".into(),
            asked: format!("websocket {conn}"),
            aspect: format!("how many {name}"),
            expected: uneven(expected),
            got: uneven(got),
        });
    }
}

static NONE: BTreeMap<String, usize> = BTreeMap::new();

/// What of a frame has a shape: all but the sequence numbers' values.
fn shaped(frame: &Value) -> Value {
    shape::unpacked(&json!({ "frame": frame }))["frame"].clone()
}

/// Every frame of the replay must be shaped as a recorded one of its name, best of the same websocket.
fn shapes(
    recorded: &BTreeMap<String, Vec<Frame>>,
    actual: &HashMap<&str, &[Frame]>,
    differences: &mut Vec<Difference>,
) {
    let mut seen: HashSet<(String, Mismatch)> = HashSet::new();
    let mut conns: Vec<_> = actual.iter().collect();
    conns.sort_by_key(|(conn, _)| **conn);
    let mut every: HashMap<&str, Vec<Value>> = HashMap::new();
    // A cut frame counts, but has no shape.
    for frame in recorded
        .values()
        .flatten()
        .filter(|frame| frame.value.as_object().is_some_and(|map| map.len() > 1))
    {
        let shape = shaped(&frame.value);
        let known = every.entry(frame.name()).or_default();
        if !known
            .iter()
            .any(|other| shape::compare(other, &shape).is_empty())
        {
            known.push(shape);
        }
    }
    for (conn, frames) in conns {
        for frame in *frames {
            let shape = shaped(&frame.value);
            let Some(candidates) = every.get(frame.name()) else {
                let mismatch = Mismatch {
                    at: "event".into(),
                    expected: "none of this name".into(),
                    got: shape::brief(&frame.value),
                };
                note(&mut seen, conn, frame, mismatch, differences);
                continue;
            };
            let nearest = candidates
                .iter()
                .map(|candidate| shape::compare(candidate, &shape));
            for mismatch in nearest.min_by_key(Vec::len).unwrap_or_default() {
                note(&mut seen, conn, frame, mismatch, differences);
            }
        }
    }
}

/// One line for each kind of mismatch, not for each frame.
fn note(
    seen: &mut HashSet<(String, Mismatch)>,
    conn: &str,
    frame: &Frame,
    mismatch: Mismatch,
    differences: &mut Vec<Difference>,
) {
    let kind = Mismatch {
        got: mismatch
            .got
            .split(' ')
            .next()
            .unwrap_or_default()
            .to_owned(),
        expected: mismatch
            .expected
            .split(' ')
            .next()
            .unwrap_or_default()
            .to_owned(),
        at: mismatch.at.clone(),
    };
    if seen.insert((frame.name().to_owned(), kind)) {
        differences.push(Difference {
            n: 0,
            step: frame.step.clone(),
            asked: format!("websocket {conn}: event {}", frame.name()),
            aspect: mismatch.at,
            expected: mismatch.expected,
            got: mismatch.got,
        });
    }
}
