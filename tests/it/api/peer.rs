//! A scripted HTTP server over real sockets: each request gets the next of the prepared answers, byte by byte.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use matterbot::mattermost::api::{Api, Connection, Timeouts};
use matterbot::secret::Secret;
use matterbot::tasks::Tasks;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

/// The token that the tests' clients use.
pub(crate) const TOKEN: &str = "8n3wz1x5tbyp7gqk4rd9fojc6h";

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// `GET /api/v4/users/me`.
    pub(crate) line: String,
    /// The header lines, in lower case.
    pub(crate) headers: String,
    pub(crate) body: String,
    /// `Sec-WebSocket-Key`, in its own case.
    pub(crate) websocket_key: String,
    /// Which connection it came on, from 0.
    pub(crate) connection: usize,
}

/// What a request is answered with.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    bytes: Vec<u8>,
    then: Then,
}

#[derive(Debug, Clone, Copy)]
enum Then {
    ReadTheNext,
    Close,
    Hang,
}

/// The server; dropping it ends it.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Answer {
    /// A whole answer with a length.
    pub(crate) fn new(status: &str, headers: &[&str], body: &str) -> Self {
        let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        let length = body.len();
        let text = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n{body}");
        Self {
            bytes: text.into_bytes(),
            then: Then::ReadTheNext,
        }
    }

    pub(crate) fn json(status: &str, body: &str) -> Self {
        Self::new(status, &["Content-Type: application/json"], body)
    }

    /// The server's own error.
    pub(crate) fn refusal(status: &str, id: &str, message: &str) -> Self {
        let body = format!(
            r#"{{"id":"{id}","message":"{message}","detailed_error":"","request_id":"x","status_code":0}}"#
        );
        Self::json(status, &body)
    }

    /// A change to another protocol.
    pub(crate) fn upgrade(headers: &[&str]) -> Self {
        let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        Self {
            bytes: format!("HTTP/1.1 101 Switching Protocols\r\n{headers}\r\n").into_bytes(),
            then: Then::ReadTheNext,
        }
    }

    /// Nothing at all.
    pub(crate) fn nothing() -> Self {
        Self {
            bytes: Vec::new(),
            then: Then::Close,
        }
    }

    /// Only the beginning of the answer.
    pub(crate) fn cut_by(mut self, count: usize) -> Self {
        self.bytes.truncate(self.bytes.len() - count);
        self.then = Then::Close;
        self
    }

    /// What is written.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// After the answer, or its beginning, the connection stays open and nothing is read or written any more.
    pub(crate) fn then_hang(mut self) -> Self {
        self.then = Then::Hang;
        self
    }
}

impl Peer {
    /// Answers the first request with the first answer and so on; the last answer is used again and again.
    pub(crate) async fn answering(answers: impl IntoIterator<Item = Answer>) -> Self {
        let answers: Vec<Answer> = answers.into_iter().collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let task = Tasks::new().spawn(async move {
            let connections = Tasks::new();
            for connection in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(serve(
                    stream,
                    answers.clone(),
                    Arc::clone(&seen),
                    connection,
                ));
            }
        });
        Self {
            address,
            requests,
            task,
        }
    }

    /// What was asked so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// The first lines of what was asked so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.requests()
            .into_iter()
            .map(|request| request.line)
            .collect()
    }

    /// A client of this server, with waits that suit a test.
    pub(crate) fn api(&self) -> Api {
        self.api_with(quick())
    }

    pub(crate) fn api_with(&self, timeouts: Timeouts) -> Api {
        api(self.address, timeouts)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Timeouts as they are, but attempts that follow each other closely.
pub(crate) fn quick() -> Timeouts {
    Timeouts {
        retry_step: Duration::from_millis(1),
        ..Timeouts::default()
    }
}

pub(crate) fn api(address: SocketAddr, timeouts: Timeouts) -> Api {
    Api::new(&Connection {
        base: format!("http://{address}/api/v4"),
        token: Secret::new(TOKEN),
        timeouts,
    })
    .unwrap()
}

/// Answers the requests of one connection.
pub(crate) async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answers: Vec<Answer>,
    requests: Arc<Mutex<Vec<Request>>>,
    connection: usize,
) {
    while let Some(mut request) = read_request(&mut stream).await {
        request.connection = connection;
        let answer = {
            let mut requests = requests.lock().unwrap();
            requests.push(request);
            answers[(requests.len() - 1).min(answers.len() - 1)].clone()
        };
        // A client that has seen enough may be gone.
        if stream.write_all(&answer.bytes).await.is_err() || stream.flush().await.is_err() {
            return;
        }
        match answer.then {
            Then::ReadTheNext => {}
            Then::Close => return,
            Then::Hang => pending().await,
        }
    }
}

/// Reads one request with its body; none at the end of the connection.
pub(crate) async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let (line, headers) = head.split_once("\r\n").unwrap();
    let websocket_key = headers
        .lines()
        .filter_map(|header| header.split_once(": "))
        .find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"))
        .map_or_else(String::new, |(_, key)| key.to_owned());
    let headers = headers.to_lowercase();
    let length = headers
        .lines()
        .find_map(|header| header.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Request {
        line: line.strip_suffix(" HTTP/1.1").unwrap().to_owned(),
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
        websocket_key,
        connection: 0,
    })
}
