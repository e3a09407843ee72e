//! Replays a recording against the playground, line by line, and collects what differs.

use std::collections::HashMap;

use matterbot::playground::{Flavour, Options, Playground};
use serde_json::Value;

use super::difference::Difference;
use super::exceptions::{Except, Table, asked};
use super::recording::{self, Answer, Body, Entry, Exchange, What};
use super::scenario::Scenario;
use super::shape;
use super::sockets::{Frame, Socket};
use super::translate::Dictionary;
use super::{frames, request};

/// A replay under way.
pub(crate) struct Replay {
    entries: Vec<Entry>,
    playground: Playground,
    scenario: Scenario,
    http: reqwest::Client,
    pub(crate) words: Dictionary,
    sockets: HashMap<String, Socket>,
    table: Table,
    differences: Vec<Difference>,
}

/// Replays `mattermost-VERSION.jsonl` and returns every difference that is no exception.
pub(crate) async fn replay(version: &'static str, flavour: Flavour) -> Vec<Difference> {
    let options = Options {
        flavour,
        seeded: false,
        ..Options::default()
    };
    let playground = Playground::start(options)
        .await
        .expect("the playground starts");
    let http = crate::support::playground::client();
    let mut replay = Replay {
        entries: recording::read(version),
        scenario: Scenario::new(playground.base_url(), http.clone()),
        playground,
        http,
        words: Dictionary::default(),
        sockets: HashMap::new(),
        table: Table::new(version),
        differences: Vec::new(),
    };
    for place in 0..replay.entries.len() {
        replay.perform(place).await;
    }
    replay.compare_frames();
    for reason in replay.table.unused() {
        replay.differences.push(Difference {
            n: 0,
            step: "exceptions.rs".into(),
            asked: reason.into(),
            aspect: "this exception".into(),
            expected: "to be needed".into(),
            got: "nothing needed it".into(),
        });
    }
    replay.playground.stop().await;
    replay.differences
}

impl Replay {
    async fn perform(&mut self, place: usize) {
        let entry = self.entries[place].clone();
        if self.table.has(&entry, &asked(&entry), Except::Replay) {
            return;
        }
        match &entry.what {
            What::Exchange(exchange) => {
                let pause = place
                    .checked_sub(1)
                    .map_or(0, |before| entry.at - self.entries[before].at);
                self.scenario.let_time_pass(pause).await;
                self.exchange(&entry, place, exchange).await;
                self.settle(&entry.step).await;
            }
            What::Connect { path, headers } => self.connect(&entry, place, path, headers).await,
            What::FrameOut(text) => {
                let text = self.words.text(&request::frame(&entry, text));
                if let Some(socket) = self.sockets.get_mut(&entry.conn) {
                    socket.send(&text).await;
                }
                self.greet(&entry, place).await;
                self.settle(&entry.step).await;
            }
            What::ClientClose => self.client_close(&entry).await,
            What::ClientDrop => {
                if let Some(socket) = self.sockets.get_mut(&entry.conn) {
                    socket.cut();
                }
            }
            What::Closed(code) => self.closed(&entry, *code).await,
            What::Note(text) => {
                self.settle(&entry.step).await;
                self.scenario.note(text).await;
            }
            What::Opened
            | What::Refused(_)
            | What::FrameIn(_)
            | What::FrameCut
            | What::ControlFrame => {}
        }
    }

    fn differ(&mut self, entry: &Entry, aspect: &str, expected: impl ToString, got: impl ToString) {
        let asked = asked(entry);
        if self.table.has(entry, &asked, Except::Answer) {
            return;
        }
        self.differences.push(Difference {
            n: entry.n,
            step: entry.step.clone(),
            asked,
            aspect: aspect.to_owned(),
            expected: expected.to_string(),
            got: got.to_string(),
        });
    }

    async fn exchange(&mut self, entry: &Entry, place: usize, exchange: &Exchange) {
        let cut = matches!(exchange.body, Some(Body::Cut));
        let body = if cut {
            Some(request::rebuilt(&self.entries, place, exchange))
        } else {
            request::body(entry, exchange)
        };
        let body = body.map(|text| self.words.text(&text));
        let request = request::build(
            &self.http,
            &self.playground.base_url(),
            exchange,
            &self.words,
        );
        let request = match body {
            Some(text) => request.body(text),
            None => request,
        };
        let Ok(response) = request.send().await else {
            self.differ(
                entry,
                "answer",
                format!("{:?}", exchange.answer.status),
                "none",
            );
            return;
        };
        let actual = request::answer(response).await;
        self.scenario.observe(exchange, &actual);
        self.compare_answer(entry, exchange, &actual);
    }

