//! Preflight: what `check --online` finds, and the restarts that it refuses.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;

use rustix::process::Signal;
use serde_json::json;

use crate::support::faults::fault;
use crate::support::playground::Server;
use crate::support::program::{
    Home, NO_TOKEN, PROGRAM, Program, Settings, command, eventually, output,
};

/// What a check printed, all of it to standard output.
fn printed(output: &Output) -> String {
    assert!(output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

async fn check(home: &Home) -> Output {
    home.output(&["check", "--online"]).await
}

/// The check refuses, and its first sentence contains `words`.
async fn refuses(home: &Home, words: &str) {
    let output = check(home).await;
    let text = printed(&output);
    assert_eq!(output.status.code(), Some(78), "{text}");
    let (first, last) = (text.lines().next().unwrap(), text.lines().last().unwrap());
    assert!(first.contains("error: ") && first.contains(words), "{text}");
    assert!(last.ends_with("the bot would not start"), "{text}");
}

/// The check lets the bot start, with a warning that contains `words`.
async fn warns(home: &Home, words: &str) {
    let output = check(home).await;
    let rest = printed(&output);
    assert_eq!(output.status.code(), Some(0), "{rest}");
    assert!(
        rest.lines()
            .any(|line| line.starts_with("warning: ") && line.contains(words)),
        "{rest}"
    );
}

#[tokio::test]
async fn a_bot_that_would_start_passes() {
    let server = Server::start().await;
    let home = Home::new(&Settings::with(&server));
    let output = check(&home).await;
    let rest = printed(&output);
    assert_eq!(output.status.code(), Some(0), "{rest}");
    let verdict = format!(
        "{}: no errors, no warnings: the bot would start, and the server lets it in\n",
        home.config().display()
    );
    assert_eq!(rest, verdict);
    assert!(!rest.contains(server.playground.bot_token()), "{rest}");
    let left: Vec<_> = fs::read_dir(home.state()).unwrap().collect();
    assert!(left.is_empty(), "a check changes nothing: {left:?}");
}

#[tokio::test]
async fn a_server_that_is_down_is_a_warning() {
    warns(
        &Home::new(&Settings::alone()),
        "the bot starts, and waits for it",
    )
    .await;
}

#[tokio::test]
async fn a_server_that_could_not_be_asked_is_named_in_the_verdict_and_fails_a_strict_check() {
    let home = Home::new(&Settings::alone());
    let mut outputs = Vec::new();
    for (arguments, code) in [
        (&["check", "--online"][..], 0),
        (&["check", "--online", "--strict"], 1),
        // What a restart asks: it comes back all the same.
        (
            &[
                "check",
                "--online",
                "--strict",
                "--parent",
                &std::process::id().to_string(),
            ],
            0,
        ),
    ] {
        let output = home.output(arguments).await;
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        outputs.push(printed(&output));
    }
    for text in outputs {
        assert!(
            text.starts_with("warning: the server could not be asked: nothing listens"),
            "{text}"
        );
        assert!(
            text.ends_with("the bot would start, but the server could not be asked\n"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn operators_that_the_server_does_not_know_are_a_warning() {
    let server = Server::start().await;
    let home = Home::new(&Settings::with(&server));
    let olga = server.log_in("olga").await.id;
    let text = fs::read_to_string(home.config()).unwrap();
    let lists = format!("botadmins: [system_admin, {olga}]\n  botoperators: [{NO_TOKEN}]");
    fs::write(
        home.config(),
        text.replace("botadmins: [system_admin]", &lists),
    )
    .unwrap();
    warns(
        &home,
        &format!("Matterbot.botoperators: {NO_TOKEN}: the server has no account"),
    )
    .await;
    let text = printed(&check(&home).await);
    assert!(!text.contains(&olga), "{text}");
}

#[tokio::test]
async fn a_bot_that_runs_is_noted() {
    let home = Home::new(&Settings::alone());
    let mut program = home.start();
    program.line("the next try is in").await;
    let text = printed(&home.output(&["check"]).await);
    let note = format!(
        "note: process {} runs with this state directory",
        program.id()
    );
    assert!(text.contains(&note), "{text}");
    program.stop().await;
    let text = printed(&home.output(&["check"]).await);
    assert!(!text.contains("note: "), "{text}");
}

#[tokio::test]
async fn a_refused_token_is_an_error_only_from_a_server_that_is_well() {
    let server = Server::start().await;
    let home = Home::new(&Settings {
        token: NO_TOKEN,
        ..Settings::with(&server)
    });
    refuses(&home, "refuses the token").await;
    let admin = server.log_in("admin").await;
    let blinks = json!({"fault": {"kind": "unauthorized", "ping_healthy": false}});
    fault(&server, &admin, blinks).await;
    warns(&home, "the bot starts, and waits for it").await;
}

#[tokio::test]
async fn a_team_that_does_not_exist_is_an_error() {
    let server = Server::start().await;
    let home = Home::new(&Settings {
        team: "nosuchteam",
        ..Settings::with(&server)
    });
    refuses(&home, "nosuchteam").await;
}

#[tokio::test]
async fn a_configuration_with_an_error_is_quoted_with_its_place() {
    let home = Home::new(&Settings {
        lifecycle: "drain: soon",
        ..Settings::alone()
    });
    refuses(&home, "Lifecycle.drain").await;
}

#[tokio::test]
async fn a_state_directory_that_others_can_write_is_an_error() {
    let home = Home::new(&Settings::alone());
    fs::set_permissions(home.state(), fs::Permissions::from_mode(0o777)).unwrap();
    refuses(&home, "can be written by others").await;
}

#[tokio::test]
async fn a_state_directory_that_does_not_exist_is_not_made() {
    let home = Home::new(&Settings::alone());
    fs::remove_dir(home.state()).unwrap();
    warns(&home, "does not exist yet").await;
    assert!(!home.state().exists());
}

#[tokio::test]
async fn a_newer_ledger_is_an_error_that_names_both_schemas() {
    let home = Home::new(&Settings::alone());
    let mut program = home.start();
    program.line("the next try is in").await;
    program.stop().await;
    let ledger = rusqlite::Connection::open(home.state().join("ledger.db")).unwrap();
    ledger.pragma_update(None, "user_version", 1_000).unwrap();
    drop(ledger);
    refuses(&home, "schema 1000").await;
}

#[tokio::test]
async fn a_marker_that_the_start_sets_aside_is_a_warning() {
    let home = Home::new(&Settings::alone());
    fs::create_dir(home.state().join("restart-marker.json")).unwrap();
    warns(&home, "will be set aside by the next start").await;
    let mut program = home.start();
    program.line("the next try is in").await;
    program.stop().await;
}

#[tokio::test]
async fn a_file_system_that_must_not_be_written_is_a_warning() {
    let mut namespace = command("unshare");
    namespace.args(["--mount", "true"]);
    if !output(namespace).await.status.success() {
        eprintln!("not run: this user may mount nothing");
        return;
    }
    let home = Home::new(&Settings::alone());
    let mut program = home.start();
    program.line("the next try is in").await;
    program.stop().await;
    let mut unshare = command("unshare");
    let script = "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\" && exec \"$@\"";
    unshare
        .args(["--mount", "/bin/sh", "-c", script])
        .arg(home.state())
        .args([PROGRAM, "check", "--config"])
        .arg(home.config());
    let output = output(unshare).await;
    let rest = printed(&output);
    assert_eq!(output.status.code(), Some(0), "{rest}");
    assert!(
        rest.contains("warning: ") && rest.contains("audit.jsonl cannot be written at present"),
        "{rest}"
    );
}

#[tokio::test]
async fn a_restart_with_a_broken_configuration_is_refused_until_it_is_mended() {
    let home = Home::new(&Settings::alone());
    let mut program = home.start();
    program.line("the next try is in").await;
    home.configure(&Settings {
        lifecycle: "drain: soon",
        ..Settings::alone()
    });
    program.signal(Signal::USR1);
    let line = program.line("the restart is refused").await;
    assert!(line.contains("Lifecycle.drain"), "{line}");
    assert_eq!(home.ends(), [None], "it goes on");
    assert!(!home.state().join("restart-marker.json").exists());
    home.configure(&Settings::alone());
    program.signal(Signal::USR1);
    program.line("starting version=").await;
    program.stop().await;
}

#[tokio::test]
async fn who_asked_in_chat_is_told_why_not() {
    let server = Server::start().await;
    let home = Home::new(&Settings::with(&server));
    let mut program = home.start();
    program.line("serving").await;
    let text = fs::read_to_string(home.config()).unwrap();
    fs::write(
        home.config(),
        text.replace("teamname: ops", "teamname: nosuchteam"),
    )
    .unwrap();
    let admin = server.log_in("admin").await;
    let channel = admin.channel("town-square").await;
    let mut ear = admin.listen().await;
    let asked = admin.say(&channel, "@restart").await;
    let answer = loop {
        let post = ear.posted().await;
        if post["root_id"] == asked["id"] {
            break post;
        }
    };
    let text = answer["message"].as_str().unwrap();
    assert!(text.starts_with("I am not restarting"), "{text}");
    assert!(text.contains("nosuchteam"), "{text}");
    program.stop().await;
}

/// Puts `script` in place of the program that a restart would execute.
fn replace(program: &Path, script: &str) {
    fs::remove_file(program).unwrap();
    fs::write(program, script).unwrap();
    fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn a_program_on_disk_that_does_not_work_is_not_restarted_into() {
    let home = Home::new(&Settings::alone());
    let link = home.path().join("matterbot");
    std::os::unix::fs::symlink(PROGRAM, &link).unwrap();
    let mut program = Program::start(home.command(&link, &[]));
    program.line("the next try is in").await;

    replace(&link, "#!/bin/sh\necho 'it is broken' >&2\nexit 1\n");
    program.signal(Signal::USR1);
    let line = program.line("the restart is refused").await;
    assert!(line.contains("it is broken"), "{line}");

    // More than a pipe holds, so that a reader that stopped reading would wait for ever.
    replace(
        &link,
        "#!/bin/sh\nhead -c 1000000 /dev/zero | tr '\\0' x >&2\nexit 1\n",
    );
    program.signal(Signal::USR1);
    let line = program.line("the restart is refused").await;
    assert!(line.len() < 1_000, "{}", line.len());

    replace(&link, "#!/bin/sh\nexec sleep 1000\n");
    program.signal(Signal::USR1);
    let line = program.line("the restart is refused").await;
    assert!(line.contains("did not end within 10 s"), "{line}");

    fs::remove_file(&link).unwrap();
    program.signal(Signal::USR1);
    let line = program.line("the restart is refused").await;
    assert!(line.contains("cannot be started"), "{line}");

    std::os::unix::fs::symlink(PROGRAM, &link).unwrap();
    program.signal(Signal::USR1);
    program.line("starting version=").await;
    program.stop().await;
}

#[tokio::test]
async fn a_check_that_somebody_else_started_is_no_verdict() {
    let home = Home::new(&Settings::alone());
    let own = std::process::id().to_string();
    let output = home.output(&["check", "--parent", &own]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let output = home.output(&["check", "--parent", "1"]).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    // A bot that has a parent hands its own arguments on to the check.
    let output = home
        .output(&["--parent", "1", "check", "--parent", &own])
        .await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[tokio::test]
async fn a_check_that_nobody_waits_for_ends() {
    // The server takes the connection and never answers, so the check has time.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let home = Home::new(&Settings {
        host: silent.local_addr().unwrap().to_string(),
        ..Settings::alone()
    });
    let check = format!(
        "'{PROGRAM}' --config '{}' check --online --parent \\$PPID",
        home.config().display()
    );
    let script = format!("sh -c \"echo \\$\\$; exec {check}\" & exec sleep 1000");
    let mut shell = command("/bin/sh");
    shell.args(["-c", &script]);
    let mut shell = Program::start(shell);
    let pid: i32 = shell.line("").await.parse().unwrap();
    let asked = tokio::task::spawn_blocking(move || silent.accept()).await;
    let _asked = asked.unwrap().unwrap();
    let gone = || !Path::new(&format!("/proc/{pid}/fd/0")).exists();
    assert!(!gone());
    let begun = std::time::Instant::now();
    shell.signal(Signal::KILL);
    eventually("the end of the check", gone).await;
    assert!(begun.elapsed().as_secs() < 2, "{:?}", begun.elapsed());
}
