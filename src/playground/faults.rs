//! Fault switches: what servers, databases, networks and proxies do wrong, turned on by an administrator.
//!
//! `POST /playground/faults` takes a [`Switch`], `GET` shows what is set and how often it hit, `DELETE` clears
//! all, `DELETE ?kind=…` one kind. The switches are asked in four places: by the outermost layer of the routes
//! ([`requests`]), by the hub for each event on its way to a connection ([`Faults::delivery`]), by a connection
//! that says hello ([`Faults::newcomer`]), and by the clock.

pub(crate) mod clock;
pub(crate) mod database;
pub(crate) mod requests;
pub(crate) mod routes;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// What goes wrong. Durations are in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Fault {
    /// Open websockets are closed, with the code or, without one, by cutting the connection.
    Close {
        /// The close frame's code.
        #[serde(default)]
        code: Option<u16>,
    },
    /// Open websockets stay open, but nothing is read or written any more, as after a lost route.
    HalfOpen,
    /// Open websockets hear no event any more; protocol pings are answered.
    Deaf {
        /// What an application-level ping gets.
        ping: DeafPing,
    },
    /// `posted` events come late; those of later posts overtake them.
    LatePosted {
        /// How late.
        delay_ms: u64,
    },
    /// `posted` events never come.
    MissingPosted,
    /// Every event comes twice, with two numbers, as after a failed resume on 5.37.
    DoubledEvents,
    /// Events come with numbers that leave out as many.
    SeqJump {
        /// How many numbers are left out before each event.
        by: i64,
    },
    /// The limiter's refusal, in its plain text.
    TooManyRequests {
        /// Seconds in `Retry-After`; the header is missing without them.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// The real limiter, which is off by default: it also puts its headers on every answer.
    RateLimit {
        /// Requests a second (`PerSec`).
        per_second: u32,
        /// Requests beyond that (`MaxBurst`).
        max_burst: u32,
        /// Who shares a limit.
        vary_by: VaryBy,
    },
    /// An error of the server.
    ServerError {
        /// From 500 on.
        status: u16,
        /// Whether the request takes effect all the same.
        when: When,
    },
    /// The request takes effect, and its answer breaks off.
    LostAnswer,
    /// 401 for every session, as a database that blinks answers for a good token.
    Unauthorized {
        /// Whether `system/ping?get_server_status=true` is healthy meanwhile.
        #[serde(default = "yes")]
        ping_healthy: bool,
    },
    /// The request takes effect at once and is answered late.
    SlowAnswer {
        /// How late.
        delay_ms: u64,
    },
    /// The database cannot be reached: misleading answers, and websockets that stay open.
    DatabaseDown {
        /// Whether sessions are still known; without that every token gets 401.
        #[serde(default = "yes")]
        sessions_cached: bool,
    },
    /// The file store cannot be written or read; the database is well.
    FileStoreDown,
    /// A page of the proxy in front of the server; the request never arrives.
    ProxyPage {
        /// 502 or 503.
        status: u16,
    },
    /// A plugin changes the text of what is posted.
    RewrittenMessage {
        /// What it adds.
        suffix: String,
    },
    /// A plugin takes the props of what is posted away.
    StrippedProps,
    /// A post gets the `create_at` of the newest post that there is.
    SameInstant,
    /// A post gets its `create_at` at once and is saved late, when newer ones can already be read.
    LateCommit {
        /// How late.
        delay_ms: u64,
    },
    /// The server's clock is wrong.
    ClockOffset {
        /// How far ahead; negative for behind.
        offset_ms: i64,
    },
    /// The server starts again: connections are cut, and refused for a moment; claims on `pending_post_id`s are forgotten.
    /// Whoever sets the switch is answered when the server listens again.
    Restart,
}

/// Who shares a rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum VaryBy {
    /// All who come from one address: everybody, on loopback.
    Address,
    /// Each session for itself.
    User,
}

/// What a deaf websocket's application-level ping gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeafPing {
    /// Nothing, as from a hub that lost its index (5.37).
    Unanswered,
    /// `FAIL` with 401, as on a revoked token (11.6).
    Fail,
}

/// On which side of its effect a request fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum When {
    /// Nothing happened.
    BeforeSave,
    /// It happened, and the answer says that it did not. Of a post the `pending_post_id` is forgotten, as the real server
    /// does after every error: a repetition makes a second post.
    AfterSave,
}

/// Whom a switch hits.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scope {
    /// Everybody.
    #[default]
    All,
    /// Requests whose path begins so; for events and websockets, nobody.
    Path(String),
    /// Requests and websockets of one user, by id or name.
    User(String),
}

/// A fault, whom it hits, and how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Switch {
    /// What goes wrong.
    pub(crate) fault: Fault,
    /// Whom it hits.
    #[serde(default)]
    pub(crate) scope: Scope,
    /// The switch turns itself off after so many hits. Without it, it stays until cleared; a switch for open
    /// websockets then hits those that are open now, and with it also that many new ones.
    #[serde(default)]
    pub(crate) times: Option<u32>,
}

fn yes() -> bool {
    true
}

/// A switch that is on.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Active {
    #[serde(flatten)]
    switch: Switch,
    /// How often it hit.
    hits: u64,
}

/// Who asks, or is about to receive something.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Target<'a> {
    /// Empty for websockets.
    pub(crate) path: &'a str,
    pub(crate) user_id: &'a str,
}

