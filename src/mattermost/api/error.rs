//! Why a request came to nothing, in words for the operator; never with the token, never with a whole address.

use std::time::Duration;

/// A request that did not bring what was asked for.
///
/// `Display` is one sentence; what caused it is its source. `request` is the method and the path below `/api/v4`.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The connection cannot work at all: the address or the roots of trust.
    #[error("the connection to Mattermost cannot be set up: {reason}")]
    Setup {
        /// What is wrong with it.
        reason: String,
        /// What said so.
        #[source]
        source: Option<reqwest::Error>,
    },
    /// The server said no in its own words (`model.AppError`).
    #[error("Mattermost refused {request} with status {status}: {message} ({id})")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The error's identifier; it differs between versions, and is empty in hardened mode.
        id: String,
        /// The server's explanation.
        message: String,
        /// What was asked.
        request: String,
    },
    /// An answer that is not JSON: a proxy's page, most often.
    #[error(
        "{request} was answered with status {status} by something that is not Mattermost's API: {excerpt:?}"
    )]
    NotJson {
        /// The HTTP status.
        status: u16,
        /// The beginning of what was answered.
        excerpt: String,
        /// What was asked.
        request: String,
    },
    /// The answer points elsewhere. Redirects are not followed: they would turn a POST into a GET.
    #[error(
        "{request} was redirected to {target:?}; set the address of the server to where it really is"
    )]
    Redirected {
        /// Scheme, host and port of the new place; empty if there was none.
        target: String,
        /// What was asked.
        request: String,
    },
    /// The server's rate limit, after the retries that were allowed (429).
    #[error("Mattermost limits our rate: {request} may be tried again in {} s", .retry_after.as_secs())]
    RateLimited {
        /// How long the server wants us to wait.
        retry_after: Duration,
        /// What was asked.
        request: String,
    },
    /// No whole answer arrived: no route, no name, TLS, a timeout, or an end in mid-answer.
    #[error("{request} got no answer from the server")]
    Transport {
        /// What was asked.
        request: String,
        /// What went wrong.
        #[source]
        source: reqwest::Error,
    },
    /// JSON, but not of the form that the call has.
    #[error("the answer to {request} does not have the form that this version of the bot knows")]
    Decode {
        /// What was asked.
        request: String,
        /// What does not fit.
        #[source]
        source: serde_json::Error,
    },
    /// More bytes than we are ready to hold.
    #[error("the answer to {request} is longer than {limit} bytes")]
    TooLarge {
        /// What was asked.
        request: String,
        /// How many bytes we hold.
        limit: usize,
    },
    /// The answer to a websocket upgrade is not one.
    #[error("{request} was not upgraded to a websocket: {reason}")]
    NotUpgraded {
        /// What was asked.
        request: String,
        /// What is wrong with the answer.
        reason: &'static str,
    },
}

impl ApiError {
    /// A request without a whole answer; the address is taken out of `source`.
    pub(super) fn transport(request: String, source: reqwest::Error) -> Self {
        Self::Transport {
            request,
            source: source.without_url(),
        }
    }

    /// The HTTP status of the answer, if there was one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } | Self::NotJson { status, .. } => Some(*status),
            Self::RateLimited { .. } => Some(429),
            _ => None,
        }
    }

    /// Mattermost does not accept the token (401). A database that is down says the same: a single 401 is not
    /// conclusive.
    #[must_use]
    pub fn is_unauthorized(&self) -> bool {
        matches!(self, Self::Refused { status: 401, .. })
    }

    /// Mattermost knows no such thing, or no such call (404).
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }

    /// Mattermost itself said no to the request as it is: a client error other than 401 and 429. A database that is down
    /// can say the same: a single refusal is not conclusive.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Refused {
                status: 400..=499,
                ..
            }
        ) && !self.is_unauthorized()
    }

    /// Whether it may come from a server that is not well: neither what it says of things that do not exist, nor its
    /// rate limit.
    pub(super) fn may_be_trouble(&self) -> bool {
        !self.is_not_found() && !matches!(self, Self::RateLimited { .. })
    }

    /// Whether nothing of the request can have reached the server: there was no connection to send it on.
    #[must_use]
    pub fn is_unsent(&self) -> bool {
        matches!(self, Self::Transport { source, .. } if source.is_connect() || source.is_builder())
    }

    /// Whether the same request may succeed later without anybody changing anything: no whole answer, 429, 5xx, or a
    /// success that is not the server's (a proxy's page).
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Transport { source, .. } => !source.is_builder(),
            Self::RateLimited { .. } => true,
            Self::NotJson { status, .. } => *status >= 500 || *status < 300,
            _ => self.status().is_some_and(|status| status >= 500),
        }
    }
}
