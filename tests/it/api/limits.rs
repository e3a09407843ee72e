//! The server's rate limit, as 11.6 and 5.37 write it.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use matterbot::mattermost::api::ApiError;

use super::peer::{Answer, Peer, quick};

const ME: &str = r#"{"id":"k1h7xqnd3fyw8mgqj5s9e6ro4a","username":"matter-bot"}"#;

fn limited(headers: &[&str]) -> Answer {
    let headers: Vec<&str> = headers
        .iter()
        .copied()
        .chain(["Content-Type: text/plain; charset=utf-8"])
        .collect();
    Answer::new("429 Too Many Requests", &headers, "limit exceeded\n")
}

fn ok(headers: &[&str]) -> Answer {
    Answer::new("200 OK", headers, ME)
}

#[tokio::test]
async fn a_429_is_repeated_when_retry_after_is_over() {
    let answer = limited(&[
        "Retry-After: 1",
        "X-Ratelimit-Limit: 101",
        "X-Ratelimit-Remaining: 0",
        "X-Ratelimit-Reset: 30",
    ]);
    let peer = Peer::answering([answer, ok(&[])]).await;
    let started = Instant::now();
    peer.api().me().await.unwrap();
    assert!(
        started.elapsed() >= Duration::from_secs(1),
        "{:?}",
        started.elapsed()
    );
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn a_429_without_retry_after_is_repeated_after_the_reset() {
    let peer = Peer::answering([limited(&["X-Ratelimit-Reset: 2"]), ok(&[])]).await;
    let started = Instant::now();
    peer.api().me().await.unwrap();
    assert!(
        started.elapsed() >= Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn a_429_of_a_proxy_without_any_header_is_repeated_a_second_later() {
    let peer = Peer::answering([limited(&[]), ok(&[])]).await;
    let started = Instant::now();
    peer.api().me().await.unwrap();
    assert!(
        started.elapsed() >= Duration::from_secs(1),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn a_wait_that_is_too_long_is_told_with_its_cap() {
    let peer = Peer::answering([limited(&["Retry-After: 86400"])]).await;
    let mut timeouts = quick();
    timeouts.all_attempts = Duration::from_secs(30);
    let error = peer.api_with(timeouts).me().await.unwrap_err();
    let minute = Duration::from_secs(60);
    assert!(
        matches!(error, ApiError::RateLimited { retry_after, .. } if retry_after == minute),
        "{error:?}"
    );
    assert_eq!(peer.requests().len(), 1);
}

#[tokio::test]
async fn of_doubled_headers_the_smaller_count_is_believed() {
    let doubled = [
        "X-Ratelimit-Limit: 101",
        "X-Ratelimit-Limit: 101",
        "X-Ratelimit-Remaining: 100",
        "X-Ratelimit-Remaining: 2",
        "X-Ratelimit-Reset: 1",
        "X-Ratelimit-Reset: 20",
    ];
    let peer = Peer::answering([ok(&doubled)]).await;
    let api = peer.api();
    let started = Instant::now();
    for _ in 0..3 {
        api.me().await.unwrap();
    }
    assert!(
        started.elapsed() >= Duration::from_millis(900),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn a_server_without_a_limit_is_asked_at_full_speed() {
    let peer = Peer::answering([ok(&[])]).await;
    let api = peer.api();
    let started = Instant::now();
    for _ in 0..100 {
        api.me().await.unwrap();
    }
    assert!(
        started.elapsed() < Duration::from_secs(7),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn a_lifecycle_command_does_not_wait_behind_ordinary_ones() {
    let shown = ok(&["X-Ratelimit-Limit: 101", "X-Ratelimit-Remaining: 100"]);
    let peer = Peer::answering([shown]).await;
    let api = peer.api();
    api.me().await.unwrap();
    // Twice the ordinary part of the burst: the second half of it takes seconds.
    let ordinary = join_all((0..60).map(|_| api.me()));
    let lifecycle = api.for_lifecycle();
    tokio::select! {
        biased;
        _ = ordinary => panic!("ordinary calls did not have to wait"),
        me = lifecycle.me() => drop(me.unwrap()),
    }
    assert!(
        peer.requests().len() < 60,
        "the lifecycle command waited for the ordinary ones"
    );
}
