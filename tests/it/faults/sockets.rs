//! Faults of whole websockets.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::client::{SILENCE, Scene, heard};
use crate::support::playground::DEADLINE;

#[tokio::test]
async fn a_websocket_is_closed_with_a_code_or_cut_without() {
    let scene = Scene::new().await;
    for (fault, end) in [
        (json!({"kind": "close", "code": 1001}), Some(Some(1001))),
        (json!({"kind": "close"}), Some(None)),
    ] {
        let (mut of_bot, mut of_pat) = (
            scene.listen(&scene.bot).await,
            scene.listen(&scene.pat).await,
        );
        scene
            .set(json!({"fault": fault, "scope": {"user": "matter-bot"}}))
            .await;
        assert_eq!(of_bot.wait_for_end("").await, end);
        of_pat.settle("").await;
        assert_eq!(of_pat.end, None);
    }
}

#[tokio::test]
async fn the_next_connections_are_cut_too_if_asked() {
    let scene = Scene::new().await;
    scene
        .set(json!({"fault": {"kind": "close"}, "times": 2}))
        .await;
    for end in [Some(None), Some(None), None] {
        let mut socket = scene.listen(&scene.bot).await;
        socket.settle("").await;
        assert_eq!(socket.end, end);
    }
}

#[tokio::test]
async fn a_half_open_websocket_stays_open_and_silent() {
    let scene = Scene::new().await;
    let mut socket = scene.listen(&scene.bot).await;
    scene
        .set(json!({"fault": {"kind": "half_open"}, "scope": {"user": "matter-bot"}}))
        .await;
    let mut fresh = scene.listen(&scene.bot).await;
    socket.send_ping().await;
    socket
        .send(&json!({"seq": 1, "action": "ping"}).to_string())
        .await;
    scene.post(&scene.pat, "unheard").await;
    fresh.settle("").await;
    assert_eq!(heard(&fresh), ["unheard"]);
    let frames = socket.received.len();
    socket.read_for("", SILENCE).await;
    assert_eq!(
        (socket.end, socket.pongs, socket.received.len()),
        (None, 0, frames)
    );
    // What is dead stays dead when the switches are cleared.
    scene.clear().await;
    scene.post(&scene.pat, "unheard, too").await;
    socket.read_for("", SILENCE).await;
    assert_eq!((socket.end, socket.received.len()), (None, frames));
}

#[tokio::test]
async fn a_deaf_websocket_answers_protocol_pings_only() {
    let scene = Scene::new().await;
    let mut socket = scene.listen(&scene.bot).await;
    scene
        .set(json!({"fault": {"kind": "deaf", "ping": "unanswered"}}))
        .await;
    scene.post(&scene.pat, "unheard").await;
    socket
        .send(&json!({"seq": 1, "action": "ping"}).to_string())
        .await;
    socket.send_ping().await;
    let frames = socket.received.len();
    socket.read_for("", SILENCE).await;
    assert_eq!(
        (socket.end, socket.pongs, socket.received.len()),
        (None, 1, frames)
    );
}

#[tokio::test]
async fn a_deaf_websocket_can_say_that_it_is() {
    let scene = Scene::new().await;
    let mut socket = scene.listen(&scene.bot).await;
    scene
        .set(json!({"fault": {"kind": "deaf", "ping": "fail"}}))
        .await;
    scene.post(&scene.pat, "unheard").await;
    socket
        .send(&json!({"seq": 9, "action": "ping"}).to_string())
        .await;
    let answer = socket
        .wait_for(|frame| frame["seq_reply"] == 9)
        .await
        .expect("an answer");
    assert_eq!(
        (&answer["status"], &answer["error"]["status_code"]),
        (&json!("FAIL"), &json!(401))
    );
    assert_eq!(
        answer["error"]["id"],
        "api.web_socket_router.not_authenticated.app_error"
    );
    assert_eq!(heard(&socket), [""; 0]);
    assert_eq!(scene.get("/api/v4/users/me").await.status, 200);
}

#[tokio::test]
async fn a_restart_cuts_websockets_and_forgets_pending_ids_and_nothing_else() {
    let scene = Scene::new().await;
    let mut socket = scene.listen(&scene.bot).await;
    let one = scene.post_as(&scene.bot, "once", "key").await;
    assert_eq!(
        scene.post_as(&scene.bot, "once", "key").await.id(),
        one.id()
    );
    let mut idle = TcpStream::connect(scene.playground.address())
        .await
        .unwrap();
    let request = "GET /api/v4/system/ping HTTP/1.1\r\nHost: localhost\r\n\r\n";
    idle.write_all(request.as_bytes()).await.unwrap();
    scene.set(json!({"fault": {"kind": "restart"}})).await;
    let mut answer = String::new();
    let until_end = timeout(Duration::from_secs(10), idle.read_to_string(&mut answer));
    until_end
        .await
        .expect("an idle connection is closed, too")
        .unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(socket.wait_for_end("").await, Some(None));
    let other = scene.post_as(&scene.bot, "once", "key").await;
    assert_eq!(other.status, 201);
    assert_ne!(other.id(), one.id());
    assert_eq!(
        scene
            .get(&format!("/api/v4/posts/{}", one.id()))
            .await
            .status,
        200
    );
    scene.listen(&scene.bot).await;
}

#[tokio::test]
async fn a_server_that_starts_again_refuses_connections_until_it_is_back() {
    let scene = Scene::new().await;
    let address = scene.playground.address();
    let refused = async {
        loop {
            if let Err(error) = TcpStream::connect(address).await {
                return error.kind();
            }
        }
    };
    let (refused, ()) = tokio::join!(
        timeout(DEADLINE, refused),
        scene.set(json!({"fault": {"kind": "restart"}}))
    );
    let refused = refused.expect("a connection is refused");
    assert_eq!(refused, std::io::ErrorKind::ConnectionRefused);
    assert_eq!(scene.post(&scene.bot, "back").await.status, 201);
}
