//! The HTTP side: connections, the one middleware, requests read whole, answers with the server's headers.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State as Shared};
use axum::http::header::{HeaderMap, HeaderName, HeaderValue};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;

use super::call::{Asked, Call, Reply, parse_query};
use super::error::ApiError;
use super::faults::{self, Faults};
use super::hub::Hub;
use super::limit::{LimitBy, Limiter, Verdict};
use super::state::State;
use super::{Flavour, Timing, routes, socket};
use crate::id::random_token;
use crate::tasks::Tasks;

/// The largest body that is no file (`MaximumPayloadSizeBytes` and a little).
const MAX_BODY: usize = 300_512;
/// The largest upload (`MaxFileSize` and a little).
const MAX_UPLOAD: usize = 104_858_112;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1_024;

struct World {
    state: State,
    hub: Hub,
}

/// What all connections share.
pub(crate) struct Server {
    world: Mutex<World>,
    limiter: Mutex<Option<Limiter>>,
    pub(crate) faults: Arc<Faults>,
    /// How often a fault has started the server anew; HTTP connections end with the request they are at.
    pub(crate) restarts: watch::Sender<u64>,
    /// After which of these starts the server listens again.
    back: watch::Sender<u64>,
    pub(crate) tasks: Tasks,
    pub(crate) timing: Timing,
    pub(crate) flavour: Flavour,
    version: &'static str,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic in a handler spoils one answer, not the server.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Server {
    pub(crate) fn new(state: State, timing: Timing) -> Self {
        Self {
            flavour: state.flavour,
            faults: Arc::clone(&state.faults),
            restarts: watch::Sender::new(0),
            back: watch::Sender::new(0),
            version: state.server_version(),
            world: Mutex::new(World {
                state,
                hub: Hub::default(),
            }),
            limiter: Mutex::new(None),
            tasks: Tasks::new(),
            timing,
        }
    }

    /// Works on the state and the connections; the events that this makes are delivered before anything else happens.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut State, &mut Hub) -> T) -> T {
        let mut world = lock(&self.world);
        let World { state, hub } = &mut *world;
        let result = act(state, hub);
        for user_id in std::mem::take(&mut state.doubted) {
            hub.doubt(&user_id);
        }
        for outgoing in std::mem::take(&mut state.outgoing) {
            hub.deliver(state, &outgoing);
        }
        for late in std::mem::take(&mut hub.late) {
            self.tasks.spawn(late.deliver());
        }
        result
    }

    pub(crate) fn change<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        self.with(|state, _| act(state))
    }

    /// Until no fault keeps the server from listening.
    async fn is_back(&self) {
        let started = *self.restarts.borrow();
        let mut back = self.back.subscribe();
        // Its sender is ours, so it cannot be gone.
        drop(back.wait_for(|back| *back >= started).await);
    }

    pub(crate) fn set_limiter(&self, limiter: Option<Limiter>) {
        *lock(&self.limiter) = limiter;
    }

    fn verdict(&self, headers: &HeaderMap) -> Option<(Verdict, LimitBy)> {
        let mut limiter = lock(&self.limiter);
        let limiter = limiter.as_mut()?;
        let by = limiter.limit.by;
        let key = match by {
            LimitBy::Address => "loopback".to_owned(),
            LimitBy::User => bearer(headers).unwrap_or_default(),
        };
        Some((limiter.check(&key, self.faults.instant()), by))
    }
}

/// Accepts connections until the server stops.
pub(crate) async fn listen(server: Arc<Server>, mut listener: TcpListener) {
    let router = Router::new()
        .fallback(answer)
        .layer(from_fn_with_state(Arc::clone(&server), observe))
        .with_state(Arc::clone(&server));
    let stopped = server.tasks.stopped();
    tokio::pin!(stopped);
    let mut restarts = server.restarts.subscribe();
    loop {
        // Accepting is cancel-safe: a connection is either in the backlog or in our hands.
        tokio::select! {
            () = &mut stopped => return,
            Ok(()) = restarts.changed() => {
                let started = *restarts.borrow_and_update();
                tokio::select! {
                    () = &mut stopped => return,
                    again = listen_again(listener, server.timing.restart) => match again {
                        Ok(again) => listener = again,
                        Err(error) => {
                            tracing::error!(%error, "the server cannot listen again");
                            return;
                        }
                    },
                }
                server.back.send_replace(started);
            }
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let connection = serve(Arc::clone(&server), stream, router.clone());
                    server.tasks.spawn(connection);
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                }
            },
        }
    }
}

/// Refuses connections for as long as `away`, and listens again at the same address.
async fn listen_again(listener: TcpListener, away: Duration) -> io::Result<TcpListener> {
    let address = listener.local_addr()?;
    drop(listener);
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    // Bound at once, so that nobody else gets the port; who connects is refused until it listens.
    socket.bind(address)?;
    tokio::time::sleep(away).await;
    socket.listen(BACKLOG)
}

async fn serve(server: Arc<Server>, stream: TcpStream, router: Router) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection keeps its delay");
    }
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(server.timing.idle)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let mut restarts = server.restarts.subscribe();
    loop {
        // On a stop the connection is dropped as it is: the real server says nothing either. It loses no request that
        // has begun when the other arms win: the connection goes on where it was.
        tokio::select! {
            () = server.tasks.stopped() => return,
            Ok(()) = restarts.changed() => connection.as_mut().graceful_shutdown(),
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended");
                }
                return;
            }
        }
    }
}

