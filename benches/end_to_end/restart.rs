//! How long the bot is away when it restarts: from "Restarting now" to the first command that is served again, and to
//! "Back up.".

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use matterbot::playground::{Options, Playground};
use reqwest::Method;
use serde_json::json;

use crate::asker::{Askers, string};
use crate::client::{Client, Settings};
use crate::samples::Samples;

/// How the bot comes back, and how many channels it is in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Restart {
    /// What the table says of it.
    pub(crate) name: &'static str,
    settings: Settings,
    channels: usize,
    /// The bot is to be back by then, in milliseconds.
    pub(crate) target: Option<f64>,
}

/// What is measured, each in a session of its own.
pub(crate) const RESTARTS: [Restart; 3] = [
    Restart {
        name: "exec, 5 channels",
        settings: Settings::restarting("none"),
        channels: 5,
        target: Some(500.0),
    },
    Restart {
        name: "exec, 300 channels",
        settings: Settings::restarting("none"),
        channels: 300,
        target: None,
    },
    Restart {
        name: "exit and a supervisor that waits 100 ms, 5 channels",
        settings: Settings::restarting("exit"),
        channels: 5,
        target: Some(1_000.0),
    },
];

/// Where the playground's faults are switched.
pub(crate) const FAULTS: &str = "/playground/faults";

/// The channels of a fresh playground that the bot is in.
const SEEDED_CHANNELS: usize = 3;

/// A channel whose newest post is older than a minute is known to be read to its end; those that are made here are to
/// be such.
const AGE: Duration = Duration::from_secs(120);

/// The pause between two restarts; what rides on the ledger's next commit is then written.
pub(crate) const REST: Duration = Duration::from_millis(500);

/// No session may take longer.
const AT_MOST: Duration = Duration::from_secs(120);

/// The gaps of one session.
#[derive(Debug, Default)]
pub(crate) struct Gaps {
    /// To the first answer to a command.
    pub(crate) served: Samples,
    /// To "Back up.".
    pub(crate) back: Samples,
}

/// Restarts a bot `count` times.
///
/// # Errors
/// Whatever goes wrong, with the bot's last words.
pub(crate) async fn run(restart: Restart, count: usize, home: &Path) -> anyhow::Result<Gaps> {
    let (playground, mut askers, _) = furnish(restart.channels).await?;
    let mut bot = Client::start_bot(restart.settings, home, &playground)?;
    let gaps = tokio::select! {
        gaps = measure(&mut askers, count) => gaps,
        // Only the waiting is given up: what it waits for ends with the session.
        ended = bot.supervise() => ended,
        () = tokio::time::sleep(AT_MOST) => Err(anyhow::anyhow!("it took too long")),
    };
    let gaps = gaps.with_context(|| format!("restart by {}: {}", restart.name, bot.last_words()));
    bot.kill().await?;
    drop(askers);
    playground.stop().await;
    gaps
}

/// A server with as many channels of the bot, and those who ask; and the channels that were made, which have come to rest.
///
/// # Errors
/// The server's.
pub(crate) async fn furnish(channels: usize) -> anyhow::Result<(Playground, Askers, Vec<String>)> {
    let playground = Playground::start(Options::default()).await?;
    let askers = Askers::gather(&playground).await?;
    let mut made = Vec::new();
    for number in SEEDED_CHANNELS..channels {
        made.push(make_channel(&askers, number).await?);
    }
    let ahead = json!({"fault": {"kind": "clock_offset", "offset_ms": AGE.as_millis()}});
    askers
        .server
        .ask(&askers.admin, Method::POST, FAULTS, &ahead)
        .await?;
    Ok((playground, askers, made))
}

async fn measure(askers: &mut Askers, count: usize) -> anyhow::Result<Gaps> {
    askers.first_answer().await?;
    askers.quiet(REST).await;
    // The first one comes back to channels of which many were never read to their end.
    askers.restart().await?;
    let mut gaps = Gaps::default();
    for _ in 0..count {
        askers.quiet(REST).await;
        let (served, back) = askers.restart().await?;
        gaps.served.push(served);
        gaps.back.push(back);
    }
    Ok(gaps)
}

async fn make_channel(askers: &Askers, number: usize) -> anyhow::Result<String> {
    let post = async |path: &str, body| {
        let asked = askers.server.ask(&askers.admin, Method::POST, path, &body);
        asked.await
    };
    let (name, team) = (format!("room-{number}"), &askers.team);
    let channel = json!({"team_id": team, "name": name, "display_name": name, "type": "O"});
    let channel = string(&post("/api/v4/channels", channel).await?, "id")?;
    let member = json!({"user_id": askers.bot.id});
    post(&format!("/api/v4/channels/{channel}/members"), member).await?;
    Ok(channel)
}
