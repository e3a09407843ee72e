//! Events that concern no command: what a channel is full of.

use std::cell::RefCell;

use futures_util::StreamExt;
use futures_util::stream;
use reqwest::Method;
use serde_json::json;

use crate::asker::{AT_ONCE, Askers};

/// How many requests are open; few enough that no client falls behind and is cut off.
const OPEN: usize = 8;

/// What people say to one another; some of it looks like a command to a careless reader.
const SAYINGS: [&str; 8] = [
    "hello from pat",
    "the deploy of the mail gateway is through, but two of the smoke tests are still red; has anybody seen this before?",
    "@olga can you have a look at the certificate of the proxy? It runs out on Friday, and the renewal hangs",
    "yes :+1:",
    "I think that we should restart it tonight, when nobody is there, and watch the queue afterwards",
    "```\n2026-11-21T10:21:45Z ERROR upstream timed out (110: Connection timed out) while reading\n@restart\n```",
    "> has anybody seen this before?\nno, but https://chat.example.org/ops/pl/ue4n7kzsx3yqzfh5gkzb6bbdmw looks the same",
    "**Advisory**: a flaw in the parser of the mail gateway lets an attacker who can send a message read memory of the \
     process. Affected are all versions before 4.2.1; the vendor recommends to update at once, and to switch the \
     preview off until then. Score 8.1. No exploitation is known. More: https://advisories.example.org/2026/1123 and \
     the notes of the vendor, https://vendor.example.org/gateway/4.2.1/notes, which also list what else has changed.",
];

/// Makes `count` things happen: of ten, six posts, two people typing, one reaction, one change of the bot's status.
///
/// # Errors
/// The server's.
pub(crate) async fn chatter(askers: &Askers, count: usize) -> anyhow::Result<()> {
    let newest = RefCell::new(
        askers
            .server
            .say(&askers.people[0], &askers.channel, SAYINGS[0])
            .await?,
    );
    let happenings = stream::iter(0..count).map(|number| happen(askers, number, &newest));
    let mut happenings = happenings.buffer_unordered(OPEN);
    while let Some(happened) = happenings.next().await {
        happened?;
    }
    Ok(())
}

async fn happen(askers: &Askers, number: usize, newest: &RefCell<String>) -> anyhow::Result<()> {
    let server = &askers.server;
    let person = &askers.people[number % AT_ONCE];
    match number % 10 {
        3 | 7 => {
            let body = json!({"channel_id": askers.channel});
            let path = "/api/v4/users/me/typing";
            server.ask(person, Method::POST, path, &body).await?;
        }
        5 => {
            let post = newest.borrow().clone();
            let body = json!({"user_id": person.id, "post_id": post, "emoji_name": "eyes"});
            let path = "/api/v4/reactions";
            server.ask(person, Method::POST, path, &body).await?;
        }
        9 => {
            let status = ["away", "dnd"][number / 10 % 2];
            let body = json!({"user_id": askers.bot.id, "status": status});
            let path = "/api/v4/users/me/status";
            server.ask(&askers.bot, Method::PUT, path, &body).await?;
        }
        _ => {
            let saying = SAYINGS[number % SAYINGS.len()];
            let post = server.say(person, &askers.channel, saying).await?;
            newest.replace(post);
        }
    }
    Ok(())
}
