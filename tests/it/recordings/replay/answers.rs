//! Compares an answer of the playground with the recorded one.

use serde_json::Value;

use super::super::exceptions::asked;
use super::super::recording::{Answer, Entry, Exchange};
use super::super::translate::Dictionary;
use super::super::{request, shape};
use super::{Replay, brief};

impl Replay {
    pub(super) fn compare_answer(&mut self, entry: &Entry, exchange: &Exchange, actual: &Answer) {
        let recorded = &exchange.answer;
        if recorded.status != actual.status {
            let text = actual.text.as_deref().unwrap_or_default();
            let got = format!("{:?} {}", actual.status.unwrap_or(0), brief(text));
            self.differ(entry, "status", recorded.status.unwrap_or(0), got);
            return;
        }
        for (name, expected, got) in request::header_differences(recorded, actual) {
            self.differ(entry, &format!("header {name}"), expected, got);
        }
        self.learn_token(recorded, actual);
        let (Some(one), Some(other)) = (&recorded.text, &actual.text) else {
            return;
        };
        match (serde_json::from_str(one), serde_json::from_str(other)) {
            (Ok(one), Ok(other)) => self.compare_bodies(entry, &one, &other),
            (Err(_), Err(_)) if one == other => {}
            _ => self.differ(entry, "body", brief(one), brief(other)),
        }
    }

    fn learn_token(&mut self, recorded: &Answer, actual: &Answer) {
        if let (Some(one), Some(other)) = (recorded.header("token"), actual.header("token")) {
            self.words.learn_text(one, other);
        }
    }

    fn compare_bodies(&mut self, entry: &Entry, recorded: &Value, actual: &Value) {
        self.words.learn(recorded, actual);
        if recorded.get("status_code").is_some() {
            for key in ["id", "status_code"] {
                if recorded[key] != actual[key] {
                    self.differ(entry, &format!("error {key}"), &recorded[key], &actual[key]);
                }
            }
        } else {
            self.compare_identity(entry, recorded, actual);
        }
        for mismatch in shape::compare(recorded, actual) {
            let asked = asked(entry);
            if !self.table.has_body(entry, &asked, &mismatch.at) {
                let aspect = format!("body {}", mismatch.at);
                self.differ(entry, &aspect, mismatch.expected, mismatch.got);
            }
        }
    }

    /// The answer must be about the same object, and list the same posts in the same order.
    fn compare_identity(&mut self, entry: &Entry, recorded: &Value, actual: &Value) {
        if let (Some(one), Some(other)) = (recorded["id"].as_str(), actual["id"].as_str())
            && let Some(known) = self.words.id(one).map(str::to_owned)
            && known != other
        {
            self.differ(entry, "object", format!("{known} again"), other);
        }
        if let (Some(one), Some(other)) = (recorded["order"].as_array(), actual["order"].as_array())
        {
            let text = |list: &[Value], words: &Dictionary| -> Vec<String> {
                let ids = list.iter().filter_map(Value::as_str);
                ids.map(|id| words.text(id).chars().take(6).collect())
                    .collect()
            };
            let (one, other) = (text(one, &self.words), text(other, &Dictionary::default()));
            if one != other {
                self.differ(entry, "order", one.join(" "), other.join(" "));
            }
        }
    }
}
