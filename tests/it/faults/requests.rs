//! Faults of requests: what is refused, and what is answered wrongly or late.

use std::time::{Duration, Instant};

use matterbot::playground::Flavour;
use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Scene, heard};

#[tokio::test]
async fn too_many_requests_is_plain_text_with_or_without_a_time() {
    let scene = Scene::new().await;
    for (fault, retry_after) in [
        (
            json!({"kind": "too_many_requests", "retry_after": 3}),
            Some("3"),
        ),
        (json!({"kind": "too_many_requests"}), None),
    ] {
        scene.set(json!({"fault": fault, "times": 1})).await;
        let answer = scene.post(&scene.bot, "limited").await;
        assert_eq!(
            (answer.status, answer.text.as_str()),
            (429, "limit exceeded\n")
        );
        assert_eq!(
            answer.header("content-type"),
            Some("text/plain; charset=utf-8")
        );
        assert_eq!(answer.header("retry-after"), retry_after);
    }
    assert!(!scene.messages().await.contains(&"limited".to_owned()));
}

#[tokio::test]
async fn the_real_limiter_counts_a_burst_by_address_or_by_user() {
    let scene = Scene::new().await;
    for (vary_by, copies, others) in [("address", 1, 429), ("user", 2, 200)] {
        scene.set(json!({"fault": {"kind": "rate_limit", "per_second": 1, "max_burst": 2, "vary_by": vary_by}})).await;
        let first = scene.get("/api/v4/users/me").await;
        assert_eq!(first.header("x-ratelimit-remaining"), Some("2"));
        assert_eq!(
            first.headers.get_all("x-ratelimit-limit").iter().count(),
            copies
        );
        let mut last = first;
        while last.status == 200 {
            last = scene.get("/api/v4/users/me").await;
        }
        assert_eq!((last.status, last.header("retry-after")), (429, Some("1")));
        let pat = scene
            .call(Method::GET, "/api/v4/users/me", &scene.pat, None)
            .await;
        assert_eq!(pat.status, others);
        scene.clear().await;
        assert_eq!(
            scene
                .get("/api/v4/users/me")
                .await
                .header("x-ratelimit-limit"),
            None
        );
    }
}

#[tokio::test]
async fn a_server_error_comes_before_or_after_the_save() {
    let scene = Scene::new().await;
    for (when, saved) in [("before_save", false), ("after_save", true)] {
        scene
            .set(
                json!({"fault": {"kind": "server_error", "status": 503, "when": when}, "times": 1}),
            )
            .await;
        let answer = scene.post(&scene.bot, when).await;
        assert_eq!(answer.status, 503);
        assert_eq!(answer.json["status_code"], 503);
        assert_eq!(scene.messages().await.contains(&when.to_owned()), saved);
    }
}

#[tokio::test]
async fn a_good_token_gets_401_while_the_ping_is_healthy_or_not() {
    let scene = Scene::new().await;
    let status_of_ping = "/api/v4/system/ping?get_server_status=true";
    for (healthy, status) in [(true, 200), (false, 500)] {
        scene
            .set(json!({"fault": {"kind": "unauthorized", "ping_healthy": healthy}}))
            .await;
        let answer = scene.get("/api/v4/users/me").await;
        assert_eq!(
            (answer.status, answer.id()),
            (401, "api.context.session_expired.app_error")
        );
        assert_eq!(
            scene
                .call(Method::GET, status_of_ping, "", None)
                .await
                .status,
            status
        );
        assert_eq!(
            scene
                .call(Method::GET, "/api/v4/system/ping", "", None)
                .await
                .status,
            200
        );
        scene.clear().await;
    }
    assert_eq!(scene.get("/api/v4/users/me").await.status, 200);
}

#[tokio::test]
async fn a_slow_answer_comes_after_the_post_can_be_read() {
    let scene = Scene::new().await;
    let fault = json!({"kind": "slow_answer", "delay_ms": 2000});
    scene
        .set(json!({"fault": fault, "scope": {"path": "/api/v4/posts"}, "times": 1}))
        .await;
    let mut socket = scene.listen(&scene.pat).await;
    let began = Instant::now();
    let (answer, heard_after) = tokio::join!(scene.post(&scene.bot, "slow"), async {
        socket
            .wait_for(|frame| frame["event"] == "posted")
            .await
            .expect("the event");
        assert_eq!(
            scene.messages().await.first().map(String::as_str),
            Some("slow")
        );
        began.elapsed()
    });
    assert_eq!(answer.status, 201);
    assert!(began.elapsed() >= Duration::from_millis(2000));
    assert!(heard_after < Duration::from_millis(2000), "{heard_after:?}");
}

