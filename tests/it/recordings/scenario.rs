//! What happened around the recorded server, done to the playground by its fault switches.
//!
//! The recordings' notes are the script: they say when the server was restarted, with which limits, and when its
//! database stopped. Long pauses of the recorder become a step of the playground's clock.

use std::time::Duration;

use matterbot::timestamp::Timestamp;
use serde_json::{Value, json};

use super::recording::{Answer, Exchange};

/// A pause that is worth a step of the clock, in milliseconds.
const LONG_PAUSE: i64 = 2_500;

/// The administrator of the replay, who sets the switches.
#[derive(Debug)]
pub(crate) struct Scenario {
    base_url: String,
    http: reqwest::Client,
    admin_token: Option<String>,
    ahead: i64,
}

impl Scenario {
    pub(crate) fn new(base_url: String, http: reqwest::Client) -> Self {
        Self {
            base_url,
            http,
            admin_token: None,
            ahead: 0,
        }
    }

    /// Keeps the token of the first login: it is the administrator's.
    pub(crate) fn observe(&mut self, exchange: &Exchange, answer: &Answer) {
        if self.admin_token.is_none() && exchange.path.ends_with("/users/login") {
            self.admin_token = answer.header("token").map(str::to_owned);
        }
    }

    /// Moves the playground's clock by a pause of the recorder; short ones only so far that instants differ.
    pub(crate) async fn let_time_pass(&mut self, milliseconds: i64) {
        if milliseconds > LONG_PAUSE && self.admin_token.is_some() {
            self.ahead += milliseconds;
            self.set(json!({"kind": "clock_offset", "offset_ms": self.ahead}))
                .await;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }

    /// The playground's clock.
    pub(crate) fn now(&self) -> i64 {
        Timestamp::now().0 + self.ahead
    }

    /// Does what the note says, if it says anything that was done.
    pub(crate) async fn note(&mut self, note: &str) {
        if note.starts_with("start.sh restart-mm") {
            self.set(json!({"kind": "restart"})).await;
            self.clear("rate_limit").await;
            if note.contains("MM_RATELIMITSETTINGS_ENABLE") {
                let by_user = note.contains("'MM_RATELIMITSETTINGS_VARYBYUSER': 'true'");
                let vary_by = if by_user { "user" } else { "address" };
                self.set(json!({"kind": "rate_limit", "per_second": 2, "max_burst": 5, "vary_by": vary_by})).await;
            }
        } else if note.contains("pg_ctl") && note.contains(" stop") {
            self.set(json!({"kind": "database_down"})).await;
        } else if note.contains("pg_ctl") && note.contains(" start") {
            self.clear("database_down").await;
        }
    }

    async fn set(&self, fault: Value) {
        let body = json!({ "fault": fault }).to_string();
        self.call(reqwest::Method::POST, "/playground/faults", body)
            .await;
    }

    async fn clear(&self, kind: &str) {
        let path = format!("/playground/faults?kind={kind}");
        self.call(reqwest::Method::DELETE, &path, String::new())
            .await;
    }

    async fn call(&self, method: reqwest::Method, path: &str, body: String) {
        let token = self
            .admin_token
            .as_deref()
            .expect("the administrator has logged in");
        let request = self
            .http
            .request(method, format!("{}{path}", self.base_url));
        let request = request
            .bearer_auth(token)
            .header("content-type", "application/json");
        let response = request
            .body(body)
            .send()
            .await
            .expect("the playground answers");
        assert!(
            response.status().is_success(),
            "{path}: {} {}",
            response.status(),
            response.text().await.unwrap_or_default()
        );
    }
}
