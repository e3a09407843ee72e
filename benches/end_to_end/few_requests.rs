//! How many requests a start costs that finds most of its channels unchanged.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use reqwest::Method;
use serde_json::json;

use crate::asker::{Askers, receive};
use crate::client::{Client, Settings};
use crate::restart::{FAULTS, REST, furnish};

/// The channels that the bot is in; and how many have news, the one where the restart was asked for among them.
const CHANNELS: usize = 300;
const CHANGED: usize = 3;

/// As long as this after its start a bot reads its channels again.
const SECOND_LOOK_IS_OVER: Duration = Duration::from_secs(11);

/// No longer than this.
const AT_MOST: Duration = Duration::from_secs(120);

/// Counts the requests of a start up to the one that says "Back up.".
///
/// # Errors
/// Whatever goes wrong, with the bot's last words.
pub(crate) async fn run(home: &Path) -> anyhow::Result<u64> {
    let (playground, mut askers, rooms) = furnish(CHANNELS).await?;
    let mut bot = Client::start_bot(Settings::restarting("exit"), home, &playground)?;
    let counted = tokio::time::timeout(AT_MOST, count(&mut askers, &mut bot, &rooms)).await;
    let counted = counted.context("it took too long").flatten();
    let counted = counted.with_context(|| bot.last_words());
    bot.kill().await?;
    drop(askers);
    playground.stop().await;
    counted
}

async fn count(askers: &mut Askers, bot: &mut Client, rooms: &[String]) -> anyhow::Result<u64> {
    askers.first_answer().await?;
    askers.quiet(SECOND_LOOK_IS_OVER).await;
    let (server, admin) = (askers.server.clone(), askers.admin.clone());
    let restart = server.say(&admin, &askers.channel, "@restart").await?;
    bot.leaves().await?;
    for room in rooms.iter().take(CHANGED - 1) {
        server.say(&admin, room, "news").await?;
    }
    // A switch that does nothing counts the requests of the bot.
    let counts =
        json!({"fault": {"kind": "slow_answer", "delay_ms": 0}, "scope": {"user": "matter-bot"}});
    server.ask(&admin, Method::POST, FAULTS, &counts).await?;
    bot.starts_again()?;
    loop {
        let answer = receive(&mut askers.answers).await?;
        if answer.root == restart && answer.text.starts_with("Back up.") {
            break;
        }
    }
    let faults = server.ask(&admin, Method::GET, FAULTS, &json!({})).await?;
    let faults = faults["faults"].as_array().context("no faults")?;
    let hits = faults.iter().filter_map(|fault| fault["hits"].as_u64());
    askers.quiet(REST).await;
    // One of them said so.
    Ok(hits.sum::<u64>().saturating_sub(1))
}
