//! Why the server cannot be reached, in words for the operator: what is wrong, with which key, and what to do.

use crate::config::{Matterbot, Scheme};
use crate::mattermost::api::{ApiError, TransportCause};

use super::causes::causes;

/// Where a token is made, as the server's own menus call it.
pub const NEW_TOKEN: &str =
    "make a new one in the server's System Console, under Integrations > Bot Accounts";

/// How much of what a library says is quoted, in characters.
const QUOTE_LIMIT: usize = 200;

/// Why `error` happened and what to do about it, as far as that can be told; else the error with its causes.
#[must_use]
pub fn unreachable(error: &ApiError, matterbot: &Matterbot) -> String {
    let place = place(matterbot);
    match (error, error.transport_cause()) {
        (_, Some(TransportCause::NobodyListens)) => format!(
            "nothing listens at {place}: is the server up, and are Matterbot.host and Matterbot.port right?"
        ),
        (_, Some(TransportCause::NoSuchName)) => format!(
            "the name {:?} cannot be resolved: correct Matterbot.host, or mend this host's DNS",
            matterbot.host
        ),
        (_, Some(TransportCause::Slow)) => format!(
            "{place} does not answer in time: is the server up, are Matterbot.host and Matterbot.port right, and does a \
             firewall let us through?"
        ),
        (_, Some(TransportCause::NoTls)) => format!(
            "{place} does not speak TLS: set Matterbot.scheme to http, or Matterbot.port to the port of https"
        ),
        (_, Some(TransportCause::Certificate(reason))) => format!(
            "the certificate of {place} is not accepted ({}): Matterbot.host has to be a name in it, and this host has \
             to trust its authority (SSL_CERT_FILE names another file of authorities)",
            quote(&reason)
        ),
        (_, Some(TransportCause::NoHttp)) | (ApiError::NotJson { status: 400, .. }, _)
            if matterbot.scheme == Scheme::Http =>
        {
            format!(
                "{place} does not answer as a server without TLS does: set Matterbot.scheme to https, or correct \
                 Matterbot.port ({})",
                causes(error)
            )
        }
        (ApiError::Refused { status: 404, .. }, _)
        | (
            ApiError::NotJson {
                status: ..=299 | 404,
                ..
            },
            _,
        ) => format!(
            "something answers at {}, but it is not Mattermost's API: correct Matterbot.basepath, host or port ({})",
            matterbot.api_url(),
            causes(error)
        ),
        _ => format!("{place} cannot be reached: {}", causes(error)),
    }
}

/// Host and port.
fn place(matterbot: &Matterbot) -> String {
    let (host, port) = (&matterbot.host, matterbot.port);
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

fn quote(text: &str) -> String {
    let quoted: String = text.chars().take(QUOTE_LIMIT).collect();
    if quoted.len() < text.len() {
        quoted + "…"
    } else {
        quoted
    }
}
