//! Recorded identifiers, tokens and instants, and what stands for them in the replay.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

/// The dictionary of one replay; it grows with every answer and frame that both servers gave.
#[derive(Debug, Default)]
pub(crate) struct Dictionary {
    ids: HashMap<String, String>,
    /// What both servers' clocks said of one thing.
    instants: BTreeMap<i64, i64>,
    /// When requests were sent: much of what they did bears no instant that an answer shows.
    sent: BTreeMap<i64, i64>,
}

/// Whether `text` has the form of an identifier or of a token: 26 letters or digits.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == 26 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Milliseconds since 1970 of this century, as 13 digits.
fn is_instant(number: i64) -> bool {
    (1_500_000_000_000..2_000_000_000_000).contains(&number)
}

impl Dictionary {
    /// Takes in what `recorded` calls by its own names and `actual` by others.
    pub(crate) fn learn(&mut self, recorded: &Value, actual: &Value) {
        match (recorded, actual) {
            (Value::String(one), Value::String(other)) => self.learn_text(one, other),
            (Value::Number(one), Value::Number(other)) => {
                if let (Some(one), Some(other)) = (one.as_i64(), other.as_i64())
                    && is_instant(one)
                    && is_instant(other)
                {
                    self.instants.entry(one).or_insert(other);
                }
            }
            (Value::Array(one), Value::Array(other)) => self.learn_list(one, other),
            (Value::Object(one), Value::Object(other)) => {
                // `order` first: it names the posts that `posts` then describes.
                if let (Some(one), Some(other)) = (one.get("order"), other.get("order")) {
                    self.learn(one, other);
                }
                for (key, value) in one {
                    if let Some(actual) = other.get(self.text(key).as_str()) {
                        self.learn(value, actual);
                    }
                }
            }
            _ => {}
        }
    }

    /// Objects are matched by what they are called; texts by position, in lists of one length.
    fn learn_list(&mut self, recorded: &[Value], actual: &[Value]) {
        for one in recorded {
            let called = |value: &Value, key: &str| value.get(key)?.as_str().map(str::to_owned);
            let same = |other: &&Value| {
                let keys = ["id", "name", "username"];
                let mut names = keys
                    .iter()
                    .map(|key| (called(one, key), called(other, key)));
                names.any(|(one, other)| one.is_some_and(|name| other == Some(self.text(&name))))
            };
            if let Some(other) = actual.iter().find(same) {
                self.learn(one, other);
            }
        }
        if recorded.len() == actual.len() {
            for (one, other) in recorded
                .iter()
                .zip(actual)
                .filter(|(one, _)| one.is_string())
            {
                self.learn(one, other);
            }
        }
    }

    /// A name is learned once, and only as a pair of new names.
    pub(crate) fn learn_text(&mut self, recorded: &str, actual: &str) {
        if is_id(recorded) && is_id(actual) {
            let taken = self.ids.values().any(|known| known == actual);
            if !self.ids.contains_key(recorded) && !taken {
                self.ids.insert(recorded.to_owned(), actual.to_owned());
            }
        }
    }

    /// A request was sent at the instant `recorded`, and now at `actual`.
    pub(crate) fn learn_sent(&mut self, recorded: i64, actual: i64) {
        self.sent.entry(recorded).or_insert(actual);
    }

    /// What stands for the recorded identifier; `None` if no answer has named it.
    pub(crate) fn id(&self, recorded: &str) -> Option<&str> {
        self.ids.get(recorded).map(String::as_str)
    }

    /// `recorded` with every known identifier and token replaced.
    pub(crate) fn text(&self, recorded: &str) -> String {
        replace_runs(
            recorded,
            |byte| byte.is_ascii_alphanumeric(),
            |run| self.ids.get(run).cloned(),
        )
    }

    /// A path or a header, in which instants stand too.
    pub(crate) fn path(&self, recorded: &str) -> String {
        replace_runs(
            &self.text(recorded),
            |byte| byte.is_ascii_digit(),
            |run| {
                let instant: i64 = run.parse().ok()?;
                is_instant(instant).then(|| self.instant(instant).to_string())
            },
        )
    }

    /// The replay's instant for a recorded one: as long after the one known before it, and before the next.
    fn instant(&self, recorded: i64) -> i64 {
        let before = self.instants.range(..=recorded).next_back();
        // A request is no lower bound: what it did may have happened in its own millisecond.
        let after = [&self.instants, &self.sent].map(|known| known.range(recorded + 1..).next());
        let after = after.into_iter().flatten().min_by_key(|(known, _)| **known);
        match (before, after) {
            (Some((known, actual)), after) => {
                let shifted = actual + (recorded - known);
                // What lay between two things that happened lies between them in the replay too, however fast it is.
                let latest = after.map_or(shifted, |(_, actual)| actual - 1);
                shifted.min(latest.max(*actual))
            }
            (None, Some((known, actual))) => actual - (known - recorded),
            (None, None) => recorded,
        }
    }
}

/// `text` with each longest run of bytes of one class replaced, where `replace` knows better.
fn replace_runs(
    text: &str,
    class: impl Fn(u8) -> bool,
    replace: impl Fn(&str) -> Option<String>,
) -> String {
    let mut result = String::with_capacity(text.len());
    let mut run = String::new();
    for character in text.chars().map(Some).chain([None]) {
        match character {
            Some(character) if character.is_ascii() && class(character as u8) => {
                run.push(character)
            }
            other => {
                result.push_str(&replace(&run).unwrap_or_else(|| run.clone()));
                run.clear();
                result.extend(other);
            }
        }
    }
    result
}

#[test]
fn names_and_instants_are_translated_where_they_stand_alone() {
    let mut dictionary = Dictionary::default();
    let (one, other) = ("a".repeat(26), "b".repeat(26));
    dictionary.learn(
        &serde_json::json!({"id": one, "create_at": 1_700_000_000_000_i64}),
        &serde_json::json!({"id": other, "create_at": 1_800_000_000_000_i64}),
    );
    let path = format!("/posts/{one}?since=1700000000005&x={one}c");
    assert_eq!(
        dictionary.path(&path),
        format!("/posts/{other}?since=1800000000005&x={one}c")
    );
    // Something else happened sooner after it than in the recording.
    dictionary.learn(&1_700_000_000_009_i64.into(), &1_800_000_000_003_i64.into());
    assert_eq!(dictionary.path("1700000000005"), "1800000000002");
}

#[test]
fn what_was_asked_before_a_request_lies_before_it_however_fast_the_replay_is() {
    let mut dictionary = Dictionary::default();
    let (recorded, actual) = (1_700_000_000_000_i64, 1_800_000_000_000_i64);
    dictionary.learn(&recorded.into(), &actual.into());
    // Sixty milliseconds later somebody pinned a post, which no answer shows; the replay took four.
    dictionary.learn_sent(recorded + 60, actual + 4);
    assert_eq!(dictionary.path("1700000000011"), "1800000000003");
    assert_eq!(dictionary.path("1700000000002"), "1800000000002");
    // A third request did something in the very millisecond in which it was sent.
    dictionary.learn_sent(recorded + 90, actual + 9);
    dictionary.learn(&(recorded + 93).into(), &(actual + 9).into());
    assert_eq!(dictionary.path("1700000000092"), "1800000000008");
}
