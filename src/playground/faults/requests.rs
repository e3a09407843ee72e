//! The outermost layer of the routes: what goes wrong before a request arrives, and after it was answered.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::database::{self, Asked};
use super::rate_limit::{VaryBy, Verdict};
use super::{Fault, Target, When};
use crate::id::random_token;
use crate::playground::error::{ApiError, session_expired};
use crate::playground::server::App;

/// The `create_at` that a fault wants for the post of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Born(pub(crate) i64);

/// A body that a fault looks into is far below this.
const LARGEST_BODY: usize = 1 << 20;

/// Asks the switches about every request but those that set them.
pub(crate) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    if path.starts_with("/playground") {
        return next.run(request).await;
    }
    let token = bearer(&request);
    let user_id = app.user_of(&token).unwrap_or_default();
    let target = Target { path: &path, user_id: &user_id };
    let counted = count(&app, &user_id);
    if let Some((verdict, _)) = &counted
        && let Some(seconds) = verdict.retry_after
    {
        return limit_headers(limit_exceeded(Some(seconds)), verdict, 1);
    }
    let method = request.method().clone();
    let asked = Asked { method: method.as_str(), path: &path, has_token: !token.is_empty() };
    let response = match refusal(&app, target, asked) {
        Some(refusal) => refusal,
        None => served(&app, target, request, next).await,
    };
    match counted {
        // Counted by token and by user, the real server writes its headers for both.
        Some((verdict, VaryBy::User)) => limit_headers(response, &verdict, 2),
        Some((verdict, VaryBy::Address)) => limit_headers(response, &verdict, 1),
        None => response,
    }
}

fn bearer(request: &Request) -> String {
    let value = request.headers().get(header::AUTHORIZATION);
    let words = value.and_then(|value| value.to_str().ok()).unwrap_or_default();
    words.split_whitespace().nth(1).unwrap_or_default().to_owned()
}

fn count(app: &App, user_id: &str) -> Option<(Verdict, VaryBy)> {
    let now = app.now();
    let mut limiter = app.faults().lock_limiter();
    let limiter = limiter.as_mut()?;
    let vary_by = limiter.vary_by;
    let key = match vary_by {
        VaryBy::Address => "",
        VaryBy::User => user_id,
    };
    Some((limiter.count(key, now), vary_by))
}

/// The answer of a request that does not arrive.
fn refusal(app: &App, target: Target<'_>, asked: Asked<'_>) -> Option<Response> {
    let is_socket = asked.path.ends_with("/websocket");
    app.faults().hit(target, |fault| match fault {
        Fault::TooManyRequests { retry_after } => {
            let seconds = retry_after.map(|seconds| i64::try_from(seconds).unwrap_or(i64::MAX));
            Some(limit_exceeded(seconds))
        }
        Fault::ServerError { status, when: When::BeforeSave } => Some(server_error(*status)),
        Fault::Unauthorized { .. } if asked.has_token && !is_socket => Some(error(&session_expired())),
        Fault::DatabaseDown { sessions_cached } => {
            database::answer(app.flavour(), asked, *sessions_cached).map(|answer| error(&answer))
        }
        Fault::ProxyPage { status } => Some(proxy_page(*status)),
        _ => None,
    })
}

/// The answer of a request that arrives, perhaps changed, and perhaps changed itself.
async fn served(app: &App, target: Target<'_>, request: Request, next: Next) -> Response {
    let is_ping = target.path.ends_with("/system/ping");
    let asks_status = request.uri().query().is_some_and(|query| query.contains("get_server_status=true"));
    let request = match (request.method(), target.path) {
        (&Method::POST, "/api/v4/posts") => changed_post(app, target, request).await,
        _ => request,
    };
    let response = next.run(request).await;
    if is_ping && asks_status && is_unhealthy(app, target) {
        return unhealthy(response).await;
    }
    let late = |fault: &Fault| match fault {
        Fault::SlowAnswer { delay_ms } => Some(Duration::from_millis(*delay_ms)),
        _ => None,
    };
    if let Some(delay) = app.faults().hit(target, late) {
        tokio::time::sleep(delay).await;
    }
    let lost = |fault: &Fault| match fault {
        Fault::ServerError { status, when: When::AfterSave } => Some(server_error(*status)),
        _ => None,
    };
    app.faults().hit(target, lost).unwrap_or(response)
}

