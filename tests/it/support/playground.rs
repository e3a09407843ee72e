//! A playground server for a test, and those who talk to it: REST and websocket only.

use std::sync::Once;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use matterbot::playground::{Options, PASSWORD, Playground};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

/// Several times what anything that is waited for takes on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A running server and a client of it.
pub(crate) struct Server {
    pub(crate) playground: Playground,
    pub(crate) http: reqwest::Client,
}

/// Somebody with a session.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) token: String,
    address: String,
    http: reqwest::Client,
}

/// An answer; a body that is no JSON is a text.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// The id of the error in the body.
    pub(crate) fn error(&self) -> &str {
        self.body["id"].as_str().unwrap_or_default()
    }

    /// The body, if the status is as expected.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{:?}", self.body);
        self.body
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// An HTTP client that goes straight to loopback.
pub(crate) fn client() -> reqwest::Client {
    client_builder().build().unwrap()
}

/// The same, to be given more settings.
pub(crate) fn client_builder() -> reqwest::ClientBuilder {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // Another test's client may have been first.
        drop(rustls::crypto::ring::default_provider().install_default());
    });
    reqwest::Client::builder().no_proxy().timeout(DEADLINE)
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    pub(crate) async fn start_with(options: Options) -> Self {
        let playground = Playground::start(options).await.unwrap();
        Self {
            playground,
            http: client(),
        }
    }

    fn nobody(&self) -> Person {
        Person {
            id: String::new(),
            token: String::new(),
            address: self.playground.address().to_string(),
            http: self.http.clone(),
        }
    }

    /// A request without a session.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.nobody().ask(method, path, body).await
    }

    /// Opens a session of a seeded account.
    pub(crate) async fn log_in(&self, username: &str) -> Person {
        self.log_in_with(username, PASSWORD).await
    }

    pub(crate) async fn log_in_with(&self, username: &str, password: &str) -> Person {
        let login = json!({"login_id": username, "password": password});
        let answer = self.ask("POST", "/users/login", Some(login)).await;
        let token = answer.header("token").unwrap_or_default().to_owned();
        let id = answer.expect(200)["id"].as_str().unwrap().to_owned();
        Person {
            id,
            token,
            ..self.nobody()
        }
    }

    /// The seeded bot with its token.
    pub(crate) async fn bot(&self) -> Person {
        let token = self.playground.bot_token().to_owned();
        let bot = Person {
            token,
            ..self.nobody()
        };
        let id = bot.get("/users/me").await.expect(200)["id"]
            .as_str()
            .unwrap()
            .to_owned();
        Person { id, ..bot }
    }
}

