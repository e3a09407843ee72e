//! What would come back is not what left: another program, another configuration, another token, another ledger.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{assert_restarted, texts};
use crate::support::bot::BotUnderTest;
use crate::support::playground::Server;
use crate::support::program::{Home, NO_TOKEN, PROGRAM, Program, Settings};
use crate::support::scenario::Scenario;

fn settings(service_manager: &str) -> Value {
    let lifecycle = json!({"cooldown": "0s", "budget": {"count": 100, "window": "5m"}});
    json!({"Matterbot": {"service_manager": service_manager}, "Lifecycle": lifecycle})
}

/// Puts `script` in place of the program that a restart would execute.
fn replace(bot: &BotUnderTest, script: &str) {
    let program = bot.home().join("matterbot");
    fs::remove_file(&program).unwrap();
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
}

fn mend(bot: &BotUnderTest) {
    let program = bot.home().join("matterbot");
    fs::remove_file(&program).unwrap();
    symlink(PROGRAM, program).unwrap();
}

/// The restart is refused for `reason`, and the bot goes on.
async fn refused(scenario: &Scenario, bot: &BotUnderTest, reason: &str) {
    let pid = bot.pid();
    let text = scenario
        .olga
        .asks(&scenario.lab, "@restart")
        .await
        .outcome()
        .await;
    assert!(
        text.starts_with("I am not restarting, and go on as before"),
        "{text}"
    );
    assert!(text.contains(reason), "{text}");
    scenario
        .pat
        .asks(&scenario.lab, "@status")
        .await
        .outcome()
        .await;
    assert_eq!((bot.pid(), bot.starts()), (pid, 1));
    assert!(!bot.state("restart-marker.json").exists());
}

#[tokio::test]
async fn what_would_not_start_is_refused_and_the_old_one_serves() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving(&scenario, settings("none")).await;
    replace(&bot, "#!/bin/sh\necho 'no such library' >&2\nexit 127\n");
    refused(&scenario, &bot, "no such library").await;
    replace(&bot, "#!/bin/sh\nkill -SEGV $$\n");
    refused(&scenario, &bot, "signal: 11").await;
    mend(&bot);

    let good = fs::read_to_string(bot.config_path()).unwrap();
    fs::write(bot.config_path(), "Matterbot:\n  host: [\n").unwrap();
    refused(&scenario, &bot, "config.yaml:").await;
    let token = format!("\"password\":\"{}\"", scenario.bot.token);
    assert!(good.contains(&token), "{good}");
    fs::write(
        bot.config_path(),
        good.replace(&token, &format!("\"password\":\"{NO_TOKEN}\"")),
    )
    .unwrap();
    refused(&scenario, &bot, "the server refuses the token").await;
    fs::write(bot.config_path(), good).unwrap();

    let ledger = rusqlite::Connection::open(bot.state("ledger.db")).unwrap();
    let schema: i64 = ledger
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    ledger.pragma_update(None, "user_version", 1_000).unwrap();
    refused(&scenario, &bot, "schema 1000").await;
    ledger.pragma_update(None, "user_version", schema).unwrap();
    drop(ledger);

    assert_restarted(&texts(&scenario.olga.asks(&scenario.lab, "@restart").await).await);
    scenario.finish(&mut bot).await;
    assert_eq!(bot.starts(), 2);
}

/// It passes its own check and then does not start: whoever starts it again, when it is mended, completes the restart.
#[tokio::test]
async fn a_program_that_crashes_after_its_check_is_outlived_by_the_marker() {
    let scenario = Scenario::start().await;
    for (manager, left) in [("exit", 75), ("none", 7)] {
        let mut bot = BotUnderTest::serving(&scenario, settings(manager)).await;
        replace(
            &bot,
            "#!/bin/sh\ncase \"$*\" in *check*) exit 0 ;; esac\nexit 7\n",
        );
        let restart = scenario.olga.asks(&scenario.lab, "@restart").await;
        assert_eq!(bot.exit_code().await, Some(left));
        bot.restart_process();
        assert_eq!(bot.exit_code().await, Some(7));
        mend(&bot);
        bot.restart_process();
        assert_restarted(&texts(&restart).await);
        bot.terminate();
        assert_eq!(bot.exit_code().await, Some(0));
    }
    scenario.check_promise().await;
}

/// A release in which the bot dies at its start: the restart that led there is not held up, what follows waits.
#[tokio::test]
async fn starts_that_fail_after_a_restart_was_asked_for_back_off() {
    let home = Home::new(&Settings {
        service_manager: "exit",
        ..Settings::alone()
    });
    let mut program = home.start();
    program.line("the next try is in").await;
    program.signal(Signal::USR1);
    assert_eq!(program.end().await.code(), Some(75));
    for wait in [None, Some("waits 1 s"), Some("waits 5 s")] {
        let mut program = home.start();
        program.line(wait.unwrap_or("the next try is in")).await;
        let waits = program.seen().iter().any(|line| line.contains("waits"));
        assert_eq!(waits, wait.is_some(), "{:?}", program.seen());
        program.signal(Signal::KILL);
        program.end().await;
    }
}

/// Where the program of process `pid` lies, links resolved.
fn executable(pid: u32) -> String {
    let path = fs::read_link(format!("/proc/{pid}/exe")).unwrap();
    path.to_str().unwrap().to_owned()
}

fn release(home: &Path, number: u32) {
    let directory = home.join(format!("releases/{number}"));
    fs::create_dir_all(&directory).unwrap();
    fs::copy(PROGRAM, directory.join("matterbot")).unwrap();
}

#[tokio::test]
async fn a_release_behind_a_link_is_the_one_that_comes_up() {
    let server = Server::start().await;
    let home = Home::new(&Settings::with(&server));
    let current = home.path().join("current");
    release(home.path(), 1);
    release(home.path(), 2);
    symlink("releases/1", &current).unwrap();
    let mut program = Program::start(home.command(current.join("matterbot"), &[]));
    program.line("serving").await;
    assert!(executable(program.id()).ends_with("releases/1/matterbot"));

    let next = home.path().join("next");
    symlink("releases/2", &next).unwrap();
    fs::rename(&next, &current).unwrap();
    // The old release may be gone by then.
    fs::remove_dir_all(home.path().join("releases/1")).unwrap();
    let admin = server.log_in("admin").await;
    let channel = admin.channel("town-square").await;
    let mut ear = admin.listen().await;
    admin.say(&channel, "@restart").await;
    program.line("Back up. ✅").await;
    while !ear.posted().await["message"]
        .as_str()
        .unwrap()
        .starts_with("Back up. ✅")
    {}
    assert!(executable(program.id()).ends_with("releases/2/matterbot"));
    program.stop().await;
}
