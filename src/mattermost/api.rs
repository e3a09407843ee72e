//! The REST client: one configuration of TLS, proxies and timeouts, the limiter's shares, and a method for each call.

mod answer;
mod call;
mod channels;
mod error;
mod posts;
mod raw;
mod system;
mod transport_cause;
mod upgrade;
mod users;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use reqwest::Url;
use reqwest::header::HeaderValue;
use tokio::sync::watch;

pub use call::Permit;
pub use error::ApiError;
pub use transport_cause::TransportCause;

use super::limiter::{Limiter, Share};
use crate::secret::Secret;

/// Where the server is and as whom to speak to it.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The interface's address, such as `https://chat.example.org:443/api/v4`; `http` or `https`, without a user.
    pub base: String,
    /// The access token; a bot account's, as a rule.
    pub token: Secret,
    /// How long to wait for what.
    pub timeouts: Timeouts,
}

/// How long to wait for what.
#[derive(Debug, Clone)]
pub struct Timeouts {
    /// For a connection, TLS included; 10 s.
    pub connect: Duration,
    /// For a whole answer to a call that may be repeated; 30 s.
    pub answer: Duration,
    /// For a whole answer to the creation of a post; 10 s, since the server forgets its idempotency key after 30 s.
    pub create_post: Duration,
    /// For an upload; 120 s.
    pub upload: Duration,
    /// For all attempts of one call together, the waits between them included; 90 s.
    pub all_attempts: Duration,
    /// The ceiling of the first wait between two attempts; it doubles. 500 ms.
    pub retry_step: Duration,
    /// For another call, before a connection that is kept is closed; 45 s, since the server closes it after 60 s.
    pub pool_idle: Duration,
}

/// The REST interface; clones share connections, limiter and token.
#[derive(Debug, Clone)]
pub struct Api {
    client: reqwest::Client,
    base: Arc<Url>,
    credentials: Arc<RwLock<Credentials>>,
    timeouts: Arc<Timeouts>,
    limiter: Limiter,
    share: Share,
    failures: watch::Sender<String>,
}

/// What proves who we are.
#[derive(Debug, Clone)]
struct Credentials {
    token: Arc<Secret>,
    /// The token as the header has it.
    authorization: HeaderValue,
}

impl Connection {
    /// A connection with the usual timeouts.
    #[must_use]
    pub fn new(base: impl Into<String>, token: Secret) -> Self {
        Self {
            base: base.into(),
            token,
            timeouts: Timeouts::default(),
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(30),
            create_post: Duration::from_secs(10),
            upload: Duration::from_secs(120),
            all_attempts: Duration::from_secs(90),
            retry_step: Duration::from_millis(500),
            pool_idle: Duration::from_secs(45),
        }
    }
}

impl Api {
    /// Prepares the connection; nothing is sent yet.
    ///
    /// TLS is rustls with ring; it trusts the platform's roots, or `SSL_CERT_FILE` and `SSL_CERT_DIR` in their place. Proxies come
    /// from `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`. All of these are read here, once.
    /// An `http://` address loads no roots, and one on this host is never asked through a proxy.
    ///
    /// # Errors
    /// [`ApiError::Setup`] if the address is not a usable one or no roots of trust can be read.
    pub fn new(connection: &Connection) -> Result<Self, ApiError> {
        let base = parse_base(&connection.base)?;
        Ok(Self {
            credentials: Arc::new(RwLock::new(Credentials::new(&connection.token)?)),
            client: build_client(&base, &connection.timeouts)?,
            base: Arc::new(base),
            timeouts: Arc::new(connection.timeouts.clone()),
            limiter: Limiter::default(),
            share: Share::Ordinary,
            failures: watch::Sender::default(),
        })
    }

    /// Uses another token from now on, in every clone; says whether it is another. A websocket that is open stays so.
    ///
    /// # Errors
    /// [`ApiError::Setup`] if the token holds characters that none can have; the old one stays.
    pub fn change_token(&self, token: &Secret) -> Result<bool, ApiError> {
        let credentials = Credentials::new(token)?;
        let mut present = self
            .credentials
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let changes = present.token != credentials.token;
        *present = credentials;
        Ok(changes)
    }

    /// Tells of each attempt that came to nothing, for a reason that may lie with the server: the last reason.
    #[must_use]
    pub fn failures(&self) -> watch::Receiver<String> {
        self.failures.subscribe()
    }

    fn credentials(&self) -> Credentials {
        self.credentials
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The same interface, allowed to use the part of the limiter that is kept for lifecycle commands.
    #[must_use]
    pub fn for_lifecycle(&self) -> Self {
        Self {
            share: Share::Lifecycle,
            ..self.clone()
        }
    }
}

/// Connections kept for the next call; each holds buffers.
const POOL_SIZE: usize = 2;

fn parse_base(text: &str) -> Result<Url, ApiError> {
    let setup = |reason: &str| ApiError::Setup {
        reason: format!("{reason}; it should look like https://chat.example.org:443/api/v4"),
        source: None,
    };
    let url =
        Url::parse(text).map_err(|error| setup(&format!("its address is not one ({error})")))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(setup("its address is neither http nor https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(setup("its address must not hold a user or a password"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(setup("its address must end with the path"));
    }
    Ok(url)
}

impl Credentials {
    fn new(token: &Secret) -> Result<Self, ApiError> {
        let mut authorization = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
            .map_err(|_| ApiError::Setup {
                reason: "the token holds characters that no token has; was it copied whole, and nothing else?"
                    .to_owned(),
                source: None,
            })?;
        authorization.set_sensitive(true);
        Ok(Self {
            token: Arc::new(token.clone()),
            authorization,
        })
    }
}

fn build_client(base: &Url, timeouts: &Timeouts) -> Result<reqwest::Client, ApiError> {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // An error means that another thread was faster, which is as good.
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
    }
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("matterbot/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .http1_only()
        .connect_timeout(timeouts.connect)
        .timeout(timeouts.answer)
        .pool_idle_timeout(timeouts.pool_idle)
        .pool_max_idle_per_host(POOL_SIZE)
        .tcp_keepalive(Duration::from_secs(30));
    if base.scheme() == "http" {
        builder = builder.tls_certs_only([]);
    }
    if is_loopback(base) {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|source| ApiError::Setup {
        reason:
            "TLS cannot be prepared; are the CA certificates installed, and SSL_CERT_FILE right?"
                .to_owned(),
        source: Some(source),
    })
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or("");
    host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}
