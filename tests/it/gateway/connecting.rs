//! From nothing to `hello`, and the back-off when that fails.

use std::time::{Duration, Instant};

use matterbot::backoff::Backoff;
use matterbot::mattermost::api::ApiError;
use matterbot::mattermost::gateway::{DisconnectCause, Gateway, Timing, Update};

use super::peer::{Peer, Script, update};
use crate::api::peer::{Answer, api, quick};

/// Waits that suit a test, and deadlines that only a fault reaches.
fn timing() -> Timing {
    Timing {
        backoff_min: Duration::from_millis(1),
        backoff_max: Duration::from_millis(20),
        refused_max: Duration::from_millis(20),
        ..Timing::default()
    }
}

fn expired() -> Answer {
    Answer::refusal(
        "401 Unauthorized",
        "api.context.session_expired.app_error",
        "Invalid or expired session.",
    )
}

fn unhealthy() -> Answer {
    Answer::json("500 Internal Server Error", r#"{"status":"UNHEALTHY"}"#)
}

/// The cause of the disconnection that must come next.
async fn cause(gateway: &mut Gateway) -> DisconnectCause {
    match update(gateway).await {
        Update::Disconnected { cause, .. } => cause,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_connection_is_told_once_hello_was_read() {
    let mut peer = Peer::start(Script::default()).await;
    let mut gateway = peer.gateway(timing());
    let (update, _socket) = tokio::join!(update(&mut gateway), peer.accept_and_greet());
    let Update::Connected { server_version } = update else {
        panic!("{update:?}");
    };
    assert!(server_version.starts_with("11.6.0"));
}

#[tokio::test]
async fn no_resume_is_offered_and_no_origin_named() {
    let mut peer = Peer::start(Script::default()).await;
    let mut gateway = peer.gateway(timing());
    for _ in 0..2 {
        let (_, socket) = tokio::join!(update(&mut gateway), peer.accept_and_greet());
        drop(socket);
        assert!(matches!(
            cause(&mut gateway).await,
            DisconnectCause::Lost(_)
        ));
    }
    let requests = peer.requests();
    let upgrades: Vec<_> = requests
        .iter()
        .filter(|request| request.line.contains("websocket"))
        .collect();
    assert_eq!(upgrades.len(), 2);
    for upgrade in upgrades {
        assert_eq!(upgrade.line, "GET /api/v4/websocket");
        assert!(
            upgrade.headers.contains("authorization: bearer "),
            "{}",
            upgrade.headers
        );
        assert!(!upgrade.headers.contains("origin"), "{}", upgrade.headers);
    }
}

#[tokio::test]
async fn a_bad_token_gets_101_and_is_found_out_before_the_upgrade() {
    let peer = Peer::start(Script {
        me: [expired(), expired()].into(),
        ..Script::default()
    })
    .await;
    let mut gateway = peer.gateway(timing());
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
    assert_eq!(peer.count("/websocket"), 0);
    assert_eq!(
        peer.count("/system/ping?get_server_status=true"),
        2,
        "between and after"
    );
}

#[tokio::test]
async fn one_401_alone_is_no_proof() {
    let mut peer = Peer::start(Script {
        me: [expired()].into(),
        ..Script::default()
    })
    .await;
    let mut gateway = peer.gateway(timing());
    let (update, _socket) = tokio::join!(update(&mut gateway), peer.accept_and_greet());
    assert!(matches!(update, Update::Connected { .. }), "{update:?}");
    assert_eq!(peer.count("/users/me"), 2);
}

#[tokio::test]
async fn a_401_of_a_server_whose_database_is_down_is_told_apart() {
    for health in [
        vec![unhealthy()],
        vec![Answer::json("200 OK", r#"{"status":"OK"}"#), unhealthy()],
    ] {
        let script = Script {
            me: [expired(), expired()].into(),
            health: health.into(),
            ..Script::default()
        };
        let peer = Peer::start(script).await;
        let update = update(&mut peer.gateway(timing())).await;
        assert!(
            matches!(
                update,
                Update::Refused {
                    server_healthy: false,
                    ..
                }
            ),
            "{update:?}"
        );
    }
}

#[tokio::test]
async fn a_refused_token_is_tried_again_more_and_more_rarely() {
    let script = Script {
        me: vec![expired(); 12].into(),
        ..Script::default()
    };
    let mut peer = Peer::start(script).await;
    let mut gateway = peer.gateway(timing());
    let mut expected = Backoff::new(Duration::from_millis(1), Duration::from_millis(20), 7);
    for _ in 0..6 {
        let Update::Refused { retry_in, .. } = update(&mut gateway).await else {
            panic!()
        };
        assert_eq!(retry_in, expected.next_delay());
    }
    let (update, _socket) = tokio::join!(update(&mut gateway), peer.accept_and_greet());
    assert!(
        matches!(update, Update::Connected { .. }),
        "the token was mended: {update:?}"
    );
}

#[tokio::test]
async fn a_server_that_is_not_there_is_tried_again() {
    let gone = Peer::start(Script::default()).await.address;
    let mut gateway = Gateway::with_timing(api(gone, quick()), 7, timing());
    for _ in 0..3 {
        let cause = cause(&mut gateway).await;
        assert!(
            matches!(
                &cause,
                DisconnectCause::Unreachable(ApiError::Transport { .. })
            ),
            "{cause:?}"
        );
        assert_eq!(cause.to_string(), "the server cannot be reached");
    }
}

#[tokio::test]
async fn an_upgrade_that_is_answered_otherwise_is_told() {
    let wrong_key = [
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    ];
    let wrong_protocol = ["Connection: Upgrade", "Upgrade: h2c"];
    let page = Answer::new(
        "502 Bad Gateway",
        &["Content-Type: text/html"],
        "<html>nginx</html>",
    );
    let origin = Answer::refusal(
        "403 Forbidden",
        "api.web_socket.connect.upgrade.app_error",
        "Failed to upgrade.",
    );
    let script = Script {
        upgrade: [
            page,
            origin,
            Answer::json("200 OK", "{}"),
            Answer::upgrade(&wrong_key),
            Answer::upgrade(&wrong_protocol),
        ]
        .into(),
        ..Script::default()
    };
    let peer = Peer::start(script).await;
    let mut gateway = peer.gateway(timing());
    let mut causes = Vec::new();
    for _ in 0..5 {
        let DisconnectCause::Unreachable(error) = cause(&mut gateway).await else {
            panic!()
        };
        causes.push(error.to_string());
    }
    assert!(
        causes[0].starts_with("GET /websocket was answered with status 502"),
        "{causes:?}"
    );
    assert!(
        causes[1].starts_with("Mattermost refused GET /websocket with status 403"),
        "{causes:?}"
    );
    assert!(
        causes[2].ends_with("it was answered as an ordinary request"),
        "{causes:?}"
    );
    assert!(
        causes[3].ends_with("its key was not accepted"),
        "{causes:?}"
    );
    assert!(
        causes[4].ends_with("it was upgraded to something else"),
        "{causes:?}"
    );
}

#[tokio::test]
async fn a_rate_limit_on_the_upgrade_is_obeyed() {
    let limited = Answer::new(
        "429 Too Many Requests",
        &["Retry-After: 1"],
        "limit exceeded\n",
    );
    let mut peer = Peer::start(Script {
        upgrade: [limited].into(),
        ..Script::default()
    })
    .await;
    let mut gateway = peer.gateway(timing());
    let started = Instant::now();
    let Update::Disconnected { retry_in, .. } = update(&mut gateway).await else {
        panic!()
    };
    assert!(retry_in >= Duration::from_secs(1), "{retry_in:?}");
    let (update, _socket) = tokio::join!(update(&mut gateway), peer.accept_and_greet());
    assert!(matches!(update, Update::Connected { .. }), "{update:?}");
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn an_upgrade_without_hello_is_given_up() {
    let mut peer = Peer::start(Script::default()).await;
    let mut gateway = peer.gateway(Timing {
        hello: Duration::from_millis(100),
        ..timing()
    });
    let (cause, _socket) = tokio::join!(cause(&mut gateway), peer.accept());
    assert!(matches!(cause, DisconnectCause::NoHello), "{cause:?}");
}

#[tokio::test]
async fn an_upgrade_that_is_cut_without_hello_or_close_frame_is_told() {
    let mut peer = Peer::start(Script::default()).await;
    let mut gateway = peer.gateway(timing());
    let (cause, ()) = tokio::join!(cause(&mut gateway), async { drop(peer.accept().await) });
    assert!(matches!(cause, DisconnectCause::Lost(_)), "{cause:?}");
}

#[tokio::test]
async fn a_connection_that_is_closed_after_hello_does_not_reset_the_back_off() {
    let mut peer = Peer::start(Script::default()).await;
    let mut gateway = peer.gateway(timing());
    let mut expected = Backoff::new(Duration::from_millis(1), Duration::from_millis(20), 7);
    for _ in 0..4 {
        let (update_, socket) = tokio::join!(update(&mut gateway), peer.accept_and_greet());
        assert!(matches!(update_, Update::Connected { .. }), "{update_:?}");
        drop(socket);
        let Update::Disconnected { retry_in, .. } = update(&mut gateway).await else {
            panic!()
        };
        assert_eq!(retry_in, expected.next_delay());
    }
}

#[tokio::test]
async fn a_ping_answered_ok_resets_the_back_off() {
    let mut peer = Peer::start(Script::default()).await;
    let mut gateway = peer.gateway(timing());
    let mut expected = Backoff::new(Duration::from_millis(1), Duration::from_millis(20), 7);
    for _ in 0..4 {
        let (_, mut socket) = tokio::join!(update(&mut gateway), peer.accept_and_greet());
        let (alive, ()) = tokio::join!(update(&mut gateway), socket.answer_ping());
        assert!(matches!(alive, Update::Alive { .. }), "{alive:?}");
        drop(socket);
        let Update::Disconnected { retry_in, .. } = update(&mut gateway).await else {
            panic!()
        };
        expected.reset();
        assert_eq!(retry_in, expected.next_delay());
        assert!(retry_in <= Duration::from_millis(1));
    }
}

#[tokio::test]
async fn an_attempt_goes_on_where_a_dropped_poll_left_it() {
    let mut peer = Peer::start(Script::default()).await;
    let mut gateway = peer.gateway(timing());
    let connected = {
        let greeting = peer.accept_and_greet();
        tokio::pin!(greeting);
        let mut greeted = None;
        loop {
            // Every poll of `next` is dropped as soon as it has to wait.
            tokio::select! {
                biased;
                update = gateway.next() => break update,
                socket = &mut greeting, if greeted.is_none() => greeted = Some(socket),
                () = tokio::task::yield_now() => {}
            }
        }
    };
    assert!(
        matches!(connected, Update::Connected { .. }),
        "{connected:?}"
    );
    assert_eq!(peer.count("/users/me"), 1, "one attempt");
    assert_eq!(peer.count("/websocket"), 1, "one attempt");
}
