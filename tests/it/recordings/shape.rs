//! Compares the shapes of two JSON texts: keys and types, not values.

use serde_json::Value;

use super::translate::is_id;

/// One place where two shapes differ.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Mismatch {
    /// Where, as `data.post.props`; an array's elements are `[]`, a map's values by identifier are `{id}`.
    pub(crate) at: String,
    pub(crate) expected: String,
    pub(crate) got: String,
}

/// A value with the JSON inside its strings unpacked: frames carry posts as text.
pub(crate) fn unpacked(value: &Value) -> Value {
    match value {
        Value::String(text) if text.starts_with(['{', '[']) => {
            serde_json::from_str(text).map_or_else(|_| value.clone(), |inner| unpacked(&inner))
        }
        Value::Array(items) => items.iter().map(unpacked).collect(),
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (key.clone(), unpacked(value)))
            .collect(),
        other => other.clone(),
    }
}

/// Every place where `actual` has another key or another type than `recorded`.
pub(crate) fn compare(recorded: &Value, actual: &Value) -> Vec<Mismatch> {
    let mut found = Vec::new();
    walk("", recorded, actual, &mut found);
    found
}

fn walk(at: &str, recorded: &Value, actual: &Value, found: &mut Vec<Mismatch>) {
    match (recorded, actual) {
        (Value::Object(one), Value::Object(other)) => {
            if is_map_by_id(one) || is_map_by_id(other) {
                let values = |map: &serde_json::Map<String, Value>| -> Vec<Value> {
                    map.values().cloned().collect()
                };
                elements(&join(at, "{id}"), &values(one), &values(other), found);
                return;
            }
            for (key, value) in one {
                match other.get(key) {
                    Some(actual) => walk(&join(at, key), value, actual, found),
                    None => found.push(Mismatch {
                        at: join(at, key),
                        expected: format!("{} {}", kind(value), brief(value)),
                        got: "no such key".into(),
                    }),
                }
            }
            for (key, value) in other.iter().filter(|(key, _)| !one.contains_key(*key)) {
                found.push(Mismatch {
                    at: join(at, key),
                    expected: "no such key".into(),
                    got: format!("{} {}", kind(value), brief(value)),
                });
            }
        }
        (Value::Array(one), Value::Array(other)) => {
            elements(&format!("{at}[]"), one, other, found);
        }
        (one, other) if kind(one) != kind(other) => found.push(Mismatch {
            at: at.to_owned(),
            expected: format!("{} {}", kind(one), brief(one)),
            got: format!("{} {}", kind(other), brief(other)),
        }),
        _ => {}
    }
}

/// Each actual element must be shaped as one of the recorded; their order is the server's own affair.
fn elements(at: &str, recorded: &[Value], actual: &[Value], found: &mut Vec<Mismatch>) {
    if recorded.len() != actual.len() {
        found.push(Mismatch {
            at: at.to_owned(),
            expected: format!("{} elements", recorded.len()),
            got: format!("{} elements", actual.len()),
        });
    }
    for element in actual {
        let nearest = recorded
            .iter()
            .map(|candidate| {
                let mut mismatches = Vec::new();
                walk(at, candidate, element, &mut mismatches);
                mismatches
            })
            .min_by_key(Vec::len)
            .unwrap_or_default();
        for mismatch in nearest {
            if !found.contains(&mismatch) {
                found.push(mismatch);
            }
        }
    }
}

fn is_map_by_id(map: &serde_json::Map<String, Value>) -> bool {
    !map.is_empty() && map.keys().all(|key| is_id(key))
}

fn join(at: &str, key: &str) -> String {
    if at.is_empty() {
        key.to_owned()
    } else {
        format!("{at}.{key}")
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "fraction",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The beginning of a value, for the person who reads the failure.
pub(crate) fn brief(value: &Value) -> String {
    let text = value.to_string();
    let short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        format!("{short}…")
    } else {
        short
    }
}

#[test]
fn shapes_differ_by_key_and_by_type_but_not_by_value() {
    let parse = |text: &str| -> Value { serde_json::from_str(text).unwrap() };
    let recorded = parse(r#"{"a":1,"b":{"c":"x"},"d":[{"e":null}]}"#);
    assert_eq!(
        compare(
            &recorded,
            &parse(r#"{"a":2,"b":{"c":"y"},"d":[{"e":null}]}"#)
        ),
        []
    );
    let places: Vec<String> = compare(&recorded, &parse(r#"{"a":"1","b":{"f":0},"d":[]}"#))
        .into_iter()
        .map(|mismatch| mismatch.at)
        .collect();
    assert_eq!(places, ["a", "b.c", "b.f", "d[]"]);
}
