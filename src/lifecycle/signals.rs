//! Signals as values: what each asks of the process.

use std::fmt;
use std::io;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

/// Long enough for the runtime to hear of a signal that has arrived.
const MOMENT: Duration = Duration::from_millis(1);

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM or SIGINT: drain, then end with 0; a second one ends at once. Also SIGHUP from a terminal that is gone.
    Stop(Stopper),
    /// SIGHUP: open the log file again, read the token again.
    Reload,
    /// SIGUSR1: restart.
    Restart,
}

/// Which signal asks for a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopper {
    /// SIGTERM.
    Terminate,
    /// SIGINT.
    Interrupt,
    /// SIGHUP from a terminal that is gone.
    HangUp,
}

impl fmt::Display for Stopper {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "SIGINT",
            Self::HangUp => "SIGHUP, since the terminal is gone",
        })
    }
}

/// The signals that this process listens to.
#[derive(Debug)]
pub struct Signals {
    terminate: Stream,
    interrupt: Stream,
    /// None if whoever started us had SIGHUP ignored (`nohup`): it stays so, through an exec too.
    hang_up: Option<Stream>,
    user: Stream,
    /// The controlling terminal, held since it can no longer be opened once it is gone.
    terminal: Option<OwnedFd>,
}

impl Signals {
    /// Starts to listen; from here on the kernel's default actions do not happen.
    ///
    /// # Errors
    /// Where the kernel refuses a handler.
    pub fn listen() -> io::Result<Self> {
        let hang_up = if ignores_hang_up() {
            None
        } else {
            Some(signal(SignalKind::hangup())?)
        };
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up,
            user: signal(SignalKind::user_defined1())?,
            terminal: controlling_terminal(),
        })
    }

    /// The next signal. Cancel-safe: a signal that was not returned is returned by the next call.
    pub async fn next(&mut self) -> Signal {
        let hang_up = async {
            match &mut self.hang_up {
                Some(stream) => stream.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => Signal::Stop(Stopper::Terminate),
            _ = self.interrupt.recv() => Signal::Stop(Stopper::Interrupt),
            _ = hang_up => match &self.terminal {
                Some(terminal) if hung_up(terminal) => Signal::Stop(Stopper::HangUp),
                _ => Signal::Reload,
            },
            _ = self.user.recv() => Signal::Restart,
        }
    }

    /// The stop that was asked for and not returned by [`Signals::next`] yet: after the last call of that, and before an
    /// exec that would lose it.
    pub async fn stop_asked(&mut self) -> Option<Stopper> {
        let stop = async {
            loop {
                if let Signal::Stop(stopper) = self.next().await {
                    return stopper;
                }
            }
        };
        tokio::time::timeout(MOMENT, stop).await.ok()
    }
}

/// The terminal that controls this process, if there is one; a service has none.
fn controlling_terminal() -> Option<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    rustix::fs::open("/dev/tty", flags, Mode::empty()).ok()
}

/// Whether `terminal` is gone: its line was dropped, its window was closed, its session has ended.
fn hung_up(terminal: &OwnedFd) -> bool {
    let mut fds = [PollFd::new(terminal, PollFlags::IN)];
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // A terminal that cannot be asked is taken to be there: a reload harms nobody.
    poll(&mut fds, Some(&now)).is_ok()
        && fds
            .iter()
            .any(|fd| fd.revents().intersects(PollFlags::HUP | PollFlags::ERR))
}

/// Whether SIGHUP is ignored (`SigIgn` in proc_pid_status(5); signal 1 is the lowest bit).
fn ignores_hang_up() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 != 0)
}