/// What becomes of an event on its way to one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Delivery {
    Now,
    Never,
    Late(Duration),
    Twice,
    /// After this many numbers were left out.
    Jumped(i64),
}

/// What happens to a websocket as a whole, for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SocketFault {
    Close(Option<u16>),
    HalfOpen,
    Deaf(DeafPing),
}

impl Fault {
    /// What the fault does to a websocket as a whole.
    pub(crate) fn of_socket(&self) -> Option<SocketFault> {
        match self {
            Self::Close { code } => Some(SocketFault::Close(*code)),
            Self::HalfOpen => Some(SocketFault::HalfOpen),
            Self::Deaf { ping } => Some(SocketFault::Deaf(*ping)),
            _ => None,
        }
    }

    fn delivery(&self, event: &str) -> Option<Delivery> {
        match self {
            Self::LatePosted { delay_ms } if event == "posted" => {
                Some(Delivery::Late(Duration::from_millis(*delay_ms)))
            }
            Self::MissingPosted if event == "posted" => Some(Delivery::Never),
            Self::DoubledEvents => Some(Delivery::Twice),
            Self::SeqJump { by } => Some(Delivery::Jumped(*by)),
            _ => None,
        }
    }

    /// The kind's name, as in JSON.
    fn kind(&self) -> String {
        let value = serde_json::to_value(self).unwrap_or_default();
        value
            .get("kind")
            .and_then(|kind| kind.as_str())
            .unwrap_or_default()
            .to_owned()
    }
}

impl Scope {
    fn holds(&self, target: Target<'_>) -> bool {
        match self {
            Self::All => true,
            Self::Path(prefix) => !target.path.is_empty() && target.path.starts_with(prefix),
            Self::User(user_id) => user_id == target.user_id,
        }
    }
}

/// The switches of one server.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    active: Mutex<Vec<Active>>,
    clock_offset: AtomicI64,
}

impl Faults {
    /// Turns a switch on; its scope names a user by id.
    pub(crate) fn set(&self, switch: Switch) {
        if let Fault::ClockOffset { offset_ms } = switch.fault {
            self.clock_offset.store(offset_ms, Ordering::Relaxed);
        }
        // A server has one clock and one limiter: the last word holds.
        if matches!(
            switch.fault,
            Fault::ClockOffset { .. } | Fault::RateLimit { .. }
        ) {
            let kind = switch.fault.kind();
            self.lock()
                .retain(|active| active.switch.fault.kind() != kind);
        }
        // What is over at once leaves nothing to be asked for later.
        let lasts = switch.times.is_some()
            || (switch.fault.of_socket().is_none() && switch.fault != Fault::Restart);
        if lasts {
            self.lock().push(Active { switch, hits: 0 });
        }
    }

    /// Turns off all switches, or those of one kind.
    pub(crate) fn clear(&self, kind: Option<&str>) {
        let matches = |name: &str| kind.is_none_or(|kind| kind == name);
        self.lock()
            .retain(|active| !matches(&active.switch.fault.kind()));
        if matches("clock_offset") {
            self.clock_offset.store(0, Ordering::Relaxed);
        }
    }

    /// What is on, used up or not.
    pub(crate) fn list(&self) -> Vec<Active> {
        self.lock().clone()
    }

    /// The first switch for `target` that `pick` wants; it is counted as a hit.
    pub(crate) fn hit<T>(
        &self,
        target: Target<'_>,
        pick: impl Fn(&Fault) -> Option<T>,
    ) -> Option<T> {
        self.lock().iter_mut().find_map(|active| {
            let left = active
                .switch
                .times
                .is_none_or(|times| active.hits < u64::from(times));
            if !left || !active.switch.scope.holds(target) {
                return None;
            }
            let picked = pick(&active.switch.fault)?;
            active.hits += 1;
            Some(picked)
        })
    }

    /// Whether a switch for `target` that `wanted` names is on; this counts as no hit.
    pub(crate) fn is_on(&self, target: Target<'_>, wanted: impl Fn(&Fault) -> bool) -> bool {
        let active = self.lock();
        let left = |active: &Active| {
            active
                .switch
                .times
                .is_none_or(|times| active.hits < u64::from(times))
        };
        let mut on = active
            .iter()
            .filter(|active| left(active) && active.switch.scope.holds(target));
        on.any(|active| wanted(&active.switch.fault))
    }

    /// What becomes of an event for a connection of `user_id`.
    pub(crate) fn delivery(&self, event: &str, user_id: &str) -> Delivery {
        let target = Target { path: "", user_id };
        self.hit(target, |fault| fault.delivery(event))
            .unwrap_or(Delivery::Now)
    }

    /// What happens to a connection of `user_id` that has just been opened.
    pub(crate) fn newcomer(&self, user_id: &str) -> Option<SocketFault> {
        self.hit(Target { path: "", user_id }, Fault::of_socket)
    }

    /// The instant that the server's limits go by.
    pub(crate) fn instant(&self) -> Instant {
        let ahead = u64::try_from(self.clock_offset()).unwrap_or(0);
        Instant::now() + Duration::from_millis(ahead)
    }

    /// How far the server's clock is ahead, in milliseconds.
    pub(crate) fn clock_offset(&self) -> i64 {
        self.clock_offset.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Active>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
