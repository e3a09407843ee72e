//! A playground with people in it, and what they do there.

use std::time::Duration;

use matterbot::playground::{Flavour, Options, Playground};
use reqwest::Method;
use serde_json::{Value, json};

use crate::recordings::sockets::Socket;

/// The seeded people's password, as the start page publishes it.
const PASSWORD: &str = "Playground-1";

/// A response, with its body as JSON where it is some.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
    pub(crate) json: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .get(name)
            .map(|value| value.to_str().expect("a text"))
    }

    pub(crate) fn id(&self) -> &str {
        self.json["id"].as_str().unwrap_or_default()
    }
}

/// A seeded playground.
pub(crate) struct Scene {
    pub(crate) playground: Playground,
    http: reqwest::Client,
    pub(crate) admin: String,
    pub(crate) pat: String,
    pub(crate) bot: String,
    pub(crate) channel: String,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::of(Flavour::V11_6).await
    }

    pub(crate) async fn of(flavour: Flavour) -> Self {
        let options = Options {
            flavour,
            ..Options::default()
        };
        let playground = Playground::start(options)
            .await
            .expect("the playground starts");
        let mut scene = Self {
            http: crate::support::playground::client(),
            admin: String::new(),
            pat: String::new(),
            bot: playground.bot_token().to_owned(),
            channel: String::new(),
            playground,
        };
        scene.admin = scene.log_in("admin").await;
        scene.pat = scene.log_in("pat").await;
        let channel = scene
            .get("/api/v4/teams/name/ops/channels/name/incidents")
            .await;
        scene.channel = channel.id().to_owned();
        scene
    }

    async fn log_in(&self, name: &str) -> String {
        let body = json!({"login_id": name, "password": PASSWORD});
        let answer = self
            .call(Method::POST, "/api/v4/users/login", "", Some(body))
            .await;
        answer.header("token").expect("a token").to_owned()
    }

    /// Any request; an empty token is none.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: Option<Value>,
    ) -> Answer {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.playground.base_url()));
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.expect("a body");
        Answer {
            json: serde_json::from_str(&text).unwrap_or_default(),
            status,
            headers,
            text,
        }
    }

    /// A request of the bot's.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, &self.bot, None).await
    }

    /// Posts into the channel.
    pub(crate) async fn post(&self, token: &str, message: &str) -> Answer {
        self.post_as(token, message, "").await
    }

    /// Posts into the channel with an idempotency key.
    pub(crate) async fn post_as(
        &self,
        token: &str,
        message: &str,
        pending_post_id: &str,
    ) -> Answer {
        let body = json!({"channel_id": self.channel, "message": message, "pending_post_id": pending_post_id});
        self.call(Method::POST, "/api/v4/posts", token, Some(body))
            .await
    }

    /// The texts of the channel, the newest first.
    pub(crate) async fn messages(&self) -> Vec<String> {
        let path = format!("/api/v4/channels/{}/posts", self.channel);
        let page = self.get(&path).await.json;
        let order = page["order"].as_array().expect("a list of posts").clone();
        let message =
            |id: &Value| page["posts"][id.as_str().unwrap_or_default()]["message"].clone();
        order
            .iter()
            .map(|id| message(id).as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// Turns a switch on.
    pub(crate) async fn set(&self, switch: Value) {
        let answer = self.switch(&self.admin, switch).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
    }

    pub(crate) async fn switch(&self, token: &str, switch: Value) -> Answer {
        self.call(Method::POST, "/playground/faults", token, Some(switch))
            .await
    }

    /// What is on.
    pub(crate) async fn switches(&self) -> Vec<Value> {
        let answer = self
            .call(Method::GET, "/playground/faults", &self.admin, None)
            .await;
        answer.json["faults"].as_array().expect("a list").clone()
    }

    /// Turns all switches off.
    pub(crate) async fn clear(&self) {
        let answer = self
            .call(Method::DELETE, "/playground/faults", &self.admin, None)
            .await;
        assert_eq!(answer.status, 200);
    }

    /// A websocket that has said hello, and all that follows from somebody's coming.
    pub(crate) async fn listen(&self, token: &str) -> Socket {
        let mut socket = self.dial(token).await;
        socket.wait_for_frame("").await;
        socket.settle("").await;
        socket
    }

    /// A websocket of which nothing is expected.
    pub(crate) async fn dial(&self, token: &str) -> Socket {
        let headers = [("authorization".to_owned(), format!("Bearer {token}"))];
        let address = self.playground.address();
        let socket = Socket::connect(address, "/api/v4/websocket", &headers).await;
        socket.unwrap_or_else(|refusal| panic!("{refusal:?}"))
    }
}

/// The text of a `posted` frame.
pub(crate) fn message_of(frame: &Value) -> Option<String> {
    let post: Value = serde_json::from_str(frame["data"]["post"].as_str()?).ok()?;
    Some(post["message"].as_str()?.to_owned())
}

/// The texts of all `posted` frames that a websocket has received.
pub(crate) fn heard(socket: &Socket) -> Vec<String> {
    let posted = socket
        .received
        .iter()
        .filter(|frame| frame.name() == "posted");
    posted
        .filter_map(|frame| message_of(&frame.value))
        .collect()
}

/// How long silence is listened to: far longer than a frame takes on loopback.
pub(crate) const SILENCE: Duration = Duration::from_millis(300);
