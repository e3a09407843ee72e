//! Events: their numbers, gaps, forms, and a reader that is slow.

use std::time::Duration;

use futures_util::SinkExt;
use matterbot::mattermost::event::Event;
use matterbot::mattermost::gateway::{DisconnectCause, Gateway, Timing, Update};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use super::peer::{Peer, Script, Socket, posted, update};

async fn connected(peer: &mut Peer) -> (Gateway, Socket) {
    let mut gateway = peer.gateway(Timing {
        backoff_min: Duration::from_millis(1),
        ..Timing::default()
    });
    let (update_, mut socket) = tokio::join!(update(&mut gateway), peer.accept_and_greet());
    assert!(matches!(update_, Update::Connected { .. }), "{update_:?}");
    let (alive, ()) = tokio::join!(update(&mut gateway), socket.answer_ping());
    assert!(matches!(alive, Update::Alive { .. }), "{alive:?}");
    (gateway, socket)
}

/// What the next updates are, in short: the text of a post, or the name of the update.
async fn told(gateway: &mut Gateway, count: usize) -> Vec<String> {
    let mut told = Vec::new();
    for _ in 0..count {
        told.push(match update(gateway).await {
            Update::Event(Event::Posted(posted)) => posted.post.message,
            Update::Event(event) => format!("{event:?}"),
            Update::Gap => "gap".to_owned(),
            other => format!("{other:?}"),
        });
    }
    told
}

