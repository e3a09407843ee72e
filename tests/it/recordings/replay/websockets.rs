//! The websockets of a replay, and what they received.

use std::collections::HashMap;

use serde_json::Value;

use super::super::exceptions::{Except, asked};
use super::super::recording::{Answer, Entry, What};
use super::super::sockets::{Frame, Refusal, Socket};
use super::super::{frames, request};
use super::{Replay, brief};

impl Replay {
    pub(super) async fn connect(
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
        let address = self.playground.address();
        match (Socket::connect(address, &path, &headers).await, recorded) {
            (Ok(socket), None) => {
                self.sockets.insert(entry.conn.clone(), socket);
                self.greet(entry, place).await;
                self.learn_connection_id(entry, place);
            }
            (Ok(_), Some(answer)) => {
                self.differ(entry, "upgrade", answer.status.unwrap_or(0), "accepted");
            }
            (Err(refusal), None) => self.differ(entry, "upgrade", 101, refusal.status),
            (Err(refusal), Some(answer)) => self.compare_refusals(entry, &answer, &refusal),
        }
    }

    fn compare_refusals(&mut self, entry: &Entry, recorded: &Answer, actual: &Refusal) {
        let (status, text) = (
            recorded.status.unwrap_or(0),
            recorded.text.clone().unwrap_or_default(),
        );
        if actual.status != status {
            self.differ(entry, "upgrade", status, actual.status);
        } else if request::error_id(&text) != request::error_id(&actual.text) {
            self.differ(entry, "upgrade's body", brief(&text), brief(&actual.text));
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

    pub(super) async fn settle(&mut self, step: &str) {
        for socket in self.sockets.values_mut() {
            socket.settle(step).await;
        }
    }

    /// Waits for a frame where the recorded connection received one next.
    pub(super) async fn greet(&mut self, entry: &Entry, place: usize) {
        let next = self.entries[place + 1..]
            .iter()
            .find(|later| later.conn == entry.conn && !matches!(later.what, What::Opened));
        let answered = next.is_some_and(|later| matches!(later.what, What::FrameIn(_)));
        if let Some(socket) = self.sockets.get_mut(&entry.conn).filter(|_| answered) {
            socket.wait_for_frame(&entry.step).await;
        }
    }

    pub(super) async fn client_close(&mut self, entry: &Entry) {
        if let Some(socket) = self.sockets.get_mut(&entry.conn) {
            socket.close(&entry.step).await;
        }
    }

    pub(super) async fn closed(&mut self, entry: &Entry, code: Option<u16>) {
        if self.is_any_answer_right(entry) {
            return;
        }
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

    pub(super) fn compare_frames(&mut self) {
        let table = &mut self.table;
        let replayed = self
            .entries
            .iter()
            .filter(|entry| !table.has(entry, &asked(entry), Except::Replay));
        let recorded = frames::recorded(replayed);
        let connections: Vec<Entry> = self
            .entries
            .iter()
            .filter(|entry| matches!(entry.what, What::Connect { .. }))
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
        let actual: HashMap<&str, &[Frame]> = self
            .sockets
            .iter()
            .map(|(conn, socket)| (conn.as_str(), socket.received.as_slice()))
            .collect();
        let found = frames::compare(&recorded, &actual, &mut is_exempt);
        self.differences.extend(found);
    }
}
