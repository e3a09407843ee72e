//! Who gets in, what each may, and who is told.

use matterbot::playground::{LimitBy, RateLimit};
use serde_json::json;

use crate::support::playground::Server;

#[tokio::test]
async fn the_seeded_people_have_the_published_password_and_their_roles() {
    let server = Server::start().await;
    for (name, roles) in [
        ("admin", "system_admin system_user"),
        ("olga", "system_user"),
        ("pat", "system_user"),
        ("guest", "system_guest"),
    ] {
        let person = server.log_in(name).await;
        assert_eq!(person.get("/users/me").await.expect(200)["roles"], roles);
    }
    let gone = json!({"login_id": "gone", "password": "Playground-1"});
    let refused = server.ask("POST", "/users/login", Some(gone)).await;
    assert_eq!(
        (refused.status, refused.error()),
        (401, "api.user.login.inactive.app_error")
    );
}

#[tokio::test]
async fn a_client_can_set_up_a_team_of_its_own() {
    let server = Server::start().await;
    let admin = server.log_in("admin").await;
    let team = admin
        .post(
            "/teams",
            json!({"name": "lab", "display_name": "Lab", "type": "O"}),
        )
        .await
        .expect(201);
    let team = team["id"].as_str().unwrap();
    let channel = admin
        .post(
            "/channels",
            json!({"team_id": team, "name": "c", "display_name": "C", "type": "P"}),
        )
        .await
        .expect(201);
    let channel = channel["id"].as_str().unwrap();
    let new = json!({"email": "eve@example.test", "username": "Eve", "password": "Password-1"});
    let eve = admin.post("/users", new).await.expect(201);
    assert_eq!(
        (&eve["username"], &eve["roles"]),
        (&json!("eve"), &json!("system_user"))
    );
    let early = admin
        .post(
            &format!("/channels/{channel}/members"),
            json!({"user_id": eve["id"]}),
        )
        .await;
    assert_eq!(
        (early.status, early.error()),
        (404, "app.team.get_member.missing.app_error")
    );
    let bot = admin
        .post("/bots", json!({"username": "labbot"}))
        .await
        .expect(201);
    let token = admin
        .post(
            &format!("/users/{}/tokens", bot["user_id"].as_str().unwrap()),
            json!({"description": "test"}),
        )
        .await
        .expect(200);
    for user in [&eve["id"], &bot["user_id"]] {
        let member = json!({"team_id": team, "user_id": user});
        admin
            .post(&format!("/teams/{team}/members"), member)
            .await
            .expect(201);
        admin
            .post(
                &format!("/channels/{channel}/members"),
                json!({"user_id": user}),
            )
            .await
            .expect(201);
    }
    let bot = admin.with_token(token["token"].as_str().unwrap());
    bot.say(channel, "at home").await;
    let eve = server.log_in_with("eve", "Password-1").await;
    eve.say(channel, "hello").await;
}

#[tokio::test]
async fn the_name_matterbot_cannot_be_had() {
    let server = Server::start().await;
    let admin = server.log_in("admin").await;
    let bot = admin.post("/bots", json!({"username": "matterbot"})).await;
    assert_eq!(
        (bot.status, bot.error()),
        (400, "model.bot.is_valid.username.app_error")
    );
    let new = json!({"email": "m@example.test", "username": "matterbot", "password": "Password-1"});
    let user = admin.post("/users", new).await;
    assert_eq!(
        (user.status, user.error()),
        (400, "model.user.is_valid.username.app_error")
    );
}

#[tokio::test]
async fn a_guest_sees_its_channel_and_those_who_are_in_it() {
    let server = Server::start().await;
    let (guest, pat) = (server.log_in("guest").await, server.log_in("pat").await);
    let square = guest.channel("town-square").await;
    guest.say(&square, "hello").await;
    let incidents = pat.channel("incidents").await;
    assert_eq!(
        guest.get(&format!("/channels/{incidents}")).await.status,
        403
    );
    let stranger =
        json!({"email": "s@example.test", "username": "stranger", "password": "Password-1"});
    let stranger = server
        .ask("POST", "/users", Some(stranger))
        .await
        .expect(201);
    let path = format!("/users/{}", stranger["id"].as_str().unwrap());
    assert_eq!(guest.get(&path).await.status, 403);
    assert_eq!(pat.get(&path).await.status, 200);
    assert_eq!(guest.get(&format!("/users/{}", pat.id)).await.status, 200);
}

#[tokio::test]
async fn a_change_of_roles_is_told_to_its_subject_alone_and_a_deactivation_to_all() {
    let server = Server::start().await;
    let (admin, olga, bot) = (
        server.log_in("admin").await,
        server.log_in("olga").await,
        server.bot().await,
    );
    let (mut hers, mut bots) = (olga.listen().await, bot.listen().await);
    let path = format!("/users/{}/roles", olga.id);
    admin
        .put(&path, json!({"roles": "system_user system_admin"}))
        .await
        .expect(200);
    hers.event("user_role_updated").await;
    assert_eq!(
        bots.so_far(1).await.len(),
        1,
        "its own change of status alone"
    );
    assert_eq!(
        bot.get(&format!("/users/{}", olga.id)).await.body["roles"],
        "system_user system_admin"
    );
    admin
        .delete(&format!("/users/{}", olga.id))
        .await
        .expect(200);
    let event = bots.event("user_updated").await;
    assert!(event["data"]["user"]["delete_at"].as_i64().unwrap() > 0);
    let refused = olga.get("/users/me").await;
    assert_eq!(
        (refused.status, refused.error()),
        (401, "api.context.session_expired.app_error")
    );
}

#[tokio::test]
async fn a_private_channel_is_hidden_and_a_public_one_readable_but_not_writable() {
    let server = Server::start().await;
    let (admin, bot) = (server.log_in("admin").await, server.bot().await);
    let team = admin.team().await;
    for (kind, status) in [("O", 200), ("P", 403)] {
        let new = json!({"team_id": team, "name": kind.to_lowercase(), "display_name": kind, "type": kind});
        let channel = admin.post("/channels", new).await.expect(201);
        let channel = channel["id"].as_str().unwrap();
        let read = bot.get(&format!("/channels/{channel}/posts")).await;
        assert_eq!(read.status, status, "{kind}");
        let written = bot
            .post("/posts", json!({"channel_id": channel, "message": "x"}))
            .await;
        assert_eq!(written.status, 403, "{kind}");
    }
}

#[tokio::test]
async fn the_limit_answers_in_plain_text_and_refuses_upgrades_too() {
    let server = Server::start().await;
    let bot = server.bot().await;
    assert!(
        bot.get("/users/me")
            .await
            .header("x-ratelimit-limit")
            .is_none()
    );
    let limit = RateLimit {
        per_second: 1,
        burst: 1,
        by: LimitBy::Address,
    };
    server.playground.set_rate_limit(Some(limit));
    for remaining in ["1", "0"] {
        let answer = bot.get("/users/me").await;
        assert_eq!(answer.header("x-ratelimit-limit"), Some("2"));
        assert_eq!(answer.header("x-ratelimit-remaining"), Some(remaining));
    }
    let refused = bot.get("/users/me").await;
    assert_eq!(refused.status, 429);
    assert_eq!(
        refused.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.body, "limit exceeded\n");
    assert_eq!(bot.get("/websocket").await.status, 429);
    server.playground.set_rate_limit(None);
    bot.get("/users/me").await.expect(200);
}
