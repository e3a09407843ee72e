//! `matterbot playground` as a program: its bot, its directory, its options.

use std::path::Path;
use std::process::{Output, Stdio};

use matterbot::ledger;
use rustix::process::Signal;

use crate::support::playground::DEADLINE;
use crate::support::program::{PROGRAM, Program, command, eventually};

fn playground(arguments: &[&str]) -> tokio::process::Command {
    let mut command = command(PROGRAM);
    command.arg("playground").args(arguments);
    command
}

/// A playground on a free port that keeps its files in `directory`, when its bot serves.
async fn kept_in(directory: &Path) -> (Program, String) {
    let directory = directory.to_str().unwrap();
    let command = playground(&["--listen", "127.0.0.1:0", "--state", directory]);
    let mut program = Program::start(command);
    let greeting = program.line("The playground is at http://").await;
    let (_, address) = greeting.split_once("http://").unwrap();
    let address = address.split(',').next().unwrap().to_owned();
    program.line("serving as").await;
    (program, address)
}

async fn refused(arguments: &[&str], status: i32) -> String {
    let output = playground(arguments).output();
    let output: Output = tokio::time::timeout(DEADLINE, output)
        .await
        .expect("it ends")
        .unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(status), "{errors}");
    errors
}

#[tokio::test]
async fn the_bot_ends_with_its_playground_however_that_ends() {
    for signal in [Signal::KILL, Signal::TERM] {
        let kept = tempfile::tempdir().unwrap();
        let (mut program, _) = kept_in(kept.path()).await;
        program.signal(signal);
        program.end().await;
        eventually("the bot has been stopped", || {
            let runs = ledger::inspect(&kept.path().join("bot")).unwrap().unwrap();
            runs.runs[0].exit.as_deref() == Some("stop")
        })
        .await;
    }
}

#[tokio::test]
async fn what_another_playground_uses_is_refused_with_what_to_do() {
    let kept = tempfile::tempdir().unwrap();
    let directory = kept.path().to_str().unwrap();
    let (program, address) = kept_in(kept.path()).await;
    let errors = refused(&["--listen", "127.0.0.1:0", "--state", directory], 1).await;
    let holder = format!("is in use by process {}", program.id());
    assert!(errors.contains(&holder), "{errors}");
    let errors = refused(&["--listen", &address], 1).await;
    assert!(
        errors.contains("--listen 127.0.0.1:0 takes a port that is free"),
        "{errors}"
    );
    program.stop().await;
    let (again, _) = kept_in(kept.path()).await;
    again.stop().await;

    let inner = kept.path().join("missing/state");
    let errors = refused(&["--state", inner.to_str().unwrap()], 1).await;
    let mkdir = format!("`mkdir -p {}`", inner.parent().unwrap().display());
    assert!(errors.contains(&mkdir), "{errors}");
    assert!(!inner.parent().unwrap().exists());
}

#[tokio::test]
async fn options_that_mean_nothing_are_refused() {
    for arguments in [&["--strict"][..], &["--config", "config.yaml"]] {
        let errors = refused(arguments, 64).await;
        assert!(errors.contains("means nothing here"), "{errors}");
    }
}

#[tokio::test]
async fn a_terminal_that_takes_nothing_does_not_end_it() {
    let kept = tempfile::tempdir().unwrap();
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let directory = kept.path().to_str().unwrap();
    let mut command = playground(&["--listen", "127.0.0.1:0", "--state", directory]);
    command
        .stdout(full.try_clone().unwrap())
        .stderr(full)
        .stdin(Stdio::null());
    let mut child = command.spawn().unwrap();
    eventually("the bot is connected", || {
        let runs = ledger::inspect(&kept.path().join("bot"));
        let runs = runs
            .ok()
            .flatten()
            .map_or_else(Vec::new, |found| found.runs);
        runs.first().is_some_and(|run| run.ready_at.is_some())
    })
    .await;
    let pid = i32::try_from(child.id().unwrap()).unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), Signal::INT)
        .unwrap();
    let status = tokio::time::timeout(DEADLINE, child.wait()).await;
    assert_eq!(status.expect("it ends").unwrap().code(), Some(0));
}
