//! Somebody with a session: what he does and sees, over REST and a websocket.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use futures_util::{FutureExt, StreamExt};
use reqwest::header::{AUTHORIZATION, CONNECTION, UPGRADE};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::support::playground::{Answer, DEADLINE};

type Ears = WebSocketStream<reqwest::Upgraded>;

/// A server, and what was asked of the bot on it.
pub(crate) struct Reach {
    base: String,
    http: reqwest::Client,
    pub(super) book: Mutex<Vec<Call>>,
    /// The accounts that were made.
    made: Mutex<Vec<String>>,
    /// Where something was said.
    pub(super) visited: Mutex<HashSet<String>>,
}

impl Reach {
    pub(super) fn to(base: &str, http: reqwest::Client) -> Arc<Self> {
        Arc::new(Self {
            base: base.to_owned(),
            http,
            book: Mutex::default(),
            made: Mutex::default(),
            visited: Mutex::default(),
        })
    }
}

/// Somebody with a session.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) username: String,
    pub(crate) token: String,
    reach: Arc<Reach>,
    ears: Arc<tokio::sync::Mutex<Option<Ears>>>,
}

/// Something that was asked of the bot, and that it owes exactly one outcome.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) post: Value,
    pub(crate) ordinal: usize,
    pub(crate) asker: Person,
}

impl Person {
    pub(super) async fn log_in(reach: &Arc<Reach>, username: &str, password: &str) -> Self {
        let nobody = Self::unknown(reach, "");
        let login = json!({"login_id": username, "password": password});
        let answer = nobody.post("/users/login", login).await;
        let token = answer.header("token").unwrap_or_default().to_owned();
        answer.expect(200);
        Self::with_token(reach, &token).await
    }

    pub(super) async fn with_token(reach: &Arc<Reach>, token: &str) -> Self {
        let person = Self::unknown(reach, token);
        let me = person.get("/users/me").await.expect(200);
        let text = |key: &str| me[key].as_str().unwrap().to_owned();
        Self {
            id: text("id"),
            username: text("username"),
            ..person
        }
    }

    fn unknown(reach: &Arc<Reach>, token: &str) -> Self {
        Self {
            id: String::new(),
            username: String::new(),
            token: token.to_owned(),
            reach: Arc::clone(reach),
            ears: Arc::default(),
        }
    }

    pub(super) fn reach(&self) -> &Arc<Reach> {
        &self.reach
    }

