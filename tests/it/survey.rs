//! `matterbot status`: what the state directory tells, with and without a bot that runs.

use rustix::fs::{CWD, FileType, Mode};
use rustix::process::Signal;

use crate::support::program::{Home, Settings};

async fn status(home: &Home) -> String {
    let output = home.output(&["status"]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn it_tells_of_a_bot_that_runs_and_of_one_that_was_killed() {
    let home = Home::new(&Settings {
        service_manager: "exit",
        ..Settings::alone()
    });
    let text = status(&home).await;
    assert!(text.contains("not running"), "{text}");
    assert!(text.contains("ledger: there is none yet"), "{text}");

    let mut program = home.start();
    program.line("the next try is in").await;
    let text = status(&home).await;
    let running = format!(
        "running: process {}, version {}",
        program.id(),
        env!("CARGO_PKG_VERSION")
    );
    assert!(
        text.contains(&running) && text.contains("not ready yet"),
        "{text}"
    );
    assert!(text.contains("restart marker: none"), "{text}");
    assert!(text.contains("ledger: readable, schema 1"), "{text}");

    program.signal(Signal::KILL);
    program.end().await;
    let text = status(&home).await;
    assert!(text.contains("not running"), "{text}");
    assert!(text.contains("never ready, ended without a word"), "{text}");

    let mut program = home.start();
    program.line("the next try is in").await;
    program.signal(Signal::USR1);
    program.end().await;
    let text = status(&home).await;
    assert!(
        text.contains("for SIGUSR1, asked for by 0 in chat"),
        "{text}"
    );
    assert!(
        text.contains("left to be started again (status 75)"),
        "{text}"
    );
}

#[tokio::test]
async fn it_changes_nothing() {
    let home = Home::new(&Settings::alone());
    std::fs::remove_dir(home.state()).unwrap();
    let text = status(&home).await;
    assert!(text.contains("does not exist"), "{text}");
    assert!(!home.state().exists());
}

#[tokio::test]
async fn it_waits_for_no_pipe() {
    let (fifo, mode) = (FileType::Fifo, Mode::from_raw_mode(0o600));
    let home = Home::new(&Settings::alone());
    for name in ["ledger.db-shm", "ledger.db-wal", "ledger.db"] {
        let path = home.state().join(name);
        std::fs::write(home.state().join("ledger.db"), "").unwrap();
        std::fs::remove_file(&path).ok();
        rustix::fs::mknodat(CWD, &path, fifo, mode, 0).unwrap();
        let text = status(&home).await;
        let words = format!("{name} is refused: it is not a regular file");
        assert!(text.contains(&words), "{text}");
        std::fs::remove_file(&path).unwrap();
    }
}

/// On a host the token is a credential of the unit, and a command by hand has none.
#[tokio::test]
async fn it_needs_no_token() {
    let home = Home::new(&Settings::alone());
    let config = std::fs::read_to_string(home.config()).unwrap();
    let without: Vec<&str> = config
        .lines()
        .filter(|line| !line.contains("password"))
        .collect();
    std::fs::write(home.config(), without.join("\n")).unwrap();
    assert!(status(&home).await.contains("not running"));
    let output = home.output(&["ledger", "restore"]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}
