//! The proxy's fault switches: the playground's, as far as a proxy can make them, and some that only a proxy has.

use std::sync::Mutex;

use serde::Deserialize;
use serde_json::Value;

/// What goes wrong. What the playground has too is told there.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Fault {
    Close {
        code: Option<u16>,
    },
    /// Open websockets are reset.
    Reset,
    HalfOpen,
    Deaf {
        ping: DeafPing,
    },
    LatePosted {
        delay_ms: u64,
    },
    MissingPosted,
    DoubledEvents,
    SeqJump {
        by: i64,
    },
    TooManyRequests {
        retry_after: Option<u64>,
    },
    ServerError {
        status: u16,
        when: When,
    },
    Unauthorized {},
    SlowAnswer {
        delay_ms: u64,
    },
    ProxyPage {
        status: u16,
    },
    /// A request arrives so late, though its sender may have given up.
    LateRequest {
        delay_ms: u64,
    },
    /// A request never arrives, and is never answered.
    LostRequest,
    /// A request arrives, and the connection is cut in the place of an answer.
    LostAnswer,
    RewrittenMessage {
        suffix: String,
    },
    /// What makes a post known as the bot's is taken away.
    StrippedKey,
    /// All connections are cut.
    Restart,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum DeafPing {
    Unanswered,
    Fail,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum When {
    BeforeSave,
    AfterSave,
}

/// What happens to a websocket as a whole, for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SocketFault {
    Close(Option<u16>),
    Reset,
    HalfOpen,
    Deaf(DeafPing),
}

impl Fault {
    pub(super) fn of_socket(&self) -> Option<SocketFault> {
        match self {
            Self::Close { code } => Some(SocketFault::Close(*code)),
            Self::Reset => Some(SocketFault::Reset),
            Self::Restart => Some(SocketFault::Close(None)),
            Self::HalfOpen => Some(SocketFault::HalfOpen),
            Self::Deaf { ping } => Some(SocketFault::Deaf(*ping)),
            _ => None,
        }
    }
}

/// Whom a switch hits, of the one account that comes through a proxy.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Scope {
    #[default]
    All,
    /// Requests whose path begins so.
    Path(String),
    /// Requests to make something at exactly this path.
    Posting(String),
    User(String),
}

/// A fault, whom it hits, and how often.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Switch {
    pub(super) fault: Fault,
    #[serde(default)]
    scope: Scope,
    times: Option<u64>,
}

impl Switch {
    /// None where a proxy for `user` cannot make it.
    pub(super) fn read(switch: &Value, user: &str) -> Option<Self> {
        let switch: Self = serde_json::from_value(switch.clone()).ok()?;
        let reaches = match &switch.scope {
            Scope::User(whom) => whom == user,
            Scope::All | Scope::Path(_) | Scope::Posting(_) => true,
        };
        reaches.then_some(switch)
    }
}

/// What is about to pass; an event has no path.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Target<'a> {
    pub(super) path: &'a str,
    pub(super) is_post: bool,
}

impl Target<'_> {
    /// Whether it is a request for a new post.
    pub(super) fn is_new_post(self) -> bool {
        self.is_post && self.path == "/api/v4/posts"
    }

    fn is_in(self, scope: &Scope) -> bool {
        match scope {
            Scope::All | Scope::User(_) => true,
            Scope::Path(prefix) => !self.path.is_empty() && self.path.starts_with(prefix),
            Scope::Posting(path) => self.is_post && self.path == path,
        }
    }
}

/// The switches that were turned on, with how often they hit.
#[derive(Default)]
pub(super) struct Switches {
    active: Mutex<Vec<(Switch, u64)>>,
}

impl Switches {
    pub(super) fn turn_on(&self, switch: Switch) {
        // What is over at once leaves nothing to be asked for later.
        if switch.times.is_some() || switch.fault.of_socket().is_none() {
            self.active.lock().unwrap().push((switch, 0));
        }
    }

    pub(super) fn turn_off(&self) {
        self.active.lock().unwrap().clear();
    }

    pub(super) fn hits(&self) -> u64 {
        self.active
            .lock()
            .unwrap()
            .iter()
            .map(|(_, hits)| hits)
            .sum()
    }

    /// What `pick` makes of the first switch for `target` that it wants; that is a hit.
    pub(super) fn hit<T>(
        &self,
        target: Target<'_>,
        pick: impl Fn(&Fault) -> Option<T>,
    ) -> Option<T> {
        let mut active = self.active.lock().unwrap();
        active.iter_mut().find_map(|(switch, hits)| {
            if switch.times.is_some_and(|times| *hits >= times) || !target.is_in(&switch.scope) {
                return None;
            }
            let picked = pick(&switch.fault)?;
            *hits += 1;
            Some(picked)
        })
    }
}
