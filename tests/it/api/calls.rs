//! The calls: what is sent, and how old and new servers' answers are read.

use std::time::Duration;

use matterbot::id::{ChannelId, PostId, TeamId, UserId};
use matterbot::mattermost::model::{ChannelKind, NewPost};
use matterbot::timestamp::Timestamp;
use serde_json::{Value, json};

use super::create_post;
use super::peer::{Answer, Peer, TOKEN};

const CHANNEL: &str = "73j1itj4wtghmf3a5jc5ygbttw";
const TEAM: &str = "jsrg9rbaitf33ydmxxzoge485a";
const USER: &str = "66egbqe687rk8mhmm37bmbwrme";

fn channel() -> ChannelId {
    CHANNEL.parse().unwrap()
}

fn team() -> TeamId {
    TEAM.parse().unwrap()
}

fn user() -> UserId {
    USER.parse().unwrap()
}

/// The post number `number`, created in that millisecond.
fn post(number: usize) -> Value {
    json!({
        "id": post_id(number), "create_at": number, "update_at": number, "edit_at": 0, "delete_at": 0,
        "user_id": USER, "channel_id": CHANNEL, "root_id": "", "original_id": "", "message": format!("post {number}"),
        "type": "", "props": null, "file_ids": null, "pending_post_id": "", "remote_id": "", "participants": null,
        "metadata": {}, "a_field_of_later": [1, {}],
    })
}

fn post_id(number: usize) -> String {
    format!("post{number:0>22}")
}

fn list(order: &[usize], extra: &[usize], has_next: Option<bool>) -> Answer {
    let posts: serde_json::Map<String, Value> = order
        .iter()
        .chain(extra)
        .map(|number| (post_id(*number), post(*number)))
        .collect();
    let order: Vec<String> = order.iter().map(|number| post_id(*number)).collect();
    let mut list =
        json!({ "order": order, "posts": posts, "next_post_id": "", "prev_post_id": "" });
    if let Some(has_next) = has_next {
        list["has_next"] = json!(has_next);
    }
    Answer::json("200 OK", &list.to_string())
}

fn numbers(posts: &[matterbot::mattermost::model::Post]) -> Vec<i64> {
    posts.iter().map(|post| post.create_at.0).collect()
}

#[tokio::test]
async fn every_call_carries_the_token_and_the_base_path() {
    let peer = Peer::answering([Answer::json("200 OK", &json!({ "id": USER }).to_string())]).await;
    let me = peer.api().me().await.unwrap();
    assert_eq!(
        (me.id, me.is_bot, me.delete_at),
        (user(), false, Timestamp(0))
    );
    let request = peer.requests().remove(0);
    assert_eq!(request.line, "GET /api/v4/users/me");
    assert!(
        request
            .headers
            .contains(&format!("authorization: bearer {TOKEN}")),
        "{}",
        request.headers
    );
}

#[tokio::test]
async fn a_page_holds_what_order_names_and_no_roots_that_come_along() {
    let peer = Peer::answering([list(&[12, 11, 10], &[1, 2], None)]).await;
    let page = peer
        .api()
        .posts_after(channel(), post_id(9).parse().unwrap(), 3)
        .await
        .unwrap();
    assert_eq!(numbers(&page.posts), [10, 11, 12], "the oldest first");
    assert!(page.full);
    let expected = format!(
        "GET /api/v4/channels/{CHANNEL}/posts?after={}&per_page=3&skipFetchThreads=true",
        post_id(9)
    );
    assert_eq!(peer.lines(), [expected]);
}

