//! Reading, editing and deleting posts; files and webhooks.

use matterbot::playground::{Flavour, Options};
use serde_json::{Value, json};

use crate::support::playground::{Person, Server};

fn id(value: &Value) -> &str {
    value["id"].as_str().unwrap()
}

async fn posts(person: &Person, channel: &str, query: &str) -> Value {
    let path = format!("/channels/{channel}/posts?{query}");
    person.get(&path).await.expect(200)
}

fn messages(list: &Value) -> Vec<&str> {
    let order = list["order"].as_array().unwrap().iter();
    order
        .map(|id| {
            list["posts"][id.as_str().unwrap()]["message"]
                .as_str()
                .unwrap()
        })
        .collect()
}

#[tokio::test]
async fn after_walks_from_the_oldest_and_before_from_the_newest() {
    let server = Server::start().await;
    let pat = server.log_in("pat").await;
    let channel = pat.channel("incidents").await;
    let anchor = pat.say(&channel, "anchor").await;
    let mut last = anchor.clone();
    for number in 0..5 {
        last = say_later(&pat, &channel, &format!("m{number}"), &last).await;
    }
    let first = posts(&pat, &channel, &format!("after={}&per_page=2", id(&anchor))).await;
    assert_eq!(messages(&first), ["m1", "m0"]);
    assert_eq!(first["prev_post_id"], anchor["id"]);
    let second = posts(
        &pat,
        &channel,
        &format!("after={}&per_page=2&page=1", id(&anchor)),
    )
    .await;
    assert_eq!(messages(&second), ["m3", "m2"]);
    let third = posts(
        &pat,
        &channel,
        &format!("after={}&per_page=2&page=2", id(&anchor)),
    )
    .await;
    assert_eq!(messages(&third), ["m4"]);
    assert_eq!(third["next_post_id"], "");
    let before = posts(&pat, &channel, &format!("before={}&per_page=2", id(&last))).await;
    assert_eq!(messages(&before), ["m3", "m2"]);
    assert_eq!(before["next_post_id"], last["id"]);
}

/// Posts until the server's clock has moved on from `before`: of two posts of one millisecond, one is skipped.
async fn say_later(person: &Person, channel: &str, message: &str, before: &Value) -> Value {
    loop {
        let post = person.say(channel, message).await;
        if post["create_at"].as_i64() > before["create_at"].as_i64() {
            return post;
        }
        person
            .delete(&format!("/posts/{}", id(&post)))
            .await
            .expect(200);
    }
}

#[tokio::test]
async fn pages_hold_two_hundred_at_most_and_an_unknown_anchor_nothing() {
    let server = Server::start().await;
    let pat = server.log_in("pat").await;
    let channel = pat.channel("off-topic").await;
    for number in 0..205 {
        pat.say(&channel, &number.to_string()).await;
    }
    let page = posts(&pat, &channel, "per_page=1000").await;
    assert_eq!(messages(&page).len(), 200);
    let nothing = posts(&pat, &channel, "after=zzzzzzzzzzzzzzzzzzzzzzzzzz").await;
    assert_eq!(messages(&nothing), Vec::<&str>::new());
}

#[tokio::test]
async fn an_edit_leaves_a_row_of_history_and_since_shows_both() {
    let server = Server::start().await;
    let pat = server.log_in("pat").await;
    let channel = pat.channel("incidents").await;
    let post = pat.say(&channel, "frist").await;
    let since = post["create_at"].as_i64().unwrap();
    let edited = pat
        .put(
            &format!("/posts/{}/patch", id(&post)),
            json!({"message": "first"}),
        )
        .await
        .expect(200);
    assert!(edited["edit_at"].as_i64() > post["create_at"].as_i64());
    let list = posts(&pat, &channel, &format!("since={since}")).await;
    let rows: Vec<&Value> = list["posts"].as_object().unwrap().values().collect();
    let history = rows
        .iter()
        .find(|row| row["original_id"] == post["id"])
        .unwrap();
    assert_eq!(
        (&history["message"], history["delete_at"].as_i64()),
        (&json!(""), edited["edit_at"].as_i64())
    );
    assert_eq!(list["posts"][id(&post)]["message"], "first");
    let page = posts(&pat, &channel, "per_page=1").await;
    assert_eq!(messages(&page), ["first"], "a page shows no history");
}

#[tokio::test]
async fn a_deletion_takes_the_replies_along_with_one_event() {
    let server = Server::start().await;
    let (pat, bot) = (server.log_in("pat").await, server.bot().await);
    let channel = pat.channel("incidents").await;
    let root = pat.say(&channel, "root").await;
    let reply = bot.reply(&root, "reply").await;
    let mut socket = bot.listen().await;
    pat.delete(&format!("/posts/{}", id(&root)))
        .await
        .expect(200);
    let event = socket.event("post_deleted").await;
    let gone: Value = serde_json::from_str(event["data"]["post"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&gone["message"], &gone["delete_at"]),
        (&json!("root"), &json!(0))
    );
    assert!(event["data"].get("delete_by").is_none());
    let later = socket.so_far(1).await;
    assert!(
        later.iter().all(|frame| frame["event"] != "post_deleted"),
        "{later:?}"
    );
    for post in [&root, &reply] {
        let answer = bot.get(&format!("/posts/{}", id(post))).await;
        assert_eq!(
            (answer.status, answer.error()),
            (404, "app.post.get.app_error")
        );
    }
    let refused = bot
        .post(
            "/posts",
            json!({"channel_id": channel, "root_id": root["id"], "message": "late"}),
        )
        .await;
    assert_eq!(
        (refused.status, refused.error()),
        (400, "api.post.create_post.root_id.app_error")
    );
}

