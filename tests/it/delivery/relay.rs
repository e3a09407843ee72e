//! A proxy before the server that does to the requests that post, one after the other, what a test wants; all others pass.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::Method;
use axum::response::Response;
use matterbot::tasks::Tasks;
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::support::playground::client;

/// What becomes of a request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Trick {
    /// It arrives so late.
    Late(Duration),
    /// It never arrives; the answer has this status and is no JSON.
    Page(u16),
    /// It never arrives; the server's limiter says to come again after as many seconds.
    Limited(u32),
    /// It never arrives and is never answered.
    Lost,
}

#[derive(Clone)]
pub(super) struct Relay {
    pub(super) address: SocketAddr,
    server: String,
    tricks: Arc<Mutex<VecDeque<Trick>>>,
    posts: Arc<Mutex<u32>>,
    uploads: Arc<Mutex<Option<Trick>>>,
    tasks: Tasks,
}

impl Relay {
    /// Before the server at `server` (scheme, host and port).
    pub(super) async fn before(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let relay = Self {
            address: listener.local_addr().unwrap(),
            server,
            tricks: Arc::default(),
            posts: Arc::default(),
            uploads: Arc::default(),
            tasks: Tasks::new(),
        };
        let router = Router::new().fallback(serve).with_state(relay.clone());
        drop(
            relay
                .tasks
                .spawn(async move { axum::serve(listener, router).await }),
        );
        relay
    }

    /// What happens to the next requests that post.
    pub(super) fn play(&self, tricks: &[Trick]) {
        self.tricks.lock().unwrap().extend(tricks);
    }

    /// What happens to all uploads from now on.
    pub(super) fn uploads(&self, trick: Option<Trick>) {
        *self.uploads.lock().unwrap() = trick;
    }

    /// How many requests that post came.
    pub(super) fn posts(&self) -> u32 {
        *self.posts.lock().unwrap()
    }

    fn trick(&self, request: &Request) -> Option<Trick> {
        if request.method() != Method::POST {
            return None;
        }
        match request.uri().path() {
            "/api/v4/posts" => {
                *self.posts.lock().unwrap() += 1;
                self.tricks.lock().unwrap().pop_front()
            }
            "/api/v4/files" => *self.uploads.lock().unwrap(),
            _ => None,
        }
    }

    async fn pass(self, request: Request, delay: Duration) -> Response {
        let (parts, body) = request.into_parts();
        let body = to_bytes(body, 8 << 20).await.unwrap();
        sleep(delay).await;
        let mut headers = parts.headers;
        headers.remove("host");
        let answer = client()
            .request(parts.method, format!("{}{}", self.server, parts.uri))
            .headers(headers)
            .body(body)
            .send()
            .await
            .unwrap();
        let mut response = Response::builder().status(answer.status());
        if let Some(retry_after) = answer.headers().get("retry-after") {
            response = response.header("retry-after", retry_after);
        }
        let body = answer.bytes().await.unwrap();
        response.body(Body::from(body)).unwrap()
    }
}

async fn serve(State(relay): State<Relay>, request: Request) -> Response {
    let page = |status: u16| Response::builder().status(status);
    let delay = match relay.trick(&request) {
        None => Duration::ZERO,
        Some(Trick::Late(delay)) => delay,
        Some(Trick::Lost) => std::future::pending().await,
        Some(Trick::Page(status)) => {
            let text = "<html><body>No.</body></html>";
            return page(status).body(Body::from(text)).unwrap();
        }
        Some(Trick::Limited(seconds)) => {
            let limited = page(429).header("retry-after", seconds);
            return limited.body(Body::from("limit exceeded\n")).unwrap();
        }
    };
    // A request goes its way although whoever sent it has given up.
    let tasks = relay.tasks.clone();
    tasks.spawn(relay.pass(request, delay)).await.unwrap()
}
