//! Ends: of processes, of what they leave behind, of the host, by whatever kills them.

use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Stdio;

use matterbot::module::link::Link;
use matterbot::module::protocol::FailureReason;
use rustix::process::{Pid, Signal, kill_process};

use super::rig::Rig;
use crate::support::notify::NotifySocket;
use crate::support::program::{PROGRAM, command, eventually, gone, runs};

fn send(pid: &str, signal: Signal) {
    kill_process(Pid::from_raw(pid.parse().unwrap()).unwrap(), signal).unwrap();
}

#[tokio::test]
async fn a_module_that_dies_is_started_again() {
    let mut rig = Rig::serving().await;
    for words in ["exit 0", "exit 7", "kill"] {
        let first = rig.call(words).await;
        let waiting = rig.call("echo on").await;
        let failure = rig.end(&first).await.unwrap_err();
        assert_eq!(failure.reason, FailureReason::Died, "{words}");
        let how = if words == "kill" {
            "signal 9"
        } else {
            "exit status"
        };
        assert!(failure.trace.contains(how), "{failure:?}");
        assert_eq!(rig.end(&waiting).await.unwrap(), "on", "{words}");
    }
}

#[tokio::test]
async fn nothing_that_a_module_started_outlives_it() {
    let mut rig = Rig::serving().await;
    assert_eq!(rig.ask("leave").await, "left");
    let left = rig.note("left").await;
    // While the module lives, so does what it started.
    assert!(left.split_whitespace().all(runs), "{left}");
    assert_eq!(rig.fails("kill").await, FailureReason::Died);
    gone(&left).await;
    assert_eq!(rig.ask("echo on").await, "on");
}

#[tokio::test]
async fn nothing_outlives_the_connection() {
    let mut rig = Rig::serving().await;
    rig.call("leave hang").await;
    let left = rig.note("left").await;
    let status = rig.hang_up().await;
    assert_eq!(status.code(), Some(0));
    assert!(!left.split_whitespace().any(runs), "{left}");
}

/// It forks and ends all the time: whoever looks for it finds a process that is gone.
#[tokio::test]
async fn what_is_never_the_same_process_is_found() {
    let mut rig = Rig::serving().await;
    rig.call("hop").await;
    let module = rig.note("hopping").await;
    assert!(group(&module) > 1);
    send(&module, Signal::KILL);
    eventually("nobody is left of its group", || group(&module) == 0).await;
    rig.call("hop").await;
    eventually("it hops again", || rig.note_now("hopping") != module).await;
    let module = rig.note_now("hopping");
    assert_eq!(rig.hang_up().await.code(), Some(0));
    assert_eq!(group(&module), 0);
}

/// How many processes are in the group that `leader` made.
fn group(leader: &str) -> usize {
    let found = std::fs::read_dir("/proc").unwrap().flatten();
    let stats = found.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok());
    let groups = stats.filter_map(|stat| {
        let (_, rest) = stat.rsplit_once(") ")?;
        let mut fields = rest.split(' ');
        (!matches!(fields.next()?, "Z" | "X")).then_some(())?;
        Some(fields.nth(1)?.to_owned())
    });
    groups.filter(|group| group == leader).count()
}

#[tokio::test]
async fn nothing_outlives_a_host_that_is_asked_to_end() {
    let mut rig = Rig::serving().await;
    rig.call("leave hang").await;
    let left = rig.note("left").await;
    let mut host = rig.link.child.take().unwrap();
    send(&host.id().unwrap().to_string(), Signal::TERM);
    assert_eq!(host.wait().await.unwrap().code(), Some(0));
    assert!(!left.split_whitespace().any(runs), "{left}");
}

#[tokio::test]
async fn a_module_does_not_outlive_a_host_that_is_killed() {
    let mut rig = Rig::serving().await;
    rig.call("spin").await;
    let module = rig.note("hanging").await;
    let mut host = rig.link.child.take().unwrap();
    host.kill().await.unwrap();
    gone(&module).await;
}

#[tokio::test]
async fn a_killed_module_fails_its_calls_at_once() {
    let mut rig = Rig::serving().await;
    let call = rig.call("hang").await;
    let module = rig.note("hanging").await;
    send(&module, Signal::KILL);
    let failure = rig.end(&call).await.unwrap_err();
    assert_eq!(failure.reason, FailureReason::Died);
}

#[tokio::test]
async fn a_listening_host_serves_its_first_connection_and_ends_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("modules.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let mut host = command(PROGRAM)
        .arg("module-host")
        .stdin(Stdio::from(std::os::fd::OwnedFd::from(listener)))
        .spawn()
        .unwrap();
    let link = Link::connect(Path::new(&socket)).await.unwrap();
    let mut rig = Rig::with(link).await;
    rig.module("dice", "", "");
    rig.serve(1).await;
    assert_eq!(rig.ask("echo there").await, "there");
    let module = rig.ask("pid").await;
    drop(rig);
    assert_eq!(host.wait().await.unwrap().code(), Some(0));
    eventually("the module is gone", || !runs(&module)).await;
}

#[tokio::test]
async fn a_host_without_a_bot_says_what_it_needs() {
    let output = command(PROGRAM)
        .arg("module-host")
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("unix stream socket"), "{text}");
}

#[tokio::test]
async fn a_host_below_a_supervisor_tells_it_that_it_turns() {
    let folder = tempfile::tempdir().unwrap();
    let mut told = NotifySocket::bind(folder.path());
    let listener = UnixListener::bind(folder.path().join("modules.sock")).unwrap();
    let mut shell = command("/bin/sh");
    let script = "export SYSTEMD_EXEC_PID=$$ WATCHDOG_PID=$$; exec \"$@\"";
    shell
        .args(["-c", script, "sh", PROGRAM, "module-host"])
        .env("NOTIFY_SOCKET", told.path())
        .env("WATCHDOG_USEC", "100000")
        .stdin(Stdio::from(std::os::fd::OwnedFd::from(listener)));
    let mut host = shell.spawn().unwrap();
    for _ in 0..3 {
        told.until("WATCHDOG=1").await;
    }
    host.kill().await.unwrap();
}
