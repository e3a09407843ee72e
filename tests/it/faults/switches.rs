//! Who may set switches, and how they count.

use reqwest::Method;
use serde_json::json;

use super::client::Scene;

#[tokio::test]
async fn only_a_system_administrator_sets_switches() {
    let scene = Scene::new().await;
    let switch = json!({"fault": {"kind": "proxy_page", "status": 502}});
    for (token, status) in [("", 401), (&scene.pat, 403), (&scene.bot, 403)] {
        assert_eq!(scene.switch(token, switch.clone()).await.status, status);
        for method in [Method::GET, Method::DELETE] {
            assert_eq!(
                scene
                    .call(method, "/playground/faults", token, None)
                    .await
                    .status,
                status
            );
        }
    }
    assert_eq!(scene.get("/api/v4/users/me").await.status, 200);
}

#[tokio::test]
async fn a_switch_that_does_not_exist_is_refused_with_the_reason() {
    let scene = Scene::new().await;
    for (switch, reason) in [
        (json!({"fault": {"kind": "earthquake"}}), "earthquake"),
        (json!({"fault": {"kind": "late_posted"}}), "delay_ms"),
        (
            json!({"fault": {"kind": "half_open"}, "scope": {"user": "nobody-here"}}),
            "nobody-here",
        ),
        (
            json!({"fault": {"kind": "restart"}, "twice": true}),
            "twice",
        ),
    ] {
        let answer = scene.switch(&scene.admin, switch).await;
        assert_eq!(answer.status, 400);
        assert!(answer.text.contains(reason), "{}", answer.text);
    }
    assert_eq!(scene.switches().await.len(), 0);
}

#[tokio::test]
async fn a_switch_counts_its_hits_and_turns_itself_off() {
    let scene = Scene::new().await;
    scene
        .set(json!({"fault": {"kind": "proxy_page", "status": 503}, "times": 2}))
        .await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(scene.get("/api/v4/users/me").await.status);
    }
    assert_eq!(statuses, [503, 503, 200]);
    assert_eq!(scene.switches().await[0]["hits"], 2);
    scene.clear().await;
    assert_eq!(scene.switches().await.len(), 0);
}

#[tokio::test]
async fn a_switch_hits_a_path_or_a_user() {
    let scene = Scene::new().await;
    let page = json!({"kind": "proxy_page", "status": 502});
    scene
        .set(json!({"fault": page, "scope": {"path": "/api/v4/users"}}))
        .await;
    assert_eq!(scene.get("/api/v4/users/me").await.status, 502);
    assert_eq!(scene.get("/api/v4/system/ping").await.status, 200);
    scene.clear().await;
    scene
        .set(json!({"fault": page, "scope": {"user": "matter-bot"}}))
        .await;
    assert_eq!(scene.get("/api/v4/users/me").await.status, 502);
    assert_eq!(
        scene
            .call(Method::GET, "/api/v4/users/me", &scene.pat, None)
            .await
            .status,
        200
    );
}
