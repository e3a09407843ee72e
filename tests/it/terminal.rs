//! What commands print where it cannot be written: never a panic. Where nobody reads, the exit status is that of the
//! work; where a result is lost, it is none of success.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::OwnedFd;
use std::process::Stdio;

use crate::support::program::{Home, PROGRAM, Settings};

/// Streams that take nothing, and nobody misses: a pipe whose reader is gone, a file that is open for reading only.
fn deaf() -> [OwnedFd; 2] {
    let (_, closed) = io::pipe().unwrap();
    let read_only = std::fs::File::open("/dev/null").unwrap();
    [closed.into(), read_only.into()]
}

#[tokio::test]
async fn nobody_reading_is_no_reason_to_fail_or_to_panic() {
    let home = Home::new(&Settings::alone());
    let wrong = Home::new(&Settings {
        lifecycle: "drain: soon",
        ..Settings::alone()
    });
    for (home, arguments, expected) in [
        (&home, &["check"][..], 0),
        (&home, &["check", "--online"], 0),
        (&home, &["status"], 3),
        (&home, &["status", "--strict"], 64),
        (&home, &["ledger", "restore"], 0),
        (&home, &["--help"], 0),
        (&wrong, &["check"], 78),
        (&wrong, &[], 78),
        (&wrong, &["--no-such-option"], 64),
    ] {
        for stream in deaf() {
            let mut command = home.command(PROGRAM, arguments);
            command.stdout(stream.try_clone().unwrap()).stderr(stream);
            let status = command.status().await.unwrap();
            assert_eq!(status.code(), Some(expected), "{arguments:?}");
        }
    }
}

#[tokio::test]
async fn a_result_that_could_not_be_written_is_an_error() {
    let home = Home::new(&Settings::alone());
    let wrong = Home::new(&Settings {
        lifecycle: "drain: soon",
        ..Settings::alone()
    });
    for (home, arguments, expected) in [
        (&home, &["check"][..], 1),
        (&home, &["status", "--json"], 3),
        (&home, &["ledger", "list"], 1),
        (&home, &["audit"], 1),
        (&home, &["--help"], 1),
        (&home, &["--version"], 1),
        (&wrong, &["check"], 78),
    ] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = home.command(PROGRAM, arguments);
        command.stdout(full).stderr(Stdio::piped());
        let output = command.spawn().unwrap().wait_with_output().await.unwrap();
        assert_eq!(output.status.code(), Some(expected), "{arguments:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains("No space left"), "{arguments:?}: {error}");
    }
}

#[tokio::test]
async fn names_of_others_give_a_terminal_no_orders() {
    let home = Home::new(&Settings::alone());
    let map = r#"{"\u001b[31mred\u009b2J\u202e": {"binds": ["@red"], "chans": []}}"#;
    std::fs::write(home.path().join("bindmap.json"), map).unwrap();
    let output = home.output(&["check"]).await;
    let found = String::from_utf8(output.stdout).unwrap();
    assert!(found.contains(": [31mred2J\n"), "{found}");
    assert!(
        !found.contains(|character: char| character.is_control() && character != '\n'),
        "{found:?}"
    );
}
