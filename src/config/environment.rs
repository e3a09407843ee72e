//! The variables that the configuration depends on, read once and in one place.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::secret::Secret;

/// What the process was started with; a test builds its own, from nothing.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `CREDENTIALS_DIRECTORY`: where systemd puts the credentials of the unit (systemd.exec(5)).
    pub credentials_directory: Option<PathBuf>,
    /// A file that holds the token as a credential does, where systemd has handed none over; no variable gives it.
    pub credential: Option<PathBuf>,
    /// `MATTERBOT_TOKEN`: the token itself.
    pub token: Option<Secret>,
    /// `STATE_DIRECTORY`: the state directories of the unit, separated by colons (systemd.exec(5)).
    pub state_directory: Option<OsString>,
    /// `JOURNAL_STREAM`: device and inode of the stream that leads to the journal (systemd.exec(5)).
    pub journal_stream: Option<String>,
    /// `MATTERBOT_MODULES_SOCKET`: where a module host listens that is not ours to start.
    pub modules_socket: Option<PathBuf>,
    /// `HOME`: what `~/` at the start of a path stands for.
    pub home: Option<PathBuf>,
}

impl Environment {
    /// The same with a token that no server knows: for whoever reads the configuration and needs none, where the real one
    /// comes from elsewhere.
    #[must_use]
    pub fn with_any_token(self) -> Self {
        Self {
            token: Some(Secret::new("unknown")),
            ..self
        }
    }

    /// The variables of this process. This is their only reader.
    #[must_use]
    pub fn of_process() -> Self {
        let path = |name| std::env::var_os(name).map(PathBuf::from);
        Self {
            credentials_directory: path("CREDENTIALS_DIRECTORY"),
            credential: None,
            token: std::env::var_os("MATTERBOT_TOKEN")
                .map(|token| Secret::new(token.to_string_lossy())),
            state_directory: std::env::var_os("STATE_DIRECTORY"),
            journal_stream: std::env::var("JOURNAL_STREAM").ok(),
            modules_socket: path("MATTERBOT_MODULES_SOCKET"),
            home: path("HOME"),
        }
    }
}
