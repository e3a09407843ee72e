//! Answers that are not what was asked for, or that never come.

use std::error::Error as _;
use std::time::{Duration, Instant};

use matterbot::mattermost::api::{Api, ApiError, Connection, Timeouts};
use matterbot::mattermost::model::NewPost;
use matterbot::secret::Secret;
use serde_json::Value;

use super::create_post;
use super::peer::{Answer, Peer, TOKEN, api, quick};

const ME: &str = r#"{"id":"k1h7xqnd3fyw8mgqj5s9e6ro4a","username":"matter-bot","roles":"system_user","is_bot":true}"#;
const PAGE: &str = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>";

fn html(status: &str) -> Answer {
    Answer::new(status, &["Content-Type: text/html"], PAGE)
}

fn new_post() -> NewPost {
    NewPost {
        channel_id: "73j1itj4wtghmf3a5jc5ygbttw".parse().unwrap(),
        root_id: None,
        message: "done".to_owned(),
        props: Value::Null,
        file_ids: Vec::new(),
        pending_post_id: "unguessable".to_owned(),
    }
}

#[tokio::test]
async fn a_proxys_error_page_is_retried_and_survived() {
    let peer = Peer::answering([
        html("502 Bad Gateway"),
        html("503 Busy"),
        Answer::json("200 OK", ME),
    ])
    .await;
    let me = peer.api().me().await.unwrap();
    assert_eq!(me.username, "matter-bot");
    assert_eq!(peer.requests().len(), 3);
}

#[tokio::test]
async fn a_proxys_error_page_that_stays_is_told_in_one_sentence() {
    let peer = Peer::answering([html("502 Bad Gateway")]).await;
    let error = peer.api().me().await.unwrap_err();
    assert!(
        matches!(error, ApiError::NotJson { status: 502, .. }),
        "{error:?}"
    );
    assert!(
        error
            .to_string()
            .starts_with("GET /users/me was answered with status 502"),
        "{error}"
    );
    assert_eq!(peer.requests().len(), 4, "the attempts are bounded");
}

#[tokio::test]
async fn a_login_page_with_status_200_is_not_an_answer() {
    let peer = Peer::answering([html("200 OK"), Answer::json("200 OK", ME)]).await;
    assert!(matches!(
        create_post(&peer.api(), &new_post()).await.unwrap_err(),
        ApiError::NotJson { status: 200, .. }
    ));
}

#[tokio::test]
async fn a_connection_closed_in_the_body_is_retried() {
    let peer = Peer::answering([
        Answer::json("200 OK", ME).cut_by(20),
        Answer::json("200 OK", ME),
    ])
    .await;
    peer.api().me().await.unwrap();
    assert_eq!(peer.requests().len(), 2);
}