    /// The server's address.
    pub(super) fn base(&self) -> &str {
        &self.reach.base
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", &format!("/api/v4{path}"), Value::Null)
            .await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask("POST", &format!("/api/v4{path}"), body).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.ask("PUT", &format!("/api/v4{path}"), body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.ask("DELETE", &format!("/api/v4{path}"), Value::Null)
            .await
    }

    /// The playground's fault switches.
    pub(super) async fn faults(&self, method: &str, body: Value) -> Value {
        let answer = self.ask(method, "/playground/faults", body).await;
        assert!((200..300).contains(&answer.status), "{answer:?}");
        answer.body
    }

    /// What anybody can send who knows an incoming webhook's path.
    pub(crate) async fn calls_hook(&self, path: &str, message: Value) {
        let nobody = Self::unknown(&self.reach, "");
        nobody.ask("POST", path, message).await.expect(200);
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> Answer {
        let url = format!("{}{path}", self.reach.base);
        let mut request = self.reach.http.request(method.parse().unwrap(), url);
        if !body.is_null() {
            request = request.body(body.to_string());
        }
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Answer {
            status,
            headers,
            body,
        }
    }

    /// Posts what the bot owes no answer to.
    pub(crate) async fn says(&self, channel: &str, message: &str) -> Value {
        self.posts(json!({"channel_id": channel, "message": message}))
            .await
    }

    /// Posts what a client may post, and notes that the bot owes nothing for it.
    pub(crate) async fn posts(&self, post: Value) -> Value {
        let post = self.post("/posts", post).await.expect(201);
        let channel = post["channel_id"].as_str().unwrap();
        self.visits(channel);
        post
    }

    /// Posts what is owed exactly one outcome.
    pub(crate) async fn asks(&self, channel: &str, message: &str) -> Call {
        let post = self.says(channel, message).await;
        self.notes(post, 0)
    }

    /// The same in the thread of `root`.
    pub(crate) async fn asks_in_thread(&self, root: &Value, message: &str) -> Call {
        let post =
            json!({"channel_id": root["channel_id"], "root_id": root["id"], "message": message});
        let post = self.posts(post).await;
        self.notes(post, 0)
    }

    /// Notes that the bot owes an outcome to this command of `post`, from 0.
    pub(crate) fn notes(&self, post: Value, command: usize) -> Call {
        let places = places(post["message"].as_str().unwrap());
        let call = Call {
            ordinal: places.get(command).copied().unwrap_or_default(),
            post,
            asker: self.clone(),
        };
        self.reach.book.lock().unwrap().push(call.clone());
        call
    }

    /// What the bot says in `channel` is looked at in the end.
    pub(crate) fn visits(&self, channel: &str) {
        self.reach
            .visited
            .lock()
            .unwrap()
            .insert(channel.to_owned());
    }

    /// A channel of a team, which he then is in.
    pub(super) async fn opens_channel(&self, team: &str, name: &str) -> String {
        let channel = json!({"team_id": team, "name": name, "display_name": name.to_uppercase(), "type": "O"});
        let channel = self.post("/channels", channel).await.expect(201);
        channel["id"].as_str().unwrap().to_owned()
    }

    pub(super) fn made(&self, id: &str) {
        self.reach.made.lock().unwrap().push(id.to_owned());
    }

    /// Deactivates all accounts that were made, with a client that belongs to the present runtime.
    pub(super) async fn sends_everybody_home(&self, http: reqwest::Client) {
        let admin = Self::unknown(&Reach::to(self.base(), http), &self.token);
        let made = std::mem::take(&mut *self.reach.made.lock().unwrap());
        for id in made {
            let path = format!("/users/{id}/active");
            admin.put(&path, json!({"active": false})).await;
        }
    }

    pub(super) async fn adds_to_team(&self, team: &str, user: &str) {
        let member = json!({"team_id": team, "user_id": user});
        self.post(&format!("/teams/{team}/members"), member)
            .await
            .expect(201);
    }

    pub(crate) async fn adds_to_channel(&self, channel: &str, user: &str) {
        let path = format!("/channels/{channel}/members");
        self.post(&path, json!({"user_id": user})).await.expect(201);
    }

    /// His direct channel with `other`.
    pub(crate) async fn direct(&self, other: &Person) -> String {
        let channel = self
            .post("/channels/direct", json!([self.id, other.id]))
            .await;
        channel.expect(201)["id"].as_str().unwrap().to_owned()
    }

    /// His group channel with `others`.
    pub(crate) async fn group(&self, others: &[&Person]) -> String {
        let members: Vec<&str> = others
            .iter()
            .map(|other| other.id.as_str())
            .chain([self.id.as_str()])
            .collect();
        let channel = self.post("/channels/group", json!(members)).await;
        channel.expect(201)["id"].as_str().unwrap().to_owned()
    }

    /// Changes the text of his post.
    pub(crate) async fn edits(&self, post: &Value, message: &str) {
        let path = format!("/posts/{}/patch", post["id"].as_str().unwrap());
        self.put(&path, json!({"message": message}))
            .await
            .expect(200);
    }

    /// All posts of a channel, oldest first.
    pub(crate) async fn reads(&self, channel: &str) -> Vec<Value> {
        let mut all = Vec::new();
        for page in 0.. {
            let path = format!("/channels/{channel}/posts?per_page=200&page={page}");
            let posts = in_order(&self.get(&path).await.expect(200));
            let full = posts.len() == 200;
            all.extend(posts);
            if !full {
                break;
            }
        }
        all.reverse();
        all
    }

    /// The posts of a thread, oldest first; none if it is gone.
    pub(crate) async fn thread(&self, root: &str) -> Vec<Value> {
        let thread = self.get(&format!("/posts/{root}/thread")).await;
        let mut posts = in_order(&thread.body);
        posts.sort_by_key(|post| post["create_at"].as_i64());
        posts
    }

    /// Who reacted to a post, and how.
    pub(crate) async fn reactions(&self, post: &Value) -> Vec<(String, String)> {
        self.reactions_to(post["id"].as_str().unwrap()).await
    }

    /// The same, of the post with this id; none if it was deleted.
    pub(crate) async fn reactions_to(&self, post: &str) -> Vec<(String, String)> {
        let reactions = self.get(&format!("/posts/{post}/reactions")).await.body;
        let reactions = reactions.as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        reactions
            .iter()
            .map(|reaction| (text(&reaction["user_id"]), text(&reaction["emoji_name"])))
            .collect()
    }

    /// Looks until there is something, again whenever the server has news for him.
    pub(crate) async fn until<T>(&self, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + DEADLINE;
        let mut ears = self.ears.lock().await;
        loop {
            let hearing = match ears.take() {
                Some(hearing) => ears.insert(hearing),
                None => ears.insert(self.listens().await),
            };
            if let Some(found) = look().await {
                return found;
            }
            match timeout_at(deadline, hearing.next()).await {
                Err(_) => panic!("waited in vain until {what}"),
                Ok(Some(Ok(_))) => {
                    // News that is there already needs no look of its own.
                    while matches!(hearing.next().now_or_never(), Some(Some(Ok(_)))) {}
                }
                Ok(_) => *ears = None,
            }
        }
    }

    async fn listens(&self) -> Ears {
        let request = self
            .reach
            .http
            .get(format!("{}/api/v4/websocket", self.reach.base))
            .header(AUTHORIZATION, format!("Bearer {}", self.token))
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", generate_key());
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 101, "a websocket");
        let stream = response.upgrade().await.unwrap();
        WebSocketStream::from_raw_socket(stream, Role::Client, None).await
    }
}

/// The posts of a list in its order, which is newest first.
fn in_order(list: &Value) -> Vec<Value> {
    let order = list["order"].as_array().cloned().unwrap_or_default();
    order
        .iter()
        .map(|id| list["posts"][id.as_str().unwrap()].clone())
        .collect()
}

/// Where the commands of `message` stand among its words: by that, and its post, a call is named.
pub(crate) fn places(message: &str) -> Vec<usize> {
    let is_command = |word: &str| word.starts_with(['@', '!']) || word.eq_ignore_ascii_case("help");
    let words = message.split_whitespace().enumerate();
    words
        .filter(|(_, word)| is_command(word))
        .map(|(place, _)| place)
        .collect()
}
