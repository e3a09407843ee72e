//! What the log and the supervisor are told of what happens: what, where, what to do.

use crate::config::TokenSource;
use crate::lifecycle::signals::{Signal, Stopper};
use crate::lifecycle::{ExitStatus, Outcome};
use crate::mattermost::gateway::{DisconnectCause, Update};
use crate::timestamp::Timestamp;

use super::advice::{self, NEW_TOKEN};
use super::causes::causes;
use super::context::Context;
use super::event::Event;
use super::identity::Identity;
use super::reply::duration;

/// The log's line about `event`, and the supervisor's, where it has one.
pub fn report(context: &Context, event: &Event) {
    let notify = context.notify;
    match event {
        Event::Gateway(Update::Connected { server_version, .. }) => {
            let version = short(server_version);
            let address = context.settings().config.matterbot.base_url();
            tracing::info!("connected to Mattermost {version} at {address}");
            notify.status("Connected to Mattermost");
        }
        Event::Gateway(
            update @ (Update::Disconnected { retry_in, .. } | Update::Refused { retry_in, .. }),
        ) => {
            let (cause, wait) = (
                lost(context, update).unwrap_or_default(),
                duration(*retry_in),
            );
            let text = format!("{cause} (the next try is in {wait})");
            if matches!(update, Update::Refused { .. }) {
                tracing::error!("not connected: {text}");
            } else {
                tracing::warn!("not connected: {text}");
            }
            notify.status(&format!("Not connected: {text}"));
        }
        Event::Identified(identity) => serving(context, identity),
        Event::Misconfigured(sentence) => {
            tracing::error!("{sentence}");
            notify.status(sentence);
        }
        Event::Signal(Signal::Stop(stopper)) => tracing::info!("asked to stop by {stopper}"),
        Event::Signal(Signal::Reload) => {
            tracing::info!("asked by SIGHUP to reload, and to open log and audit trail again");
        }
        Event::Signal(Signal::Restart) => tracing::info!("asked by SIGUSR1 to restart"),
        _ => {}
    }
}

/// The log's last line: how the process ends, why, and after what time.
pub fn ended(context: &Context, outcome: Outcome, stopper: Option<Stopper>) {
    let after = duration(Timestamp::now().since(context.started_at));
    match (outcome, stopper) {
        (Outcome::Exit(ExitStatus::Success), Some(stopper)) => {
            tracing::info!("stopped after {after}: {stopper}");
        }
        (Outcome::Exit(ExitStatus::Success), None) => tracing::info!("stopped after {after}"),
        (Outcome::Exit(ExitStatus::Restart), _) => {
            tracing::info!("ended after {after} with status 75, to be started again");
        }
        (Outcome::Reexec, _) => tracing::info!("this process replaces itself now, after {after}"),
        (Outcome::Exit(status), _) => tracing::error!(
            "ended after {after} with status {}: an error, which stands above",
            status.code()
        ),
    }
}

/// Why there is no connection, if `update` says that there is none.
#[must_use]
pub fn lost(context: &Context, update: &Update) -> Option<String> {
    let settings = context.settings();
    let matterbot = &settings.config.matterbot;
    match update {
        Update::Disconnected {
            cause: DisconnectCause::Unreachable(error),
            ..
        } => Some(advice::unreachable(error, matterbot)),
        Update::Disconnected { cause, .. } => Some(causes(cause).to_string()),
        Update::Refused { server_healthy, .. } => {
            Some(refused(&matterbot.token_source, *server_healthy))
        }
        _ => None,
    }
}

/// Why the server does not let us in.
#[must_use]
pub fn refused(source: &TokenSource, server_healthy: bool) -> String {
    if server_healthy {
        format!(
            "the server refuses the token ({source}) and is well otherwise: the token was revoked, is wrong, or is of \
             another server; {NEW_TOKEN}. One that never worked here ends the bot with status 78, after 5 refusals in \
             60 s or more"
        )
    } else {
        format!(
            "the server refuses the token ({source}) and is not well itself, so the token may be good"
        )
    }
}

/// What is odd about the account that the token belongs to, if anything is.
#[must_use]
pub fn odd_account(identity: &Identity) -> Option<String> {
    (!identity.is_bot).then(|| {
        format!(
            "the token is not a bot account's but that of the person @{}: commands that this person gives are taken for \
             the bot's own posts, and ignored; a session's token ends with the session. Make a bot account in the \
             server's System Console, under Integrations > Bot Accounts",
            identity.username
        )
    })
}

fn serving(context: &Context, identity: &Identity) {
    tracing::info!(
        "serving as @{} in the team {}",
        identity.username,
        context.settings().config.matterbot.teamname
    );
    if let Some(oddity) = odd_account(identity) {
        tracing::warn!("{oddity}");
    }
}

/// The version itself: behind it come build, hash and licence.
fn short(server_version: &str) -> String {
    let parts: Vec<&str> = server_version.split('.').take(3).collect();
    parts.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_short() {
        assert_eq!(short("11.6.0..7d1f0c5e9a2b.false"), "11.6.0");
        assert_eq!(short("5.37.0.5.37.0-local.8995.false"), "5.37.0");
        assert_eq!(short(""), "");
    }
}
