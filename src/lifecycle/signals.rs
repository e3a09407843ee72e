//! Signals as values: what each asks of the process.

use std::io;

use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM or SIGINT: drain, then end with 0; a second one ends at once.
    Stop,
    /// SIGHUP: reopen the log file.
    Reload,
    /// SIGUSR1: restart.
    Restart,
}

/// The signals that this process listens to.
#[derive(Debug)]
pub struct Signals {
    terminate: Stream,
    interrupt: Stream,
    hang_up: Stream,
    user: Stream,
}

impl Signals {
    /// Starts to listen; from here on the kernel's default actions do not happen.
    ///
    /// # Errors
    /// Where the kernel refuses a handler.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            user: signal(SignalKind::user_defined1())?,
        })
    }

    /// The next signal. Cancel-safe: a signal that was not returned is returned by the next call.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::Stop,
            _ = self.interrupt.recv() => Signal::Stop,
            _ = self.hang_up.recv() => Signal::Reload,
            _ = self.user.recv() => Signal::Restart,
        }
    }
}