#[tokio::test]
async fn json_cut_short_within_a_whole_body_is_told_as_no_json() {
    let peer = Peer::answering([Answer::json(
        "200 OK",
        r#"{"id":"k1h7xqnd3fyw8mgqj5s9e6ro4a","user"#,
    )])
    .await;
    let error = peer.api().me().await.unwrap_err();
    assert!(
        matches!(error, ApiError::NotJson { status: 200, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn json_of_another_form_is_told_and_not_retried() {
    let peer = Peer::answering([Answer::json("200 OK", r#"{"id":7}"#)]).await;
    let error = peer.api().me().await.unwrap_err();
    assert!(matches!(error, ApiError::Decode { .. }), "{error:?}");
    assert_eq!(peer.requests().len(), 1);
}

#[tokio::test]
async fn a_refusal_is_never_retried() {
    for (status, id) in [
        ("400 Bad Request", "api.context.invalid_url_param.app_error"),
        ("401 Unauthorized", "api.context.session_expired.app_error"),
        ("403 Forbidden", "api.context.permissions.app_error"),
        ("404 Not Found", "app.user.missing_account.const"),
    ] {
        let peer = Peer::answering([Answer::refusal(status, id, "No.")]).await;
        let error = peer.api().me().await.unwrap_err();
        assert!(
            matches!(&error, ApiError::Refused { id: refused, .. } if refused == id),
            "{error:?}"
        );
        assert!(!error.is_retryable());
        assert_eq!(error.is_unauthorized(), status.starts_with("401"));
        assert_eq!(error.is_not_found(), status.starts_with("404"));
        assert_eq!(peer.requests().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn an_error_of_the_server_is_retried() {
    let peer = Peer::answering([
        Answer::refusal(
            "500 Internal Server Error",
            "app.channel.get.find.app_error",
            "We are down.",
        ),
        Answer::json("200 OK", ME),
    ])
    .await;
    peer.api().me().await.unwrap();
    assert_eq!(peer.requests().len(), 2);
}

#[tokio::test]
async fn creating_a_post_is_one_attempt_whatever_happens() {
    for answer in [
        html("502 Bad Gateway"),
        Answer::nothing(),
        Answer::new(
            "429 Too Many Requests",
            &["Retry-After: 1"],
            "limit exceeded\n",
        ),
        Answer::refusal(
            "500 Internal Server Error",
            "api.post.deduplicate_create_post.pending",
            "Wait.",
        ),
    ] {
        let peer = Peer::answering([answer]).await;
        let error = create_post(&peer.api(), &new_post()).await.unwrap_err();
        assert!(error.is_retryable(), "{error:?}");
        assert_eq!(peer.requests().len(), 1, "{error:?}");
    }
}

#[tokio::test]
async fn a_body_that_never_ends_is_given_up_in_time() {
    let peer = Peer::answering([Answer::json("200 OK", ME).cut_by(20).then_hang()]).await;
    let api = peer.api_with(Timeouts {
        answer: Duration::from_millis(100),
        all_attempts: Duration::from_millis(50),
        ..quick()
    });
    let started = Instant::now();
    let error = api.me().await.unwrap_err();
    assert!(
        matches!(&error, ApiError::Transport { source, .. } if source.is_timeout()),
        "{error:?}"
    );
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(
        peer.requests().len(),
        1,
        "no attempt starts after the time for all of them"
    );
}

#[tokio::test]
async fn creating_a_post_has_a_timeout_of_its_own() {
    let peer = Peer::answering([Answer::json("201 Created", ME).cut_by(20).then_hang()]).await;
    let api = peer.api_with(Timeouts {
        create_post: Duration::from_millis(100),
        ..quick()
    });
    let error = create_post(&api, &new_post()).await.unwrap_err();
    assert!(
        matches!(&error, ApiError::Transport { source, .. } if source.is_timeout()),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_endless_answer_is_not_held_in_memory() {
    let megabytes = format!(r#"{{"id":"{}"}}"#, "x".repeat(9 << 20));
    let peer = Peer::answering([Answer::json("200 OK", &megabytes)]).await;
    let error = peer.api().me().await.unwrap_err();
    assert!(matches!(error, ApiError::TooLarge { .. }), "{error:?}");
    assert_eq!(peer.requests().len(), 1);
}

#[tokio::test]
async fn a_redirection_is_told_but_not_followed() {
    let elsewhere = Peer::answering([Answer::json("200 OK", ME)]).await;
    let location = format!("Location: http://{}/secret-path?token=1", elsewhere.address);
    let peer = Peer::answering([Answer::new("301 Moved Permanently", &[&location], "")]).await;
    let error = peer.api().me().await.unwrap_err();
    let expected = format!("http://{}", elsewhere.address);
    assert!(
        matches!(&error, ApiError::Redirected { target, .. } if *target == expected),
        "{error:?}"
    );
    assert!(
        elsewhere.requests().is_empty(),
        "the token was sent to another place"
    );
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_without_the_address() {
    let gone = Peer::answering([Answer::nothing()]).await.address;
    let error = api(gone, quick()).me().await.unwrap_err();
    assert!(matches!(error, ApiError::Transport { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "GET /users/me got no answer from the server"
    );
    let source = error.source().unwrap().to_string();
    assert!(!source.contains("127.0.0.1"), "{source}");
}

#[tokio::test]
async fn a_token_that_a_proxy_repeats_does_not_reach_the_error() {
    let echo = format!("<pre>{}authorization: Bearer {TOKEN}</pre>", "x".repeat(80));
    let message = format!("who is {TOKEN}?");
    for answer in [
        Answer::new("502 Bad Gateway", &[], &echo),
        Answer::new("200 OK", &[], &echo),
        Answer::refusal("403 Forbidden", TOKEN, &message),
    ] {
        let peer = Peer::answering([answer]).await;
        let api = peer.api();
        let error = api.me().await.unwrap_err();
        let told = format!("{error} {error:?} {api:?}");
        assert!(!told.contains(TOKEN.get(..10).unwrap()), "{told}");
    }
}

#[tokio::test]
async fn a_connection_that_was_idle_too_long_is_not_used_again() {
    let peer = Peer::answering([Answer::json("200 OK", ME)]).await;
    let idle = Duration::from_millis(200);
    let api = peer.api_with(Timeouts {
        pool_idle: idle,
        ..quick()
    });
    api.me().await.unwrap();
    api.me().await.unwrap();
    tokio::time::sleep(idle * 2).await;
    api.me().await.unwrap();
    let connections: Vec<usize> = peer
        .requests()
        .iter()
        .map(|request| request.connection)
        .collect();
    assert_eq!(connections, [0, 0, 1]);
    assert!(
        Timeouts::default().pool_idle < Duration::from_secs(60),
        "the server closes after 60 s"
    );
}

#[test]
fn a_connection_that_cannot_work_is_refused_at_once() {
    for (base, reason) in [
        ("chat.example.org", "its address is not one"),
        ("ftp://chat.example.org/api/v4", "neither http nor https"),
        (
            "https://user:pass@chat.example.org/api/v4",
            "must not hold a user",
        ),
        (
            "https://chat.example.org/api/v4?x=1",
            "must end with the path",
        ),
    ] {
        let error = Api::new(&Connection::new(base, Secret::new(TOKEN))).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
        assert!(!error.to_string().contains("pass@"), "{error}");
    }
    let connection = Connection::new("http://chat.example.org/api/v4", Secret::new("two\nlines"));
    let error = Api::new(&connection).unwrap_err().to_string();
    assert!(error.contains("the token holds characters"), "{error}");
}
