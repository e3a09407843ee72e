//! Turns a recorded request into one for the playground, and its response into something comparable.

use std::str::FromStr;

use reqwest::header::{HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::recording::{Answer, Body, Entry, Exchange, What};
use super::translate::Dictionary;

/// The password of every account; the recordings have asterisks.
const PASSWORD: &str = "Correct-horse-1";

/// The longest message that both servers accept, in characters.
const LONGEST_MESSAGE: usize = 16_383;

/// Headers that must come as often as recorded, and those whose values must be the same too.
const COUNTED: &[&str] = &[
    "token",
    "x-request-id",
    "x-version-id",
    "content-type",
    "retry-after",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
];
const SAME_VALUE: &[&str] = &[
    "content-type",
    "retry-after",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
];

impl Answer {
    /// The first header of this name, in any case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let of_name = self
            .headers
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name));
        of_name.map(|(_, value)| value.as_str())
    }
}

/// The request without its body.
pub(crate) fn build(
    http: &reqwest::Client,
    base_url: &str,
    exchange: &Exchange,
    words: &Dictionary,
) -> reqwest::RequestBuilder {
    let method = reqwest::Method::from_str(&exchange.method).expect("a method");
    let mut request = http.request(method, format!("{base_url}{}", words.path(&exchange.path)));
    for (name, value) in &exchange.headers {
        if name != "User-Agent" {
            let name = HeaderName::from_str(name).expect("a header's name");
            let value = HeaderValue::from_str(&words.path(value)).expect("a header");
            request = request.header(name, value);
        }
    }
    request
}

/// The recorded body, with a password where the recording has asterisks: a wrong one where it was refused.
pub(crate) fn body(entry: &Entry, exchange: &Exchange) -> Option<String> {
    let Some(Body::Text(text)) = &exchange.body else {
        return None;
    };
    // With the database down the right password is refused too.
    let wrong = exchange.answer.status == Some(401) && !entry.step.starts_with("28");
    let password = if wrong { "Wrong-horse-1" } else { PASSWORD };
    Some(text.replace("********", password))
}

/// The recorded frame; the one that was too big for the server was shortened in the file.
pub(crate) fn frame(entry: &Entry, text: &str) -> String {
    if entry.step == "06c-ws-too-big-frame" {
        return json!({"seq": 1, "action": "ping", "data": {"x": "y".repeat(9_000)}}).to_string();
    }
    text.to_owned()
}

/// A body that was too large for the recording: the nearest of the same actor and path, with the message that was sent.
pub(crate) fn rebuilt(entries: &[Entry], place: usize, exchange: &Exchange) -> String {
    let refused = exchange.answer.status != Some(201);
    let length = LONGEST_MESSAGE + usize::from(refused);
    // The second accepted one of the recording was of emoji: the limit counts characters, not bytes.
    let earlier = entries[..place]
        .iter()
        .filter(|entry| is_cut(entry))
        .count();
    let letter = if earlier == 2 { "😀" } else { "x" };
    if exchange.path.ends_with("/patch") {
        return json!({ "message": letter.repeat(length) }).to_string();
    }
    let fits = |entry: &Entry| match &entry.what {
        What::Exchange(other) if other.who == exchange.who && other.path == exchange.path => {
            let Some(Body::Text(text)) = &other.body else {
                return None;
            };
            serde_json::from_str::<Value>(text).ok()
        }
        _ => None,
    };
    // A refused post's pending id is free again: the recording shows that with the next request.
    let next = entries[place + 1..].iter().find_map(fits);
    let mut body = next.expect("a request of the same kind follows");
    if exchange.who.as_deref() != Some("bot") {
        body = json!({ "channel_id": body["channel_id"] });
    }
    body["message"] = Value::from(letter.repeat(length));
    body.to_string()
}

fn is_cut(entry: &Entry) -> bool {
    matches!(&entry.what, What::Exchange(exchange) if matches!(exchange.body, Some(Body::Cut)))
}

/// Reads a response whole.
pub(crate) async fn answer(response: reqwest::Response) -> Answer {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = response.headers().iter();
    Answer {
        status: Some(response.status().as_u16()),
        headers: headers
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect(),
        text: Some(response.text().await.unwrap_or_default()),
    }
}

/// The headers that matter and differ: name, what was recorded, what came.
pub(crate) fn header_differences(
    recorded: &Answer,
    actual: &Answer,
) -> Vec<(&'static str, String, String)> {
    let mut found = Vec::new();
    for name in COUNTED {
        let (one, other): (Vec<&str>, Vec<&str>) =
            (recorded.all(name).collect(), actual.all(name).collect());
        if one.len() != other.len() || (SAME_VALUE.contains(name) && one != other) {
            found.push((*name, format!("{one:?}"), format!("{other:?}")));
        }
    }
    found
}

/// The `id` of the error in a body that may have a line of text before it.
pub(crate) fn error_id(text: &str) -> Option<String> {
    let json = text.lines().find(|line| line.starts_with('{'))?;
    let value: Value = serde_json::from_str(json).ok()?;
    Some(value["id"].as_str()?.to_owned())
}
