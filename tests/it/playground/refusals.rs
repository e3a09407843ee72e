//! What the real server refuses, and in which words.

use matterbot::playground::{Flavour, Options};
use serde_json::{Value, json};

use crate::support::playground::{Answer, Person, Server};

/// The status and the error's id.
fn error(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.error())
}

#[tokio::test]
async fn a_post_holds_ten_files_at_most() {
    let server = Server::start().await;
    let bot = server.bot().await;
    let channel = bot.channel("incidents").await;
    let upload = format!("/files?channel_id={channel}&filename=a.txt");
    let mut files = Vec::new();
    for _ in 0..11 {
        let file = bot.post(&upload, json!("content")).await.expect(201);
        files.push(file["file_infos"][0]["id"].clone());
    }
    let post = |files: Value| json!({"channel_id": channel, "message": "", "file_ids": files});
    let refused = bot.post("/posts", post(json!(files))).await;
    let id = "model.post.is_valid.file_ids.app_error";
    assert_eq!(error(&refused), (400, id));
    // One that is named often counts once.
    let once = bot.post("/posts", post(json!(vec![&files[10]; 11]))).await;
    assert_eq!(once.expect(201)["file_ids"], json!([files[10]]));
    let most = bot.post("/posts", post(json!(files[..10]))).await;
    assert_eq!(most.expect(201)["file_ids"], json!(files[..10]));
}

#[tokio::test]
async fn guests_need_a_licence() {
    let server = Server::start().await;
    let (admin, pat) = (server.log_in("admin").await, server.log_in("pat").await);
    let demote = format!("/users/{}/demote", pat.id);
    let refused = admin.post(&demote, json!({})).await;
    let unlicensed = (501, "api.team.demote_user_to_guest.license.error");
    assert_eq!(error(&refused), unlicensed);
    // The licence comes before the permission.
    assert_eq!(error(&pat.post(&demote, json!({})).await), unlicensed);
    let server = Server::start_with(Options {
        licensed: true,
        ..Options::default()
    })
    .await;
    let (admin, pat) = (server.log_in("admin").await, server.log_in("pat").await);
    let demote = format!("/users/{}/demote", pat.id);
    let promote = format!("/users/{}/promote", pat.id);
    let no_guest = admin.post(&promote, json!({})).await;
    let id = "api.user.promote_guest_to_user.no_guest.app_error";
    assert_eq!(error(&no_guest), (501, id));
    admin.post(&demote, json!({})).await.expect(200);
    let again = admin.post(&demote, json!({})).await;
    let id = "api.user.demote_user_to_guest.already_guest.app_error";
    assert_eq!(error(&again), (501, id));
    admin.post(&promote, json!({})).await.expect(200);
}

#[tokio::test]
async fn some_roles_need_a_licence() {
    let server = Server::start().await;
    let (admin, pat) = (server.log_in("admin").await, server.log_in("pat").await);
    let path = format!("/users/{}/roles", pat.id);
    let roles = json!({"roles": "system_user system_manager"});
    let refused = admin.put(&path, roles).await;
    let id = "api.user.update_user_roles.license.app_error";
    assert_eq!(error(&refused), (400, id));
}

#[tokio::test]
async fn people_have_no_access_tokens_unless_the_server_is_set_so() {
    for (access_tokens, status) in [(false, 501), (true, 200)] {
        let server = Server::start_with(Options {
            access_tokens,
            ..Options::default()
        })
        .await;
        let (admin, bot) = (server.log_in("admin").await, server.bot().await);
        let token = json!({"description": "of a test"});
        let path = format!("/users/{}/tokens", admin.id);
        let of_person = admin.post(&path, token.clone()).await;
        assert_eq!(of_person.status, status, "{of_person:?}");
        if status == 501 {
            assert_eq!(of_person.error(), "app.user_access_token.disabled");
        }
        let path = format!("/users/{}/tokens", bot.id);
        admin.post(&path, token).await.expect(200);
    }
}

#[tokio::test]
async fn somebody_without_channels_gets_a_broken_list_or_404() {
    for flavour in [Flavour::V11_6, Flavour::V5_37] {
        let server = Server::start_with(Options {
            flavour,
            ..Options::default()
        })
        .await;
        let new = json!({"email": "eve@example.test", "username": "eve", "password": "Password-1"});
        server.ask("POST", "/users", Some(new)).await.expect(201);
        let eve = server.log_in_with("eve", "Password-1").await;
        let admin = server.log_in("admin").await;
        let team = admin.team().await;
        let id = "app.channel.get_channels.not_found.app_error";
        let path = format!("/users/{}/teams/{team}/channels", eve.id);
        assert_eq!(error(&admin.get(&path).await), (404, id));
        if flavour == Flavour::V11_6 {
            let broken = eve.get("/users/me/channels").await;
            assert_eq!(broken.status, 200);
            let text = broken.body.as_str().unwrap();
            let begun: Value = serde_json::from_str(text.strip_prefix('[').unwrap()).unwrap();
            assert_eq!(
                (&begun["id"], &begun["status_code"]),
                (&json!(id), &json!(404))
            );
        }
    }
}

