//! A token that the server refuses, or seems to refuse.

use std::time::Duration;

use matterbot::mattermost::gateway::{DisconnectCause, Gateway, Timing, Update};
use matterbot::playground::Flavour;
use matterbot::secret::Secret;
use serde_json::json;

use super::{FLAVOURS, Scene, api, timing};

#[tokio::test]
async fn a_revoked_token_is_found_out_although_its_socket_stays_open() {
    let mut scene = Scene::connected(Flavour::V11_6, timing()).await;
    scene.revoke_token().await;
    let cause = scene.cause().await;
    assert!(
        matches!(&cause, DisconnectCause::PingRefused { id } if id.contains("not_authenticated")),
        "{cause:?}"
    );
    let update = scene
        .until(|update| !matches!(update, Update::Event(_)))
        .await;
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
async fn a_disabled_bot_is_cut_and_refused() {
    for flavour in FLAVOURS {
        let mut scene = Scene::connected(flavour, timing()).await;
        let path = format!("/bots/{}/disable", scene.bot.id);
        scene.admin.post(&path, json!({})).await.expect(200);
        let cause = scene.cause().await;
        // The server cuts it; a ping can be quicker.
        assert!(
            matches!(
                cause,
                DisconnectCause::Lost(_) | DisconnectCause::PingRefused { .. }
            ),
            "{cause:?}"
        );
        let update = scene
            .until(|update| !matches!(update, Update::Event(_)))
            .await;
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
}

#[tokio::test]
async fn a_token_that_never_worked_is_refused_on_both_servers() {
    for flavour in FLAVOURS {
        let mut scene = Scene::new(flavour, timing()).await;
        scene.gateway = Gateway::with_timing(
            api(&scene.server, "k1h7xqnd3fyw8mgqj5s9e6ro4a"),
            7,
            timing(),
        );
        let update = scene.gateway.next().await;
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
}

#[tokio::test]
async fn a_token_that_is_mended_connects_at_once() {
    let mut scene = Scene::new(Flavour::V11_6, timing()).await;
    let api = api(&scene.server, "k1h7xqnd3fyw8mgqj5s9e6ro4a");
    let an_hour = Timing {
        backoff_min: Duration::from_secs(3_600),
        refused_max: Duration::from_secs(3_600),
        ..timing()
    };
    scene.gateway = Gateway::with_timing(api.clone(), 7, an_hour);
    assert!(matches!(scene.gateway.next().await, Update::Refused { .. }));
    api.change_token(&Secret::new(scene.bot.token.clone()))
        .unwrap();
    scene.gateway.retry_now();
    scene.connect().await;
}

#[tokio::test]
async fn a_passing_401_is_not_taken_for_a_refusal() {
    let mut scene = Scene::new(Flavour::V11_6, timing()).await;
    scene.fault(json!({ "fault": { "kind": "unauthorized" }, "scope": { "user": "matter-bot" }, "times": 1 })).await;
    let update = scene.gateway.next().await;
    assert!(matches!(update, Update::Connected { .. }), "{update:?}");
}

#[tokio::test]
async fn a_database_that_is_down_is_no_refusal_of_a_good_token() {
    let mut scene = Scene::new(Flavour::V11_6, timing()).await;
    scene
        .fault(json!({ "fault": { "kind": "database_down", "sessions_cached": false } }))
        .await;
    let update = scene.gateway.next().await;
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