#[tokio::test]
async fn a_short_page_is_the_last_one_and_the_server_caps_pages_at_200() {
    let peer = Peer::answering([
        list(&[2, 1], &[], None),
        Answer::json("200 OK", r#"{"order":[],"posts":{}}"#),
    ])
    .await;
    let api = peer.api();
    let page = api.latest_posts(channel(), 3, 1_000).await.unwrap();
    assert!(!page.full);
    assert!(
        peer.lines()[0].contains("page=3&per_page=200"),
        "{:?}",
        peer.lines()
    );
    let empty = api.latest_posts(channel(), 0, 200).await.unwrap();
    assert_eq!((empty.posts.len(), empty.full), (0, false));
}

#[tokio::test]
async fn a_post_that_cannot_be_read_does_not_stop_its_channel() {
    let body = json!({ "order": [post_id(2), post_id(1)], "posts": { post_id(1): post(1), post_id(2): { "id": 7 } } });
    let peer = Peer::answering([Answer::json("200 OK", &body.to_string())]).await;
    let page = peer.api().latest_posts(channel(), 0, 2).await.unwrap();
    assert_eq!(numbers(&page.posts), [1]);
    assert!(page.full);
}

#[tokio::test]
async fn a_page_that_is_too_large_is_read_in_smaller_ones() {
    let huge = Answer::json("200 OK", &" ".repeat(9 << 20));
    let peer = Peer::answering([huge.clone(), huge, list(&[2, 1], &[], None)]).await;
    let page = peer
        .api()
        .posts_after(channel(), post_id(0).parse().unwrap(), 8)
        .await
        .unwrap();
    assert_eq!(numbers(&page.posts), [1, 2]);
    assert!(page.full, "two of two");
    assert!(
        peer.lines()[2].contains("per_page=2&"),
        "{:?}",
        peer.lines()
    );
}

#[tokio::test]
async fn a_thread_is_paged_through_by_its_last_post() {
    // Every page repeats the post that was asked for, here a reply that is newer than the first page.
    let peer = Peer::answering([
        list(&[5, 1, 2], &[], Some(true)),
        list(&[5, 3, 4], &[], Some(true)),
        list(&[5, 6], &[], Some(false)),
    ])
    .await;
    let thread = peer
        .api()
        .thread(post_id(5).parse().unwrap())
        .await
        .unwrap();
    assert_eq!(numbers(&thread), [1, 2, 3, 4, 5, 6]);
    let lines = peer.lines();
    assert!(!lines[0].contains("fromPost"), "{lines:?}");
    assert!(
        lines[1].contains(&format!("fromPost={}&fromCreateAt=2", post_id(2))),
        "{lines:?}"
    );
    assert!(
        lines[2].contains(&format!("fromPost={}&fromCreateAt=4", post_id(4))),
        "{lines:?}"
    );
}

#[tokio::test]
async fn an_old_server_gives_the_whole_thread_at_once() {
    let peer = Peer::answering([list(&[3, 2, 1], &[], None)]).await;
    let thread = peer
        .api()
        .thread(post_id(1).parse().unwrap())
        .await
        .unwrap();
    assert_eq!(numbers(&thread), [1, 2, 3]);
    assert_eq!(peer.requests().len(), 1);
}

#[tokio::test]
async fn a_server_that_repeats_a_page_of_a_thread_does_not_hold_us_for_ever() {
    let peer = Peer::answering([list(&[1, 2], &[], Some(true))]).await;
    let thread = peer
        .api()
        .thread(post_id(1).parse().unwrap())
        .await
        .unwrap();
    assert_eq!(numbers(&thread), [1, 2]);
}

#[tokio::test]
async fn a_post_is_sent_without_what_it_does_not_have() {
    let peer = Peer::answering([Answer::json("201 Created", &post(1).to_string())]).await;
    let new = NewPost {
        channel_id: channel(),
        root_id: None,
        message: "Grüße".to_owned(),
        props: Value::Null,
        file_ids: Vec::new(),
        pending_post_id: "key".to_owned(),
    };
    let post = create_post(&peer.api(), &new).await.unwrap();
    assert_eq!((post.root_id, post.remote_id), (None, None));
    assert!(post.props.is_empty());
    let body: Value = serde_json::from_str(&peer.requests()[0].body).unwrap();
    assert_eq!(
        body,
        json!({ "channel_id": CHANNEL, "message": "Grüße", "pending_post_id": "key" })
    );
}

#[tokio::test]
async fn channels_of_a_server_without_that_call_are_those_of_the_team() {
    let rows = json!([
        { "id": CHANNEL, "team_id": TEAM, "type": "O", "name": "ops", "display_name": "Ops", "last_post_at": 5, "props": null },
        { "id": post_id(1), "team_id": "", "type": "D", "name": "a__b", "display_name": "", "last_post_at": 0 },
        { "id": post_id(2), "team_id": "", "type": "X", "name": "new" },
    ]);
    let peer = Peer::answering([
        Answer::refusal(
            "404 Not Found",
            "api.context.404.app_error",
            "Sorry, we could not find the page.",
        ),
        Answer::json("200 OK", &rows.to_string()),
    ])
    .await;
    let channels = peer.api().my_channels(team()).await.unwrap();
    let kinds: Vec<_> = channels
        .iter()
        .map(|channel| (channel.kind, channel.team_id))
        .collect();
    assert_eq!(
        kinds,
        [
            (ChannelKind::Open, Some(team())),
            (ChannelKind::Direct, None),
            (ChannelKind::Other, None)
        ]
    );
    assert_eq!(
        peer.lines(),
        [
            "GET /api/v4/users/me/channels".to_owned(),
            format!("GET /api/v4/users/me/teams/{TEAM}/channels")
        ]
    );
}

#[tokio::test]
async fn somebody_without_channels_has_none_although_the_answer_is_broken() {
    let id = "app.channel.get_channels.not_found.app_error";
    let broken =
        format!(r#"[{{"id":"{id}","message":"No channels were found.","status_code":404}}"#);
    let peer = Peer::answering([
        Answer::json("200 OK", &broken),
        Answer::refusal("404 Not Found", id, "No channels were found."),
    ])
    .await;
    assert_eq!(peer.api().my_channels(team()).await.unwrap(), []);
}

#[tokio::test]
async fn names_are_escaped_in_the_path() {
    let peer = Peer::answering([Answer::json("200 OK", r#"{"id":""}"#)]).await;
    let name = peer.api().channel_by_name(team(), "a/b?c").await;
    assert!(name.is_err(), "that is no channel");
    let expected = format!("GET /api/v4/teams/{}/channels/name/a%2Fb%3Fc", team());
    assert_eq!(peer.requests()[0].line, expected);
}

#[tokio::test]
async fn a_reaction_names_who_reacts_to_what() {
    let peer = Peer::answering([Answer::json("200 OK", r#"{"status":"OK"}"#)]).await;
    let post: PostId = post_id(1).parse().unwrap();
    peer.api().react(user(), post, "eyes").await.unwrap();
    let body: Value = serde_json::from_str(&peer.requests()[0].body).unwrap();
    assert_eq!(
        body,
        json!({ "user_id": USER, "post_id": post_id(1), "emoji_name": "eyes" })
    );
}

#[tokio::test]
async fn a_file_is_sent_as_it_is() {
    let answer = json!({ "file_infos": [{ "id": "e95p57no17bg3q8zmj5kpmkcxy", "name": "log ü.txt" }], "client_ids": [] });
    let peer = Peer::answering([Answer::json("201 Created", &answer.to_string())]).await;
    let id = peer
        .api()
        .upload(channel(), "log ü.txt", b"bytes".to_vec())
        .await
        .unwrap();
    assert_eq!(id, "e95p57no17bg3q8zmj5kpmkcxy");
    let request = peer.requests().remove(0);
    let expected = format!("POST /api/v4/files?channel_id={CHANNEL}&filename=log+%C3%BC.txt");
    assert_eq!((request.line, request.body.as_str()), (expected, "bytes"));
}

#[tokio::test]
async fn a_channel_that_cannot_be_read_is_left_out() {
    let channels = json!([
        {"id": "of a shape to come", "type": "O"},
        {"id": CHANNEL, "type": "O", "name": "lab"},
        {"id": CHANNEL, "type": "O", "last_post_at": "soon"},
    ]);
    let peer = Peer::answering([Answer::json("200 OK", &channels.to_string())]).await;
    let channels = peer.api().my_channels(team()).await.unwrap();
    let names: Vec<&str> = channels.iter().map(|channel| &*channel.name).collect();
    assert_eq!(names, ["lab"]);
    assert_eq!(peer.requests().len(), 1);
}

#[tokio::test]
async fn a_server_is_healthy_only_if_it_says_so_itself() {
    let (ok, ill) = ("200 OK", "500 Internal Server Error");
    let answers = [
        (true, Answer::json(ok, r#"{"status":"OK"}"#)),
        (true, ping(ok, "OK", "OK", "OK")),
        (true, ping(ill, "OK", "UNHEALTHY", "UNHEALTHY")),
        (false, ping(ill, "UNHEALTHY", "OK", "UNHEALTHY")),
        (false, Answer::json(ill, r#"{"status":"UNHEALTHY"}"#)),
        (false, Answer::json(ill, r#"{"status":"OK"}"#)),
        (false, Answer::json(ok, "{}")),
        (
            false,
            Answer::new(ok, &["Content-Type: text/html"], "<p>Wait.</p>"),
        ),
        (false, Answer::nothing()),
    ];
    let peer = Peer::answering(answers.iter().map(|(_, answer)| answer.clone())).await;
    let api = peer.api();
    for (healthy, answer) in &answers {
        let said = String::from_utf8_lossy(answer.bytes());
        assert_eq!(api.healthy().await, *healthy, "{said}");
    }
    let requests = peer.requests();
    assert_eq!(requests.len(), answers.len(), "one attempt each");
    assert_eq!(
        requests[0].line,
        "GET /api/v4/system/ping?get_server_status=true"
    );
    assert!(
        !requests[0].headers.contains("authorization"),
        "a token that is looked up says something of itself"
    );
}

/// A server's answer to the question after its health.
fn ping(line: &str, database: &str, files: &str, whole: &str) -> Answer {
    let health = json!({"database_status": database, "filestore_status": files, "status": whole});
    Answer::json(line, &health.to_string())
}

#[tokio::test]
async fn the_size_of_a_post_is_the_servers_or_the_smallest() {
    let peer = Peer::answering([
        Answer::json("200 OK", r#"{"MaxPostSize":"16383","Version":"11.6.0"}"#),
        Answer::json("200 OK", "{}"),
    ])
    .await;
    let api = peer.api();
    assert_eq!(api.max_post_size().await.unwrap(), 16_383);
    assert_eq!(api.max_post_size().await.unwrap(), 4_000);
}

#[tokio::test]
async fn a_new_token_is_used_from_then_on() {
    let peer = Peer::answering([Answer::json("200 OK", &json!({ "id": USER }).to_string())]).await;
    let api = peer.api();
    let clone = api.clone();
    let another = matterbot::secret::Secret::new("another");
    assert!(api.change_token(&another).unwrap());
    assert!(!api.change_token(&another).unwrap(), "it is the same");
    clone.me().await.unwrap();
    assert!(
        peer.requests()[0]
            .headers
            .contains("authorization: bearer another\r\n")
    );
}

#[tokio::test]
async fn a_call_waits_no_longer_than_its_caller() {
    let peer = Peer::answering([Answer::nothing().then_hang()]).await;
    let api = peer.api();
    let waited = tokio::time::timeout(Duration::from_millis(50), api.me()).await;
    assert!(waited.is_err(), "dropping the future ends the call");
}
