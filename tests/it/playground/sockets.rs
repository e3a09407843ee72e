//! Websockets: authentication, forms, ends.

use std::time::Duration;

use matterbot::playground::{Flavour, Options, Timing};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::support::playground::{DEADLINE, End, Person, Server, Socket};

fn with(timing: Timing) -> Options {
    Options {
        timing,
        ..Options::default()
    }
}

#[tokio::test]
async fn a_bad_token_is_accepted_and_dropped_when_its_time_is_over() {
    let authentication = Duration::from_millis(300);
    let server = Server::start_with(with(Timing {
        authentication,
        ..Timing::default()
    }))
    .await;
    let start = Instant::now();
    let mut socket = server.bot().await.with_token("nonsense").connect().await;
    socket.send(r#"{"seq":1,"action":"ping"}"#).await;
    assert_eq!(socket.next_text().await, Err(End::Dropped));
    assert!(start.elapsed() >= authentication);
}

#[tokio::test]
async fn a_challenge_is_answered_after_hello_and_a_second_one_not_at_all() {
    let server = Server::start().await;
    let bot = server.bot().await;
    let mut socket = bot.with_token("").connect().await;
    let challenge =
        json!({"seq": 1, "action": "authentication_challenge", "data": {"token": bot.token}});
    socket.send(&challenge.to_string()).await;
    let hello = socket.next().await;
    assert_eq!(
        (&hello["event"], &hello["seq"]),
        (&json!("hello"), &json!(0))
    );
    let mut reply = socket.next().await;
    while reply.get("event").is_some() {
        reply = socket.next().await;
    }
    assert_eq!(reply, json!({"status": "OK", "seq_reply": 1}));
    socket.send(&challenge.to_string()).await;
    assert!(socket.so_far(2).await.is_empty());
    let mut wrong = bot.with_token("").connect().await;
    let challenge = json!({"seq": 1, "action": "authentication_challenge", "data": {"token": "x"}});
    wrong.send(&challenge.to_string()).await;
    assert_eq!(wrong.next_text().await, Err(End::Dropped));
}

#[tokio::test]
async fn resume_is_not_offered_and_nonsense_parameters_are_dropped() {
    let server = Server::start().await;
    let bot = server.bot().await;
    let mut first = bot.connect().await;
    let hello = first.event("hello").await;
    let id = hello["data"]["connection_id"].as_str().unwrap().to_owned();
    first.close().await;
    let query = format!("?connection_id={id}&sequence_number=1");
    let mut second = bot.connect_to(&query).await;
    let hello = second.next().await;
    assert_eq!(
        (&hello["event"], &hello["seq"]),
        (&json!("hello"), &json!(0))
    );
    assert_ne!(hello["data"]["connection_id"], id);
    for nonsense in [
        "?connection_id=bad&sequence_number=1",
        &format!("?connection_id={id}"),
    ] {
        let mut socket = bot.connect_to(nonsense).await;
        assert_eq!(socket.next_text().await, Err(End::Dropped), "{nonsense}");
    }
}

/// A second token of the bot, and its id.
async fn second_token(admin: &Person, bot: &Person) -> (Person, String) {
    let path = format!("/users/{}/tokens", bot.id);
    let token = admin
        .post(&path, json!({"description": "second"}))
        .await
        .expect(200);
    let id = token["id"].as_str().unwrap().to_owned();
    (bot.with_token(token["token"].as_str().unwrap()), id)
}

/// A socket whose first check of the session is over: where it is due at once, an answer proves that.
async fn old_socket(person: &Person) -> Socket {
    let mut socket = person.listen().await;
    socket.so_far(1).await;
    socket
}

async fn say_as_pat(server: &Server, message: &str) -> Value {
    let pat = server.log_in("pat").await;
    let channel = pat.channel("incidents").await;
    pat.say(&channel, message).await
}

#[tokio::test]
async fn a_revoked_token_leaves_a_socket_open_and_deaf() {
    let server = Server::start_with(with(Timing {
        authentication: Duration::ZERO,
        ..Timing::default()
    }))
    .await;
    let (admin, bot) = (server.log_in("admin").await, server.bot().await);
    let (second, token_id) = second_token(&admin, &bot).await;
    let (mut deaf, mut hearing) = (old_socket(&second).await, old_socket(&bot).await);
    let body = json!({"token_id": token_id});
    admin
        .post("/users/tokens/disable", body.clone())
        .await
        .expect(200);
    say_as_pat(&server, "while disabled").await;
    admin.post("/users/tokens/enable", body).await.expect(200);
    second.get("/users/me").await.expect(200);
    say_as_pat(&server, "enabled again").await;
    assert_eq!(hearing.posted().await["message"], "while disabled");
    let reply = deaf.request(9, "ping", json!({})).await;
    assert_eq!(
        (&reply["status"], &reply["seq_reply"]),
        (&json!("FAIL"), &json!(9))
    );
    assert_eq!(reply["error"]["status_code"], 401);
    let challenge = json!({"token": bot.token});
    let mut frames = Vec::new();
    deaf.send(
        &json!({"seq": 10, "action": "authentication_challenge", "data": challenge}).to_string(),
    )
    .await;
    frames.push(deaf.next().await);
    assert_eq!(
        frames[0]["event"], "hello",
        "a new challenge wakes it: {frames:?}"
    );
    assert_ne!(frames[0]["seq"], 0);
}

#[tokio::test]
async fn on_older_servers_a_revoked_tokens_socket_goes_on_hearing() {
    let timing = Timing {
        authentication: Duration::ZERO,
        ..Timing::default()
    };
    let server = Server::start_with(Options {
        flavour: Flavour::V5_37,
        ..with(timing)
    })
    .await;
    let (admin, bot) = (server.log_in("admin").await, server.bot().await);
    let (second, token_id) = second_token(&admin, &bot).await;
    let mut socket = old_socket(&second).await;
    admin
        .post("/users/tokens/revoke", json!({"token_id": token_id}))
        .await
        .expect(200);
    assert_eq!(second.get("/users/me").await.status, 401);
    say_as_pat(&server, "heard").await;
    assert_eq!(socket.posted().await["message"], "heard");
}

#[tokio::test]
async fn a_young_socket_is_dropped_when_its_bot_is_disabled_and_an_old_one_turns_deaf() {
    for (authentication, end) in [
        (Duration::from_secs(3), Some(End::Dropped)),
        (Duration::ZERO, None),
    ] {
        let server = Server::start_with(with(Timing {
            authentication,
            ..Timing::default()
        }))
        .await;
        let (admin, bot) = (server.log_in("admin").await, server.bot().await);
        let mut socket = old_socket(&bot).await;
        admin
            .post(&format!("/bots/{}/disable", bot.id), json!({}))
            .await
            .expect(200);
        match end {
            Some(end) => assert_eq!(socket.end().await, end),
            None => assert_eq!(socket.request(3, "ping", json!({})).await["status"], "FAIL"),
        }
    }
}

#[tokio::test]
async fn events_have_two_forms_and_escape_what_could_be_html() {
    let server = Server::start().await;
    let (pat, bot) = (server.log_in("pat").await, server.bot().await);
    let channel = pat.channel("incidents").await;
    let mut socket = bot.listen().await;
    socket.so_far(1).await;
    pat.say(&channel, "<plain> & simple").await;
    let spaced = socket.next_text().await.unwrap();
    assert!(
        spaced.starts_with(r#"{"event": "posted", "data": {"channel_display_name":"#),
        "{spaced}"
    );
    assert!(
        spaced.contains(r"\\u003cplain\\u003e \\u0026 simple"),
        "{spaced}"
    );
    assert!(spaced.ends_with('}'));
    pat.say(&channel, "@matter-bot").await;
    let compact = socket.next_text().await.unwrap();
    assert!(
        compact.starts_with(r#"{"event":"posted","data":{"channel_display_name":"#),
        "{compact}"
    );
    assert!(compact.ends_with("}\n"));
}

#[tokio::test]
async fn a_frame_that_is_too_long_is_closed_with_1009_and_one_that_is_no_json_is_dropped() {
    let server = Server::start().await;
    let bot = server.bot().await;
    let mut long = bot.listen().await;
    let frame = json!({"seq": 1, "action": "ping", "data": {"x": "y".repeat(9_000)}});
    long.send(&frame.to_string()).await;
    assert_eq!(long.end().await, End::Closed(1009));
    let mut wrong = bot.listen().await;
    wrong.send("this is not json").await;
    assert_eq!(wrong.end().await, End::Dropped);
}

#[tokio::test]
async fn a_client_that_never_pongs_is_pinged_and_dropped() {
    let timing = Timing {
        ping: Duration::from_millis(100),
        pong: Duration::from_millis(350),
        ..Timing::default()
    };
    let server = Server::start_with(with(timing)).await;
    let mut stream = TcpStream::connect(server.playground.address())
        .await
        .unwrap();
    let start = Instant::now();
    let request = format!(
        "GET /api/v4/websocket HTTP/1.1\r\nHost: playground\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer {}\r\n\r\n",
        server.playground.bot_token()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    tokio::time::timeout(DEADLINE, stream.read_to_end(&mut bytes))
        .await
        .unwrap()
        .unwrap();
    assert!(start.elapsed() >= timing.pong);
    let pings = bytes
        .windows(2)
        .filter(|window| *window == [0x89, 0x00])
        .count();
    assert!(pings >= 2, "{pings} pings");
    assert!(!bytes.ends_with(&[0x88, 0x00]), "no close frame");
}

#[tokio::test]
async fn a_reader_that_is_too_slow_gets_what_was_queued_and_an_empty_close_frame() {
    let server = Server::start().await;
    let (pat, bot) = (server.log_in("pat").await, server.bot().await);
    let channel = pat.channel("incidents").await;
    let mut socket = bot.connect_slowly().await;
    socket.event("hello").await;
    let message = "x".repeat(16_000);
    let talk = (0..4).map(|_| async {
        for _ in 0..200 {
            pat.say(&channel, &message).await;
        }
    });
    futures_util::future::join_all(talk).await;
    let mut last = socket.next().await["seq"].as_i64().unwrap();
    let end = loop {
        match socket.next_text().await {
            Ok(text) => {
                let frame: Value = serde_json::from_str(&text).unwrap();
                assert_eq!(frame["seq"].as_i64(), Some(last + 1));
                last += 1;
            }
            Err(end) => break end,
        }
    };
    assert_eq!(end, End::Closed(1005));
    assert!((256..800).contains(&last), "{last}");
    let mut fresh = bot.listen().await;
    assert_eq!(fresh.request(1, "ping", json!({})).await["status"], "OK");
}

#[tokio::test]
async fn a_direct_message_is_announced_before_its_first_post() {
    let server = Server::start().await;
    let (pat, bot) = (server.log_in("pat").await, server.bot().await);
    let mut socket = bot.listen().await;
    let ids = json!([pat.id, bot.id]);
    let channel = pat.post("/channels/direct", ids.clone()).await.expect(201);
    pat.say(channel["id"].as_str().unwrap(), "psst").await;
    let added = socket.event("direct_added").await;
    assert_eq!(added["broadcast"]["channel_id"], channel["id"]);
    let posted = socket.event("posted").await;
    assert_eq!(posted["data"]["mentions"], json!([bot.id]).to_string());
    assert_eq!(posted["data"]["channel_display_name"], "@pat");
    let again = bot.post("/channels/direct", ids).await.expect(201);
    assert_eq!(again["id"], channel["id"]);
}