/// A post on its way in, with what plugins and clocks do to it.
async fn changed_post(app: &App, target: Target<'_>, request: Request) -> Request {
    let faults = app.faults();
    let mut request = request;
    let suffix = faults.hit(target, |fault| match fault {
        Fault::RewrittenMessage { suffix } => Some(suffix.clone()),
        _ => None,
    });
    if let Some(suffix) = suffix {
        request = rewritten(request, &suffix).await;
    }
    let same = faults.hit(target, |fault| matches!(fault, Fault::SameInstant).then_some(()));
    if same.is_some()
        && let Some(newest) = app.newest_create_at()
    {
        request.extensions_mut().insert(Born(newest));
    }
    let late = faults.hit(target, |fault| match fault {
        Fault::LateCommit { delay_ms } => Some(Duration::from_millis(*delay_ms)),
        _ => None,
    });
    if let Some(delay) = late {
        request.extensions_mut().insert(Born(app.now()));
        tokio::time::sleep(delay).await;
    }
    request
}

async fn rewritten(request: Request, suffix: &str) -> Request {
    let (mut parts, body) = request.into_parts();
    let bytes = to_bytes(body, LARGEST_BODY).await.unwrap_or_default();
    let Ok(mut post) = serde_json::from_slice::<Value>(&bytes) else {
        return Request::from_parts(parts, Body::from(bytes));
    };
    if let Some(Value::String(message)) = post.get_mut("message") {
        message.push_str(suffix);
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    Request::from_parts(parts, Body::from(post.to_string()))
}

/// Whether the health check fails with what is set; asking for it is no hit.
fn is_unhealthy(app: &App, target: Target<'_>) -> bool {
    app.faults().is_on(target, |fault| {
        matches!(fault, Fault::DatabaseDown { .. } | Fault::Unauthorized { ping_healthy: false })
    })
}

/// The ping's answer with an unreachable database.
async fn unhealthy(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let bytes = to_bytes(body, LARGEST_BODY).await.unwrap_or_default();
    let mut health: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    for key in ["database_status", "status"] {
        if let Some(status) = health.get_mut(key) {
            *status = Value::from("UNHEALTHY");
        }
    }
    parts.status = StatusCode::INTERNAL_SERVER_ERROR;
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(health.to_string()))
}

fn error(error: &ApiError) -> Response {
    let request_id = random_token();
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = [
        ("content-type", "application/json"),
        ("x-request-id", request_id.as_str()),
        ("x-version-id", ""),
    ];
    (status, headers, error.body(&request_id)).into_response()
}

fn server_error(status: u16) -> Response {
    error(&ApiError::new(status, "app.post.save.app_error", "Unable to save the Post."))
}

fn proxy_page(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    let page = format!("<html>\n<head><title>{status}</title></head>\n<body><h1>{status}</h1></body>\n</html>\n");
    (status, [("content-type", "text/html")], page).into_response()
}

fn limit_exceeded(retry_after: Option<i64>) -> Response {
    let headers = [
        ("content-type", "text/plain; charset=utf-8"),
        ("x-content-type-options", "nosniff"),
    ];
    let mut response = (StatusCode::TOO_MANY_REQUESTS, headers, "limit exceeded\n").into_response();
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn limit_headers(mut response: Response, verdict: &Verdict, copies: usize) -> Response {
    let values = [
        ("x-ratelimit-limit", verdict.limit),
        ("x-ratelimit-remaining", verdict.remaining),
        ("x-ratelimit-reset", verdict.reset),
    ];
    for (name, value) in values {
        for _ in 0..copies {
            response.headers_mut().append(HeaderName::from_static(name), HeaderValue::from(value));
        }
    }
    response
}