#[tokio::test]
async fn a_reply_does_not_move_the_sequence() {
    let mut peer = Peer::start(Script::default()).await;
    let (mut gateway, mut socket) = connected(&mut peer).await;
    socket.posted("one").await;
    socket.text(r#"{"status":"OK","seq_reply":17}"#).await;
    socket
        .text(r#"{"status":"FAIL","error":{"id":"x","status_code":400}}"#)
        .await;
    socket.posted("two").await;
    assert_eq!(told(&mut gateway, 2).await, ["one", "two"]);
}

#[tokio::test]
async fn a_jump_is_a_gap_and_the_connection_goes_on() {
    let mut peer = Peer::start(Script::default()).await;
    let (mut gateway, mut socket) = connected(&mut peer).await;
    socket.posted("one").await;
    socket.seq += 140;
    socket.posted("two").await;
    socket.posted("three").await;
    // Numbers that begin anew, as after a resume with the number 0.
    socket.seq = 0;
    socket.posted("four").await;
    assert_eq!(
        told(&mut gateway, 6).await,
        ["one", "gap", "two", "three", "gap", "four"]
    );
    assert_eq!(peer.count("/websocket"), 1);
}

#[tokio::test]
async fn a_jump_over_an_event_that_we_do_not_use_is_a_gap_too() {
    let mut peer = Peer::start(Script::default()).await;
    let (mut gateway, mut socket) = connected(&mut peer).await;
    socket.event("typing", &json!({ "user_id": "x" })).await;
    socket.seq += 1;
    socket.event("status_change", &json!({})).await;
    socket.posted("one").await;
    assert_eq!(told(&mut gateway, 2).await, ["gap", "one"]);
}

#[tokio::test]
async fn a_new_connection_counts_from_its_own_hello() {
    let mut peer = Peer::start(Script::default()).await;
    let (mut gateway, mut socket) = connected(&mut peer).await;
    socket.posted("one").await;
    assert_eq!(told(&mut gateway, 1).await, ["one"]);
    drop(socket);
    assert!(matches!(
        update(&mut gateway).await,
        Update::Disconnected { .. }
    ));
    let (connected, mut socket) = tokio::join!(update(&mut gateway), peer.accept_and_greet());
    assert!(
        matches!(connected, Update::Connected { .. }),
        "{connected:?}"
    );
    socket.posted("two").await;
    assert_eq!(told(&mut gateway, 1).await, ["two"], "no gap but the hello");
}

#[tokio::test]
async fn a_second_hello_on_a_connection_is_a_gap() {
    let mut peer = Peer::start(Script::default()).await;
    let (mut gateway, mut socket) = connected(&mut peer).await;
    socket.posted("one").await;
    socket.seq = 0;
    socket.hello().await;
    socket.posted("two").await;
    assert_eq!(told(&mut gateway, 3).await, ["one", "gap", "two"]);
}

#[tokio::test]
async fn a_doubled_event_has_two_numbers_and_is_passed_on_twice() {
    let mut peer = Peer::start(Script::default()).await;
    let (mut gateway, mut socket) = connected(&mut peer).await;
    socket.posted("one").await;
    socket.posted("one").await;
    assert_eq!(told(&mut gateway, 2).await, ["one", "one"]);
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_a_gap_and_no_end() {
    let mut peer = Peer::start(Script::default()).await;
    let (mut gateway, mut socket) = connected(&mut peer).await;
    socket.event("posted", &json!({ "post": "{\"id\":" })).await;
    socket.posted("one").await;
    socket.text("no json").await;
    socket.seq += 1;
    socket.posted("two").await;
    assert_eq!(told(&mut gateway, 4).await, ["gap", "one", "gap", "two"]);
}

#[tokio::test]
async fn both_written_forms_of_an_event_are_read() {
    let mut peer = Peer::start(Script::default()).await;
    let (mut gateway, mut socket) = connected(&mut peer).await;
    // With spaces and without a line end, as most events of 11.6; compact with a line end, as those of 5.37.
    let data = posted("<b>&")
        .to_string()
        .replace('<', "\\u003c")
        .replace('&', "\\u0026");
    socket.text(&format!(r#"{{"event": "posted", "data": {data}, "broadcast": {{"omit_users":{{"x":true}}}}, "seq": 1}}"#)).await;
    socket.text(&format!("{{\"event\":\"posted\",\"data\":{data},\"broadcast\":{{\"omit_users\":null}},\"seq\":2}}\n")).await;
    assert_eq!(told(&mut gateway, 2).await, ["<b>&", "<b>&"]);
}

#[tokio::test]
async fn a_slow_reader_gets_what_was_sent_and_then_the_reason() {
    let mut peer = Peer::start(Script::default()).await;
    let (mut gateway, mut socket) = connected(&mut peer).await;
    // What the server's queue and the sockets held while nobody polled; then the server gave up, with an empty close frame.
    for number in 0..256 {
        socket.posted(&format!("{number}")).await;
    }
    socket.stream.send(Message::Close(None)).await.unwrap();
    drop(socket);
    let expected: Vec<String> = (0..256).map(|number| number.to_string()).collect();
    assert_eq!(told(&mut gateway, 256).await, expected);
    let update_ = update(&mut gateway).await;
    assert!(
        matches!(
            update_,
            Update::Disconnected {
                cause: DisconnectCause::Closed { code: 1005 },
                ..
            }
        ),
        "{update_:?}"
    );
    let (connected, _socket) = tokio::join!(update(&mut gateway), peer.accept_and_greet());
    assert!(
        matches!(connected, Update::Connected { .. }),
        "{connected:?}"
    );
}

#[tokio::test]
async fn a_reader_that_blocks_the_server_gets_a_contiguous_beginning_and_then_the_end() {
    let mut peer = Peer::start(Script::default()).await;
    let (mut gateway, mut socket) = connected(&mut peer).await;
    let data = posted(&"x".repeat(60_000));
    let mut sent = 0;
    // Nobody polls: at some point the sockets between us are full, and the server drops a client that it cannot write to.
    while tokio::time::timeout(Duration::from_millis(200), socket.event("posted", &data))
        .await
        .is_ok()
    {
        sent += 1;
        assert!(sent < 10_000, "nothing stops the server");
    }
    drop(socket);
    let mut read = 0;
    let cause = loop {
        match update(&mut gateway).await {
            Update::Event(Event::Posted(_)) => read += 1,
            Update::Disconnected { cause, .. } => break cause,
            other => panic!("a hole, or something that was not sent: {other:?}"),
        }
    };
    assert!(matches!(cause, DisconnectCause::Lost(_)), "{cause:?}");
    assert!(read <= sent + 1, "{read} of {sent}");
}

#[tokio::test]
async fn no_event_is_lost_to_polls_that_are_dropped() {
    let mut peer = Peer::start(Script::default()).await;
    let (mut gateway, mut socket) = connected(&mut peer).await;
    let sending = async {
        for number in 0..500 {
            // In two writes, so that a poll can be dropped in the middle of a frame.
            let (one, two) = (format!("{number}a"), format!("{number}b"));
            socket.posted(&one).await;
            tokio::task::yield_now().await;
            socket.posted(&two).await;
        }
        socket
    };
    let receiving = async {
        let mut heard = Vec::new();
        while heard.len() < 1_000 {
            tokio::select! {
                biased;
                update = gateway.next() => match update {
                    Update::Event(Event::Posted(posted)) => heard.push(posted.post.message),
                    other => panic!("{other:?}"),
                },
                () = tokio::task::yield_now() => tokio::task::yield_now().await,
            }
        }
        heard
    };
    let (heard, _socket) = tokio::join!(receiving, sending);
    let expected: Vec<String> = (0..500)
        .flat_map(|number| [format!("{number}a"), format!("{number}b")])
        .collect();
    assert_eq!(heard, expected);
}

#[tokio::test]
async fn a_message_larger_than_we_hold_ends_the_connection_and_not_us() {
    let mut peer = Peer::start(Script::default()).await;
    let (mut gateway, mut socket) = connected(&mut peer).await;
    let huge = "x".repeat(5 << 20);
    let (update, _) = tokio::join!(
        update(&mut gateway),
        socket.stream.send(Message::text(huge))
    );
    assert!(
        matches!(
            update,
            Update::Disconnected {
                cause: DisconnectCause::Lost(Some(_)),
                ..
            }
        ),
        "{update:?}"
    );
}
