//! What goes wrong before a request arrives at its route, and after it was answered.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::clock::http_date;
use super::database::{self, Asked};
use super::{Fault, Target, When};
use crate::playground::error::{ApiError, session_expired};
use crate::playground::server::{Server, bearer, finish};

/// The `create_at` that a fault wants for the post of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Born(pub(crate) i64);

/// A body that a fault looks into is far below this.
const LARGEST_BODY: usize = 1 << 20;

/// Serves a request as the switches want it; those that set switches as they are.
pub(crate) async fn serve(server: &Server, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    if path == super::routes::PATH {
        return next.run(request).await;
    }
    let token = bearer(request.headers()).unwrap_or_default();
    let asked_user = path.strip_prefix("/api/v4/users/").unwrap_or_default();
    let (user_id, is_cached) = server.change(|state| {
        let user_id = state.session_user(&token).map(str::to_owned);
        (user_id, state.cached_users.contains(asked_user))
    });
    let target = Target {
        path: &path,
        user_id: user_id.as_deref().unwrap_or_default(),
    };
    let method = request.method().clone();
    let asked = Asked {
        method: method.as_str(),
        path: &path,
        has_token: !token.is_empty(),
        is_known: user_id.is_some(),
        is_cached,
    };
    let mut response = match refusal(server, target, asked) {
        Some(refusal) => refusal,
        None => arrived(server, target, request, next).await,
    };
    if server.faults.clock_offset() != 0 {
        let now = server.change(|state| state.now());
        if let Ok(date) = HeaderValue::from_str(&http_date(now)) {
            response.headers_mut().insert(header::DATE, date);
        }
    }
    response
}

/// The answer of a request that does not arrive.
fn refusal(server: &Server, target: Target<'_>, asked: Asked<'_>) -> Option<Response> {
    let is_socket = asked.path.ends_with("/websocket");
    let error = |error: ApiError| finish(server, Err(error), asked.method == "GET");
    server.faults.hit(target, |fault| match fault {
        Fault::TooManyRequests { retry_after } => Some(limit_exceeded(*retry_after)),
        Fault::ServerError {
            status,
            when: When::BeforeSave,
        } => Some(error(server_error(*status))),
        Fault::Unauthorized { .. } if asked.has_token && !is_socket => {
            Some(error(session_expired()))
        }
        Fault::DatabaseDown { sessions_cached } => {
            database::answer(server.flavour, asked, *sessions_cached).map(error)
        }
        Fault::ProxyPage { status } => Some(proxy_page(*status)),
        _ => None,
    })
}

/// The answer of a request that arrives, perhaps changed, and perhaps changed itself.
async fn arrived(server: &Server, target: Target<'_>, request: Request, next: Next) -> Response {
    let is_get = request.method() == Method::GET;
    let asks_health = request
        .uri()
        .query()
        .is_some_and(|query| query.contains("get_server_status=true"));
    let request = match (request.method(), target.path) {
        (&Method::POST, "/api/v4/posts") => changed_post(server, target, request).await,
        _ => request,
    };
    let response = next.run(request).await;
    if asks_health && target.path.ends_with("/system/ping") {
        let ill = ill(server, target);
        if !ill.is_empty() {
            return unhealthy(response, &ill).await;
        }
    }
    let late = |fault: &Fault| match fault {
        Fault::SlowAnswer { delay_ms } => Some(Duration::from_millis(*delay_ms)),
        _ => None,
    };
    if let Some(delay) = server.faults.hit(target, late) {
        tokio::time::sleep(delay).await;
    }
    let lost = |fault: &Fault| matches!(fault, Fault::LostAnswer).then_some(());
    if server.faults.hit(target, lost).is_some() {
        return broken_off(response);
    }
    let failed = server.faults.hit(target, |fault| match fault {
        Fault::ServerError {
            status,
            when: When::AfterSave,
        } => Some(*status),
        _ => None,
    });
    let Some(status) = failed else {
        return response;
    };
    if target.path == "/api/v4/posts" {
        forget_key(server, response).await;
    }
    finish(server, Err(server_error(status)), is_get)
}

