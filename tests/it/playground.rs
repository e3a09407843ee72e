//! Tests of `playground`: what the replay of the recordings does not show.

mod access;
mod launch;
mod life;
mod pending;
mod posts;
mod refusals;
mod setup;
mod sockets;
mod threads;

use serde_json::json;

use crate::support::playground::Server;

#[tokio::test]
async fn a_message_reaches_the_bot_and_its_answer_the_asker() {
    let server = Server::start().await;
    let (pat, bot) = (server.log_in("pat").await, server.bot().await);
    let channel = pat.channel("incidents").await;
    let mut socket = bot.listen().await;
    let asked = pat.say(&channel, "@matter-bot status").await;
    let event = socket.event("posted").await;
    assert_eq!(event["data"]["mentions"], json!([bot.id]).to_string());
    assert_eq!(event["data"]["sender_name"], "@pat");
    let answer = bot.reply(&asked, "all is well").await;
    assert_eq!(answer["props"], json!({"from_bot": "true"}));
    assert_eq!(answer["reply_count"], 1);
    assert_eq!(socket.posted().await["id"], answer["id"]);
    let thread = pat
        .get(&format!("/posts/{}/thread", asked["id"].as_str().unwrap()))
        .await
        .expect(200);
    assert_eq!(thread["order"], json!([asked["id"], answer["id"]]));
}
