//! A websocket, from the upgrade to its end.
//!
//! ```text
//! upgrade (always 101) ──valid token──────────────► registered ──► reading and writing
//!        └──no or wrong token──► waiting ──challenge──►┘   │           │
//!                                   │ 5 s, wrong token     │           └ queue full: frames, empty close frame
//!                                   └───► dropped ◄────────┘ 5 s: session gone; 100 s without a pong; bad frame
//! ```
//! "Dropped" is a closed connection without a close frame. Resume parameters are accepted and ignored: every
//! connection is a fresh one.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::Response;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::Flavour;
use super::call::{Asked, is_id};
use super::error::{ApiError, Begun};
use super::event::Outgoing;
use super::faults::{Fault, Target};
use super::hub::{Frame, QUEUE};
use super::server::{Server, bearer};

mod action;

/// The longest message that a client may send, in bytes (`SocketMaxMessageSizeKb`).
const MAX_MESSAGE: usize = 8_192;

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Answers the upgrade: 101 whatever the token is worth.
pub(crate) fn upgrade(
    server: &Arc<Server>,
    asked: &Asked,
    mut request: Request,
) -> Result<Response, ApiError> {
    let headers = request.headers();
    check_origin(server.flavour, headers)?;
    if asked.query.contains_key("access_token") {
        return Err(ApiError::new(
            401,
            "api.context.token_provided.app_error",
            "Session is not OAuth but token was provided in the query string.",
        ));
    }
    let key = headers
        .get(header::SEC_WEBSOCKET_KEY)
        .map(|key| derive_accept_key(key.as_bytes()));
    let (Some(accept), Some(on_upgrade)) = (key, request.extensions_mut().remove::<OnUpgrade>())
    else {
        return Err(ApiError::new(
            400,
            "api.web_socket.connect.upgrade.app_error",
            "Failed to upgrade websocket connection.",
        ));
    };
    let token = bearer(request.headers()).unwrap_or_default();
    let is_resumable =
        resume_parameters_are_valid(server.flavour, asked) || !is_valid_session(server, &token);
    let connection = run(Arc::clone(server), on_upgrade, token, is_resumable);
    server.tasks.spawn(connection);
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(
        header::UPGRADE,
        header::HeaderValue::from_static("websocket"),
    );
    headers.insert(
        header::CONNECTION,
        header::HeaderValue::from_static("Upgrade"),
    );
    if let Ok(accept) = header::HeaderValue::from_str(&accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    Ok(response)
}

/// No origin, as programs connect, or the server's own. The library that upgrades has answered when the server does.
fn check_origin(flavour: Flavour, headers: &header::HeaderMap) -> Result<(), ApiError> {
    let get = |name| {
        headers
            .get(name)
            .and_then(|value: &header::HeaderValue| value.to_str().ok())
    };
    let (Some(origin), Some(host)) = (get(header::ORIGIN), get(header::HOST)) else {
        return Ok(());
    };
    if origin
        .split_once("://")
        .is_some_and(|(_, origin_host)| origin_host == host)
    {
        return Ok(());
    }
    let (status, message) = match flavour {
        Flavour::V11_6 => (400, format!("URL Blocked because of CORS. Url: {origin}")),
        Flavour::V5_37 => (500, "Failed to upgrade websocket connection.".to_owned()),
    };
    let error = ApiError::new(status, "api.web_socket.connect.upgrade.app_error", message);
    Err(error.after(Begun {
        status: 403,
        content_type: "text/plain; charset=utf-8",
        text: "Forbidden\n",
    }))
}

fn is_valid_session(server: &Server, token: &str) -> bool {
    server.change(|state| state.session_user(token).is_some())
}

/// A connection id needs a number beside it, else the real server drops the socket at once.
fn resume_parameters_are_valid(flavour: Flavour, asked: &Asked) -> bool {
    let Some(id) = asked.query("connection_id").filter(|id| !id.is_empty()) else {
        return true;
    };
    let number = asked
        .query("sequence_number")
        .and_then(|text| text.parse::<i64>().ok());
    is_id(id) && number.is_some_and(|number| number >= 0 || flavour == Flavour::V11_6)
}

/// How the reading of a socket ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Dropped,
    TooBig,
}

/// How long a client that sent too long a message is listened to.
const DRAIN: Duration = Duration::from_secs(1);

/// What the reader and the writer of one socket have in common.
struct Connection {
    server: Arc<Server>,
    /// Until somebody is authenticated, the queue is ours.
    queue: Option<mpsc::Sender<Frame>>,
    number: Option<u64>,
    user_id: String,
}

async fn run(server: Arc<Server>, on_upgrade: OnUpgrade, token: String, is_resumable: bool) {
    let upgraded = tokio::select! {
        () = server.tasks.stopped() => return,
        upgraded = on_upgrade => upgraded,
    };
    let Ok(upgraded) = upgraded else {
        return;
    };
    if !is_resumable {
        return;
    }
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let socket =
        WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
    let (mut sink, mut stream) = socket.split();
    let (queue, frames) = mpsc::channel(QUEUE);
    let mut connection = Connection {
        server: Arc::clone(&server),
        queue: Some(queue),
        number: None,
        user_id: String::new(),
    };
    connection.authenticate(&token);
    // The first that ends takes the other with it: a writer that waits for a slow peer, a reader for a silent one.
    let (end, held) = tokio::select! {
        () = server.tasks.stopped() => (End::Dropped, None),
        held = write(&server, &mut sink, frames) => (End::Dropped, held),
        end = read(&mut connection, &mut stream) => (end, None),
    };
    if let Some(frames) = held {
        hold(&server, frames).await;
    }
    connection.close();
    if end == End::TooBig {
        refuse_size(sink, stream).await;
    }
}

