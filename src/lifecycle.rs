//! The life of this process: how it starts, restarts and ends.
//!
//! ```text
//!            configuration, state          hello read
//!  started ───────────────────▶ waiting ───────────────▶ serving ◀──┐
//!     │ 78 or 1                    │  ▲    connection lost   │  │    │ connected again
//!     ▼                            │  └─────────────────────┘  │    │
//!   ended                          │ signal                    │ restart asked, or a signal
//!     ▲                            ▼                           ▼
//!     │      0: signal         draining ◀──────────────────────┘
//!     └──────────────────────────  │
//!                                  ▼ restart: the runtime is gone, then exec
//!                               started
//! ```

pub mod crash_backoff;
pub mod linger;
pub mod marker;
pub mod notify;
pub mod parent;
pub mod preflight;
pub mod ready;
pub mod reexec;
pub mod signals;
pub mod state_directory;
pub mod supervisor;
pub mod terminal;

/// How a run of the program ended; only `main` turns it into the end of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "an outcome that is dropped neither ends nor restarts the process"]
pub enum Outcome {
    /// End with this status.
    Exit(ExitStatus),
    /// Start anew in the same process (`execve(2)`).
    Reexec,
}

/// The exit statuses of the programs, in the terms of `sysexits.h` where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// 0: all that was asked is done; of a bot, that it stopped because it was asked to.
    Success,
    /// 1: everything that has no status of its own.
    Failure,
    /// 3: a service that was asked for does not run, as the Linux Standard Base has it.
    NotRunning,
    /// 4: whether it runs cannot be told, likewise.
    Unknown,
    /// 64, `EX_USAGE`: the command line.
    Usage,
    /// 75, `EX_TEMPFAIL`: start me again.
    Restart,
    /// 78, `EX_CONFIG`: what only a person can mend; a supervisor must not start it again.
    Configuration,
}

impl ExitStatus {
    /// The number that the supervisor sees.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failure => 1,
            Self::NotRunning => 3,
            Self::Unknown => 4,
            Self::Usage => 64,
            Self::Restart => 75,
            Self::Configuration => 78,
        }
    }
}
