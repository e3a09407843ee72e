//! Replays a recording against the playground, line by line, and collects what differs.

mod answers;
mod websockets;

use std::collections::HashMap;
use std::time::Duration;

use matterbot::playground::{Flavour, Options, Playground, Timing};

use super::difference::Difference;
use super::exceptions::{Except, Table, asked};
use super::recording::{self, Body, Entry, Exchange, What};
use super::request;
use super::scenario::Scenario;
use super::sockets::Socket;
use super::translate::Dictionary;

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
        access_tokens: true,
        // Several steps wait for the end of a connection that nobody authenticated.
        timing: Timing {
            authentication: Duration::from_secs(3),
            ..Timing::default()
        },
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
        // Such a row is needed wherever it fits: what comes back may be right by chance.
        self.is_any_answer_right(&entry);
        match &entry.what {
            What::Exchange(exchange) => {
                let pause = place
                    .checked_sub(1)
                    .map_or(0, |before| entry.at - self.entries[before].at);
                self.scenario.let_time_pass(pause).await;
                self.words.learn_sent(entry.at, self.scenario.now());
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

    fn is_any_answer_right(&mut self, entry: &Entry) -> bool {
        self.table.has(entry, &asked(entry), Except::Answer)
    }

    fn differ(&mut self, entry: &Entry, aspect: &str, expected: impl ToString, got: impl ToString) {
        let asked = asked(entry);
        if self.is_any_answer_right(entry) {
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
}

fn brief(text: &str) -> String {
    text.chars().take(160).collect()
}
