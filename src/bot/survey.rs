//! `matterbot status`: what the state directory tells of the bot. No server is needed, and nothing is changed.

mod text;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use crate::config::{self, Environment};
use crate::ledger::{self, Run};
use crate::lifecycle::state_directory::{DiskSpace, Holder, StateDirectory, StateDirectoryError};
use crate::lifecycle::terminal::{print, print_json};
use crate::lifecycle::{ExitStatus, marker};
use crate::timestamp::Timestamp;

use super::condition::{self, Condition};
use super::{StartFailure, refusal, reply};

/// How many runs are told of.
const RUNS: usize = 10;

/// A bot that has not said for so long how it is hangs, or its disk takes nothing.
const SILENCE: Duration = Duration::from_secs(3 * condition::EVERY.as_secs());

/// The exit statuses are those of the Linux Standard Base for the status of a service, and those of this program.
const EXIT_STATUSES: &str = "\
Exit status:
  0   it runs and serves
  1   it runs, and does not serve: the reason is said
  3   it does not run
  4   that cannot be told: the configuration or the state directory cannot be read
  78  the configuration does not say where the state directory is";

/// The arguments of `matterbot status`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_STATUSES)]
pub struct Arguments {
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// What is known of the bot. Its JSON is described in `docs/operations.md`.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Survey {
    state: State,
    /// Since when it is in this state, as far as that is known.
    since: Option<Timestamp>,
    /// Why it does not serve.
    reason: Option<String>,
    connected: Option<bool>,
    pid: Option<u32>,
    version: Option<String>,
    started_at: Option<Timestamp>,
    state_directory: PathBuf,
    ledger: Ledger,
    restart_marker: RestartMarker,
    runs: Vec<Run>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Serving,
    NotServing,
    NotRunning,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Ledger {
    schema: Option<usize>,
    /// Why it cannot be read.
    error: Option<String>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum RestartMarker {
    None,
    Left {
        written_at: Timestamp,
        reason: String,
        requests: usize,
    },
    Refused {
        reason: String,
    },
}

/// Reads the state directory of the configuration, and prints what it tells; the exit status tells the rest.
///
/// # Errors
/// The configuration or the state directory cannot be read.
pub fn run(options: &config::Options, arguments: &Arguments) -> Result<ExitStatus, StartFailure> {
    let path = config::find(options.path.as_deref()).map_err(StartFailure::configuration)?;
    let path = config::state_directory(&path, &Environment::of_process()).map_err(|invalid| {
        let failure = StartFailure::configuration(invalid);
        match config::is_denied(&path) {
            true => StartFailure {
                status: ExitStatus::Unknown,
                ..failure
            },
            false => failure,
        }
    })?;
    let (exists, mut survey) = survey(&path).map_err(|error| StartFailure {
        status: ExitStatus::Unknown,
        ..unreadable(error).into()
    })?;
    let error = survey.ledger.error.take();
    survey.ledger.error = error.map(|error| refusal::naming(&error, options));
    if arguments.json {
        print_json(&survey)?;
    } else if exists {
        print(text::survey(&survey, Timestamp::now()));
    } else {
        print(format_args!(
            "not running, and never did with this configuration: the state directory {} does not exist",
            path.display()
        ));
    }
    Ok(match survey.state {
        State::Serving => ExitStatus::Success,
        State::NotServing => ExitStatus::Failure,
        State::NotRunning => ExitStatus::NotRunning,
    })
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

/// Whether the directory at `path` exists, and what it tells.
fn survey(path: &Path) -> Result<(bool, Survey), StateDirectoryError> {
    let mut survey = Survey {
        state: State::NotRunning,
        since: None,
        reason: None,
        connected: None,
        pid: None,
        version: None,
        started_at: None,
        state_directory: path.to_owned(),
        ledger: Ledger::default(),
        restart_marker: RestartMarker::None,
        runs: Vec::new(),
    };
    let Some(directory) = StateDirectory::look(path)? else {
        return Ok((false, survey));
    };
    let now = Timestamp::now();
    match ledger::inspect(directory.path()) {
        Ok(Some(inspection)) => {
            survey.ledger.schema = Some(inspection.schema);
            survey.runs = inspection.runs;
            survey.runs.truncate(RUNS);
        }
        Ok(None) => {}
        Err(error) => survey.ledger.error = Some(text::one_line(&error)),
    }
    survey.restart_marker = restart(&directory, now);
    match directory.holder()? {
        Holder::Nobody => survey.since = survey.runs.first().and_then(|run| run.ended_at),
        Holder::Process(pid) => survey.runs_as(pid, &directory, now),
    }
    Ok((true, survey))
}

fn restart(directory: &StateDirectory, now: Timestamp) -> RestartMarker {
    match marker::peek(directory, now) {
        Ok(None) => RestartMarker::None,
        Ok(Some(marker)) => RestartMarker::Left {
            written_at: marker.written_at,
            reason: marker.reason.to_string(),
            requests: marker.requests.len(),
        },
        Err(reason) => RestartMarker::Refused {
            reason: reason.to_string(),
        },
    }
}

impl Survey {
    /// A process holds the lock.
    fn runs_as(&mut self, pid: Option<u32>, directory: &StateDirectory, now: Timestamp) {
        self.pid = pid;
        if let Some(run) = self.runs.first().filter(|run| Some(run.pid) == pid) {
            (self.version, self.started_at) = (Some(run.version.clone()), Some(run.started_at));
        }
        let line = directory.status_line();
        let condition = line.and_then(|line| serde_json::from_str(&line).ok());
        self.connected = condition
            .as_ref()
            .map(|condition: &Condition| condition.connected);
        self.since = condition.as_ref().map(|condition| condition.since);
        self.reason = trouble(condition, directory.disk_space().ok(), now);
        self.state = match self.reason {
            None => State::Serving,
            Some(_) => State::NotServing,
        };
    }
}

/// Why a bot that runs does not serve, as far as it says, and as its disk and its silence tell.
fn trouble(
    condition: Option<Condition>,
    space: Option<DiskSpace>,
    now: Timestamp,
) -> Option<String> {
    let Some(condition) = condition else {
        return Some(
            "it is starting, and has not said yet how it is: after starts that failed it waits up to a minute"
                .to_owned(),
        );
    };
    let silent = now.since(condition.at);
    match (condition.trouble, space) {
        (Some(trouble), _) => Some(trouble),
        (None, Some(DiskSpace::Full)) => Some("the disk of the state directory is full".to_owned()),
        (None, Some(DiskSpace::ReadOnly)) => {
            Some("the state directory is mounted read-only".to_owned())
        }
        (None, _) if silent > SILENCE => Some(format!(
            "it has not said for {} how it is: it hangs, or its disk takes no writes",
            reply::duration(silent)
        )),
        (None, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_and_a_full_disk_are_trouble() {
        let condition = |at, trouble: Option<&str>| {
            Some(Condition {
                at: Timestamp(at),
                since: Timestamp(0),
                connected: true,
                trouble: trouble.map(str::to_owned),
            })
        };
        let now = Timestamp(1_000_000);
        let says = |condition, space| trouble(condition, Some(space), now).unwrap_or_default();
        assert_eq!(says(condition(990_000, None), DiskSpace::Available), "");
        assert_eq!(
            says(condition(1_990_000, None), DiskSpace::Available),
            "",
            "a clock that was set"
        );
        assert!(
            says(condition(800_000, None), DiskSpace::Available)
                .contains("not said for 3 min 20 s")
        );
        assert!(says(condition(990_000, None), DiskSpace::Full).contains("full"));
        assert!(says(condition(990_000, None), DiskSpace::ReadOnly).contains("read-only"));
        assert_eq!(says(condition(0, Some("lost")), DiskSpace::Full), "lost");
        assert!(says(None, DiskSpace::Available).contains("starting"));
    }
}
