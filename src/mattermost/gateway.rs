//! The websocket's life: connect, prove life, hear events, notice death, back off, connect again.
//!
//! ```text
//!              due                               hello: Connected
//!  Waiting ----------> Connecting ------------------------------------> Open
//!     ^                 GET /users/me              Event, Gap <--------+  |  ping at once, then every 30 s
//!     |                 upgrade, 101               Alive      <--------+  |
//!     |                 hello within 10 s           (answered OK: back-off starts anew)
//!     |                     |    |                                        |
//!     |  401 twice: Refused |    | anything else: Disconnected            | close frame, EOF, a ping refused or not
//!     +------ up to 5 min --+    +------------------- up to 30 s ---------+ answered in 10 s: Disconnected
//! ```
//!
//! * The token is proved by `GET /users/me` first: the upgrade of a bad one is answered 101 all the same.
//! * A connection is never resumed. Every `hello` is a gap: what happened before it is to be read over REST.
//! * Life is a ping of the application that is answered `OK`. On a revoked token's connection, and on one that the
//!   server's hub has lost, only that ping fails: the protocol's own pings are answered and no event ever comes.
//! * Events come as the server sends them: their order is not that of `create_at`, and one post can come twice, under
//!   two numbers. Whoever acts on posts tells them apart by their ids.
//!
//! Nothing is sent but these pings: above all no `presence`, which would narrow the events that we are sent, and no
//! `authentication_challenge`, which a connection authorised by its header would leave unanswered. All frames of
//! ours are shorter than 100 bytes; the server closes a connection over one of more than 8 KiB.

mod connect;
mod socket;

use std::fmt;
use std::future::{Future, pending};
use std::mem;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};

use self::connect::{Established, Failure, connect};
use self::socket::{Heard, Socket};
use super::api::{Api, ApiError};
use super::event::Event;
use crate::backoff::Backoff;
use crate::timestamp::Timestamp;

/// The intervals of a connection.
#[derive(Debug, Clone)]
pub struct Timing {
    /// From the upgrade to `hello`; 10 s. The server itself drops a bad token after 5 s.
    pub hello: Duration,
    /// From a ping's answer to the next ping; 30 s, as the server's own client does.
    pub ping_every: Duration,
    /// From a ping to its answer; 10 s.
    pub ping_answer: Duration,
    /// The ceiling of the first wait before connecting again; 1 s.
    pub backoff_min: Duration,
    /// The ceiling of all waits after a lost connection; 30 s.
    pub backoff_max: Duration,
    /// The ceiling of all waits after a refused token; 5 min.
    pub refused_max: Duration,
}

/// What the gateway has to tell.
#[derive(Debug)]
pub enum Update {
    /// `hello` was read: the connection is authenticated. Always a gap, the first one too.
    Connected {
        /// Version, build number and configuration hash.
        server_version: String,
    },
    /// A ping was answered `OK`: the connection is alive, and so is the token.
    Alive {
        /// The server's clock when it answered.
        server_time: Option<Timestamp>,
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
        /// Whether the server said, between the two and after them, that it and its database are well. If not, the token
        /// may be good.
        server_healthy: bool,
        /// When the next attempt is made, while `next` is polled.
        retry_in: Duration,
    },
}

/// Why there is no connection; `Display` is a clause (no capital, no full stop) for the operator, the rest is its
/// source.
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
    /// The connection ended without a close frame, as it does when the server stops or cuts it.
    #[error("the connection broke")]
    Lost(#[source] Option<Box<dyn std::error::Error + Send + Sync>>),
    /// A ping was not answered in time: the connection is half open, or deaf.
    #[error("the server no longer answers on the connection")]
    Silent,
    /// A ping was answered, but not `OK`: a revoked token's connection hears nothing any more.
    #[error("the server refused a ping on the connection ({id})")]
    PingRefused {
        /// The error's identifier.
        id: String,
    },
}

/// The websocket, connected or on its way to be.
pub struct Gateway {
    api: Api,
    timing: Timing,
    state: State,
    lost: Backoff,
    refused: Backoff,
}

enum State {
    /// Nothing is done before this instant.
    Waiting(Instant),
    /// An attempt, kept here so that dropping `next` does not lose it.
    Connecting(Pin<Box<dyn Future<Output = Result<Established, Failure>> + Send>>),
    /// A connection that said hello.
    Open(Box<Socket>),
    /// We said goodbye.
    Closed,
}

