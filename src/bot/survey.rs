//! `matterbot status`: what the state directory tells of the bot. No server is needed, and nothing is changed.

use std::fmt::Write as _;
use std::io::ErrorKind;

use crate::config::{self, Environment};
use crate::ledger::{self, Inspection, Run};
use crate::lifecycle::state_directory::{Holder, StateDirectory, StateDirectoryError};
use crate::lifecycle::terminal::print;
use crate::lifecycle::{Status, marker};
use crate::timestamp::Timestamp;

use super::{StartFailure, recovery, reply};

/// How many runs are told of.
const RUNS: usize = 10;

/// Reads the state directory of the configuration, and prints what it tells.
///
/// # Errors
/// The configuration or the state directory cannot be read.
pub fn run(options: &config::Options) -> Result<Status, StartFailure> {
    let path = config::find(options.path.as_deref()).map_err(StartFailure::configuration)?;
    let path = config::state_directory(&path, &Environment::of_process())
        .map_err(StartFailure::configuration)?;
    let Some(directory) = StateDirectory::look(&path).map_err(unreadable)? else {
        print(format_args!(
            "not running, and never did with this configuration: the state directory {} does not exist",
            path.display()
        ));
        return Ok(Status::Stopped);
    };
    print(text(&directory, Timestamp::now())?);
    Ok(Status::Stopped)
}

/// Whoever asks is often not the user that the bot runs as.
fn unreadable(error: StateDirectoryError) -> anyhow::Error {
    let denied = matches!(
        &error,
        StateDirectoryError::Io { source, .. } | StateDirectoryError::Lock { source, .. }
            if source.kind() == ErrorKind::PermissionDenied
    );
    let error = anyhow::Error::new(error);
    if denied {
        anyhow::anyhow!("{error:#}: ask as the user that the bot runs as, or as root (sudo)")
    } else {
        error
    }
}

fn text(directory: &StateDirectory, now: Timestamp) -> anyhow::Result<String> {
    let holder = directory.holder().map_err(unreadable)?;
    let ledger = ledger::inspect(directory.path());
    let runs = ledger
        .as_ref()
        .ok()
        .and_then(Option::as_ref)
        .map_or(&[][..], |inspection| inspection.runs.as_slice());
    let mut text = format!("state directory: {}\n", directory.path().display());
    writeln!(text, "{}", bot(holder, runs.first(), now))?;
    writeln!(text, "restart marker: {}", restart(directory, now))?;
    match &ledger {
        Ok(None) => writeln!(text, "ledger: there is none yet; the next start makes it")?,
        Ok(Some(Inspection { schema, .. })) => writeln!(text, "ledger: readable, schema {schema}")?,
        Err(error) => writeln!(text, "ledger: {}", one_line(error))?,
    }
    if !runs.is_empty() {
        writeln!(text, "runs, the latest first:")?;
    }
    for (index, run) in runs.iter().take(RUNS).enumerate() {
        let runs_now = index == 0 && holder == Holder::Process(Some(run.pid));
        writeln!(text, "  {}", in_words(run, runs_now))?;
    }
    text.truncate(text.trim_end().len());
    Ok(text)
}

/// An error with its cause.
fn one_line(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn bot(holder: Holder, latest: Option<&Run>, now: Timestamp) -> String {
    match (holder, latest) {
        (Holder::Nobody, _) => "not running".to_owned(),
        (Holder::Process(Some(pid)), Some(run)) if run.pid == pid => {
            let ready = if run.ready_at.is_some() {
                "ready"
            } else {
                "not ready yet"
            };
            let (since, age) = (run.started_at, now.since(run.started_at));
            let (version, age) = (&run.version, reply::duration(age));
            format!("running: process {pid}, version {version}, since {since} ({age}), {ready}")
        }
        (Holder::Process(Some(pid)), _) => format!("running: process {pid}, just started"),
        (Holder::Process(None), _) => "running: a process that has just started".to_owned(),
    }
}

fn restart(directory: &StateDirectory, now: Timestamp) -> String {
    match marker::peek(directory, now) {
        Ok(None) => "none".to_owned(),
        Ok(Some(marker)) => format!(
            "left at {} for {}, asked for by {} in chat",
            marker.written_at,
            marker.reason,
            marker.requests.len()
        ),
        Err(reason) => format!("one that is not believed: {reason}"),
    }
}

/// A run, from its beginning to its end.
fn in_words(run: &Run, runs_now: bool) -> String {
    let ready = match run.ready_at {
        Some(at) => format!("ready after {}", reply::duration(at.since(run.started_at))),
        None => "never ready".to_owned(),
    };
    let end = match run.exit.as_deref() {
        None if runs_now => "runs".to_owned(),
        None => "ended without a word (a crash, a kill, a power cut)".to_owned(),
        Some(recovery::RESTART) => "left to be started again (status 75)".to_owned(),
        Some(recovery::REEXEC) => "replaced itself".to_owned(),
        Some(recovery::STOP) => "was stopped".to_owned(),
        Some(recovery::FAILURE) => "ended with an error, which its log has".to_owned(),
        Some(other) => format!("ended: {other}"),
    };
    let lasted = run
        .ended_at
        .map(|at| format!(" after {}", reply::duration(at.since(run.started_at))))
        .unwrap_or_default();
    let (start, pid, version) = (run.started_at, run.pid, &run.version);
    format!("{start}  process {pid}, version {version}: {ready}, {end}{lasted}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(exit: Option<&str>) -> Run {
        Run {
            started_at: Timestamp(0),
            ready_at: Some(Timestamp(400)),
            ended_at: exit.map(|_| Timestamp(61_000)),
            exit: exit.map(str::to_owned),
            version: "1.0.0".to_owned(),
            boot_id: "boot".to_owned(),
            pid: 7,
        }
    }

    #[test]
    fn a_run_reads_well() {
        let start = "1970-01-01T00:00:00Z  process 7, version 1.0.0: ready after 400 ms, ";
        for (exit, runs_now, end) in [
            (None, true, "runs"),
            (
                None,
                false,
                "ended without a word (a crash, a kill, a power cut)",
            ),
            (
                Some("restart"),
                false,
                "left to be started again (status 75) after 1 min 1 s",
            ),
            (Some("reexec"), false, "replaced itself after 1 min 1 s"),
            (Some("stop"), false, "was stopped after 1 min 1 s"),
        ] {
            assert_eq!(in_words(&run(exit), runs_now), format!("{start}{end}"));
        }
    }

    #[test]
    fn the_lock_says_whether_it_runs() {
        let now = Timestamp(3_600_000);
        let ready = bot(Holder::Process(Some(7)), Some(&run(None)), now);
        assert_eq!(
            ready,
            "running: process 7, version 1.0.0, since 1970-01-01T00:00:00Z (1 h 0 min), ready"
        );
        assert_eq!(bot(Holder::Nobody, Some(&run(None)), now), "not running");
        let young = bot(Holder::Process(Some(8)), Some(&run(None)), now);
        assert!(young.contains("just started"), "{young}");
    }
}
