//! Tests of `playground`.

use serde_json::json;

use crate::support::playground::{End, Server};

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

#[tokio::test]
async fn a_ping_of_the_application_tells_the_servers_clock() {
    let server = Server::start().await;
    let mut socket = server.bot().await.listen().await;
    let pong = socket.request(1, "ping", json!({})).await;
    assert_eq!(pong["status"], "OK");
    assert!(pong["data"]["server_time"].as_i64().unwrap() > 0);
}

#[tokio::test]
async fn a_frame_that_is_too_long_is_closed_with_1009() {
    let server = Server::start().await;
    let mut socket = server.bot().await.listen().await;
    socket
        .send(&json!({"seq": 1, "action": "ping", "data": {"x": "y".repeat(9_000)}}).to_string())
        .await;
    assert_eq!(socket.end().await, End::Closed(1009));
}
