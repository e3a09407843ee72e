//! What a soak knows beside what everybody reads: what `matterbot ledger` tells, and when a reaction could be lost.

use std::collections::BTreeMap;
use std::sync::Mutex;

use matterbot::timestamp::Timestamp;
use serde_json::Value;

use super::judge::{Asked, Silent};
use crate::support::bot::BotUnderTest;
use crate::support::program::{self, PROGRAM, command};
use crate::support::scenario::Person;

/// Faults of requests: they may hit the one that reacts, and nothing else is lost by that.
const OF_REQUESTS: [&str; 10] = [
    "too_many_requests",
    "rate_limit",
    "server_error",
    "unauthorized",
    "database_down",
    "proxy_page",
    "late_request",
    "lost_request",
    "lost_answer",
    "restart",
];

/// A time in which requests may fail, by our clock; without an end it is not over.
type Trouble = (Timestamp, Option<Timestamp>);

/// A call may wait so long for its turn; in milliseconds.
const IN_LANE: i64 = 15_000;

#[derive(Default)]
pub(super) struct Witness {
    /// When the disk was full, and what was answered then may not have been in the ledger.
    full: Mutex<Vec<Trouble>>,
    troubles: Mutex<Vec<Trouble>>,
    /// What was shown of calls that have their outcome, which changes no more.
    settled: Mutex<BTreeMap<String, Value>>,
}

impl Witness {
    /// This switch is turned on.
    pub(super) fn fault(&self, switch: &Value) {
        let kind = switch["fault"]["kind"].as_str().unwrap();
        if OF_REQUESTS.contains(&kind) {
            self.trouble();
        }
    }

    /// From now on requests may fail.
    pub(super) fn trouble(&self) {
        let trouble = (Timestamp::now(), None);
        self.troubles.lock().unwrap().push(trouble);
    }

    /// From now on the disk is full; requests may fail with it.
    pub(super) fn filled(&self) {
        self.trouble();
        self.full.lock().unwrap().push((Timestamp::now(), None));
    }

    /// From now on what was answered is in the ledger.
    pub(super) fn written(&self) {
        for (_, end) in self.full.lock().unwrap().iter_mut() {
            end.get_or_insert_with(Timestamp::now);
        }
    }

    /// Whether a call that was asked then may have been answered from memory: by a process that ended before it wrote that
    /// down, so that its successor answered again.
    pub(super) fn may_be_forgotten(&self, since: Timestamp) -> bool {
        let full = self.full.lock().unwrap();
        full.iter()
            .any(|(start, end)| start.0 - IN_LANE <= since.0 && end.is_none_or(|end| since <= end))
    }

    /// From now on requests are served.
    pub(super) fn mended(&self) {
        for (_, end) in self.troubles.lock().unwrap().iter_mut() {
            end.get_or_insert_with(Timestamp::now);
        }
    }

    /// Whether a request between these instants may have failed.
    fn excuses(&self, since: Timestamp, until: Timestamp) -> bool {
        let troubles = self.troubles.lock().unwrap();
        troubles
            .iter()
            .any(|(start, end)| *start <= until && end.is_none_or(|end| end >= since))
    }

    /// All calls that the ledger knows.
    pub(super) async fn records(&self, bot: &BotUnderTest) -> Vec<Value> {
        let records = objects(bot, &["ledger", "list", "--json", "-n", "10000"]).await;
        assert!(records.len() < 10_000, "these may not be all");
        records
    }

    /// All decisions of the audit trail.
    pub(super) async fn audit(&self, bot: &BotUnderTest) -> Vec<Value> {
        let lines = objects(bot, &["audit", "--json", "-n", "10000"]).await;
        assert!(lines.len() < 10_000, "these may not be all");
        lines
    }

    /// Looks up `call`, whose outcome stands in no post, and how `me` reacted to it as `reader` sees it.
    pub(super) async fn looks_up(
        &self,
        bot: &BotUnderTest,
        (call, asked): (&str, &Asked),
        (reader, me): (&Person, &str),
    ) -> Silent {
        let record = self.record(bot, call).await;
        let post = call.split(':').next().unwrap();
        let reactions = reader.reactions_to(post).await;
        let of_bot = reactions.into_iter().filter(|(user, _)| user == me);
        // It reacts before it records that.
        let recorded_at = record
            .as_ref()
            .and_then(|record| record["recorded_at"].as_i64());
        Silent {
            reactions: of_bot.map(|(_, emoji)| emoji).collect(),
            excused: recorded_at.is_some_and(|at| self.excuses(asked.since, Timestamp(at))),
            record,
        }
    }

    async fn record(&self, bot: &BotUnderTest, call: &str) -> Option<Value> {
        if let Some(record) = self.settled.lock().unwrap().get(call) {
            return Some(record.clone());
        }
        let record = objects(bot, &["ledger", "show", "--json", call])
            .await
            .pop()?;
        if record["state"] != "running" {
            let mut settled = self.settled.lock().unwrap();
            settled.insert(call.to_owned(), record.clone());
        }
        Some(record)
    }
}

/// What the program prints beside `bot`; nothing where the ledger does not know what is asked for.
async fn objects(bot: &BotUnderTest, arguments: &[&str]) -> Vec<Value> {
    let mut command = command(PROGRAM);
    command
        .arg("--config")
        .arg(bot.config_path())
        .args(arguments);
    let output = program::output(command).await;
    let is_known = output.status.code() == Some(0);
    assert!(is_known || output.status.code() == Some(1), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
