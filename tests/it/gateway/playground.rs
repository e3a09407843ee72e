//! The gateway on the playground: what two real servers do to a client without resume, with their bugs.

use std::time::Duration;

use matterbot::mattermost::api::{Api, ApiError, Connection};
use matterbot::mattermost::event::Event;
use matterbot::mattermost::gateway::{DisconnectCause, Gateway, Timing, Update};
use matterbot::mattermost::model::ChannelKind;
use matterbot::playground::{Flavour, Options};
use matterbot::secret::Secret;
use serde_json::{Value, json};

use crate::support::playground::{DEADLINE, Person, Server, client};

const FLAVOURS: [Flavour; 2] = [Flavour::V11_6, Flavour::V5_37];

/// A gateway of the seeded bot, and those who do something to it.
struct Scene {
    server: Server,
    admin: Person,
    pat: Person,
    bot: Person,
    channel: String,
    gateway: Gateway,
}

/// Deadlines that only a fault reaches, and waits that suit a test.
fn timing() -> Timing {
    Timing {
        ping_every: Duration::from_millis(50),
        ping_answer: Duration::from_secs(10),
        backoff_min: Duration::from_millis(1),
        backoff_max: Duration::from_millis(100),
        refused_max: Duration::from_millis(100),
        ..Timing::default()
    }
}

/// The same, but a missing answer is noticed soon.
fn impatient() -> Timing {
    Timing {
        ping_answer: Duration::from_millis(500),
        ..timing()
    }
}

impl Scene {
    /// A gateway that is connected and alive.
    async fn connected(flavour: Flavour, timing: Timing) -> Self {
        let mut scene = Self::new(flavour, timing).await;
        scene.connect().await;
        scene
    }

    async fn new(flavour: Flavour, timing: Timing) -> Self {
        let options = Options {
            flavour,
            ..Options::default()
        };
        let server = Server::start_with(options).await;
        let (admin, pat) = (server.log_in("admin").await, server.log_in("pat").await);
        let bot = server.bot().await;
        Self {
            channel: pat.channel("incidents").await,
            gateway: Gateway::with_timing(api(&server, &bot.token), 7, timing),
            server,
            admin,
            pat,
            bot,
        }
    }

    /// Up to the first sign of life of a connection.
    async fn connect(&mut self) {
        let connected = self
            .until(|update| matches!(update, Update::Connected { .. }))
            .await;
        drop(connected);
        drop(
            self.until(|update| matches!(update, Update::Alive { .. }))
                .await,
        );
    }

    /// The first update that is wanted; others are passed over.
    async fn until(&mut self, wanted: impl Fn(&Update) -> bool) -> Update {
        let waiting = async {
            loop {
                let update = self.gateway.next().await;
                if wanted(&update) {
                    return update;
                }
            }
        };
        tokio::time::timeout(DEADLINE, waiting)
            .await
            .expect("what was waited for did not come")
    }

    /// Why the connection ends.
    async fn cause(&mut self) -> DisconnectCause {
        match self
            .until(|update| matches!(update, Update::Disconnected { .. }))
            .await
        {
            Update::Disconnected { cause, .. } => cause,
            other => panic!("{other:?}"),
        }
    }

    /// The posts and gaps up to this post.
    async fn told_up_to(&mut self, message: &str) -> Vec<String> {
        let mut told = Vec::new();
        while told.last().is_none_or(|last| last != message) {
            let update = tokio::time::timeout(DEADLINE, self.gateway.next()).await;
            match update.expect("the post did not come") {
                Update::Event(Event::Posted(posted)) => told.push(posted.post.message),
                Update::Gap => told.push("gap".to_owned()),
                Update::Alive { .. } | Update::Event(_) => {}
                other => panic!("{other:?}"),
            }
        }
        told
    }

    async fn say(&self, message: &str) -> Value {
        self.pat.say(&self.channel, message).await
    }

    /// Turns a fault on.
    async fn fault(&self, switch: Value) {
        let url = format!("{}/playground/faults", self.server.playground.base_url());
        let request = client()
            .post(url)
            .bearer_auth(&self.admin.token)
            .body(switch.to_string());
        assert!(request.send().await.unwrap().status().is_success());
    }

    async fn revoke_token(&self) {
        let path = format!("/users/{}/sessions/revoke/all", self.bot.id);
        self.admin.post(&path, json!({})).await.expect(200);
        let tokens = self
            .admin
            .get(&format!("/users/{}/tokens", self.bot.id))
            .await
            .expect(200);
        for token in tokens.as_array().unwrap() {
            self.admin
                .post("/users/tokens/revoke", json!({ "token_id": token["id"] }))
                .await
                .expect(200);
        }
    }
}

fn api(server: &Server, token: &str) -> Api {
    let base = format!("{}/api/v4", server.playground.base_url());
    let mut connection = Connection::new(base, Secret::new(token));
    connection.timeouts.retry_step = Duration::from_millis(10);
    Api::new(&connection).unwrap()
}