/// Frees the `pending_post_id` of the post that `response` tells of, if it was made just now.
async fn forget_key(server: &Server, response: Response) {
    let bytes = to_bytes(response.into_body(), LARGEST_BODY)
        .await
        .unwrap_or_default();
    let post: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    if let Some(key) = post.get("pending_post_id").and_then(Value::as_str) {
        server.change(|state| state.pending.failed(key));
    }
}

/// The head of an answer, and the end of the connection in the place of its body.
fn broken_off(response: Response) -> Response {
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    let end = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    let body = futures_util::stream::once(async move { Err::<Bytes, _>(end) });
    Response::from_parts(parts, Body::from_stream(body))
}

/// A post on its way in, with what plugins and clocks do to it.
async fn changed_post(server: &Server, target: Target<'_>, mut request: Request) -> Request {
    let faults = &server.faults;
    let suffix = faults.hit(target, |fault| match fault {
        Fault::RewrittenMessage { suffix } => Some(suffix.clone()),
        _ => None,
    });
    if let Some(suffix) = suffix {
        request = rewritten(request, |post| {
            if let Some(Value::String(message)) = post.get_mut("message") {
                message.push_str(&suffix);
            }
        })
        .await;
    }
    let stripped = faults.hit(target, |fault| {
        matches!(fault, Fault::StrippedProps).then_some(())
    });
    if stripped.is_some() {
        request = rewritten(request, |post| {
            if let Some(props) = post.get_mut("props") {
                props.take();
            }
        })
        .await;
    }
    let same = faults.hit(target, |fault| {
        matches!(fault, Fault::SameInstant).then_some(())
    });
    if same.is_some()
        && let Some(newest) = server.change(|state| state.posts.newest_instant())
    {
        request.extensions_mut().insert(Born(newest));
    }
    request
}

async fn rewritten(request: Request, change: impl FnOnce(&mut Value)) -> Request {
    let (mut parts, body) = request.into_parts();
    let bytes = to_bytes(body, LARGEST_BODY).await.unwrap_or_default();
    let Ok(mut post) = serde_json::from_slice::<Value>(&bytes) else {
        return Request::from_parts(parts, Body::from(bytes));
    };
    change(&mut post);
    parts.headers.remove(header::CONTENT_LENGTH);
    Request::from_parts(parts, Body::from(post.to_string()))
}

/// What the health check finds ill with what is set; asking for it is no hit.
fn ill(server: &Server, target: Target<'_>) -> Vec<&'static str> {
    let is_on = |wanted: fn(&Fault) -> bool| server.faults.is_on(target, wanted);
    let database = is_on(|fault| {
        matches!(
            fault,
            Fault::DatabaseDown { .. }
                | Fault::Unauthorized {
                    ping_healthy: false
                }
        )
    });
    let files = is_on(|fault| matches!(fault, Fault::FileStoreDown));
    let found = [("database_status", database), ("filestore_status", files)];
    found
        .into_iter()
        .filter_map(|(key, is_ill)| is_ill.then_some(key))
        .collect()
}

/// The ping's answer when what these keys name is ill.
async fn unhealthy(response: Response, ill: &[&'static str]) -> Response {
    let (mut parts, body) = response.into_parts();
    let bytes = to_bytes(body, LARGEST_BODY).await.unwrap_or_default();
    let mut health: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    for key in ill.iter().copied().chain(["status"]) {
        if let Some(status) = health.get_mut(key) {
            *status = Value::from("UNHEALTHY");
        }
        let header = HeaderValue::from_static("UNHEALTHY");
        parts.headers.insert(key, header);
    }
    parts.status = StatusCode::INTERNAL_SERVER_ERROR;
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(health.to_string()))
}

fn server_error(status: u16) -> ApiError {
    ApiError::new(
        status,
        "app.post.save.app_error",
        "Unable to save the Post.",
    )
}

fn proxy_page(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    let page = format!(
        "<html>\n<head><title>{status}</title></head>\n<body><h1>{status}</h1></body>\n</html>\n"
    );
    (status, [("content-type", "text/html")], page).into_response()
}

fn limit_exceeded(retry_after: Option<u64>) -> Response {
    let headers = [
        ("content-type", "text/plain; charset=utf-8"),
        ("x-content-type-options", "nosniff"),
    ];
    let mut response = (StatusCode::TOO_MANY_REQUESTS, headers, "limit exceeded\n").into_response();
    if let Some(seconds) = retry_after {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
