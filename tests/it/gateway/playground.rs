//! The gateway on the playground: what two real servers do to a client without resume, with their bugs.

mod connection;
mod events;
mod token;

use std::time::Duration;

use matterbot::mattermost::api::{Api, Connection};
use matterbot::mattermost::event::Event;
use matterbot::mattermost::gateway::{DisconnectCause, Gateway, Timing, Update};
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
