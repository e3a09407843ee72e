//! The log of the real program, where it is written to and where it cannot be.

use std::io::{self, PipeReader, PipeWriter, Write as _};
use std::os::fd::OwnedFd;
use std::process::Stdio;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::process::Child;

use crate::support::playground::{DEADLINE, Person, Server};
use crate::support::poll;
use crate::support::program::{Home, PROGRAM, Settings, eventually};

/// A pipe that is full, and that nobody reads: what is written to it blocks for ever.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, writer) = io::pipe().unwrap();
    let flags = fcntl_getfl(&writer).unwrap();
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK).unwrap();
    while (&writer).write(&[b'x'; 4096]).is_ok() {}
    fcntl_setfl(&writer, flags).unwrap();
    (reader, writer)
}

/// The answer to `post`, once there is one.
async fn answer(person: &Person, post: &Value) -> String {
    let root = post["id"].as_str().unwrap();
    let thread = format!("/posts/{root}/thread");
    poll("there is an answer", async || {
        let thread = person.get(&thread).await.expect(200);
        let posts = thread["posts"].as_object().unwrap();
        let answer = posts.values().find(|post| post["root_id"] == root)?;
        Some(answer["message"].as_str().unwrap().to_owned())
    })
    .await
}

fn signal(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id().expect("it runs")).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

#[tokio::test]
async fn a_reader_that_does_not_read_holds_neither_answers_nor_signals() {
    let server = Server::start().await;
    let home = Home::new(&Settings::with(&server));
    let (_reader, writer) = full_pipe();
    let mut command = home.command(PROGRAM, &[]);
    // Both streams, as a terminal that is held.
    command
        .stdout(OwnedFd::from(writer.try_clone().unwrap()))
        .stderr(OwnedFd::from(writer))
        .stdin(Stdio::null());
    let mut bot = command.spawn().unwrap();
    let ready = |starts: usize| {
        let runs = home.runs();
        runs.len() == starts && runs[0].ready_at.is_some()
    };
    eventually("it is connected", || ready(1)).await;
    let pat = server.log_in("pat").await;
    let channel = pat.channel("town-square").await;
    let post = pat.say(&channel, "@status").await;
    let status = answer(&pat, &post).await;
    assert!(status.contains("has been up"), "{status}");
    signal(&bot, Signal::USR1);
    eventually("it has restarted", || ready(2)).await;
    signal(&bot, Signal::TERM);
    let ended = tokio::time::timeout(DEADLINE, bot.wait()).await;
    assert_eq!(ended.expect("it does not end").unwrap().code(), Some(0));
    let stopped = ["stop", "reexec"].map(|end| Some(end.to_owned()));
    assert_eq!(home.ends(), stopped);
}

#[tokio::test]
async fn an_error_is_told_once_wherever_somebody_reads() {
    let home = Home::new(&Settings::alone());
    // A start that fails after the log was opened.
    std::fs::remove_dir(home.state()).unwrap();
    std::fs::write(home.state(), "no directory").unwrap();
    let told = |text: &[u8]| {
        let text = String::from_utf8_lossy(text).into_owned();
        text.matches("the state directory").count()
    };
    let apart = home.output(&[]).await;
    assert_eq!(
        (told(&apart.stdout), told(&apart.stderr)),
        (1, 1),
        "{apart:?}"
    );

    let (mut reader, writer) = io::pipe().unwrap();
    let mut command = home.command(PROGRAM, &[]);
    command
        .stdout(OwnedFd::from(writer.try_clone().unwrap()))
        .stderr(OwnedFd::from(writer));
    let status = tokio::time::timeout(DEADLINE, command.status()).await;
    assert_eq!(status.unwrap().unwrap().code(), apart.status.code());
    drop(command);
    let mut together = Vec::new();
    io::Read::read_to_end(&mut reader, &mut together).unwrap();
    assert_eq!(told(&together), 1, "{}", String::from_utf8_lossy(&together));

    let text = std::fs::read_to_string(home.config()).unwrap();
    let to_file = text.replace("Lifecycle:", "  logfile: log\nLifecycle:");
    std::fs::write(home.config(), to_file).unwrap();
    let output = home.output(&[]).await;
    let log = std::fs::read(home.path().join("log")).unwrap();
    assert_eq!((told(&log), told(&output.stderr)), (1, 1), "{output:?}");
}
