//! Starting, stopping, and what is kept between.

use std::os::unix::fs::PermissionsExt;

use std::time::Duration;

use matterbot::playground::{Options, Playground, StartError, Timing};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::support::playground::{DEADLINE, End, Server};

#[tokio::test]
async fn only_loopback_is_listened_on() {
    let options = Options {
        listen: "0.0.0.0:0".parse().unwrap(),
        ..Options::default()
    };
    let refused = Playground::start(options).await;
    assert!(matches!(refused, Err(StartError::NotLoopback(_))));
}

#[tokio::test]
async fn a_stop_drops_the_sockets_without_a_close_frame() {
    let server = Server::start().await;
    let mut socket = server.bot().await.listen().await;
    server.playground.stop().await;
    assert_eq!(socket.end().await, End::Dropped);
}

#[tokio::test]
async fn what_was_said_and_the_tokens_survive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options {
        state: Some(directory.path().to_owned()),
        ..Options::default()
    };
    let server = Server::start_with(options.clone()).await;
    let (pat, token) = (
        server.log_in("pat").await,
        server.playground.bot_token().to_owned(),
    );
    let channel = pat.channel("incidents").await;
    let root = pat.say(&channel, "before").await;
    pat.reply(&root, "a reply").await;
    let reaction = json!({"user_id": pat.id, "post_id": root["id"], "emoji_name": "eyes"});
    pat.post("/reactions", reaction).await.expect(200);
    server.playground.stop().await;

    let file = directory.path().join("server.json");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let server = Server::start_with(options).await;
    assert_eq!(server.playground.bot_token(), token);
    let bot = server.bot().await;
    let thread = bot
        .get(&format!("/posts/{}/thread", root["id"].as_str().unwrap()))
        .await
        .expect(200);
    assert_eq!(thread["order"].as_array().unwrap().len(), 2);
    let root = &thread["posts"][root["id"].as_str().unwrap()];
    assert_eq!(
        (&root["reply_count"], &root["has_reactions"]),
        (&json!(1), &json!(true))
    );
    let pat = server.log_in("pat").await;
    pat.reply(root, "after").await;
}

#[tokio::test]
async fn a_state_that_is_none_is_not_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("server.json");
    std::fs::write(&file, "{\"precious\": 1").unwrap();
    let options = Options {
        state: Some(directory.path().to_owned()),
        ..Options::default()
    };
    assert!(matches!(
        Playground::start(options).await,
        Err(StartError::Store(_))
    ));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "{\"precious\": 1");
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let idle = Duration::from_millis(300);
    let timing = Timing {
        idle,
        ..Timing::default()
    };
    let server = Server::start_with(Options {
        timing,
        ..Options::default()
    })
    .await;
    let mut stream = TcpStream::connect(server.playground.address())
        .await
        .unwrap();
    let start = Instant::now();
    stream
        .write_all(b"GET /api/v4/system/ping HTTP/1.1\r\nHost: playground\r\n\r\n")
        .await
        .unwrap();
    let mut bytes = Vec::new();
    tokio::time::timeout(DEADLINE, stream.read_to_end(&mut bytes))
        .await
        .unwrap()
        .unwrap();
    assert!(bytes.starts_with(b"HTTP/1.1 200 OK"));
    assert!(start.elapsed() >= idle);
}
