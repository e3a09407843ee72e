//! The bot before its supervisor: what it says of itself, how it holds back after crashes, how it prepares a restart.

use std::time::Duration;

use crate::config::{self, Environment, TokenSource};
use crate::lifecycle::notify::Notify;
use crate::lifecycle::reexec::Origin;
use crate::lifecycle::signals::{Signal, Signals};
use crate::lifecycle::supervisor::{self, Departure, Proof};
use crate::lifecycle::{ExitStatus, Outcome, preflight, ready};
use crate::timestamp::Timestamp;

use super::context::Context;

/// What a start takes beside the times that are known beforehand: opening, migrating, a predecessor that ends.
const START_MARGIN: Duration = Duration::from_secs(60);

/// What the end takes after the drain: last answers, the goodbye, the last commit.
const END_MARGIN: Duration = Duration::from_secs(10);

/// What a process is started with beside its configuration.
#[derive(Debug, Clone)]
pub struct Launch {
    /// How to start it again.
    pub origin: Origin,
    /// Whether unknown keys of the configuration are errors.
    pub strict: bool,
    /// Why this process had to start again itself instead of being replaced by a new one.
    pub mishap: Option<String>,
}

/// Waits out the crash back-off; false if it is asked to stop meanwhile.
pub async fn hold_back(signals: &mut Signals, notify: Notify, wait: Duration) -> bool {
    if wait.is_zero() {
        return true;
    }
    let text = format!(
        "Earlier starts failed, so this one waits {} s",
        wait.as_secs()
    );
    tracing::warn!("{text}");
    notify.status(&text);
    notify.starting(wait + ready::GRACE + START_MARGIN);
    let over = tokio::time::sleep(wait);
    tokio::pin!(over);
    let mut alive = tokio::time::interval(notify.watchdog().unwrap_or(wait));
    loop {
        // Every arm is cancel-safe: an instant that is past stays so, a signal is kept.
        tokio::select! {
            () = &mut over => return true,
            signal = signals.next() => {
                if let Signal::Stop(stopper) = signal {
                    tracing::info!("stopped by {stopper} while it waited");
                    return false;
                }
            }
            _ = alive.tick() => notify.alive(),
        }
    }
}

/// Finds out whether a restart would bring us back, and how to leave for it.
///
/// # Errors
/// Why it would not, as half a sentence.
pub async fn prepare(context: &Context) -> Result<Departure, String> {
    preflight::run(&context.origin, preflight::PATIENCE)
        .await
        .map_err(|error| error.to_string())?;
    let manager = context.settings().config.matterbot.service_manager;
    let departure =
        supervisor::departure(manager, context.starts.as_deref(), Timestamp::now()).await?;
    match &departure {
        Departure::Exit(Proof::Systemd(unit)) => {
            tracing::info!(unit, "leaving with status 75: systemd brings us back");
        }
        Departure::Exit(Proof::S6) => {
            tracing::info!("leaving with status 75: s6 brings us back");
        }
        Departure::Exit(Proof::OperatorsWord) => {
            tracing::info!("leaving with status 75, as service_manager says");
        }
        Departure::Reexec(reason) => tracing::info!("this process replaces itself: {reason}"),
    }
    Ok(departure)
}

/// Reads the token again, for SIGHUP; the verdict in a sentence.
pub fn reread_token(context: &Context) -> String {
    if let TokenSource::Credential(_) = context.settings().config.matterbot.token_source {
        return "The token is a systemd credential, which is read anew only when systemd starts the bot anew \
                (`systemctl restart`)"
            .to_owned();
    }
    let loaded = config::load(
        &context.settings().config.file,
        &Environment::of_process(),
        context.strict,
    );
    let token = match loaded {
        Ok(loaded) => loaded.config.matterbot.token,
        Err(invalid) => {
            tracing::error!("{invalid}");
            return "The configuration has errors, so the token was not read again".to_owned();
        }
    };
    match context.api.change_token(&token) {
        Ok(true) => "The token has changed".to_owned(),
        Ok(false) => "The token is the same".to_owned(),
        Err(error) => format!("The token cannot be used: {error}"),
    }
}

/// The start takes longer, since the server refuses the token and is asked again in `retry_in`; the status, which says
/// so, stays.
pub fn still_starting(notify: Notify, retry_in: Duration) {
    notify.starting(retry_in + START_MARGIN);
}

/// The websocket is open, but a request came to nothing for `reason`, and the server says that it is not well.
pub fn server_ill(notify: Notify, reason: &str) {
    tracing::error!(
        "Mattermost serves no requests at present: {reason}; answers wait until it does"
    );
    notify.status(&format!(
        "Connected, but Mattermost serves no requests: {reason}"
    ));
}

/// It is well again.
pub fn server_well(notify: Notify) {
    tracing::info!("Mattermost serves requests again");
    notify.status("Connected to Mattermost");
}

/// The process ends after a drain of at most `drain`.
pub fn stopping(notify: Notify, drain: Duration) {
    notify.stopping("Finishing what runs, then stopping", drain + END_MARGIN);
}

/// The process ends now; an exec is no end to the supervisor.
pub fn ending(notify: Notify, outcome: Outcome) {
    let text = match outcome {
        Outcome::Reexec => return notify.status("Restarting in the same process"),
        Outcome::Exit(ExitStatus::Restart) => "Leaving to be started again",
        Outcome::Exit(ExitStatus::Success) => "Stopping",
        Outcome::Exit(_) => "Stopping after an error; the log has it",
    };
    notify.stopping(text, END_MARGIN);
}
