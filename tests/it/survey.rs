//! `matterbot status`: what the state directory tells, with and without a bot that runs.

use rustix::fs::{CWD, FileType, Mode};
use rustix::process::Signal;

use serde_json::{Value, json};

use crate::support::faults::fault;
use crate::support::playground::Server;
use crate::support::poll;
use crate::support::program::{Home, PROGRAM, Program, Settings, command, output};

const SERVES: i32 = 0;
const SERVES_NOT: i32 = 1;
const RUNS_NOT: i32 = 3;

/// What it says, and that it ends with `code`.
async fn status(home: &Home, code: i32) -> String {
    printed(home, &["status"], code).await
}

async fn json(home: &Home, code: i32) -> Value {
    serde_json::from_str(&printed(home, &["status", "--json"], code).await).unwrap()
}

async fn printed(home: &Home, arguments: &[&str], code: i32) -> String {
    let output = home.output(arguments).await;
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn it_tells_of_a_bot_that_runs_and_of_one_that_was_killed() {
    let home = Home::new(&Settings {
        service_manager: "exit",
        ..Settings::alone()
    });
    let text = status(&home, RUNS_NOT).await;
    assert!(text.contains("not running"), "{text}");
    assert!(text.contains("ledger: there is none yet"), "{text}");

    let mut program = home.start();
    program.line("the next try is in").await;
    let text = status(&home, SERVES_NOT).await;
    let running = format!(
        "running: process {}, version {}",
        program.id(),
        env!("CARGO_PKG_VERSION")
    );
    assert!(
        text.contains(&running) && text.contains("serving: NO"),
        "{text}"
    );
    assert!(text.contains("restart marker: none"), "{text}");
    assert!(text.contains("ledger: readable, schema 2"), "{text}");

    program.signal(Signal::KILL);
    program.end().await;
    let text = status(&home, RUNS_NOT).await;
    assert!(text.contains("not running"), "{text}");
    assert!(text.contains("never ready, ended without a word"), "{text}");

    let mut program = home.start();
    program.line("the next try is in").await;
    program.signal(Signal::USR1);
    program.end().await;
    let text = status(&home, RUNS_NOT).await;
    assert!(
        text.contains("for SIGUSR1, asked for by 0 people in chat"),
        "{text}"
    );
    assert!(
        text.contains("left to be started again (status 75)"),
        "{text}"
    );
}

/// The word is in its place a moment after the log has it.
async fn comes_to(home: &Home, code: i32, words: &str) -> Value {
    let look = async || {
        let output = home.output(&["status", "--json"]).await;
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        let is_it = output.status.code() == Some(code) && told.to_string().contains(words);
        is_it.then_some(told)
    };
    poll("the status tells of it", look).await
}

#[tokio::test]
async fn it_tells_whether_a_bot_that_runs_serves() {
    let server = Server::start().await;
    let admin = server.log_in("admin").await;
    let home = Home::new(&Settings::with(&server));
    let mut program = home.start();
    let told = comes_to(&home, SERVES, "\"state\":\"serving\"").await;
    assert_eq!(told["pid"], program.id());
    assert_eq!(
        (&told["connected"], &told["reason"]),
        (&Value::Bool(true), &Value::Null)
    );
    assert!(
        told["since"].is_i64() && told["runs"][0]["started_at"] == told["started_at"],
        "{told}"
    );
    assert!(status(&home, SERVES).await.contains("serving: yes, since "));

    // The server hangs up, and lets nobody in any more.
    let (refuses, restarts) = (json!({"kind": "unauthorized"}), json!({"kind": "restart"}));
    let scope = json!({"user": "matter-bot"});
    fault(&server, &admin, json!({"fault": refuses, "scope": scope})).await;
    fault(&server, &admin, json!({"fault": restarts})).await;
    let told = comes_to(&home, SERVES_NOT, "not connected: ").await;
    assert_eq!(
        (&told["state"], &told["connected"]),
        (&json!("not_serving"), &Value::Bool(false))
    );
    program.signal(Signal::TERM);
    program.line("stopped after ").await;
    program.end().await;
    let told = json(&home, RUNS_NOT).await;
    assert_eq!(
        (&told["state"], &told["pid"]),
        (&json!("not_running"), &Value::Null)
    );
    assert_eq!(told["runs"][0]["exit"], "stop");
    assert_eq!(told["since"], told["runs"][0]["ended_at"]);
    assert_eq!(told["restart_marker"], json!({"state": "none"}));
    assert_eq!(told["ledger"], json!({"schema": 2, "error": null}));
}

/// A bot that has nothing to write does not notice it by itself.
#[tokio::test]
async fn it_tells_that_the_disk_is_full() {
    let mut namespace = command("unshare");
    namespace.args(["--mount", "true"]);
    if !output(namespace).await.status.success() {
        eprintln!("not run: this user may mount nothing");
        return;
    }
    let server = Server::start().await;
    let home = Home::new(&Settings::with(&server));
    let mut bot = command("unshare");
    let script = "mount -t tmpfs -o size=1m,mode=0700 none \"$0\" && exec \"$@\"";
    bot.args(["--mount", "/bin/sh", "-c", script])
        .arg(home.state())
        .args([PROGRAM, "--config"])
        .arg(home.config());
    let mut bot = Program::start(bot);
    bot.line("serving as").await;
    let inside = || {
        let mut inside = command("nsenter");
        inside.args(["--mount", "--target", &bot.id().to_string()]);
        inside
    };
    let mut fill = inside();
    fill.args(["/bin/sh", "-c", "cat /dev/zero >\"$0/ballast\""])
        .arg(home.state());
    assert!(
        !output(fill).await.status.success(),
        "it stops when it is full"
    );
    let look = async || {
        let mut status = inside();
        status
            .args([PROGRAM, "status", "--config"])
            .arg(home.config());
        let output = output(status).await;
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code() == Some(SERVES_NOT) && text.contains("directory is full"))
            .then_some(())
    };
    poll("the status tells of the full disk", look).await;
    bot.signal(Signal::TERM);
    bot.end().await;
}

#[tokio::test]
async fn it_changes_nothing() {
    let home = Home::new(&Settings::alone());
    std::fs::remove_dir(home.state()).unwrap();
    let text = status(&home, RUNS_NOT).await;
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
        let text = status(&home, RUNS_NOT).await;
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
    assert!(status(&home, RUNS_NOT).await.contains("not running"));
    let output = home.output(&["ledger", "restore"]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}
