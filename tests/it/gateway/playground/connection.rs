//! Connections that go deaf, half open, closed, or down with their server.

use std::time::Duration;

use matterbot::mattermost::api::ApiError;
use matterbot::mattermost::gateway::DisconnectCause;
use matterbot::playground::Flavour;
use serde_json::json;

use super::{FLAVOURS, Scene, impatient, timing};

#[tokio::test]
async fn a_deaf_hub_is_found_out_by_the_ping() {
    let mut scene = Scene::connected(Flavour::V5_37, impatient()).await;
    scene
        .fault(json!({ "fault": { "kind": "deaf", "ping": "unanswered" } }))
        .await;
    let cause = scene.cause().await;
    assert!(matches!(cause, DisconnectCause::Silent), "{cause:?}");
    scene.connect().await;
    scene.say("heard again").await;
    assert_eq!(scene.told_up_to("heard again").await, ["heard again"]);
}

#[tokio::test]
async fn a_deaf_socket_that_says_so_is_left() {
    let mut scene = Scene::connected(Flavour::V11_6, timing()).await;
    scene
        .fault(json!({ "fault": { "kind": "deaf", "ping": "fail" } }))
        .await;
    let cause = scene.cause().await;
    assert!(
        matches!(cause, DisconnectCause::PingRefused { .. }),
        "{cause:?}"
    );
    scene.connect().await;
}

#[tokio::test]
async fn a_half_open_connection_is_left() {
    let mut scene = Scene::connected(Flavour::V11_6, impatient()).await;
    scene
        .fault(json!({ "fault": { "kind": "half_open" } }))
        .await;
    let cause = scene.cause().await;
    assert!(matches!(cause, DisconnectCause::Silent), "{cause:?}");
    scene.connect().await;
}

#[tokio::test]
async fn close_codes_of_the_server_are_told() {
    let mut scene = Scene::connected(Flavour::V11_6, timing()).await;
    scene
        .fault(json!({ "fault": { "kind": "close", "code": 1001 } }))
        .await;
    let cause = scene.cause().await;
    assert!(
        matches!(cause, DisconnectCause::Closed { code: 1001 }),
        "{cause:?}"
    );
    scene.connect().await;
    scene.fault(json!({ "fault": { "kind": "close" } })).await;
    let cause = scene.cause().await;
    assert!(matches!(cause, DisconnectCause::Lost(_)), "{cause:?}");
    scene.connect().await;
}

#[tokio::test]
async fn a_server_that_starts_again_is_found_again() {
    for flavour in FLAVOURS {
        let mut scene = Scene::connected(flavour, timing()).await;
        scene.fault(json!({ "fault": { "kind": "restart" } })).await;
        let cause = scene.cause().await;
        assert!(matches!(cause, DisconnectCause::Lost(_)), "{cause:?}");
        scene.connect().await;
        scene.say("back").await;
        assert_eq!(scene.told_up_to("back").await, ["back"]);
    }
}

#[tokio::test]
async fn a_proxy_in_front_of_a_server_that_is_gone_is_told() {
    let mut scene = Scene::new(Flavour::V11_6, timing()).await;
    scene
        .fault(json!({ "fault": { "kind": "proxy_page", "status": 502 }, "times": 1 }))
        .await;
    let cause = scene.cause().await;
    let page = |error: &ApiError| error.status() == Some(502);
    assert!(
        matches!(&cause, DisconnectCause::Unreachable(error) if page(error)),
        "{cause:?}"
    );
    scene.connect().await;
}

#[tokio::test]
async fn a_goodbye_is_answered_at_once() {
    let mut scene = Scene::connected(Flavour::V11_6, timing()).await;
    let started = std::time::Instant::now();
    scene.gateway.close(Duration::from_secs(10)).await;
    assert!(
        started.elapsed() < Duration::from_millis(500),
        "{:?}",
        started.elapsed()
    );
}
