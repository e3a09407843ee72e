//! The status as a person reads it.

use std::fmt::Write as _;

use crate::bot::{recovery, reply};
use crate::ledger::Run;
use crate::timestamp::Timestamp;

use super::{RestartMarker, State, Survey};

/// What is known, the most important thing first.
pub(super) fn survey(survey: &Survey, now: Timestamp) -> String {
    let mut text = bot(survey, now);
    let mut line = |line: String| text.push_str(&format!("\n{line}"));
    line(format!(
        "restart marker: {}",
        restart(&survey.restart_marker)
    ));
    line(match (&survey.ledger.error, survey.ledger.schema) {
        (Some(error), _) => format!("ledger: {error}"),
        (None, Some(schema)) => format!("ledger: readable, schema {schema}"),
        (None, None) => "ledger: there is none yet; the next start makes it".to_owned(),
    });
    line(format!(
        "state directory: {}",
        survey.state_directory.display()
    ));
    if !survey.runs.is_empty() {
        line("runs, the latest first:".to_owned());
    }
    for (index, run) in survey.runs.iter().enumerate() {
        let runs_now = index == 0 && survey.pid == Some(run.pid);
        line(format!("  {}", in_words(run, runs_now)));
    }
    text
}

/// An error with its cause.
pub(super) fn one_line(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// Whether it runs, and whether it serves.
fn bot(survey: &Survey, now: Timestamp) -> String {
    let ago = |at: Timestamp| format!("since {at} ({})", reply::duration(now.since(at)));
    if survey.state == State::NotRunning {
        return match (survey.runs.first(), survey.since) {
            (Some(run), Some(at)) => format!("not running {}: it {}", ago(at), end(run)),
            (Some(run), None) => format!("not running: it {}", end(run)),
            (None, _) => "not running".to_owned(),
        };
    }
    let mut text = match survey.pid {
        Some(pid) => format!("running: process {pid}"),
        None => "running, as a process that does not say its id".to_owned(),
    };
    if let Some(version) = &survey.version {
        write!(text, ", version {version}").ok();
    }
    if let Some(at) = survey.started_at {
        write!(text, ", {}", ago(at)).ok();
    }
    let since = survey.since.map(|at| format!(", {}", ago(at)));
    let since = since.unwrap_or_default();
    match &survey.reason {
        None => write!(text, "\nserving: yes{since}"),
        Some(reason) => write!(text, "\nserving: NO{since}: {reason}"),
    }
    .ok();
    text
}

fn restart(marker: &RestartMarker) -> String {
    match marker {
        RestartMarker::None => "none".to_owned(),
        RestartMarker::Left {
            written_at,
            reason,
            requests,
        } => {
            let people = reply::counted(*requests, "person", "people");
            format!("left at {written_at} for {reason}, asked for by {people} in chat")
        }
        RestartMarker::Refused { reason } => format!("one that is not believed: {reason}"),
    }
}

/// How a run ended that does not run any more.
fn end(run: &Run) -> String {
    match run.exit.as_deref() {
        None => "ended without a word (a crash, a kill, a power cut)".to_owned(),
        Some(recovery::RESTART) => "left to be started again (status 75)".to_owned(),
        Some(recovery::REEXEC) => "replaced itself".to_owned(),
        Some(recovery::STOP) => "was stopped".to_owned(),
        Some(recovery::FAILURE) => "ended with an error, which its log has".to_owned(),
        Some(other) => format!("ended: {other}"),
    }
}

/// A run, from its beginning to its end.
fn in_words(run: &Run, runs_now: bool) -> String {
    let ready = match run.ready_at {
        Some(at) => format!("ready after {}", reply::duration(at.since(run.started_at))),
        None => "never ready".to_owned(),
    };
    let end = match run.exit {
        None if runs_now => "runs".to_owned(),
        _ => end(run),
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
    use super::super::Ledger;
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
    fn the_first_lines_say_whether_it_runs_and_serves() {
        let now = Timestamp(3_600_000);
        let mut survey = Survey {
            state: State::NotRunning,
            since: Some(Timestamp(61_000)),
            reason: None,
            connected: None,
            pid: None,
            version: None,
            started_at: None,
            state_directory: "/state".into(),
            ledger: Ledger::default(),
            restart_marker: RestartMarker::None,
            runs: vec![run(Some("stop"))],
        };
        assert_eq!(
            bot(&survey, now),
            "not running since 1970-01-01T00:01:01Z (58 min 59 s): it was stopped"
        );
        survey.state = State::NotServing;
        survey.reason = Some("not connected: nothing listens".to_owned());
        (survey.pid, survey.version) = (Some(7), Some("1.0.0".to_owned()));
        survey.started_at = Some(Timestamp(0));
        let running =
            "running: process 7, version 1.0.0, since 1970-01-01T00:00:00Z (1 h 0 min)\nserving: ";
        let since = "since 1970-01-01T00:01:01Z (58 min 59 s)";
        assert_eq!(
            bot(&survey, now),
            format!("{running}NO, {since}: not connected: nothing listens")
        );
        (survey.state, survey.reason) = (State::Serving, None);
        assert_eq!(bot(&survey, now), format!("{running}yes, {since}"));
    }
}
