//! Signals to the real program, and terminals that go away.

use std::fs;
use std::time::Instant;

use rustix::process::Signal;
use serde_json::json;

use crate::support::faults::{fault, hit};
use crate::support::playground::{DEADLINE, Server};
use crate::support::program::{Home, PROGRAM, Program, Settings, command, eventually};

#[tokio::test]
async fn sigterm_and_sigint_end_with_0() {
    for signal in [Signal::TERM, Signal::INT] {
        let home = Home::new(&Settings::alone());
        let mut program = home.start();
        program.line("the next try is in").await;
        program.signal(signal);
        assert_eq!(program.end().await.code(), Some(0));
        assert_eq!(home.ends(), [Some("stop".to_owned())]);
    }
}

#[tokio::test]
async fn a_second_sigterm_ends_at_once() {
    let server = Server::start().await;
    let home = Home::new(&Settings {
        lifecycle: "ack_after: 0s",
        ..Settings::with(&server)
    });
    let mut program = home.start();
    program.line("serving").await;
    // A call whose asker's role the server is slow to tell: the drain alone takes 20 s.
    let admin = server.log_in("admin").await;
    let path = format!("/api/v4/users/{}", admin.id);
    let slow =
        json!({"fault": {"kind": "slow_answer", "delay_ms": 60_000}, "scope": {"path": path}});
    fault(&server, &admin, slow).await;
    let channel = admin.channel("town-square").await;
    admin.say(&channel, "@audit").await;
    hit(&server, &admin).await;
    let begun = Instant::now();
    program.signal(Signal::TERM);
    program.line("asked to stop").await;
    program.signal(Signal::TERM);
    assert_eq!(program.end().await.code(), Some(0));
    assert!(begun.elapsed() < DEADLINE / 2, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn sighup_opens_the_log_file_again_and_does_not_stop() {
    let home = Home::new(&Settings::alone());
    let text = fs::read_to_string(home.config()).unwrap();
    fs::write(
        home.config(),
        text.replace("Lifecycle:", "  logfile: log\nLifecycle:"),
    )
    .unwrap();
    let program = home.start();
    let (log, moved) = (home.path().join("log"), home.path().join("log.1"));
    wait_for(&log, "the next try is in").await;
    fs::rename(&log, &moved).unwrap();
    program.signal(Signal::HUP);
    wait_for(&log, "The token is the same").await;
    program.stop().await;
}

/// Waits until the file contains `words`.
async fn wait_for(file: &std::path::Path, words: &str) {
    let contains = || fs::read_to_string(file).unwrap_or_default().contains(words);
    eventually(words, contains).await;
}

/// A bot in a terminal of its own, as tmux or a window would be; killed, it drops the line. With `in_shell` the bot is
/// what a shell there runs, else it is all that the terminal runs. What it writes stands in the file.
fn in_terminal(home: &Home, in_shell: bool) -> (Program, std::path::PathBuf) {
    let log = home.path().join("typescript");
    let bot = format!("'{PROGRAM}' --config '{}'", home.config().display());
    let mut script = command("script");
    script
        .args(["--quiet", "--flush", "--command"])
        .arg(if in_shell {
            format!("{bot}; echo ended")
        } else {
            format!("exec {bot}")
        })
        .arg(&log);
    (Program::start(script), log)
}

#[tokio::test]
async fn a_terminal_that_goes_away_stops_what_runs_in_it() {
    for in_shell in [false, true] {
        let home = Home::new(&Settings::alone());
        let (mut terminal, log) = in_terminal(&home, in_shell);
        wait_for(&log, "the next try is in").await;
        terminal.signal(Signal::KILL);
        terminal.end().await;
        eventually("the end of what ran in the terminal", || {
            home.ends() == [Some("stop".to_owned())]
        })
        .await;
    }
}

#[tokio::test]
async fn sighup_from_anybody_else_is_a_reload_in_a_terminal_too() {
    let home = Home::new(&Settings::alone());
    let (mut terminal, log) = in_terminal(&home, false);
    wait_for(&log, "the next try is in").await;
    let pid = i32::try_from(home.runs()[0].pid).unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, Signal::HUP).unwrap();
    wait_for(&log, "The token is the same").await;
    rustix::process::kill_process(pid, Signal::TERM).unwrap();
    terminal.end().await;
    assert_eq!(home.ends(), [Some("stop".to_owned())]);
}

#[tokio::test]
async fn an_ignored_sighup_stays_ignored() {
    let home = Home::new(&Settings::alone());
    let mut nohup = command("nohup");
    nohup.arg(PROGRAM).arg("--config").arg(home.config());
    let mut program = Program::start(nohup);
    program.line("the next try is in").await;
    program.signal(Signal::HUP);
    program.signal(Signal::TERM);
    assert_eq!(program.end().await.code(), Some(0));
    assert!(
        !program
            .seen()
            .iter()
            .any(|line| line.contains("asked by SIGHUP")),
        "{:?}",
        program.seen()
    );
}

#[tokio::test]
async fn nobody_reading_standard_output_is_no_reason_to_end() {
    let home = Home::new(&Settings::alone());
    let mut program = home.start();
    program.line("starting version=").await;
    let id = i32::try_from(program.id()).unwrap();
    let mut child = program.stop_reading();
    let pid = rustix::process::Pid::from_raw(id).unwrap();
    rustix::process::kill_process(pid, Signal::USR1).unwrap();
    eventually("a restart", || {
        home.ends() == [None, Some("reexec".to_owned())]
    })
    .await;
    rustix::process::kill_process(pid, Signal::TERM).unwrap();
    let status = tokio::time::timeout(DEADLINE, child.wait()).await;
    assert_eq!(status.expect("it ends").unwrap().code(), Some(0));
}
