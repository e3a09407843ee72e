//! A scripted websocket server over real sockets: requests are answered from queues, and each upgraded connection is handed
//! to the test, which speaks for the server.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use matterbot::mattermost::api::Api;
use matterbot::mattermost::gateway::{Gateway, Timing, Update};
use matterbot::tasks::Tasks;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::api::peer::{Answer, Request, api, quick, read_request};

pub(crate) const BOT: &str = "66egbqe687rk8mhmm37bmbwrme";
pub(crate) const CHANNEL: &str = "73j1itj4wtghmf3a5jc5ygbttw";
/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// TCP, or TLS over it.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// The answers that are used up first; after them everything is well.
#[derive(Default)]
pub(crate) struct Script {
    pub(crate) me: VecDeque<Answer>,
    pub(crate) health: VecDeque<Answer>,
    pub(crate) upgrade: VecDeque<Answer>,
}

/// What the server's connections share.
#[derive(Clone)]
struct Shared {
    script: Arc<Mutex<Script>>,
    requests: Arc<Mutex<Vec<Request>>>,
    sockets: mpsc::UnboundedSender<Socket>,
}

/// The server; dropping it ends it.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    shared: Shared,
    sockets: mpsc::UnboundedReceiver<Socket>,
    task: tokio::task::JoinHandle<()>,
}

/// The server's end of a websocket.
pub(crate) struct Socket {
    pub(crate) stream: WebSocketStream<Box<dyn Stream>>,
    /// The number of the next event.
    pub(crate) seq: u64,
}

impl Peer {
    pub(crate) async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, sockets) = mpsc::unbounded_channel();
        let shared = Shared {
            script: Arc::new(Mutex::new(script)),
            requests: Arc::default(),
            sockets: sender,
        };
        let accepting = shared.clone();
        let task = Tasks::new().spawn(async move {
            let connections = Tasks::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(serve(Box::new(stream), accepting.clone()));
            }
        });
        Self {
            address,
            shared,
            sockets,
            task,
        }
    }

    pub(crate) fn api(&self) -> Api {
        api(self.address, quick())
    }

    pub(crate) fn gateway(&self, timing: Timing) -> Gateway {
        Gateway::with_timing(self.api(), 7, timing)
    }

    /// The next upgraded connection.
    pub(crate) async fn accept(&mut self) -> Socket {
        let socket = tokio::time::timeout(PATIENCE, self.sockets.recv()).await;
        socket.expect("nobody connected").unwrap()
    }

    /// The same, greeted.
    pub(crate) async fn accept_and_greet(&mut self) -> Socket {
        let mut socket = self.accept().await;
        socket.hello().await;
        socket
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// How often a path was asked for.
    pub(crate) fn count(&self, path: &str) -> usize {
        let requests = self.requests();
        requests
            .iter()
            .filter(|request| request.line.ends_with(path))
            .count()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: Box<dyn Stream>, shared: Shared) {
    while let Some(request) = read_request(&mut stream).await {
        shared.requests.lock().unwrap().push(request.clone());
        let answer = scripted(&request, &shared);
        let upgraded = answer.is_none();
        let answer = answer.unwrap_or_else(|| accepting(&request));
        if stream.write_all(answer.bytes()).await.is_err() {
            return;
        }
        if upgraded {
            let stream = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
            // The test may have seen enough.
            shared.sockets.send(Socket { stream, seq: 0 }).ok();
            return;
        }
    }
}

/// The answer to a request; none if the websocket is to be opened.
fn scripted(request: &Request, shared: &Shared) -> Option<Answer> {
    let mut script = shared.script.lock().unwrap();
    if request.line.contains("/api/v4/websocket") {
        return script.upgrade.pop_front();
    }
    if request.line.contains("/system/ping") {
        let healthy = || Answer::json("200 OK", r#"{"status":"OK"}"#);
        return Some(script.health.pop_front().unwrap_or_else(healthy));
    }
    let me = || {
        Answer::json(
            "200 OK",
            &json!({ "id": BOT, "username": "matter-bot" }).to_string(),
        )
    };
    Some(script.me.pop_front().unwrap_or_else(me))
}

fn accepting(request: &Request) -> Answer {
    // The headers are in lower case, so the key is taken from where its case was kept.
    let accept = derive_accept_key(request.websocket_key.as_bytes());
    let accept = format!("Sec-WebSocket-Accept: {accept}");
    Answer::upgrade(&["Connection: Upgrade", "Upgrade: websocket", &accept])
}

impl Socket {
    /// Greets as 11.6 does.
    pub(crate) async fn hello(&mut self) {
        let data = json!({ "connection_id": "ybqhojbb4trs38t7swommb7j4c", "server_hostname": "vm", "server_version": "11.6.0..hash.false" });
        self.event("hello", &data).await;
    }

    /// Sends an event with the next number.
    pub(crate) async fn event(&mut self, name: &str, data: &Value) {
        let event = json!({ "event": name, "data": data, "broadcast": { "omit_users": null, "user_id": "", "channel_id": CHANNEL, "team_id": "" }, "seq": self.seq });
        self.seq += 1;
        self.text(&event.to_string()).await;
    }

    /// A person's post with this text.
    pub(crate) async fn posted(&mut self, message: &str) {
        self.event("posted", &posted(message)).await;
    }

    pub(crate) async fn text(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.unwrap();
    }

    /// The next frame that is not a pong of ours.
    pub(crate) async fn read(&mut self) -> Message {
        let message = tokio::time::timeout(PATIENCE, self.stream.next()).await;
        message.expect("the client sent nothing").unwrap().unwrap()
    }

    /// Reads a ping of the application and gives its number.
    pub(crate) async fn read_ping(&mut self) -> u64 {
        let message = self.read().await;
        let ping: Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
        let seq = ping["seq"].as_u64().unwrap();
        assert_eq!(
            ping,
            json!({ "action": "ping", "seq": seq }),
            "nothing but pings is sent"
        );
        seq
    }

    /// Reads a ping of the application and answers that all is well.
    pub(crate) async fn answer_ping(&mut self) {
        let seq = self.read_ping().await;
        self.pong(seq).await;
    }

    pub(crate) async fn pong(&mut self, seq: u64) {
        let data = json!({ "node_id": "", "server_time": 1_795_256_508_418_i64, "text": "pong", "version": "11.6.0" });
        self.text(&json!({ "status": "OK", "seq_reply": seq, "data": data }).to_string())
            .await;
    }
}

/// The data of a person's post with this text.
pub(crate) fn posted(message: &str) -> Value {
    let post = json!({
        "id": "g49gcdo5w7yg8gj5m5jdmgqiew", "create_at": 1_795_256_526_748_i64, "update_at": 1_795_256_526_748_i64,
        "user_id": "8tj7f3c48trmicn35axz5gxgke", "channel_id": CHANNEL, "root_id": "", "message": message,
        "type": "", "props": {}, "metadata": {},
    });
    json!({
        "channel_display_name": "Incidents", "channel_name": "incidents", "channel_type": "O",
        "post": post.to_string(), "sender_name": "@pat", "set_online": true, "team_id": "jsrg9rbaitf33ydmxxzoge485a",
    })
}

/// The next update, which must come.
pub(crate) async fn update(gateway: &mut Gateway) -> Update {
    tokio::time::timeout(PATIENCE, gateway.next())
        .await
        .expect("no update came")
}
