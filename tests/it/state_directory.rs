//! The lock of a state directory: one process holds it, is named, and is waited for.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use matterbot::lifecycle::state_directory::{Holder, StateDirectory};
use rustix::fs::{FileType, Mode};
use tempfile::TempDir;

fn directory() -> (TempDir, StateDirectory) {
    let home = tempfile::tempdir().unwrap();
    let state = StateDirectory::open(home.path()).unwrap();
    (home, state)
}

#[test]
fn one_process_holds_the_lock_and_is_named() {
    let (home, state) = directory();
    assert_eq!(state.holder().unwrap(), Holder::Nobody);
    let lock = state.lock(Duration::ZERO).unwrap();
    let other = StateDirectory::open(home.path()).unwrap();
    let us = std::process::id();
    assert_eq!(other.holder().unwrap(), Holder::Process(Some(us)));
    let refused = other.lock(Duration::from_millis(50)).unwrap_err();
    assert!(
        refused.to_string().contains(&format!("process {us}")),
        "{refused}"
    );
    drop(lock);
    assert_eq!(other.holder().unwrap(), Holder::Nobody);
    other.lock(Duration::ZERO).unwrap();
}

#[test]
fn a_process_that_has_ended_is_not_named() {
    let (home, state) = directory();
    let _lock = state.lock(Duration::ZERO).unwrap();
    // The holder could not write its own number, since its disk is full.
    #[expect(clippy::disallowed_methods, reason = "a process that ends at once")]
    let mut child = std::process::Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    let path = home.path().join(StateDirectory::LOCK);
    fs::write(path, format!("{}\n", child.id())).unwrap();
    let other = StateDirectory::open(home.path()).unwrap();
    assert_eq!(other.holder().unwrap(), Holder::Process(None));
    let refused = other.lock(Duration::ZERO).unwrap_err().to_string();
    assert!(refused.contains("another process"), "{refused}");
}

#[test]
fn a_successor_waits_for_its_predecessor_to_let_go() {
    let (home, state) = directory();
    let held = Duration::from_millis(150);
    let since = Instant::now();
    let lock = state.lock(Duration::ZERO).unwrap();
    let predecessor = std::thread::spawn(move || {
        std::thread::sleep(held);
        drop(lock);
    });
    let other = StateDirectory::open(home.path()).unwrap();
    other.lock(Duration::from_secs(10)).unwrap();
    assert!(since.elapsed() >= held);
    predecessor.join().unwrap();
}

#[test]
fn a_pipe_in_place_of_the_lock_is_refused_and_waited_for_by_nobody() {
    let (home, state) = directory();
    let path = home.path().join(StateDirectory::LOCK);
    let (fifo, mode) = (FileType::Fifo, Mode::from_raw_mode(0o600));
    rustix::fs::mknodat(rustix::fs::CWD, &path, fifo, mode, 0).unwrap();
    let errors = [
        state.holder().unwrap_err(),
        state.can_be_locked().unwrap_err(),
        state.lock(Duration::ZERO).unwrap_err(),
    ];
    for error in errors {
        assert!(error.to_string().contains("not a regular file"), "{error}");
    }
}

#[test]
fn a_lock_file_that_is_a_link_is_not_followed() {
    let (home, state) = directory();
    let target = home.path().join("target");
    fs::write(&target, "precious").unwrap();
    symlink(&target, home.path().join(StateDirectory::LOCK)).unwrap();
    assert!(state.lock(Duration::ZERO).is_err());
    assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
}

#[test]
fn what_the_holder_says_of_itself_is_read_by_others_and_gone_with_the_next_holder() {
    let (home, state) = directory();
    let other = StateDirectory::open(home.path()).unwrap();
    assert_eq!(other.status_line(), None);
    let lock = state.lock(Duration::ZERO).unwrap();
    assert_eq!(other.status_line(), None);
    for said in ["a long word, with an ä", "a short one"] {
        lock.status_line().unwrap().write(said).unwrap();
        assert_eq!(other.status_line().as_deref(), Some(said));
    }
    assert!(
        lock.status_line()
            .unwrap()
            .write(&"x".repeat(2_000))
            .is_err()
    );
    let us = std::process::id();
    assert_eq!(other.holder().unwrap(), Holder::Process(Some(us)));
    drop(lock);
    let _lock = other.lock(Duration::ZERO).unwrap();
    assert_eq!(state.status_line(), None);
}
