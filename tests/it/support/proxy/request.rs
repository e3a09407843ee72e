//! A request through the proxy, and what becomes of it on its way there and back.

use std::future::pending;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Request, Response, header};
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::switch::{Fault, Target, When};
use super::{Proxy, socket};

/// The connection ends in the place of an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is cut")]
pub(super) struct Cut;

/// What becomes of a request on its way to the server.
enum Arrival {
    /// It arrives after this time.
    After(Duration),
    /// It does not, and is answered.
    Refused(Response<Body>),
    /// It does not, and is never answered.
    Never,
}

/// Nothing that the bot sends is larger.
const LARGEST_BODY: usize = 8 << 20;

impl Proxy {
    pub(super) async fn answers(self, request: Request<Incoming>) -> Result<Response<Body>, Cut> {
        let whole = request.uri().path().to_owned();
        let path = whole.strip_prefix(&self.shared.base_path).unwrap_or(&whole);
        let target = Target {
            path,
            is_post: request.method() == Method::POST,
        };
        if target.is_new_post() {
            *self.shared.posts.lock().unwrap() += 1;
        }
        let delay = match self.arrival(target) {
            Arrival::After(delay) => delay,
            Arrival::Refused(answer) => return Ok(answer),
            Arrival::Never => pending().await,
        };
        if request.headers().contains_key(header::UPGRADE) {
            return socket::opens(self.clone(), request).await;
        }
        let (mut parts, body) = request.into_parts();
        let body = to_bytes(Body::new(body), LARGEST_BODY).await;
        let mut body = body.map_err(|_| Cut)?;
        if target.is_new_post() {
            body = self.changes(target, &body);
            parts.headers.remove(header::CONTENT_LENGTH);
        }
        // A request goes its way although whoever sent it has given up or was killed.
        let passes = self.clone().passes(parts, body, delay);
        let answer = self.shared.tasks.spawn(passes).await.map_err(|_| Cut)??;
        self.returns(target, answer).await
    }

    /// Whether a request arrives. It is one switch that says so: several hit one request after the other.
    fn arrival(&self, target: Target<'_>) -> Arrival {
        let is_socket = target.path.ends_with("/websocket");
        let pick = |fault: &Fault| match fault {
            Fault::TooManyRequests { retry_after } => Some(Arrival::Refused(limited(*retry_after))),
            Fault::ServerError {
                status,
                when: When::BeforeSave,
            } => Some(Arrival::Refused(server_error(*status))),
            Fault::Unauthorized {} if !is_socket && !target.path.ends_with("/system/ping") => {
                let (id, text) = ("api.context.session_expired.app_error", "Please log in.");
                Some(Arrival::Refused(error(401, id, text)))
            }
            Fault::ProxyPage { status } => Some(Arrival::Refused(page(*status))),
            Fault::LostRequest => Some(Arrival::Never),
            Fault::LateRequest { delay_ms } => {
                Some(Arrival::After(Duration::from_millis(*delay_ms)))
            }
            _ => None,
        };
        let arrival = self.shared.switches.hit(target, pick);
        arrival.unwrap_or(Arrival::After(Duration::ZERO))
    }

    /// What a new post is made of, as somebody on the way changes it.
    fn changes(&self, target: Target<'_>, body: &Bytes) -> Bytes {
        let mut post: Value = serde_json::from_slice(body).unwrap();
        let suffix = |fault: &Fault| match fault {
            Fault::RewrittenMessage { suffix } => Some(suffix.clone()),
            _ => None,
        };
        if let Some(suffix) = self.shared.switches.hit(target, suffix) {
            post["message"] = json!(post["message"].as_str().unwrap().to_owned() + &suffix);
        }
        let strips = |fault: &Fault| (*fault == Fault::StrippedKey).then_some(());
        if self.shared.switches.hit(target, strips).is_some() {
            post.as_object_mut().unwrap().remove("pending_post_id");
            let ours = &mut post["props"]["matterbot"];
            ours.as_object_mut().unwrap().remove("key");
        }
        Bytes::from(post.to_string())
    }

    async fn passes(
        self,
        parts: Parts,
        body: Bytes,
        delay: Duration,
    ) -> Result<Response<Body>, Cut> {
        sleep(delay).await;
        let answer = self.asks(parts).body(body).send().await;
        // Whoever sent it learns of a server that is away as without a proxy: by the end of his connection.
        let answer = answer.map_err(|_| Cut)?;
        let mut response = Response::builder().status(answer.status());
        *response.headers_mut().unwrap() = end_to_end(answer.headers());
        let body = answer.bytes().await.map_err(|_| Cut)?;
        Ok(response.body(Body::from(body)).unwrap())
    }

    /// The same request to the server.
    pub(super) fn asks(&self, parts: Parts) -> reqwest::RequestBuilder {
        let url = format!("{}{}", self.shared.server, parts.uri);
        let mut headers = parts.headers;
        headers.remove(header::HOST);
        self.shared.http.request(parts.method, url).headers(headers)
    }

    /// The answer to a request that arrived.
    async fn returns(
        &self,
        target: Target<'_>,
        answer: Response<Body>,
    ) -> Result<Response<Body>, Cut> {
        let slow = |fault: &Fault| match fault {
            Fault::SlowAnswer { delay_ms } => Some(Duration::from_millis(*delay_ms)),
            _ => None,
        };
        if let Some(delay) = self.shared.switches.hit(target, slow) {
            sleep(delay).await;
        }
        let lost = |fault: &Fault| match fault {
            Fault::ServerError {
                status,
                when: When::AfterSave,
            } => Some(Ok(server_error(*status))),
            Fault::LostAnswer => Some(Err(Cut)),
            _ => None,
        };
        self.shared.switches.hit(target, lost).unwrap_or(Ok(answer))
    }
}

/// The headers that do not belong to one connection alone.
fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    for name in [
        header::CONNECTION,
        header::TRANSFER_ENCODING,
        header::CONTENT_LENGTH,
    ] {
        headers.remove(name);
    }
    headers
}

fn limited(retry_after: Option<u64>) -> Response<Body> {
    let mut response = Response::builder().status(429);
    if let Some(seconds) = retry_after {
        response = response.header(header::RETRY_AFTER, seconds);
    }
    response.body(Body::from("limit exceeded\n")).unwrap()
}

fn page(status: u16) -> Response<Body> {
    let response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "text/html");
    let page = "<html><body>No.</body></html>";
    response.body(Body::from(page)).unwrap()
}

fn server_error(status: u16) -> Response<Body> {
    error(status, "app.post.save.app_error", "It was not saved.")
}

fn error(status: u16, id: &str, message: &str) -> Response<Body> {
    let error = json!({"id": id, "message": message, "detailed_error": "", "request_id": "", "status_code": status});
    let response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/json");
    response.body(Body::from(error.to_string())).unwrap()
}
