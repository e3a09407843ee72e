//! A Mattermost-compatible server on loopback, with the real one's behaviour, bugs included.
//!
//! A request is read whole (`server`), works on plain values behind one mutex (`state`), and leaves events that
//! the `hub` puts into the queues of the websockets (`socket`). What it writes (`wire`) follows recordings of
//! two real servers, 11.6 and 5.37; nothing here is shared with the client's side of this package.

mod attachments;
mod call;
mod emoji;
mod error;
mod event;
mod faults;
mod hub;
mod limit;
mod routes;
mod server;
mod socket;
mod state;
mod store;
mod wire;

pub mod launch;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

pub use limit::{LimitBy, RateLimit};
pub use store::StoreError;

use limit::Limiter;
use server::Server;
use state::pending::Pending;
use store::Store;

/// The password of the seeded people: `admin`, `olga`, `pat`, `guest` and the deactivated `gone`.
pub const PASSWORD: &str = state::seed::PASSWORD;

/// Which server's behaviour is shown; where the two differ, both were recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Flavour {
    /// Mattermost 11.6.
    #[default]
    V11_6,
    /// Mattermost 5.37.
    V5_37,
}

/// The server's durations; the defaults are the real server's, which takes seconds to start again, however.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How long a `pending_post_id` leads to the post that it made.
    pub pending_id: Duration,
    /// When a websocket without a session is dropped.
    pub authentication: Duration,
    /// Between two pings of the server on a websocket.
    pub ping: Duration,
    /// How long a websocket may stay without a pong.
    pub pong: Duration,
    /// How long an HTTP connection may wait for its next request.
    pub idle: Duration,
    /// How long the server refuses connections when a fault starts it again.
    pub restart: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            pending_id: Duration::from_secs(30),
            authentication: Duration::from_secs(5),
            ping: Duration::from_secs(60),
            pong: Duration::from_secs(100),
            idle: Duration::from_secs(60),
            restart: Duration::from_millis(300),
        }
    }
}

/// How a playground is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; loopback only. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Which server's behaviour is shown.
    pub flavour: Flavour,
    /// Where `server.json` is kept between starts; without it everything is forgotten.
    pub state: Option<PathBuf>,
    /// The server's durations.
    pub timing: Timing,
    /// Whether a server without people gets the seeded ones; else the first who registers is its administrator.
    pub seeded: bool,
    /// Whether the server has a licence, and with it guests.
    pub licensed: bool,
    /// Whether people may have access tokens (`EnableUserAccessTokens`); bots may in any case.
    pub access_tokens: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            flavour: Flavour::default(),
            state: None,
            timing: Timing::default(),
            seeded: true,
            licensed: false,
            access_tokens: false,
        }
    }
}

/// Why a playground did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address can be reached from other hosts.
    #[error(
        "{0} is not a loopback address, and the playground's passwords are public: use 127.0.0.1 or [::1]"
    )]
    NotLoopback(SocketAddr),
    /// Nothing can listen there.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The state of an earlier start cannot be used.
    #[error("the kept state cannot be used")]
    Store(#[source] StoreError),
    /// The kept state lacks the seeded bot or its token.
    #[error(
        "the kept state has no working token of matter-bot: remove its server.json to start anew"
    )]
    NoBot,
}

/// A running server; dropping it stops it.
pub struct Playground {
    address: SocketAddr,
    bot_token: String,
    server: Arc<Server>,
    store: Option<Arc<Store>>,
}

impl Playground {
    /// Starts a server with the seeded team and accounts, or with what was kept of an earlier one.
    ///
    /// # Errors
    /// When the address is not loopback or cannot be bound, or the kept state cannot be read.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        if !options.listen.ip().is_loopback() {
            return Err(StartError::NotLoopback(options.listen));
        }
        let store = options
            .state
            .map(|directory| Arc::new(Store::new(directory)));
        let mut state = match &store {
            Some(store) => store.load().map_err(StartError::Store)?,
            None => None,
        }
        .unwrap_or_default();
        state.flavour = options.flavour;
        state.licensed = options.licensed;
        state.access_tokens = options.access_tokens;
        state.pending = Pending::new(options.timing.pending_id);
        if state.accounts.is_empty() && options.seeded {
            state.seed().map_err(|_| StartError::NoBot)?;
            state.cached_users.clear();
        }
        let bot_token = match state.seeded_token() {
            Some(token) => token,
            None if options.seeded => return Err(StartError::NoBot),
            None => String::new(),
        };
        let listen_error = |source| StartError::Listen {
            address: options.listen,
            source,
        };
        let listener = TcpListener::bind(options.listen)
            .await
            .map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;
        let server = Arc::new(Server::new(state, options.timing));
        server
            .tasks
            .spawn(server::listen(Arc::clone(&server), listener));
        if let Some(store) = &store {
            server
                .tasks
                .spawn(Arc::clone(store).keep(Arc::clone(&server)));
        }
        Ok(Self {
            address,
            bot_token,
            server,
            store,
        })
    }

    /// The address that was bound.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address as a client's configuration wants it, `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A personal access token of the seeded `matter-bot`; empty on a server that was not seeded.
    #[must_use]
    pub fn bot_token(&self) -> &str {
        &self.bot_token
    }

    /// The identifier of the account `username`, if there is one.
    #[must_use]
    pub fn user_id(&self, username: &str) -> Option<String> {
        self.server.with(|state, _| {
            state
                .account_by_name(username)
                .map(|account| account.id.clone())
        })
    }

    /// Switches the rate limit on, to something else, or off.
    pub fn set_rate_limit(&self, limit: Option<RateLimit>) {
        self.server.set_limiter(limit.map(Limiter::new));
    }

    /// Stops the server; sockets are dropped without a close frame, as the real one does.
    pub async fn stop(self) {
        self.server.tasks.stop();
        if !self.server.tasks.drain(Duration::from_secs(5)).await {
            tracing::warn!("connections of the playground did not end");
        }
    }
}

impl fmt::Debug for Playground {
    /// The address alone: the token is a secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Playground")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Drop for Playground {
    fn drop(&mut self) {
        self.server.tasks.stop();
        if let Some(store) = &self.store {
            store.save(&self.server);
        }
    }
}
