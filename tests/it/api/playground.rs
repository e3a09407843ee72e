//! The REST client on the playground, as both servers.

use std::collections::HashSet;
use std::time::Duration;

use matterbot::id::{ChannelId, PostId};
use matterbot::mattermost::api::{Api, ApiError, Connection};
use matterbot::mattermost::model::{ChannelKind, NewPost, Post};
use matterbot::playground::{Flavour, Options};
use matterbot::secret::Secret;
use matterbot::timestamp::Timestamp;
use serde_json::json;

use super::create_post;
use crate::support::playground::{Person, Server};

const FLAVOURS: [Flavour; 2] = [Flavour::V11_6, Flavour::V5_37];

struct Scene {
    // Dropping it stops the server.
    _server: Server,
    pat: Person,
    api: Api,
    channel: ChannelId,
}

impl Scene {
    async fn new(flavour: Flavour) -> Self {
        let options = Options {
            flavour,
            ..Options::default()
        };
        let server = Server::start_with(options).await;
        let pat = server.log_in("pat").await;
        let base = format!("{}/api/v4", server.playground.base_url());
        let mut connection = Connection::new(base, Secret::new(server.playground.bot_token()));
        connection.timeouts.retry_step = Duration::from_millis(1);
        Self {
            channel: pat.channel("incidents").await.parse().unwrap(),
            api: Api::new(&connection).unwrap(),
            _server: server,
            pat,
        }
    }

    async fn say(&self, message: &str) -> PostId {
        let post = self.pat.say(self.channel.as_str(), message).await;
        post["id"].as_str().unwrap().parse().unwrap()
    }

    fn new_post(&self, message: &str, root: Option<PostId>) -> NewPost {
        NewPost {
            channel_id: self.channel,
            root_id: root,
            message: message.to_owned(),
            props: json!({ "matterbot": { "v": 1 } }),
            file_ids: Vec::new(),
            pending_post_id: matterbot::id::random_token(),
        }
    }
}

fn messages(posts: &[Post]) -> Vec<&str> {
    posts.iter().map(|post| post.message.as_str()).collect()
}

#[tokio::test]
async fn people_teams_and_channels_are_found() {
    for flavour in FLAVOURS {
        let Scene {
            api,
            pat,
            channel,
            _server,
        } = Scene::new(flavour).await;
        let me = api.me().await.unwrap();
        assert_eq!((me.username.as_str(), me.is_bot), ("matter-bot", true));
        let pat = api.user(pat.id.parse().unwrap()).await.unwrap();
        assert_eq!((pat.roles.as_str(), pat.is_bot), ("system_user", false));
        let team = api.team_by_name("ops").await.unwrap();
        let incidents = api.channel_by_name(team.id, "incidents").await.unwrap();
        assert_eq!(
            (incidents.id, incidents.kind, incidents.team_id),
            (channel, ChannelKind::Open, Some(team.id))
        );
        assert_eq!(api.channel(channel).await.unwrap(), incidents);
        let direct = api.direct_channel(me.id, pat.id).await.unwrap();
        assert_eq!((direct.kind, direct.team_id), (ChannelKind::Direct, None));
        assert_eq!(
            api.direct_channel(pat.id, me.id).await.unwrap().id,
            direct.id
        );
        let mine: HashSet<ChannelId> = api
            .my_channels(team.id)
            .await
            .unwrap()
            .iter()
            .map(|channel| channel.id)
            .collect();
        assert!(
            mine.contains(&incidents.id) && mine.contains(&direct.id),
            "{flavour:?}"
        );
        assert!(
            api.team_by_name("nowhere")
                .await
                .unwrap_err()
                .is_not_found()
        );
    }
}

#[tokio::test]
async fn a_channel_is_read_on_from_an_anchor_page_by_page() {
    for flavour in FLAVOURS {
        let scene = Scene::new(flavour).await;
        let anchor = scene.say("0").await;
        for number in 1..=5 {
            // The server leaves out what bears the anchor's millisecond.
            next_millisecond().await;
            scene.say(&number.to_string()).await;
        }
        let page = scene
            .api
            .posts_after(scene.channel, anchor, 3)
            .await
            .unwrap();
        assert_eq!(
            (messages(&page.posts), page.full),
            (vec!["1", "2", "3"], true)
        );
        let page = scene
            .api
            .posts_after(scene.channel, page.posts[2].id, 3)
            .await
            .unwrap();
        assert_eq!((messages(&page.posts), page.full), (vec!["4", "5"], false));
        let latest = scene.api.latest_posts(scene.channel, 0, 2).await.unwrap();
        assert_eq!(
            (messages(&latest.posts), latest.full),
            (vec!["4", "5"], true)
        );
        let earlier = scene.api.latest_posts(scene.channel, 1, 2).await.unwrap();
        assert_eq!(messages(&earlier.posts), ["2", "3"]);
        let vanished = scene
            .api
            .posts_after(scene.channel, PostId::random(), 3)
            .await
            .unwrap();
        assert_eq!(
            (vanished.posts.len(), vanished.full),
            (0, false),
            "an unknown anchor is no error"
        );
    }
}