#[tokio::test]
async fn events_come_in_order_without_a_gap_ones_own_included() {
    for flavour in FLAVOURS {
        let mut scene = Scene::connected(flavour, timing()).await;
        scene.say("one").await;
        scene.bot.say(&scene.channel, "two").await;
        scene.say("three").await;
        assert_eq!(
            scene.told_up_to("three").await,
            ["one", "two", "three"],
            "{flavour:?}"
        );
    }
}

#[tokio::test]
async fn a_post_says_where_it_was_written() {
    for flavour in FLAVOURS {
        let mut scene = Scene::connected(flavour, timing()).await;
        scene.say("here").await;
        let update = scene
            .until(|update| matches!(update, Update::Event(_)))
            .await;
        let Update::Event(Event::Posted(posted)) = update else {
            panic!("{update:?}")
        };
        assert_eq!(posted.channel_kind, ChannelKind::Open);
        assert_eq!(posted.channel_name, "incidents");
        assert_eq!(posted.sender_name, "@pat");
        assert_eq!(posted.post.user_id.as_str(), scene.pat.id);
        assert_eq!(posted.post.channel_id.as_str(), scene.channel);
        assert_eq!((posted.post.root_id, posted.post.remote_id), (None, None));
    }
}

#[tokio::test]
async fn edits_deletions_and_reactions_are_told_apart() {
    for flavour in FLAVOURS {
        let mut scene = Scene::connected(flavour, timing()).await;
        let post = scene.say("first").await;
        let id = post["id"].as_str().unwrap().to_owned();
        let patch = json!({ "message": "second" });
        scene
            .pat
            .put(&format!("/posts/{id}/patch"), patch)
            .await
            .expect(200);
        let edited = scene
            .until(|update| matches!(update, Update::Event(Event::PostEdited(_))))
            .await;
        let Update::Event(Event::PostEdited(edited)) = edited else {
            panic!()
        };
        assert_eq!(edited.message, "second");
        assert!(edited.edit_at.0 > 0);
        let reaction = json!({ "user_id": scene.pat.id, "post_id": id, "emoji_name": "eyes" });
        scene.pat.post("/reactions", reaction).await.expect(200);
        let reacted = scene
            .until(|update| matches!(update, Update::Event(Event::ReactionAdded(_))))
            .await;
        let Update::Event(Event::ReactionAdded(reaction)) = reacted else {
            panic!()
        };
        assert_eq!(
            (reaction.emoji_name.as_str(), reaction.post_id.as_str()),
            ("eyes", id.as_str())
        );
        scene.pat.delete(&format!("/posts/{id}")).await.expect(200);
        let deleted = scene
            .until(|update| matches!(update, Update::Event(Event::PostDeleted(_))))
            .await;
        let Update::Event(Event::PostDeleted(deleted)) = deleted else {
            panic!()
        };
        assert_eq!(
            (deleted.id.as_str(), deleted.delete_at.0),
            (id.as_str(), 0),
            "it is what it was"
        );
    }
}

#[tokio::test]
async fn being_removed_and_added_again_is_heard() {
    let mut scene = Scene::connected(Flavour::V11_6, timing()).await;
    let (bot, channel) = (scene.bot.id.clone(), scene.channel.clone());
    scene
        .admin
        .delete(&format!("/channels/{channel}/members/{bot}"))
        .await
        .expect(200);
    let removed = scene
        .until(|update| matches!(update, Update::Event(Event::UserRemoved { .. })))
        .await;
    let Update::Event(Event::UserRemoved {
        user_id,
        channel_id,
    }) = removed
    else {
        panic!()
    };
    assert_eq!(
        (user_id.as_str(), channel_id.as_str()),
        (bot.as_str(), channel.as_str())
    );
    let member = json!({ "user_id": bot });
    scene
        .admin
        .post(&format!("/channels/{channel}/members"), member)
        .await
        .expect(201);
    let added = scene
        .until(|update| matches!(update, Update::Event(Event::UserAdded { .. })))
        .await;
    let Update::Event(Event::UserAdded {
        user_id,
        channel_id,
    }) = added
    else {
        panic!()
    };
    assert_eq!(
        (user_id.as_str(), channel_id.as_str()),
        (bot.as_str(), channel.as_str())
    );
}

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
async fn a_jump_in_the_numbers_is_a_gap() {
    let mut scene = Scene::connected(Flavour::V11_6, timing()).await;
    scene
        .fault(json!({ "fault": { "kind": "seq_jump", "by": 3 }, "times": 1 }))
        .await;
    scene.say("after").await;
    assert_eq!(scene.told_up_to("after").await, ["gap", "after"]);
}

#[tokio::test]
async fn doubled_events_are_passed_on_and_no_gap() {
    let mut scene = Scene::connected(Flavour::V5_37, timing()).await;
    scene
        .fault(json!({ "fault": { "kind": "doubled_events" }, "scope": { "user": "matter-bot" } }))
        .await;
    scene.say("one").await;
    scene.say("two").await;
    let mut told = scene.told_up_to("two").await;
    told.retain(|message| message != "gap");
    assert_eq!(told, ["one", "one", "two"]);
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