/// Too long a message is the one thing that is answered with a reason. What the client is still sending is read,
/// else the kernel would throw the reason away with it.
async fn refuse_size(mut sink: SplitSink<Socket, Message>, stream: SplitStream<Socket>) {
    let reason = CloseFrame {
        code: CloseCode::Size,
        reason: "".into(),
    };
    if sink.send(Message::Close(Some(reason))).await.is_err() {
        return;
    }
    let Ok(socket) = sink.reunite(stream) else {
        return;
    };
    let mut rest = socket.into_inner();
    let mut buffer = [0; 4096];
    let drained = async { while matches!(rest.read(&mut buffer).await, Ok(1..)) {} };
    if timeout(DRAIN, drained).await.is_err() {
        tracing::debug!("a client went on sending after its message was refused");
    }
}

/// Writes until the end. A fault can leave the connection as it is: its queue is then given back, to be held open.
async fn write(
    server: &Server,
    sink: &mut SplitSink<Socket, Message>,
    mut frames: mpsc::Receiver<Frame>,
) -> Option<mpsc::Receiver<Frame>> {
    let mut sequence = 0;
    let mut ping_at = Instant::now() + server.timing.ping;
    loop {
        // Both are cancel-safe: a frame stays in the queue until it is taken.
        let message = tokio::select! {
            frame = frames.recv() => match frame {
                Some(Frame::Event(encoded)) => {
                    sequence += 1;
                    Message::text(encoded.frame(sequence - 1))
                }
                Some(Frame::Reply(text)) => Message::text(text),
                Some(Frame::Skip(by)) => {
                    sequence += by;
                    continue;
                }
                Some(Frame::Close(None)) => return None,
                Some(Frame::Close(Some(code))) => {
                    Message::Close(Some(CloseFrame { code: code.into(), reason: "".into() }))
                }
                Some(Frame::HalfOpen) => return Some(frames),
                None => Message::Close(None),
            },
            () = sleep_until(ping_at) => {
                ping_at += server.timing.ping;
                Message::Ping(Vec::new().into())
            }
        };
        let is_last = message.is_close();
        if sink.send(message).await.is_err() || is_last {
            return None;
        }
    }
}

/// Waits for the end of a connection that is as good as dead, throwing away what it should have sent.
async fn hold(server: &Server, mut frames: mpsc::Receiver<Frame>) {
    let ended = async {
        loop {
            if let None | Some(Frame::Close(_)) = frames.recv().await {
                return;
            }
        }
    };
    tokio::select! {
        () = server.tasks.stopped() => {}
        () = ended => {}
    }
}

async fn read(connection: &mut Connection, stream: &mut SplitStream<Socket>) -> End {
    let start = Instant::now();
    let timing = connection.server.timing;
    let mut check_at = Some(start + timing.authentication);
    let mut pong_by = start + timing.pong;
    loop {
        let now = Instant::now();
        if check_at.take_if(|at| *at <= now).is_some() && !connection.is_authenticated() {
            return End::Dropped;
        }
        if pong_by <= now {
            return End::Dropped;
        }
        // Reading a websocket is cancel-safe: a frame that is not whole stays in its buffer.
        tokio::select! {
            message = stream.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    if !connection.handle(&text) {
                        return End::Dropped;
                    }
                }
                Some(Ok(Message::Pong(_))) => pong_by = Instant::now() + timing.pong,
                Some(Ok(Message::Ping(_) | Message::Close(_) | Message::Frame(_))) => {}
                Some(Err(Error::Capacity(_))) => return End::TooBig,
                Some(Ok(Message::Binary(_)) | Err(_)) | None => return End::Dropped,
            },
            () = sleep_until(check_at.map_or(pong_by, |at| at.min(pong_by))) => {}
        }
    }
}

impl Connection {
    /// Opens the session that `token` proves; says whether it proves one.
    fn authenticate(&mut self, token: &str) -> bool {
        let Some(user_id) = self
            .server
            .change(|state| state.session_user(token).map(str::to_owned))
        else {
            return false;
        };
        let target = Target {
            path: "/api/v4/websocket",
            user_id: &user_id,
        };
        let forgets = |fault: &Fault| {
            matches!(
                fault,
                Fault::DatabaseDown {
                    sessions_cached: false
                }
            )
        };
        if self.server.faults.is_on(target, forgets) {
            return false;
        }
        self.server.with(|state, hub| {
            let number = match (self.number, self.queue.take()) {
                (None, Some(queue)) => hub.register(&user_id, token, queue),
                (Some(number), _) => {
                    hub.authenticate_again(number, token);
                    number
                }
                (None, None) => return,
            };
            self.number = Some(number);
            let mut hello = Outgoing::new("hello")
                .with("connection_id", &crate::id::random_token())
                .with("server_version", &state.server_version())
                .for_user(&user_id);
            if !state.is_old() {
                hello = hello.with("server_hostname", &"playground");
                hello.broadcast.connection_id = Some("");
                hello.broadcast.omit_connection_id = Some("");
            }
            hub.send_to(number, &hello);
            if let Some(fault) = state.faults.newcomer(&user_id) {
                hub.hit(number, fault);
            }
            state.set_online(&user_id);
        });
        self.user_id = user_id;
        true
    }

    fn is_authenticated(&self) -> bool {
        self.number.is_some_and(|number| {
            self.server
                .with(|state, hub| hub.is_authenticated(number, state))
        })
    }

    fn close(&self) {
        let Some(number) = self.number else {
            return;
        };
        self.server.with(|state, hub| {
            hub.remove(number);
            if !hub.is_connected(&self.user_id) {
                state.go_offline(&self.user_id);
            }
        });
    }
}
