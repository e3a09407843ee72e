//! What commands print where nobody reads: never a panic, and the exit status is that of the work.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::OwnedFd;

use crate::support::program::{Home, PROGRAM, Settings};

/// Streams that take nothing: a full disk, a pipe whose reader is gone, a file that is open for reading only.
fn deaf() -> [OwnedFd; 3] {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let (_, closed) = io::pipe().unwrap();
    let read_only = std::fs::File::open("/dev/null").unwrap();
    [full.into(), closed.into(), read_only.into()]
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
        (&home, &["status"], 0),
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
