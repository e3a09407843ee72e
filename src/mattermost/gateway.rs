//! The websocket's life: connect, prove life, hear events, notice death, back off, connect again.

use std::time::Duration;

use super::api::{Api, ApiError};
use super::event::Event;
use crate::timestamp::Timestamp;

/// The intervals of a connection.
#[derive(Debug, Clone)]
pub struct Timing {
    /// From the upgrade's request to `hello`; 10 s.
    pub hello: Duration,
    /// Between two pings; 30 s.
    pub ping_every: Duration,
    /// From a ping to its answer; 10 s.
    pub ping_answer: Duration,
    /// The ceiling of the first wait before connecting again; 1 s.
    pub backoff_min: Duration,
    /// The ceiling of all waits after a lost connection; 60 s.
    pub backoff_max: Duration,
    /// The ceiling of all waits after a refused token; 5 min.
    pub refused_max: Duration,
}

/// What the gateway has to tell.
#[derive(Debug)]
pub enum Update {
    /// `hello` was read: the connection is authenticated. Always a gap, the first one too.
    Connected {
        /// The connection's identifier; may be empty.
        connection_id: String,
        /// Version, build number and configuration hash.
        server_version: String,
    },
    /// A ping was answered `OK`: the connection is alive, and so is the token.
    Alive {
        /// The server's clock when it answered.
        server_time: Option<Timestamp>,
        /// The server's version, such as `11.6.0`.
        version: Option<String>,
    },
    /// Something happened; never [`Event::Other`] nor [`Event::Hello`].
    Event(Event),
    /// Events were missed, or one could not be read; the connection goes on.
    Gap,
    /// The connection is lost or was not made.
    Disconnected {
        /// Why.
        cause: DisconnectCause,
        /// When the next attempt is made, while `next` is polled.
        retry_in: Duration,
    },
    /// The server refuses the token: `GET /users/me` answered 401 twice.
    Refused {
        /// Whether the server said between and after them that it and its database are well; if not, the token may be good.
        server_healthy: bool,
        /// When the next attempt is made, while `next` is polled.
        retry_in: Duration,
    },
}

/// Why there is no connection; `Display` is half a sentence for the operator, the rest is its source.
#[derive(Debug, thiserror::Error)]
pub enum DisconnectCause {
    /// The server cannot be asked who we are, or does not upgrade.
    #[error("the server cannot be reached")]
    Unreachable(#[source] ApiError),
    /// The upgrade was made, but no `hello` came in time.
    #[error("the server did not say hello")]
    NoHello,
    /// The server closed the connection with a close frame.
    #[error("the server closed the connection (code {code})")]
    Closed {
        /// The code; 1005 for a frame without one, as the server sends to a client that reads too slowly.
        code: u16,
    },
    /// The connection ended without a close frame.
    #[error("the connection broke")]
    Lost(#[source] Option<Box<dyn std::error::Error + Send + Sync>>),
    /// A ping was not answered in time: the connection is half open, or deaf.
    #[error("the server no longer answers on the connection")]
    Silent,
    /// A ping was answered, but not `OK`: a revoked token's connection hears nothing any more.
    #[error("the server no longer accepts the token on the connection ({id})")]
    Deaf {
        /// The error's identifier.
        id: String,
    },
}

/// The websocket, connected or on its way to be.
#[derive(Debug)]
pub struct Gateway {
    _api: Api,
}

impl Gateway {
    /// A gateway that connects when it is first polled; `seed` makes its back-off repeatable.
    #[must_use]
    pub fn new(api: Api, seed: u64) -> Self {
        Self::with_timing(api, seed, Timing::default())
    }

    /// The same with other intervals.
    #[must_use]
    pub fn with_timing(api: Api, _seed: u64, _timing: Timing) -> Self {
        Self { _api: api }
    }

    /// The next update; cancel-safe. Reading, pinging and reconnecting happen only while this is polled.
    pub async fn next(&mut self) -> Update {
        todo!()
    }

    /// Says goodbye: a close frame, then reading to the end, at most `within` and never more than 500 ms.
    pub async fn close(&mut self, within: Duration) {
        todo!("{within:?}")
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            hello: Duration::from_secs(10),
            ping_every: Duration::from_secs(30),
            ping_answer: Duration::from_secs(10),
            backoff_min: Duration::from_secs(1),
            backoff_max: Duration::from_secs(60),
            refused_max: Duration::from_secs(300),
        }
    }
}
