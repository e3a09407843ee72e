//! Proof of life, its absence, and the end of a connection.

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use matterbot::mattermost::gateway::{DisconnectCause, Gateway, Timing, Update};
use matterbot::timestamp::Timestamp;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::peer::{PATIENCE, Peer, Script, Socket, update};
use crate::api::peer::Answer;

/// Pings follow each other closely, and a missing answer is noticed soon.
fn timing() -> Timing {
    Timing {
        ping_every: Duration::from_millis(20),
        ping_answer: Duration::from_millis(500),
        backoff_min: Duration::from_millis(1),
        backoff_max: Duration::from_millis(20),
        refused_max: Duration::from_millis(20),
        ..Timing::default()
    }
}

/// The same with all the time of the world for an answer.
fn patient() -> Timing {
    Timing {
        ping_answer: PATIENCE,
        ..timing()
    }
}

async fn connected(peer: &mut Peer, timing: Timing) -> (Gateway, Socket) {
    let mut gateway = peer.gateway(timing);
    let (update, socket) = tokio::join!(update(&mut gateway), peer.accept_and_greet());
    assert!(matches!(update, Update::Connected { .. }), "{update:?}");
    (gateway, socket)
}

async fn cause(gateway: &mut Gateway) -> DisconnectCause {
    match update(gateway).await {
        Update::Disconnected { cause, .. } => cause,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn pings_begin_at_once_and_count_up_and_nothing_else_is_sent() {
    let mut peer = Peer::start(Script::default()).await;
    let (mut gateway, mut socket) = connected(&mut peer, patient()).await;
    for expected in 1..=5 {
        let (alive, seq) = tokio::join!(update(&mut gateway), async {
            let seq = socket.read_ping().await;
            socket.pong(seq).await;
            seq
        });
        assert_eq!(seq, expected);
        let Update::Alive { server_time } = alive else {
            panic!("{alive:?}")
        };
        assert_eq!(server_time, Some(Timestamp(1_795_256_508_418)));
    }
}

#[tokio::test]
async fn a_revoked_tokens_socket_is_deaf_and_found_out_by_the_ping() {
    let expired = Answer::refusal(
        "401 Unauthorized",
        "api.context.session_expired.app_error",
        "Expired.",
    );
    // The first question is asked before the token is revoked.
    let me = Answer::json("200 OK", r#"{"id":"66egbqe687rk8mhmm37bmbwrme"}"#);
    let script = Script {
        me: [me, expired.clone(), expired].into(),
        ..Script::default()
    };
    let mut peer = Peer::start(script).await;
    let (mut gateway, mut socket) = connected(&mut peer, patient()).await;
    let (cause, ()) = tokio::join!(cause(&mut gateway), async {
        let seq = socket.read_ping().await;
        let error = json!({ "id": "api.web_socket_router.not_authenticated.app_error", "message": "", "status_code": 401 });
        socket
            .text(&json!({ "status": "FAIL", "seq_reply": seq, "error": error }).to_string())
            .await;
    });
    assert!(
        matches!(&cause, DisconnectCause::PingRefused { id } if id.contains("not_authenticated")),
        "{cause:?}"
    );
    let update = update(&mut gateway).await;
    assert!(
        matches!(
            update,
            Update::Refused {
                server_healthy: true,
                ..
            }
        ),
        "{update:?}"
    );
}

#[tokio::test]
async fn a_deaf_hub_answers_the_protocols_pings_and_is_found_out_by_ours() {
    let mut peer = Peer::start(Script::default()).await;
    let (mut gateway, mut socket) = connected(&mut peer, timing()).await;
    let serving = async {
        // The server's side of the socket is well: it pings, and answers pings, as long as the client is there.
        while socket.stream.send(Message::Ping("".into())).await.is_ok()
            && socket.stream.next().await.is_some()
        {}
    };
    let (cause, ()) = tokio::join!(
        async {
            let cause = cause(&mut gateway).await;
            gateway.close(Duration::ZERO).await;
            cause
        },
        serving
    );
    assert!(matches!(cause, DisconnectCause::Silent), "{cause:?}");
}

#[tokio::test]
async fn a_half_open_connection_is_found_out_by_the_missing_answer() {
    let mut peer = Peer::start(Script::default()).await;
    let (mut gateway, mut socket) = connected(&mut peer, timing()).await;
    let (alive, ()) = tokio::join!(update(&mut gateway), socket.answer_ping());
    assert!(matches!(alive, Update::Alive { .. }), "{alive:?}");
    // From here on the server neither reads nor writes, and the connection stays open.
    let started = Instant::now();
    let cause = cause(&mut gateway).await;
    assert!(matches!(cause, DisconnectCause::Silent), "{cause:?}");
    assert!(started.elapsed() >= timing().ping_answer);
}

#[tokio::test]
async fn events_do_not_stand_for_the_answer_to_a_ping() {
    let mut peer = Peer::start(Script::default()).await;
    let (mut gateway, mut socket) = connected(&mut peer, timing()).await;
    let flood = async {
        while socket
            .stream
            .send(Message::text(r#"{"event":"typing","data":{},"seq":1}"#))
            .await
            .is_ok()
        {}
    };
    let found_out = async {
        loop {
            match update(&mut gateway).await {
                Update::Gap => {}
                Update::Disconnected { cause, .. } => break cause,
                other => panic!("{other:?}"),
            }
        }
    };
    let (cause, ()) = tokio::join!(found_out, flood);
    assert!(matches!(cause, DisconnectCause::Silent), "{cause:?}");
}

#[tokio::test]
async fn an_answer_that_was_there_in_time_counts_however_late_it_is_read() {
    let mut peer = Peer::start(Script::default()).await;
    // More than once, since the deadline and the answer are both there when they are looked at.
    for _ in 0..2 {
        let (mut gateway, mut socket) = connected(&mut peer, timing()).await;
        // The ping is sent by a poll that is dropped; then nobody polls until long after the answer was due.
        tokio::select! {
            biased;
            update = gateway.next() => panic!("{update:?}"),
            () = socket.answer_ping() => {}
        }
        socket.posted("late").await;
        tokio::time::sleep(timing().ping_answer * 2).await;
        let alive = update(&mut gateway).await;
        assert!(matches!(alive, Update::Alive { .. }), "{alive:?}");
        assert!(matches!(update(&mut gateway).await, Update::Event(_)));
    }
}

#[tokio::test]
async fn only_the_answer_to_the_last_ping_is_life() {
    let mut peer = Peer::start(Script::default()).await;
    let (mut gateway, mut socket) = connected(&mut peer, timing()).await;
    let serving = async {
        let seq = socket.read_ping().await;
        // An answer to something else, the same without a number, and an error that names no request (5.37).
        socket.pong(seq + 1).await;
        socket.text(r#"{"status":"OK"}"#).await;
        let error = json!({ "id": "api.web_socket_router.bad_seq.app_error", "status_code": 400 });
        socket
            .text(&json!({ "status": "FAIL", "error": error }).to_string())
            .await;
    };
    let (cause, ()) = tokio::join!(cause(&mut gateway), serving);
    assert!(matches!(cause, DisconnectCause::Silent), "{cause:?}");
}

#[tokio::test]
async fn the_servers_pings_are_answered_while_we_wait() {
    let mut peer = Peer::start(Script::default()).await;
    let (mut gateway, mut socket) = connected(&mut peer, patient()).await;
    let serving = async {
        socket.read_ping().await;
        for payload in ["one", "two"] {
            socket
                .stream
                .send(Message::Ping(payload.into()))
                .await
                .unwrap();
            assert_eq!(socket.read().await, Message::Pong(payload.into()));
        }
    };
    tokio::select! {
        update = gateway.next() => panic!("{update:?}"),
        () = serving => {}
    }
}

#[tokio::test]
async fn a_server_that_stops_cuts_without_a_close_frame() {
    let mut peer = Peer::start(Script::default()).await;
    let (mut gateway, socket) = connected(&mut peer, patient()).await;
    drop(socket);
    let cause = cause(&mut gateway).await;
    assert!(matches!(cause, DisconnectCause::Lost(_)), "{cause:?}");
    let (update, _socket) = tokio::join!(update(&mut gateway), peer.accept_and_greet());
    assert!(matches!(update, Update::Connected { .. }), "{update:?}");
}

#[tokio::test]
async fn close_frames_are_told_with_their_code() {
    for (frame, expected) in [
        (None, 1005),
        (
            Some(CloseFrame {
                code: 1009.into(),
                reason: "message too big".into(),
            }),
            1009,
        ),
        (
            Some(CloseFrame {
                code: 4001.into(),
                reason: "".into(),
            }),
            4001,
        ),
    ] {
        let mut peer = Peer::start(Script::default()).await;
        let (mut gateway, mut socket) = connected(&mut peer, patient()).await;
        let (cause, _) = tokio::join!(cause(&mut gateway), socket.stream.close(frame));
        assert!(
            matches!(cause, DisconnectCause::Closed { code } if code == expected),
            "{cause:?}"
        );
    }
}

#[tokio::test]
async fn we_say_goodbye_and_read_to_the_end() {
    let mut peer = Peer::start(Script::default()).await;
    let (mut gateway, mut socket) = connected(&mut peer, patient()).await;
    let started = Instant::now();
    let ((), frame) = tokio::join!(gateway.close(PATIENCE), async {
        // The server had something left to say.
        socket.posted("too late").await;
        let frame = socket.read().await;
        while socket.stream.next().await.is_some() {}
        drop(socket);
        frame
    });
    assert!(
        matches!(&frame, Message::Close(Some(close)) if u16::from(close.code) == 1000),
        "{frame:?}"
    );
    assert!(
        started.elapsed() < Duration::from_millis(500),
        "{:?}",
        started.elapsed()
    );
    let after = tokio::time::timeout(Duration::from_millis(50), gateway.next()).await;
    assert!(
        after.is_err(),
        "a closed gateway does not connect again: {after:?}"
    );
}

#[tokio::test]
async fn a_goodbye_that_is_not_answered_is_short() {
    let mut peer = Peer::start(Script::default()).await;
    for within in [Duration::from_secs(60), Duration::from_millis(20)] {
        let (mut gateway, _socket) = connected(&mut peer, patient()).await;
        let started = Instant::now();
        gateway.close(within).await;
        let limit = within.min(Duration::from_millis(500));
        assert!(started.elapsed() >= limit && started.elapsed() < Duration::from_secs(5));
    }
}