impl Gateway {
    /// A gateway that connects when it is first polled; `seed` makes its back-off repeatable. Its requests may use
    /// the part of the limiter that is kept for lifecycle commands.
    #[must_use]
    pub fn new(api: Api, seed: u64) -> Self {
        Self::with_timing(api, seed, Timing::default())
    }

    /// The same with other intervals.
    #[must_use]
    pub fn with_timing(api: Api, seed: u64, timing: Timing) -> Self {
        Self {
            api: api.for_lifecycle(),
            state: State::Waiting(Instant::now()),
            lost: Backoff::new(timing.backoff_min, timing.backoff_max, seed),
            refused: Backoff::new(timing.backoff_min, timing.refused_max, seed),
            timing,
        }
    }

    /// Connects at the next poll instead of waiting out the back-off: after something was mended.
    pub fn retry_now(&mut self) {
        if let State::Waiting(until) = &mut self.state {
            *until = Instant::now();
        }
    }

    /// The next update. Cancel-safe: dropping the future loses nothing, so it can be an arm of a `select!` in a loop.
    ///
    /// All reading, pinging, answering of the server's pings, and reconnecting happens while this is polled. A caller that
    /// stays away for long harms nobody but itself: the server holds 256 events, then closes the connection with an
    /// empty close frame; and after 100 s without an answer to its pings it cuts it. Both are told as
    /// [`Update::Disconnected`] after the events that were still delivered, and the next `hello` is a gap as always.
    pub async fn next(&mut self) -> Update {
        loop {
            match &mut self.state {
                State::Waiting(until) => {
                    sleep_until(*until).await;
                    let attempt = connect(self.api.clone(), self.timing.clone());
                    self.state = State::Connecting(Box::pin(attempt));
                }
                State::Connecting(attempt) => {
                    let result = attempt.await;
                    return self.attempted(result);
                }
                State::Open(socket) => {
                    let heard = socket.next(&self.timing).await;
                    return self.heard(heard);
                }
                State::Closed => pending().await,
            }
        }
    }

    /// Says goodbye: a close frame, then reading to the end, at most `within` and never more than 500 ms. After that
    /// [`Gateway::next`] waits for ever.
    pub async fn close(&mut self, within: Duration) {
        if let State::Open(socket) = mem::replace(&mut self.state, State::Closed) {
            let farewell = timeout(within.min(LONGEST_FAREWELL), socket.close());
            // A server that does not answer in time is left; it notices by itself.
            farewell.await.ok();
        }
    }

    fn attempted(&mut self, result: Result<Established, Failure>) -> Update {
        match result {
            Ok(established) => {
                self.state = State::Open(Box::new(established.socket));
                Update::Connected {
                    server_version: established.server_version,
                }
            }
            Err(Failure::Disconnected(cause)) => self.disconnected(cause),
            Err(Failure::Refused { server_healthy }) => {
                let retry_in = self.refused.next_delay();
                self.state = State::Waiting(Instant::now() + retry_in);
                Update::Refused {
                    server_healthy,
                    retry_in,
                }
            }
        }
    }

    fn heard(&mut self, heard: Result<Heard, DisconnectCause>) -> Update {
        match heard {
            Ok(Heard::Event(event)) => Update::Event(event),
            Ok(Heard::Gap) => Update::Gap,
            Ok(Heard::Alive { server_time }) => {
                self.lost.reset();
                self.refused.reset();
                Update::Alive { server_time }
            }
            Err(cause) => self.disconnected(cause),
        }
    }

    fn disconnected(&mut self, cause: DisconnectCause) -> Update {
        let mut retry_in = self.lost.next_delay();
        if let DisconnectCause::Unreachable(ApiError::RateLimited { retry_after, .. }) = &cause {
            retry_in += *retry_after;
        }
        self.state = State::Waiting(Instant::now() + retry_in);
        Update::Disconnected { cause, retry_in }
    }
}

/// The longest that a goodbye may take.
const LONGEST_FAREWELL: Duration = Duration::from_millis(500);

impl fmt::Debug for Gateway {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.state {
            State::Waiting(_) => "Gateway(waiting)",
            State::Connecting(_) => "Gateway(connecting)",
            State::Open(_) => "Gateway(open)",
            State::Closed => "Gateway(closed)",
        })
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            hello: Duration::from_secs(10),
            ping_every: Duration::from_secs(30),
            ping_answer: Duration::from_secs(10),
            backoff_min: Duration::from_secs(1),
            backoff_max: Duration::from_secs(30),
            refused_max: Duration::from_secs(300),
        }
    }
}
