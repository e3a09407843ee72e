//! The websockets of a replay: what was recorded on each, and what the playground sent.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message, client::IntoClientRequest};

/// Requests of our own start here; no recorded one comes near.
const FIRST_OWN_SEQ: u64 = 1_000_000;

/// How the server ended a connection: with the code of its close frame, if it sent one.
pub(crate) type End = Option<u16>;

/// A frame and the step in which it came.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) step: String,
    pub(crate) value: Value,
}

impl Frame {
    /// The event's name, `reply` for an answer to a request of the client.
    pub(crate) fn name(&self) -> &str {
        self.value["event"].as_str().unwrap_or("reply")
    }
}

/// One connection, from its upgrade on.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: Option<WebSocketStream<TcpStream>>,
    /// It has said hello.
    live: bool,
    next_seq: u64,
    pub(crate) received: Vec<Frame>,
    /// Answers to protocol-level pings.
    pub(crate) pongs: usize,
    pub(crate) end: Option<End>,
}

/// An upgrade that the server answered otherwise.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl Socket {
    /// Upgrades a connection to the server at `address`.
    pub(crate) async fn connect(
        address: std::net::SocketAddr,
        path: &str,
        headers: &[(String, String)],
    ) -> Result<Self, Refusal> {
        let mut request = format!("ws://{address}{path}")
            .into_client_request()
            .expect("a request");
        for (name, value) in headers {
            let name: tokio_tungstenite::tungstenite::http::HeaderName =
                name.parse().expect("a recorded header's name");
            request
                .headers_mut()
                .insert(name, value.parse().expect("a recorded header"));
        }
        let stream = TcpStream::connect(address)
            .await
            .expect("the playground listens");
        match tokio_tungstenite::client_async(request, stream).await {
            Ok((stream, _)) => Ok(Self {
                stream: Some(stream),
                live: false,
                next_seq: FIRST_OWN_SEQ,
                received: Vec::new(),
                pongs: 0,
                end: None,
            }),
            Err(Error::Http(response)) => Err(Refusal {
                status: response.status().as_u16(),
                text: String::from_utf8_lossy(response.body().as_deref().unwrap_or_default())
                    .into(),
            }),
            Err(error) => panic!("the upgrade of {path} failed: {error}"),
        }
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.send_message(Message::text(text)).await;
    }

    /// Sends a protocol-level ping.
    pub(crate) async fn send_ping(&mut self) {
        self.send_message(Message::Ping("?".into())).await;
    }

    async fn send_message(&mut self, message: Message) {
        if let Some(stream) = &mut self.stream {
            // A server that has cut the connection is found out by the next read.
            drop(stream.send(message).await);
        }
    }

    /// The first frame, received already or to come, that is `wanted`; none within ten seconds is `None`.
    pub(crate) async fn wait_for(&mut self, wanted: impl Fn(&Value) -> bool) -> Option<Value> {
        if let Some(frame) = self.received.iter().find(|frame| wanted(&frame.value)) {
            return Some(frame.value.clone());
        }
        let found = std::cell::RefCell::new(None);
        let last = |value: &Value| {
            let is_wanted = wanted(value);
            if is_wanted {
                found.replace(Some(value.clone()));
            }
            is_wanted
        };
        self.read_until("", Duration::from_secs(10), last, |_| false)
            .await;
        let found = found.into_inner();
        self.received.extend(found.clone().map(|value| Frame {
            step: String::new(),
            value,
        }));
        found
    }

    /// Reads the first frame; a connection lives from its `hello` on.
    pub(crate) async fn wait_for_frame(&mut self, step: &str) {
        if self.live {
            return;
        }
        let before = self.received.len();
        self.read_until(
            step,
            Duration::from_secs(10),
            |_| false,
            |received| received > before,
        )
        .await;
        self.live |= self.received.iter().any(|frame| frame.name() == "hello");
    }

    /// Reads until the server has answered a ping of ours: all that it sent before is then here.
    ///
    /// Only a connection that lives is asked: others get no answer.
    pub(crate) async fn settle(&mut self, step: &str) {
        if !self.live || self.stream.is_none() || self.end.is_some() {
            return;
        }
        let seq = self.next_seq;
        self.next_seq += 1;
        self.send(&json!({"seq": seq, "action": "ping"}).to_string())
            .await;
        let answered = |frame: &Value| frame["seq_reply"].as_u64() == Some(seq);
        self.read_until(step, Duration::from_secs(10), answered, |_| false)
            .await;
    }

    /// Reads the frames that come before something else happens; for connections that get no answer to a ping.
    pub(crate) async fn read_for(&mut self, step: &str, patience: Duration) {
        self.read_until(step, patience, |_| false, |_| false).await;
    }

    async fn read_until(
        &mut self,
        step: &str,
        patience: Duration,
        last: impl Fn(&Value) -> bool,
        enough: impl Fn(usize) -> bool,
    ) {
        let deadline = tokio::time::Instant::now() + patience;
        while !enough(self.received.len()) {
            let Some(stream) = &mut self.stream else {
                return;
            };
            let Ok(next) = tokio::time::timeout_at(deadline, stream.next()).await else {
                return;
            };
            match next {
                Some(Ok(Message::Text(text))) => {
                    let value: Value = serde_json::from_str(&text).expect("a frame is JSON");
                    if last(&value) {
                        return;
                    }
                    let step = step.to_owned();
                    self.received.push(Frame { step, value });
                }
                Some(Ok(Message::Close(frame))) => {
                    self.end = Some(Some(frame.map_or(1005, |frame| frame.code.into())));
                }
                Some(Ok(Message::Pong(_))) => self.pongs += 1,
                Some(Ok(_)) => {}
                Some(Err(_)) | None => {
                    self.end.get_or_insert(None);
                    self.stream = None;
                }
            }
        }
    }

    /// Waits for the server to end the connection.
    pub(crate) async fn wait_for_end(&mut self, step: &str) -> Option<End> {
        self.read_for(step, Duration::from_secs(15)).await;
        self.end
    }

    /// Closes as a client does.
    pub(crate) async fn close(&mut self, step: &str) {
        if let Some(stream) = &mut self.stream {
            let normal = CloseFrame {
                code: CloseCode::Normal,
                reason: "".into(),
            };
            drop(timeout(Duration::from_secs(5), stream.close(Some(normal))).await);
        }
        self.read_for(step, Duration::from_secs(5)).await;
        self.stream = None;
    }

    /// Cuts the TCP connection without a close frame.
    pub(crate) fn cut(&mut self) {
        self.stream = None;
        self.end = Some(None);
    }
}

/// How many frames of each name came in each step.
pub(crate) fn census(frames: &[Frame]) -> BTreeMap<String, BTreeMap<String, usize>> {
    let mut counts: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    for frame in frames {
        let steps = counts.entry(frame.name().to_owned()).or_default();
        *steps.entry(frame.step.clone()).or_default() += 1;
    }
    counts
}