#[tokio::test]
async fn an_administrator_may_date_a_post_and_nobody_else() {
    let server = Server::start().await;
    for (name, dated) in [("admin", true), ("pat", false)] {
        let person = server.log_in(name).await;
        let channel = person.channel("incidents").await;
        let body = json!({"channel_id": channel, "message": "old", "create_at": 1_000});
        let post = person.post("/posts", body).await.expect(201);
        assert_eq!(post["create_at"] == 1_000, dated, "{name}");
    }
}

#[tokio::test]
async fn a_webhook_speaks_in_its_makers_name_and_reaches_a_direct_message() {
    let server = Server::start().await;
    let (admin, bot) = (server.log_in("admin").await, server.bot().await);
    let channel = admin.channel("incidents").await;
    let hook = admin
        .post(
            "/hooks/incoming",
            json!({"channel_id": channel, "display_name": "h"}),
        )
        .await
        .expect(201);
    let mut socket = bot.listen().await;
    let url = format!("{}/hooks/{}", server.playground.base_url(), id(&hook));
    let body = json!({"text": "@restart", "channel": "@matter-bot"}).to_string();
    let answer = server.http.post(url).body(body).send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.text().await.unwrap()),
        (200, "ok".to_owned())
    );
    let event = socket.event("posted").await;
    assert_eq!(event["data"]["channel_type"], "D");
    let post: Value = serde_json::from_str(event["data"]["post"].as_str().unwrap()).unwrap();
    assert_eq!(post["user_id"], admin.id);
    assert_eq!(post["props"]["from_webhook"], "true");
}

#[tokio::test]
async fn a_file_is_taken_by_one_post_alone() {
    let server = Server::start().await;
    let (pat, bot) = (server.log_in("pat").await, server.bot().await);
    let channel = bot.channel("incidents").await;
    let path = format!("/files?channel_id={channel}&filename=a.log");
    let uploaded = bot
        .ask_raw("POST", &path, "twelve bytes".to_owned())
        .await
        .expect(201);
    let file = uploaded["file_infos"][0]["id"].clone();
    let body = json!({"channel_id": channel, "message": "with file", "file_ids": [file]});
    let post = bot.post("/posts", body.clone()).await.expect(201);
    assert_eq!(post["metadata"]["files"][0]["name"], "a.log");
    let again = bot.post("/posts", body).await.expect(201);
    assert_eq!(again["file_ids"], Value::Null);
    let path = format!("/files/{}", file.as_str().unwrap());
    assert_eq!(pat.get(&path).await.expect(200), "twelve bytes");
}

#[tokio::test]
async fn older_servers_answer_otherwise() {
    let server = Server::start_with(Options {
        flavour: Flavour::V5_37,
        ..Options::default()
    })
    .await;
    let (pat, bot) = (server.log_in("pat").await, server.bot().await);
    let channel = pat.channel("incidents").await;
    assert_eq!(bot.get("/users/me/channels").await.status, 404);
    let mut socket = bot.listen().await;
    let root = pat.say(&channel, "@all hear").await;
    let event = socket.event("posted").await;
    let mentions: Vec<String> =
        serde_json::from_str(event["data"]["mentions"].as_str().unwrap()).unwrap();
    assert!(mentions.len() > 1 && mentions.contains(&bot.id) && !mentions.contains(&pat.id));
    let reply = bot.reply(&root, "heard").await;
    assert_eq!(reply["parent_id"], root["id"]);
    assert!(reply.get("remote_id").is_none());
    let reaction =
        json!({"user_id": bot.id, "post_id": root["id"], "emoji_name": "nosuchemoji_zz"});
    bot.post("/reactions", reaction).await.expect(200);
}

#[tokio::test]
async fn whole_threads_come_along_outside_of_the_order() {
    let server = Server::start().await;
    let pat = server.log_in("pat").await;
    let channel = pat.channel("incidents").await;
    let root = pat.say(&channel, "root").await;
    let first = pat.reply(&root, "first").await;
    let anchor = say_later(&pat, &channel, "anchor", &first).await;
    let second = loop {
        let reply = pat.reply(&root, "second").await;
        if reply["create_at"].as_i64() > anchor["create_at"].as_i64() {
            break reply;
        }
        pat.delete(&format!("/posts/{}", id(&reply)))
            .await
            .expect(200);
    };
    let list = posts(&pat, &channel, &format!("after={}", id(&anchor))).await;
    assert_eq!(list["order"], json!([second["id"]]));
    for post in [&root, &first, &second] {
        assert_eq!(list["posts"][id(post)]["reply_count"], 2);
    }
    let page = posts(&pat, &channel, "per_page=1").await;
    assert_eq!(page["order"], json!([second["id"]]));
    assert_eq!(page["posts"].as_object().unwrap().len(), 3);
    let since = anchor["create_at"].as_i64().unwrap();
    let since = posts(&pat, &channel, &format!("since={since}")).await;
    assert!(
        since["posts"].get(id(&first)).is_none(),
        "only the root comes along"
    );
}