/// Sees every request before and after its handler: the place of the rate limit.
async fn observe(Shared(server): Shared<Arc<Server>>, request: Request, next: Next) -> Response {
    let sets_switches = request.uri().path() == faults::routes::PATH;
    let verdict = if sets_switches {
        None
    } else {
        server.verdict(request.headers())
    };
    let Some((verdict, by)) = verdict else {
        return faults::requests::serve(&server, request, next).await;
    };
    if !verdict.is_allowed {
        let mut response = Response::new(Body::from("limit exceeded\n"));
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        let headers = response.headers_mut();
        put(headers, "content-type", "text/plain; charset=utf-8");
        put(headers, "x-content-type-options", "nosniff");
        put(headers, "retry-after", &seconds(verdict.retry_after));
        limit_headers(headers, &verdict);
        return response;
    }
    let mut response = faults::requests::serve(&server, request, next).await;
    limit_headers(response.headers_mut(), &verdict);
    if by == LimitBy::User {
        limit_headers(response.headers_mut(), &verdict);
    }
    response
}

fn limit_headers(headers: &mut HeaderMap, verdict: &Verdict) {
    put(headers, "x-ratelimit-limit", &verdict.limit.to_string());
    put(
        headers,
        "x-ratelimit-remaining",
        &verdict.remaining.to_string(),
    );
    put(headers, "x-ratelimit-reset", &seconds(verdict.reset));
}

/// Whole seconds, rounded up.
fn seconds(duration: std::time::Duration) -> String {
    duration.as_secs_f64().ceil().to_string()
}

fn put(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.append(HeaderName::from_static(name), value);
    }
}

/// The token of `Authorization: Bearer` or `token`, or of the cookie.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<String> {
    let cookies = headers
        .get(header::COOKIE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let cookie = cookies
        .split(';')
        .find_map(|part| part.trim().strip_prefix("MMAUTHTOKEN="));
    if let Some(token) = cookie {
        return Some(token.to_owned());
    }
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let is_known = scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token");
    is_known.then(|| token.trim().chars().take(50).collect())
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

async fn answer(Shared(server): Shared<Arc<Server>>, request: Request) -> Response {
    let path = request.uri().path().trim_end_matches('/').to_owned();
    let query = request.uri().query().unwrap_or_default();
    let pairs = parse_query(query);
    let is_get = request.method() == axum::http::Method::GET;
    let asked = Asked {
        method: request.method().to_string(),
        path,
        query: pairs,
        token: bearer(request.headers()),
        if_none_match: text(request.headers(), &header::IF_NONE_MATCH),
        content_type: text(request.headers(), &header::CONTENT_TYPE).unwrap_or_default(),
        body: axum::body::Bytes::new(),
        born: request
            .extensions()
            .get()
            .copied()
            .map(|faults::requests::Born(at)| at),
    };
    if asked.path == "/api/v4/websocket" && is_get {
        return match socket::upgrade(&server, &asked, request) {
            Ok(response) => response,
            Err(error) => {
                let mut response = finish(&server, Err(error), is_get);
                put(response.headers_mut(), "sec-websocket-version", "13");
                response
            }
        };
    }
    let is_upload = asked.path == "/api/v4/files";
    let max = if is_upload { MAX_UPLOAD } else { MAX_BODY };
    let result = match to_bytes(request.into_body(), max).await {
        Ok(body) => dispatch(&server, Asked { body, ..asked }).await,
        Err(_) => Err(ApiError::new(
            413,
            "api.context.request_body_too_large.app_error",
            "The request body is too large.",
        )),
    };
    finish(&server, result, is_get)
}

async fn dispatch(server: &Arc<Server>, asked: Asked) -> Result<Reply, ApiError> {
    if asked.path == faults::routes::PATH {
        let answer = faults::routes::answer(server, &asked);
        server.is_back().await;
        return answer;
    }
    if asked.method == "POST" && asked.path == "/api/v4/posts" {
        return routes::posts::create(server, &asked).await;
    }
    server.change(|state| {
        routes::dispatch(&mut Call {
            state,
            asked: &asked,
        })
    })
}

/// Puts the headers of every answer around it.
pub(crate) fn finish(server: &Server, result: Result<Reply, ApiError>, is_get: bool) -> Response {
    let request_id = random_token();
    let (reply, known) = match result {
        Ok(reply) => (reply, true),
        Err(error) => {
            let mut reply = Reply {
                status: error.status,
                body: error.body(&request_id).into_bytes(),
                ..Reply::default()
            };
            if let Some(begun) = error.begun {
                reply.status = begun.status;
                reply.content_type = Some(begun.content_type.to_owned());
                reply.body.splice(0..0, begun.text.bytes());
            }
            if error.id == "api.context.session_expired.app_error" {
                reply =
                    reply.with_header("Set-Cookie", "MMAUTHTOKEN=; Path=/; Max-Age=0; HttpOnly");
            }
            (reply, error.has_request_id)
        }
    };
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    let content_type = match reply.content_type.as_deref() {
        Some(content_type) => content_type,
        // Newer servers found out what they write before they knew the route.
        None if !known && server.flavour == Flavour::V5_37 => "text/plain; charset=utf-8",
        None => "application/json",
    };
    if reply.status != 304 {
        put(headers, "content-type", content_type);
    }
    for (name, value) in reply.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(&value)) {
            headers.append(name, value);
        }
    }
    if known {
        put(headers, "vary", "Accept-Encoding");
        put(headers, "x-request-id", &request_id);
        put(headers, "x-version-id", server.version);
        if is_get {
            put(headers, "expires", "0");
        }
        if server.flavour == Flavour::V11_6 {
            put(headers, "permissions-policy", "");
            put(headers, "referrer-policy", "no-referrer");
            put(headers, "x-content-type-options", "nosniff");
        }
    }
    response
}
