//! What the supervisor is told (`sd_notify(3)`): ready, status, stopping, alive.
//!
//! Only a socket that was given to this very process is written to. The environment of a service is inherited by its
//! children and theirs; one of them that wrote `STOPPING=1` would speak in the service's name. The variables stay
//! set, since an exec needs them again, and since removing them is not safe with threads.

use std::time::Duration;

use sd_notify::NotifyState;

use super::supervisor::systemd;

/// The longest status, in characters; it is a line in `systemctl status`.
const LONGEST_STATUS: usize = 200;

/// The supervisor's ear; without one nothing is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notify {
    listening: bool,
    watchdog: Option<Duration>,
}

impl Notify {
    /// The socket of this process's environment, if systemd itself executed this process.
    #[must_use]
    pub fn of_process() -> Self {
        let listening = std::env::var_os("NOTIFY_SOCKET").is_some() && systemd::executed_us();
        let watchdog = sd_notify::watchdog_enabled()
            .filter(|timeout| listening && !timeout.is_zero())
            .map(|timeout| timeout / 2);
        Self {
            listening,
            watchdog,
        }
    }

    /// How often [`Notify::alive`] is to be called: twice as often as the watchdog's limit asks; `None` without one.
    #[must_use]
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// The start has succeeded.
    pub fn ready(&self) {
        self.send(&[NotifyState::Ready]);
    }

    /// What we are doing, in a line.
    pub fn status(&self, text: &str) {
        self.send(&[NotifyState::Status(&one_line(text))]);
    }

    /// We are about to end, which takes at most `within`. To be sent before an end only: systemd kills whoever says this
    /// and stays.
    pub fn stopping(&self, text: &str, within: Duration) {
        self.send(&[
            NotifyState::Stopping,
            NotifyState::Status(&one_line(text)),
            extension(within),
        ]);
    }

    /// The start takes at most `within` from now, and is not to be given up before.
    pub fn starting(&self, within: Duration) {
        self.send(&[extension(within)]);
    }

    /// The main loop turns.
    pub fn alive(&self) {
        if self.watchdog.is_some() {
            self.send(&[NotifyState::Watchdog]);
        }
    }

    fn send(&self, states: &[NotifyState<'_>]) {
        if self.listening
            && let Err(error) = sd_notify::notify(states)
        {
            tracing::warn!(%error, "the service manager could not be told how we are");
        }
    }
}

/// Never shortens a limit: systemd takes the later one of its own and this.
fn extension(within: Duration) -> NotifyState<'static> {
    NotifyState::ExtendTimeoutUsec(u32::try_from(within.as_micros()).unwrap_or(u32::MAX))
}

/// `text` without what would be a second assignment, and not too long.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .take(LONGEST_STATUS)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_cannot_smuggle_in_an_assignment() {
        assert_eq!(one_line("lost: a\nREADY=1\r\0"), "lost: a READY=1  ");
        assert_eq!(one_line(&"ä".repeat(1_000)).chars().count(), LONGEST_STATUS);
    }

    #[test]
    fn a_process_that_systemd_did_not_execute_tells_nobody() {
        // The tests themselves may run in a service; this process is a child of it all the same.
        assert_eq!(
            Notify::of_process(),
            Notify {
                listening: false,
                watchdog: None
            }
        );
    }
}