impl Person {
    /// The same server with another token.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self {
            token: token.to_owned(),
            ..self.clone()
        }
    }

    /// A request to `/api/v4` and `path`.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.ask_raw(
            method,
            path,
            body.map(|body| body.to_string()).unwrap_or_default(),
        )
        .await
    }

    pub(crate) async fn ask_raw(&self, method: &str, path: &str, body: String) -> Answer {
        let url = format!("http://{}/api/v4{path}", self.address);
        let mut request = self.http.request(method.parse().unwrap(), url).body(body);
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Answer {
            status,
            headers,
            body,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask("POST", path, Some(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.ask("PUT", path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.ask("DELETE", path, None).await
    }

    /// The id of a channel of the seeded team.
    pub(crate) async fn channel(&self, name: &str) -> String {
        let channel = self
            .get(&format!("/teams/name/ops/channels/name/{name}"))
            .await
            .expect(200);
        channel["id"].as_str().unwrap().to_owned()
    }

    /// The id of the seeded team.
    pub(crate) async fn team(&self) -> String {
        self.get("/teams/name/ops").await.expect(200)["id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Posts a message and gives back the post.
    pub(crate) async fn say(&self, channel_id: &str, message: &str) -> Value {
        self.post(
            "/posts",
            json!({"channel_id": channel_id, "message": message}),
        )
        .await
        .expect(201)
    }

    /// Posts a reply and gives it back.
    pub(crate) async fn reply(&self, root: &Value, message: &str) -> Value {
        let body =
            json!({"channel_id": root["channel_id"], "root_id": root["id"], "message": message});
        self.post("/posts", body).await.expect(201)
    }

    /// Opens a websocket with the token as its bearer; whether it is worth something shows later.
    pub(crate) async fn connect(&self) -> Socket {
        self.connect_to("").await
    }

    /// The same, with a query.
    pub(crate) async fn connect_to(&self, query: &str) -> Socket {
        let stream = TcpStream::connect(&self.address).await.unwrap();
        self.connect_over(stream, query).await
    }

    /// A websocket with a small buffer, so that a test can be a slow reader without megabytes.
    pub(crate) async fn connect_slowly(&self) -> Socket {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        let stream = socket.connect(self.address.parse().unwrap()).await.unwrap();
        self.connect_over(stream, "").await
    }

    async fn connect_over(&self, stream: TcpStream, query: &str) -> Socket {
        let url = format!("ws://{}/api/v4/websocket{query}", self.address);
        let mut request = url.into_client_request().unwrap();
        if !self.token.is_empty() {
            let bearer = format!("Bearer {}", self.token).parse().unwrap();
            request.headers_mut().insert("authorization", bearer);
        }
        let (socket, _) = tokio_tungstenite::client_async(request, stream)
            .await
            .unwrap();
        Socket { socket }
    }

    /// A websocket after its hello.
    pub(crate) async fn listen(&self) -> Socket {
        let mut socket = self.connect().await;
        socket.event("hello").await;
        socket
    }
}

/// How a websocket ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Without a close frame.
    Dropped,
    /// With a close frame of this code; 1005 stands for none.
    Closed(u16),
}

/// A websocket.
pub(crate) struct Socket {
    socket: WebSocketStream<TcpStream>,
}

impl Socket {
    /// The next text as it came; none at the end.
    pub(crate) async fn next_text(&mut self) -> Result<String, End> {
        let next = async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Text(text))) => return Ok(text.to_string()),
                    Some(Ok(Message::Close(frame))) => {
                        return Err(End::Closed(frame.map_or(1005, |frame| frame.code.into())));
                    }
                    Some(Ok(_)) => {}
                    Some(Err(Error::ConnectionClosed)) => panic!("read after the end"),
                    Some(Err(_)) | None => return Err(End::Dropped),
                }
            }
        };
        tokio::time::timeout(DEADLINE, next)
            .await
            .expect("nothing came in time")
    }

    /// The next frame.
    pub(crate) async fn next(&mut self) -> Value {
        let text = self.next_text().await.expect("the socket ended");
        serde_json::from_str(&text).unwrap()
    }

    /// The next event of this name; others are passed over.
    pub(crate) async fn event(&mut self, name: &str) -> Value {
        loop {
            let frame = self.next().await;
            if frame["event"] == name {
                return frame;
            }
        }
    }

    /// The post in the next `posted`.
    pub(crate) async fn posted(&mut self) -> Value {
        let event = self.event("posted").await;
        serde_json::from_str(event["data"]["post"].as_str().unwrap()).unwrap()
    }

    /// Waits for the end; frames before it are passed over.
    pub(crate) async fn end(&mut self) -> End {
        loop {
            if let Err(end) = self.next_text().await {
                return end;
            }
        }
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// Asks for something and waits for its answer; events before it are passed over.
    pub(crate) async fn request(&mut self, sequence: i64, action: &str, data: Value) -> Value {
        self.send(&json!({"seq": sequence, "action": action, "data": data}).to_string())
            .await;
        loop {
            let frame = self.next().await;
            if frame.get("event").is_none() {
                return frame;
            }
        }
    }

    /// Everything up to the answer to a ping: what did not come until then does not come.
    pub(crate) async fn so_far(&mut self, sequence: i64) -> Vec<Value> {
        self.send(&json!({"seq": sequence, "action": "ping"}).to_string())
            .await;
        let mut frames = Vec::new();
        loop {
            let frame = self.next().await;
            if frame["seq_reply"] == sequence {
                return frames;
            }
            frames.push(frame);
        }
    }

    /// Closes and waits for the echo.
    pub(crate) async fn close(mut self) {
        self.socket.close(None).await.unwrap();
        self.end().await;
    }
}