    fn compare_answer(&mut self, entry: &Entry, exchange: &Exchange, actual: &Answer) {
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

    async fn connect(
        &mut self,
        entry: &Entry,
        place: usize,
        path: &str,
        headers: &[(String, String)],
    ) {
        let headers: Vec<(String, String)> = headers
            .iter()
            .map(|(name, value)| {
                // The recorded server's own address is an allowed origin.
                let value = value.replace("http://127.0.0.1:8065", &self.playground.base_url());
                (name.clone(), self.words.path(&value))
            })
            .collect();
        let outcome = self.entries[place..]
            .iter()
            .find_map(|later| match &later.what {
                _ if later.conn != entry.conn => None,
                What::Opened => Some(None),
                What::Refused(answer) => Some(Some(answer.clone())),
                _ => None,
            });
        let recorded = outcome.expect("a connection is opened or refused");
        let path = self.words.path(path);
        match (
            Socket::connect(self.playground.address(), &path, &headers).await,
            recorded,
        ) {
            (Ok(socket), None) => {
                self.sockets.insert(entry.conn.clone(), socket);
                self.greet(entry, place).await;
                self.learn_connection_id(entry, place);
            }
            (Ok(_), Some(answer)) => {
                self.differ(entry, "upgrade", answer.status.unwrap_or(0), "accepted")
            }
            (Err(refusal), None) => self.differ(entry, "upgrade", 101, refusal.status),
            (Err(refusal), Some(answer)) => {
                let (status, text) = (answer.status.unwrap_or(0), answer.text.unwrap_or_default());
                if refusal.status != status {
                    self.differ(entry, "upgrade", status, refusal.status);
                } else if request::error_id(&text) != request::error_id(&refusal.text) {
                    self.differ(entry, "upgrade's body", brief(&text), brief(&refusal.text));
                }
            }
        }
    }

    fn learn_connection_id(&mut self, entry: &Entry, place: usize) {
        let hello = |value: &Value| value["event"] == "hello";
        let recorded = self.entries[place..]
            .iter()
            .find_map(|later| match &later.what {
                What::FrameIn(text) if later.conn == entry.conn => {
                    serde_json::from_str(text).ok().filter(hello)
                }
                _ => None,
            });
        let received = &self.sockets[&entry.conn].received;
        let actual = received
            .iter()
            .map(|frame| &frame.value)
            .find(|value| hello(value));
        if let (Some(recorded), Some(actual)) = (recorded, actual) {
            self.words.learn(&recorded["data"], &actual["data"]);
        }
    }

    async fn settle(&mut self, step: &str) {
        for socket in self.sockets.values_mut() {
            socket.settle(step).await;
        }
    }

    /// Waits for a frame where the recorded connection received one next.
    async fn greet(&mut self, entry: &Entry, place: usize) {
        let next = self.entries[place + 1..]
            .iter()
            .find(|later| later.conn == entry.conn && !matches!(later.what, What::Opened));
        let answered = next.is_some_and(|later| matches!(later.what, What::FrameIn(_)));
        if let Some(socket) = self.sockets.get_mut(&entry.conn).filter(|_| answered) {
            socket.wait_for_frame(&entry.step).await;
        }
    }

    async fn client_close(&mut self, entry: &Entry) {
        if let Some(socket) = self.sockets.get_mut(&entry.conn) {
            socket.close(&entry.step).await;
        }
    }

    async fn closed(&mut self, entry: &Entry, code: Option<u16>) {
        let Some(socket) = self.sockets.get_mut(&entry.conn) else {
            return;
        };
        let end = socket.wait_for_end(&entry.step).await;
        if end != Some(code) {
            let text = |end: Option<u16>| {
                end.map_or("cut without a close frame".into(), |code| {
                    format!("code {code}")
                })
            };
            self.differ(
                entry,
                "end",
                text(code),
                end.map_or("still open".into(), text),
            );
        }
    }

    fn compare_frames(&mut self) {
        let connections: Vec<Entry> = self
            .entries
            .iter()
            .filter(|entry| is_connect(entry))
            .cloned()
            .collect();
        let table = &mut self.table;
        let mut is_exempt = |conn: &str, event: &str| {
            connections
                .iter()
                .filter(|entry| entry.conn == conn)
                .any(|entry| {
                    let asked = asked(entry);
                    table.has(entry, &asked, Except::Frames)
                        || table.has_count(entry, &asked, event)
                })
        };
        let recorded = frames::recorded(&self.entries);
        let actual: HashMap<&str, &[Frame]> = self
            .sockets
            .iter()
            .map(|(conn, socket)| (conn.as_str(), socket.received.as_slice()))
            .collect();
        let found = frames::compare(&recorded, &actual, &mut is_exempt);
        self.differences.extend(found);
    }
}

fn is_connect(entry: &Entry) -> bool {
    matches!(entry.what, What::Connect { .. })
}

fn brief(text: &str) -> String {
    text.chars().take(160).collect()
}
