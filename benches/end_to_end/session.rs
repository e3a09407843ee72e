//! What one client goes through, and what is measured of it.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use matterbot::playground::{Options, Playground};
use reqwest::Method;
use serde_json::json;

use crate::asker::{Askers, Dispatch};
use crate::chatter::chatter;
use crate::client::{Client, Kind};
use crate::disk::Disk;

/// How much is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    /// Questions before the measure.
    warm_up: usize,
    /// Questions one by one.
    singly: usize,
    /// Questions one by one while the server takes 5 ms longer for each answer.
    slowly: usize,
    /// Questions one by one, those before among them.
    commands: usize,
    /// Questions of many at once.
    at_once: usize,
    /// Events that concern no command.
    irrelevant: usize,
}

impl Extent {
    /// Enough to measure.
    pub(crate) const FULL: Self = Self {
        warm_up: 50,
        singly: 300,
        slowly: 150,
        commands: 10_000,
        at_once: 5_000,
        irrelevant: 50_000,
    };
    /// Enough to see that it works.
    pub(crate) const BRIEF: Self = Self {
        warm_up: 10,
        singly: 50,
        slowly: 20,
        commands: 250,
        at_once: 250,
        irrelevant: 5_000,
    };
}

/// What was measured of one client.
#[derive(Debug)]
pub(crate) struct Measures {
    /// From the start of the process to its first answer.
    pub(crate) start: Duration,
    /// Commands one by one.
    pub(crate) dispatch: Dispatch,
    /// The same while each of the client's posts takes 5 ms longer.
    pub(crate) slow_dispatch: Dispatch,
    /// Answers a second to many who ask at once.
    pub(crate) answers_per_second: f64,
    /// Memory before the first measure, in bytes.
    pub(crate) memory_at_rest: u64,
    /// Memory after many commands one by one, in bytes.
    pub(crate) memory_after_commands: u64,
    /// Memory after those of many at once too, in bytes.
    pub(crate) memory_after_crowd: u64,
    /// Memory after the irrelevant events too, in bytes.
    pub(crate) memory_after_events: u64,
    /// The processor's time for 100,000 irrelevant events.
    pub(crate) events: Duration,
}

/// A client that has nothing to do comes to rest in this time; what rides on the ledger's next commit is then written.
const REST: Duration = Duration::from_millis(500);

/// The bot's second look after a start comes 10 s after the first, and would read again all that is asked meanwhile.
const SECOND_LOOK_IS_OVER: Duration = Duration::from_secs(11);

/// Starts a client, a server and those who ask, and measures.
///
/// # Errors
/// Whatever goes wrong, with the client's last words.
pub(crate) async fn run(kind: Kind, extent: Extent, home: &Path) -> anyhow::Result<Measures> {
    let playground = Playground::start(Options::default()).await?;
    let mut askers = Askers::gather(&playground).await?;
    let client = Client::start(kind, home, &playground)?;
    let mut disk = Disk::open(home)?;
    let measures = measure(kind, &client, &mut askers, &mut disk, extent).await;
    let measures = measures.with_context(|| format!("{kind:?}: {}", client.last_words()));
    client.kill().await?;
    drop(askers);
    playground.stop().await;
    measures
}

async fn measure(
    kind: Kind,
    client: &Client,
    askers: &mut Askers,
    disk: &mut Disk,
    extent: Extent,
) -> anyhow::Result<Measures> {
    let began = client.started();
    let start = askers.first_answer().await? - began;
    if kind == Kind::Bot {
        tokio::time::sleep(SECOND_LOOK_IS_OVER.saturating_sub(began.elapsed())).await;
    }
    askers.quiet(REST).await;
    let memory_at_rest = client.resident()?;

    askers.one_by_one(extent.warm_up, disk).await?;
    let dispatch = askers.one_by_one(extent.singly, disk).await?;
    slow_posts(askers, true).await?;
    let slow_dispatch = askers.one_by_one(extent.slowly, disk).await?;
    slow_posts(askers, false).await?;
    let asked = extent.warm_up + extent.singly + extent.slowly;
    for _ in asked..extent.commands {
        askers.once().await?;
    }
    askers.quiet(REST).await;
    let memory_after_commands = client.resident()?;

    let answers_per_second = askers.at_once(extent.at_once).await?;
    askers.quiet(REST).await;
    let memory_after_crowd = client.resident()?;

    let (heard, before) = (askers.heard(), client.processor_time()?);
    chatter(askers, extent.irrelevant).await?;
    // Events come in order: whoever answers has dealt with all before.
    askers.once().await?;
    let (heard, taken) = (askers.heard() - heard, client.processor_time()? - before);
    let of_all = heard as f64 / extent.irrelevant as f64;
    anyhow::ensure!(of_all > 0.95, "only {heard} events were heard");
    Ok(Measures {
        start,
        dispatch,
        slow_dispatch,
        answers_per_second,
        memory_at_rest,
        memory_after_commands,
        memory_after_crowd,
        memory_after_events: client.resident()?,
        events: taken.mul_f64(100_000.0 / heard as f64),
    })
}

/// Makes the server save the client's posts 5 ms later, or no longer.
async fn slow_posts(askers: &Askers, on: bool) -> anyhow::Result<()> {
    let path = "/playground/faults";
    let (method, body) = if on {
        let fault = json!({"kind": "late_commit", "delay_ms": 5});
        let scope = json!({"user": "matter-bot"});
        (Method::POST, json!({"fault": fault, "scope": scope}))
    } else {
        (Method::DELETE, json!({}))
    };
    let answer = askers.server.ask(&askers.admin, method, path, &body).await;
    answer.map(drop)
}
