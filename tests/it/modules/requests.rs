//! What modules ask of the server, are told of it, and call one another for.

use serde_json::{Value, json};

use super::rig::Rig;
use crate::support::scenario::Person;

/// The answer to what the module asks.
async fn asks(rig: &Rig, person: &Person, method: &str, arguments: Value) -> Value {
    let arguments = arguments.to_string();
    let answer = rig
        .answer(person, &format!("@dice ask {method} {arguments}"))
        .await;
    let json = answer.trim_matches(['`', '\n']);
    serde_json::from_str(json).unwrap_or_else(|_| panic!("{answer}"))
}

#[tokio::test]
async fn modules_ask_by_a_fixed_list_of_methods() {
    let mut rig = Rig::dice().await;
    let scenario = &rig.scenario;
    let olga = &scenario.olga;
    let user = asks(
        &rig,
        olga,
        "users.get_user_by_username",
        json!([olga.username]),
    )
    .await;
    assert_eq!(user["result"]["id"], olga.id.as_str(), "{user}");
    let channel = asks(&rig, olga, "channels.get_channel", json!([scenario.lab])).await;
    assert_eq!(channel["result"]["name"], "lab", "{channel}");
    let direct = json!([[scenario.bot.id, olga.id]]);
    let direct = asks(&rig, olga, "channels.create_direct_message_channel", direct).await;
    let options = json!([{"channel_id": direct["result"]["id"], "message": "@here"}]);
    let post = asks(&rig, olga, "posts.create_post", options).await;
    let post = olga
        .get(&format!(
            "/posts/{}",
            post["result"]["id"].as_str().unwrap()
        ))
        .await;
    let post = post.expect(200);
    assert_eq!(post["message"], "@\u{200b}here");
    assert!(post["props"]["matterbot"]["key"].is_string(), "{post}");
    for (method, arguments) in [
        ("users.update_user", json!(["olga"])),
        ("users.get_user", json!([".."])),
        ("users.get_user", json!([])),
    ] {
        let refused = asks(&rig, olga, method, arguments).await;
        assert!(refused["error"].is_string(), "{refused}");
    }
    assert!(!rig.bot.log().contains("somebody else writes"));
    rig.scenario.finish(&mut rig.bot).await;
}

/// What the module says of a file of so many bytes that comes with its call.
async fn size(rig: &Rig, bytes: usize) -> String {
    let (olga, lab) = (&rig.scenario.olga, &rig.scenario.lab);
    let path = format!("/files?channel_id={lab}&filename=a.bin");
    let content = Value::String("x".repeat(bytes - 2));
    let uploaded = olga.post(&path, content).await.expect(201);
    let file = &uploaded["file_infos"][0]["id"];
    let post = json!({"channel_id": lab, "message": "@dice size", "file_ids": [file]});
    let post = olga.posts(post).await;
    olga.notes(post, 0).outcome().await
}

#[tokio::test]
async fn files_have_a_limit_of_their_own() {
    let mut rig = Rig::dice().await;
    let (fits, is_too_large) = (45 << 20, (45 << 20) + 1);
    assert_eq!(size(&rig, fits).await, fits.to_string());
    let refused = size(&rig, is_too_large).await;
    assert_eq!(refused, "the file is larger than 45 MiB");
    rig.scenario.finish(&mut rig.bot).await;
}

#[tokio::test]
async fn a_post_of_a_module_has_its_files_and_nothing_that_gets_lost() {
    let mut rig = Rig::dice().await;
    let (lab, olga) = (&rig.scenario.lab, &rig.scenario.olga);
    for (key, value) in [("props", json!({"a": 1})), ("file_ids", json!("nothing"))] {
        let mut options = json!({"channel_id": lab, "message": "x"});
        options[key] = value;
        let refused = asks(&rig, olga, "posts.create_post", json!([options])).await;
        let error = refused["error"].as_str().unwrap();
        assert!(error.contains(key), "{error}");
    }
    let path = format!("/files?channel_id={lab}&filename=a.bin");
    let uploaded = rig.scenario.bot.post(&path, json!("content")).await;
    let file = uploaded.expect(201)["file_infos"][0]["id"].clone();
    let options = json!([{"channel_id": lab, "message": "x", "file_ids": [file], "props": {}, "root_id": ""}]);
    let post = asks(&rig, olga, "posts.create_post", options).await;
    let path = format!("/posts/{}", post["result"]["id"].as_str().unwrap());
    let post = olga.get(&path).await.expect(200);
    assert_eq!(post["file_ids"], json!([file]), "{post}");
    rig.scenario.finish(&mut rig.bot).await;
}

#[tokio::test]
async fn hooks_tell_of_posts_of_people_who_join_and_of_connections() {
    let hooks = json!({"hooks": ["scan_message", "on_join", "reconcile"]});
    let mut rig = Rig::new(&[("watch", hooks)], json!({})).await;
    let scenario = &rig.scenario;
    rig.bot.says("\"name\": \"reconcile\"", 1).await;
    scenario.olga.says(&scenario.lab, "a word to watch").await;
    rig.bot.says("a word to watch", 1).await;
    scenario.channel("annex", &[&scenario.pat]).await;
    let newcomer = scenario.newcomer("nina").await;
    scenario
        .admin
        .adds_to_channel(&scenario.lab, &newcomer.id)
        .await;
    rig.bot.says(&newcomer.id, 1).await;
    rig.scenario.finish(&mut rig.bot).await;
}

#[tokio::test]
async fn an_answer_calls_modules_one_level_deep_if_that_is_wanted() {
    for recursion in [true, false] {
        let settings = json!({"Matterbot": {"recursion": recursion}});
        let modules = [("dice", json!({})), ("other", json!({}))];
        let mut rig = Rig::new(&modules, settings).await;
        let scenario = &rig.scenario;
        let (olga, lab) = (&scenario.olga, &scenario.lab);
        let asked = olga.asks(lab, "@dice recurse other").await;
        assert_eq!(asked.outcome().await, "@other recurse dice");
        if recursion {
            let answer = asked.posts().await.remove(0);
            let deep = scenario.bot.notes(answer, 0);
            assert_eq!(deep.outcome().await, "@dice recurse other");
        }
        // Whatever the answers call has been called before this is answered.
        assert_eq!(rig.answer(olga, "@dice echo end").await, "end");
        rig.scenario.finish(&mut rig.bot).await;
    }
}
