//! Crash back-off of the real program: starts that were killed before they were ready make the next ones wait.

use matterbot::lifecycle::marker::{self, Marker};
use matterbot::lifecycle::state_directory::StateDirectory;
use matterbot::timestamp::Timestamp;
use rustix::process::Signal;

use crate::support::playground::Server;
use crate::support::program::{Home, Settings, eventually};

/// Kills `count` starts before they are ready.
async fn crash(home: &Home, count: usize) {
    for _ in 0..count {
        let mut program = home.start();
        program.line("starting version=").await;
        program.signal(Signal::KILL);
        program.end().await;
    }
}

#[tokio::test]
async fn the_second_crash_makes_the_third_start_wait_five_seconds() {
    let home = Home::new(&Settings::alone());
    crash(&home, 2).await;
    let mut third = home.start();
    third.line("waits 5 s").await;
    assert!(
        !third
            .seen()
            .iter()
            .any(|line| line.contains("the next try is in"))
    );
    // It is no use to wait for the end of the wait.
    third.stop().await;
    assert_eq!(home.ends(), [Some("stop".to_owned()), None, None]);
}

#[tokio::test]
async fn after_the_wait_it_serves() {
    let server = Server::start().await;
    let home = Home::new(&Settings::with(&server));
    crash(&home, 1).await;
    let mut second = home.start();
    second.line("waits 1 s").await;
    second.line("serving").await;
    second.stop().await;
}

#[tokio::test]
async fn a_valid_marker_skips_the_wait() {
    let home = Home::new(&Settings::alone());
    crash(&home, 2).await;
    leave_marker(&home);
    let mut third = home.start();
    third.line("the next try is in").await;
    let waits = third.seen().iter().any(|line| line.contains("waits"));
    assert!(!waits, "{:?}", third.seen());
    third.stop().await;
}

#[tokio::test]
async fn a_run_that_was_ready_is_no_failed_start() {
    let server = Server::start().await;
    let home = Home::new(&Settings::with(&server));
    let mut first = home.start();
    first.line("serving").await;
    // The row is written after the supervisor was told; there is none here to hear it.
    eventually("ready", || home.runs()[0].ready_at.is_some()).await;
    first.signal(Signal::KILL);
    first.end().await;
    let mut second = home.start();
    second.line("serving").await;
    assert!(!second.seen().iter().any(|line| line.contains("waits")));
    second.stop().await;
}

fn leave_marker(home: &Home) {
    let directory = StateDirectory::open(&home.state()).unwrap();
    let marker = Marker {
        version: Marker::VERSION,
        nonce: "nonce".to_owned(),
        requests: Vec::new(),
        reason: "SIGUSR1".to_owned(),
        from_version: "1.0.0".to_owned(),
        boot_id: marker::boot_id().unwrap(),
        written_at: Timestamp::now(),
        written_since_boot: u64::try_from(marker::since_boot().as_millis()).unwrap(),
    };
    marker::leave(&directory, &marker).unwrap();
}