#[tokio::test]
async fn a_proxy_answers_with_a_page_and_the_request_never_arrives() {
    let scene = Scene::new().await;
    for status in [502, 503] {
        scene
            .set(json!({"fault": {"kind": "proxy_page", "status": status}, "times": 1}))
            .await;
        let answer = scene.post(&scene.bot, "proxied").await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (status, Some("text/html"))
        );
        assert_eq!(answer.json, Value::Null);
        assert!(answer.text.starts_with("<html>"));
    }
    assert!(!scene.messages().await.contains(&"proxied".to_owned()));
}

#[tokio::test]
async fn a_database_that_is_down_gives_misleading_answers_and_leaves_websockets_open() {
    for (flavour, posting, reading) in [
        (Flavour::V11_6, 403, "app.channel.get.find.app_error"),
        (Flavour::V5_37, 400, "app.post.get_posts_since.app_error"),
    ] {
        let scene = Scene::of(flavour).await;
        let mut socket = scene.listen(&scene.bot).await;
        scene.set(json!({"fault": {"kind": "database_down"}})).await;
        assert_eq!(scene.post(&scene.pat, "lost").await.status, posting);
        let page = scene
            .get(&format!("/api/v4/channels/{}/posts?since=1", scene.channel))
            .await;
        assert_eq!((page.status, page.id()), (500, reading));
        assert_eq!(scene.get("/api/v4/users/me").await.status, 500);
        let health = scene
            .get("/api/v4/system/ping?get_server_status=true")
            .await;
        assert_eq!(
            (health.status, &health.json["database_status"]),
            (500, &json!("UNHEALTHY"))
        );
        assert_eq!(scene.get("/api/v4/system/ping").await.status, 200);
        scene.listen(&scene.bot).await;
        scene.clear().await;
        scene
            .set(json!({"fault": {"kind": "database_down", "sessions_cached": false}}))
            .await;
        assert_eq!(scene.post(&scene.pat, "lost").await.status, 401);
        scene.clear().await;
        assert_eq!(scene.post(&scene.pat, "found").await.status, 201);
        socket.settle("").await;
        assert_eq!(heard(&socket), ["found"]);
    }
}

#[tokio::test]
async fn a_file_store_that_is_down_takes_no_file_and_leaves_the_rest() {
    let scene = Scene::new().await;
    let upload = format!("/api/v4/files?channel_id={}&filename=a.txt", scene.channel);
    let kept = scene
        .call(Method::POST, &upload, &scene.bot, Some(json!("kept")))
        .await;
    let kept = kept.json["file_infos"][0]["id"].as_str().unwrap();
    let kept = format!("/api/v4/files/{kept}");
    scene
        .set(json!({"fault": {"kind": "file_store_down"}}))
        .await;
    let lost = scene
        .call(Method::POST, &upload, &scene.bot, Some(json!("lost")))
        .await;
    assert_eq!(
        (lost.status, lost.id()),
        (500, "api.file.write_file.app_error")
    );
    let unread = scene.get(&kept).await;
    assert_eq!(
        (unread.status, unread.id()),
        (500, "api.file.file_reader.app_error")
    );
    assert_eq!(scene.get(&format!("{kept}/info")).await.status, 200);
    assert_eq!(scene.post(&scene.bot, "saved").await.status, 201);
    let health = scene
        .get("/api/v4/system/ping?get_server_status=true")
        .await;
    let of = |key: &str| health.json[key].as_str().unwrap_or_default().to_owned();
    assert_eq!(health.status, 500);
    assert_eq!(
        ["database_status", "filestore_status", "status"].map(of),
        ["OK", "UNHEALTHY", "UNHEALTHY"]
    );
    assert_eq!(health.header("filestore_status"), Some("UNHEALTHY"));
    scene.clear().await;
    assert_eq!(scene.get(&kept).await.status, 200);
}

#[tokio::test]
async fn without_a_database_only_what_was_read_lately_is_known() {
    let scene = Scene::new().await;
    let user = |who: &Value| format!("/api/v4/users/{}", who.as_str().unwrap());
    let me = scene.get("/api/v4/users/me").await.json["id"].clone();
    let pat = scene.post(&scene.pat, "here").await.json["user_id"].clone();
    let olga = scene.get("/api/v4/users/username/olga").await.json["id"].clone();
    scene.set(json!({"fault": {"kind": "database_down"}})).await;
    for known in [&me, &pat] {
        assert_eq!(scene.get(&user(known)).await.status, 200);
    }
    let unknown = scene.get(&user(&olga)).await;
    assert_eq!(
        (unknown.status, unknown.id()),
        (500, "app.user.get_by_username.app_error")
    );
}

#[tokio::test]
async fn without_sessions_a_websocket_is_accepted_and_hears_no_hello() {
    let scene = Scene::new().await;
    let fault = json!({"kind": "database_down", "sessions_cached": false});
    scene.set(json!({"fault": fault})).await;
    let mut socket = scene.dial(&scene.bot).await;
    assert_eq!(socket.wait_for(|_| true).await, None, "it is cut");
}
