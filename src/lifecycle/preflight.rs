//! Preflight: before a restart, the program that will come back says whether it would start.
//!
//! It is the executable on disk with the command line that it will be executed with, and with `check --online` behind
//! that: after an upgrade it is the new program that reads the configuration and the ledger. It gets our environment,
//! since it is ourselves. What it prints holds no secret: neither configuration nor server errors show the token.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, sink};

use super::reexec::Origin;

/// How long the check may take; it limits itself to less.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How much of what it prints is read, in bytes for each of the two streams.
const OUTPUT_LIMIT: u64 = 16 * 1024;

/// How much of its first sentence is quoted, in characters.
const QUOTE_LIMIT: usize = 300;

/// Why a restart would not bring us back; `Display` is a clause (no capital, no full stop) for whoever asked.
#[derive(Debug, thiserror::Error)]
pub enum PreflightError {
    /// The program cannot be executed.
    #[error("{} cannot be started ({source})", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It does not come to an end.
    #[error("the check of program and configuration did not end within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// It found what would keep the bot from starting, or it broke.
    #[error("the check of program and configuration failed: {0}")]
    Failed(String),
}

/// Runs the check, at most for `patience`; the child is gone when this returns or is dropped.
///
/// # Errors
/// The restart must not happen.
pub async fn run(origin: &Origin, patience: Duration) -> Result<(), PreflightError> {
    let start_error = |source| PreflightError::Start {
        program: origin.program().to_owned(),
        source,
    };
    let mut child = tokio::process::Command::from(origin.command())
        .args(["check", "--online", "--parent"])
        .arg(std::process::id().to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(start_error)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let finished = tokio::time::timeout(patience, async {
        tokio::join!(child.wait(), read(stdout), read(stderr))
    })
    .await;
    let Ok((status, stdout, stderr)) = finished else {
        // A child that cannot be killed has ended by itself.
        child.kill().await.ok();
        return Err(PreflightError::TimedOut(patience));
    };
    let status = status.map_err(start_error)?;
    if status.success() {
        return Ok(());
    }
    Err(PreflightError::Failed(quote(status, &stderr, &stdout)))
}

/// Reads what `stream` gives to its end, and keeps the beginning.
async fn read(stream: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut stream) = stream else {
        return String::new();
    };
    let mut kept = Vec::new();
    // What cannot be read is not quoted; the exit status decides.
    (&mut stream)
        .take(OUTPUT_LIMIT)
        .read_to_end(&mut kept)
        .await
        .ok();
    tokio::io::copy(&mut stream, &mut sink()).await.ok();
    String::from_utf8_lossy(&kept).into_owned()
}

/// The first sentence: what keeps the program from running at all stands on standard error, what the check found on
/// standard output, errors first.
fn quote(status: ExitStatus, stderr: &str, stdout: &str) -> String {
    let first = |text: &str| {
        text.lines()
            .map(str::trim)
            .find(|line| !line.is_empty())
            .map(str::to_owned)
    };
    let line = first(stderr).or_else(|| first(stdout));
    let line = line.map(|line| line.trim_start_matches("error: ").to_owned());
    let line = line.unwrap_or_else(|| format!("it said nothing, and ended with {status}"));
    let mut quoted: String = line.chars().take(QUOTE_LIMIT).collect();
    if quoted.len() < line.len() {
        quoted.push('…');
    }
    quoted
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    #[test]
    fn errors_are_quoted_before_anything_else() {
        let status = ExitStatus::from_raw(78 << 8);
        assert_eq!(quote(status, "\n  no team \nmore", "warning"), "no team");
        assert_eq!(quote(status, "", "a verdict"), "a verdict");
        assert_eq!(quote(status, "", "error: no team\nwarning: odd"), "no team");
        assert!(quote(status, "", " \n").contains("78"));
        assert!(quote(ExitStatus::from_raw(11), "", "").contains("signal"));
        let long = quote(status, &"ä".repeat(1_000), "");
        assert_eq!(long.chars().count(), QUOTE_LIMIT + 1);
    }
}