#[tokio::test]
async fn a_long_thread_is_read_whole() {
    for flavour in FLAVOURS {
        let scene = Scene::new(flavour).await;
        let root = scene.say("root").await;
        let reply = |number: usize| json!({ "channel_id": scene.channel, "root_id": root, "message": number.to_string() });
        let mut replies = Vec::new();
        for number in 0..205 {
            // Posts of one millisecond have no order among them.
            next_millisecond().await;
            let reply = scene.pat.post("/posts", reply(number)).await.expect(201);
            replies.push(reply["id"].as_str().unwrap().parse::<PostId>().unwrap());
        }
        // Any post of a thread names it.
        for named in [root, replies[3], replies[203]] {
            let thread = scene.api.thread(named).await.unwrap();
            let ids: Vec<PostId> = thread.iter().map(|post| post.id).collect();
            let distinct: HashSet<&PostId> = ids.iter().collect();
            assert_eq!((ids.len(), distinct.len()), (206, 206), "{flavour:?}");
            assert_eq!(ids[0], root);
            assert!(replies.iter().all(|reply| distinct.contains(reply)));
        }
    }
}

#[tokio::test]
async fn the_same_key_gives_the_same_post() {
    for flavour in FLAVOURS {
        let scene = Scene::new(flavour).await;
        let root = scene.say("do it").await;
        let new = scene.new_post("done", Some(root));
        let (first, second) = (
            create_post(&scene.api, &new).await.unwrap(),
            create_post(&scene.api, &new).await.unwrap(),
        );
        assert_eq!(first.id, second.id);
        assert_eq!(
            (first.root_id, first.props["matterbot"]["v"].as_i64()),
            (Some(root), Some(1))
        );
        assert_eq!(scene.api.post(first.id).await.unwrap().message, "done");
        assert_eq!(scene.api.thread(root).await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn what_the_server_refuses_is_told_with_its_reason() {
    for flavour in FLAVOURS {
        let scene = Scene::new(flavour).await;
        let size = scene.api.max_post_size().await.unwrap();
        assert_eq!(size, 16_383);
        let longest = "é".repeat(size);
        let fits = scene.new_post(&longest, None);
        create_post(&scene.api, &fits).await.unwrap();
        let too_long = scene.new_post(&format!("{longest}!"), None);
        let error = create_post(&scene.api, &too_long).await.unwrap_err();
        assert!(
            matches!(&error, ApiError::Refused { status: 400, .. }),
            "{error:?}"
        );
        assert!(!error.is_retryable());
        let error = scene.api.post(PostId::random()).await.unwrap_err();
        assert!(error.is_not_found(), "{error:?}");
    }
}

#[tokio::test]
async fn reactions_and_files_are_put() {
    for flavour in FLAVOURS {
        let scene = Scene::new(flavour).await;
        let me = scene.api.me().await.unwrap().id;
        let post = scene.say("look").await;
        for _ in 0..2 {
            scene.api.react(me, post, "eyes").await.unwrap();
        }
        let reactions = scene
            .pat
            .get(&format!("/posts/{post}/reactions"))
            .await
            .expect(200);
        assert_eq!(reactions.as_array().unwrap().len(), 1);
        let file = scene
            .api
            .upload(scene.channel, "log ü.txt", b"one\ntwo\n".to_vec())
            .await
            .unwrap();
        let mut new = scene.new_post("here", None);
        new.file_ids = vec![file.clone()];
        let created = create_post(&scene.api, &new).await.unwrap();
        let path = format!("/posts/{}", created.id);
        let post = scene.pat.get(&path).await.expect(200);
        assert_eq!(post["file_ids"], json!([file]));
    }
}

#[tokio::test]
async fn the_server_tells_its_health() {
    for flavour in FLAVOURS {
        let scene = Scene::new(flavour).await;
        assert!(scene.api.healthy().await);
    }
}

/// Waits until the clock shows another millisecond.
async fn next_millisecond() {
    let now = Timestamp::now();
    while Timestamp::now() == now {
        tokio::task::yield_now().await;
    }
}
