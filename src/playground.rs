//! A Mattermost-compatible server on loopback, with the real one's behaviour, bugs included.

pub mod launch;

use std::net::SocketAddr;
use std::path::PathBuf;

/// Which server's behaviour is shown; where the two differ, both were recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Flavour {
    /// Mattermost 11.6.
    #[default]
    V11_6,
    /// Mattermost 5.37.
    V5_37,
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
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            flavour: Flavour::default(),
            state: None,
        }
    }
}

/// Why a playground did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is not of this host alone.
    #[error("{0} is not a loopback address: the playground's passwords are public")]
    NotLoopback(SocketAddr),
}

/// A running server; dropping it stops it.
#[derive(Debug)]
pub struct Playground {
    address: SocketAddr,
    bot_token: String,
}

impl Playground {
    /// Starts a server with the seeded team and accounts.
    ///
    /// # Errors
    /// When the address is not loopback or cannot be bound, or the state cannot be read.
    #[expect(clippy::unused_async, reason = "the skeleton listens nowhere")]
    pub async fn start(options: Options) -> Result<Self, StartError> {
        if !options.listen.ip().is_loopback() {
            return Err(StartError::NotLoopback(options.listen));
        }
        Ok(Self {
            address: options.listen,
            bot_token: String::new(),
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

    /// A personal access token of the seeded `matter-bot`.
    #[must_use]
    pub fn bot_token(&self) -> &str {
        &self.bot_token
    }

    /// Stops the server; sockets are dropped without a close frame, as the real one does.
    #[expect(clippy::unused_async, reason = "the skeleton listens nowhere")]
    pub async fn stop(self) {}
}
