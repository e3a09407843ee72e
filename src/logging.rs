//! Where log lines go.

use std::io;

use crate::config::{Environment, LogTarget};

/// The started logging.
#[derive(Debug)]
pub struct Logging {}

/// Sends the log lines of this process to `target`.
///
/// A file that cannot be opened is a warning, logged to standard output as everything after it.
///
/// # Errors
/// When logging was started before.
pub fn start(
    target: &LogTarget,
    debug: bool,
    environment: &Environment,
) -> anyhow::Result<Logging> {
    _ = (target, debug, environment);
    Ok(Logging {})
}

impl Logging {
    /// Opens the log file anew, after it was moved away; does nothing when there is no file.
    ///
    /// # Errors
    /// When the file cannot be opened; the old one is kept.
    pub fn reopen(&self) -> io::Result<()> {
        Ok(())
    }
}