#[tokio::test]
async fn a_channel_is_not_given_a_name_that_is_taken_or_none() {
    let server = Server::start().await;
    let admin = server.log_in("admin").await;
    let path = format!("/channels/{}/patch", admin.channel("incidents").await);
    let taken = "store.sql_channel.save_channel.exists.app_error";
    let invalid = "model.channel.is_valid.1_or_more.app_error";
    let purpose = "model.channel.is_valid.purpose.app_error";
    for (patch, id) in [
        (json!({"name": "off-topic"}), taken),
        (json!({"name": "Off Topic"}), invalid),
        (json!({"name": ""}), invalid),
        (json!({"purpose": "x".repeat(251)}), purpose),
    ] {
        let refused = admin.put(&path, patch.clone()).await;
        assert_eq!(error(&refused), (400, id), "{patch}");
    }
    let same = json!({"name": "incidents", "header": "what burns"});
    admin.put(&path, same).await.expect(200);
}

#[tokio::test]
async fn what_stands_in_an_archived_channel_stays_as_it_is() {
    let server = Server::start().await;
    let (admin, pat) = (server.log_in("admin").await, server.log_in("pat").await);
    let channel = pat.channel("incidents").await;
    let post = pat.say(&channel, "as it is").await;
    let post = post["id"].as_str().unwrap();
    let thumb = json!({"user_id": pat.id, "post_id": post, "emoji_name": "+1"});
    pat.post("/reactions", thumb.clone()).await.expect(200);
    let path = format!("/channels/{channel}");
    admin.delete(&path).await.expect(200);
    let patch = "api.post.patch_post.can_not_update_post_in_deleted.error";
    let update = "api.post.update_post.can_not_update_post_in_deleted.error";
    let delete = "api.post.delete_post.can_not_delete_post_in_deleted.error";
    let path = format!("/posts/{post}");
    let edit = json!({"id": post, "message": "another"});
    let ask = async |method: &str, path: &str, body: &Value| {
        let answer = pat.ask(method, path, Some(body.clone())).await;
        (answer.status, answer.error().to_owned())
    };
    let reaction = format!("/users/{}/posts/{post}/reactions/+1", pat.id);
    for (method, path, body, status, id) in [
        ("PUT", format!("{path}/patch"), &edit, 400, patch),
        ("PUT", path.clone(), &edit, 400, update),
        ("POST", format!("{path}/pin"), &json!({}), 400, patch),
        ("POST", format!("{path}/unpin"), &json!({}), 400, patch),
        ("DELETE", path.clone(), &json!({}), 400, delete),
        (
            "POST",
            "/reactions".to_owned(),
            &thumb,
            403,
            "api.reaction.save.archived_channel.app_error",
        ),
        (
            "DELETE",
            reaction,
            &json!({}),
            403,
            "api.reaction.delete.archived_channel.app_error",
        ),
    ] {
        let answer = ask(method, &path, body).await;
        assert_eq!(answer, (status, id.to_owned()), "{method} {path}");
    }
}

#[tokio::test]
async fn who_heads_a_channel_does_not_delete_what_others_wrote() {
    let server = Server::start().await;
    let (admin, olga, pat) = (
        server.log_in("admin").await,
        server.log_in("olga").await,
        server.log_in("pat").await,
    );
    let channel = channel_of(&olga, &pat).await;
    let post = pat.say(&channel, "mine").await;
    let path = format!("/posts/{}", post["id"].as_str().unwrap());
    let refused = olga.delete(&path).await;
    let id = "api.context.permissions.app_error";
    assert_eq!(error(&refused), (403, id));
    admin.delete(&path).await.expect(200);
}

/// A channel that `head` made, with `member` in it.
async fn channel_of(head: &Person, member: &Person) -> String {
    let new =
        json!({"team_id": head.team().await, "name": "own", "display_name": "Own", "type": "O"});
    let channel = head.post("/channels", new).await.expect(201);
    let channel = channel["id"].as_str().unwrap().to_owned();
    let path = format!("/channels/{channel}/members");
    let member = json!({"user_id": member.id});
    head.post(&path, member).await.expect(201);
    channel
}

#[tokio::test]
async fn a_foreign_origin_is_refused_in_two_voices() {
    for (flavour, status_code, message) in [
        (
            Flavour::V11_6,
            400,
            "URL Blocked because of CORS. Url: http://evil.example",
        ),
        (
            Flavour::V5_37,
            500,
            "Failed to upgrade websocket connection.",
        ),
    ] {
        let server = Server::start_with(Options {
            flavour,
            ..Options::default()
        })
        .await;
        let url = format!("{}/api/v4/websocket", server.playground.base_url());
        let request = server
            .http
            .get(url)
            .header("origin", "http://evil.example")
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 403);
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("content-type"), "text/plain; charset=utf-8");
        assert_eq!(header("sec-websocket-version"), "13");
        let text = response.text().await.unwrap();
        let body: Value = serde_json::from_str(text.strip_prefix("Forbidden\n").unwrap()).unwrap();
        assert_eq!(body["id"], "api.web_socket.connect.upgrade.app_error");
        assert_eq!(body["status_code"], status_code);
        assert_eq!(body["message"], message);
    }
}
