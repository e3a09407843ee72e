//! Markers that somebody else made, before the real program: none is believed, each is told of in the log, the start
//! is clean, and the next `@restart` works or says what stands in its way.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;

use matterbot::lifecycle::marker;
use matterbot::timestamp::Timestamp;
use serde_json::{Value, json};

use super::{assert_restarted, texts};
use crate::support::bot::BotUnderTest;
use crate::support::scenario::Scenario;

async fn serving(scenario: &Scenario) -> BotUnderTest {
    let lifecycle = json!({"cooldown": "0s", "budget": {"count": 100, "window": "5m"}});
    BotUnderTest::serving(scenario, json!({"Lifecycle": lifecycle})).await
}

/// What a believer would announce a return for, in the thread of `post`.
fn forged(post: &Value, changes: &[(&str, Value)]) -> Vec<u8> {
    let mut marker = json!({
        "version": 1,
        "nonce": "n1h7xqnd3fyw8mgqj5s9e6ro4a",
        "requests": [{
            "channel": post["channel_id"],
            "root": post["id"],
            "post": post["id"],
            "ordinal": 0,
            "user": post["user_id"],
        }],
        "reason": "@restart",
        "from_version": "0.0.1",
        "boot_id": marker::boot_id().unwrap(),
        "written_at": Timestamp::now().0,
        "written_since_boot": 1_000,
    });
    for (key, value) in changes {
        marker[*key] = value.clone();
    }
    marker.to_string().into_bytes()
}

fn write(path: &Path, content: &[u8], mode: u32) {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Puts the attack of this name at `path`; what the log is to say of it.
fn attack(name: &str, path: &Path, post: &Value) -> &'static str {
    let other = path.with_file_name("other");
    let good = forged(post, &[]);
    match name {
        "symbolic link" => {
            write(&other, &good, 0o600);
            symlink(&other, path).unwrap();
            "it is a symbolic link"
        }
        "hard link" => {
            write(path, &good, 0o600);
            fs::hard_link(path, &other).unwrap();
            "it has 2 names"
        }
        "foreign owner" => {
            write(path, &good, 0o600);
            chown(path, Some(65_534), None).unwrap();
            "it belongs to user id 65534"
        }
        "mode" => {
            write(path, &good, 0o644);
            "its mode is 0644, not 0600"
        }
        "directory" => {
            fs::create_dir(path).unwrap();
            "it is not a regular file"
        }
        "10 MB" => {
            let mut large = good;
            large.resize(10 * 1024 * 1024, b' ');
            write(path, &large, 0o600);
            "it is too large"
        }
        "truncated" => {
            write(path, &good[..good.len() / 2], 0o600);
            "it is damaged"
        }
        "newer version" => {
            write(path, &forged(post, &[("version", json!(2))]), 0o600);
            "it has version 2"
        }
        _ => {
            let hour = Timestamp::now().0 + 3_600_000;
            write(path, &forged(post, &[("written_at", json!(hour))]), 0o600);
            "it was written in the future"
        }
    }
}

const ATTACKS: [&str; 9] = [
    "symbolic link",
    "hard link",
    "foreign owner",
    "mode",
    "directory",
    "10 MB",
    "truncated",
    "newer version",
    "future time",
];

#[tokio::test]
async fn none_is_believed_and_the_next_restart_works() {
    let scenario = Scenario::start().await;
    let mut bot = serving(&scenario).await;
    // Nobody asked for a restart here, so an announcement would break the promise.
    let victim = scenario.pat.says(&scenario.lab, "good morning").await;
    let mut starts = 1;
    for name in ATTACKS {
        if name == "foreign owner" && !rustix::process::geteuid().is_root() {
            continue; // Only root can give a file away.
        }
        bot.terminate();
        assert_eq!(bot.exit_code().await, Some(0));
        let marker = bot.state(marker::NAME);
        let reason = attack(name, &marker, &victim);
        bot.restart_process();
        bot.ready(starts + 1).await;
        let refused = format!("the restart marker is refused: {reason}");
        assert!(
            bot.log().contains(&refused),
            "{name}: {refused:?} is not in {}",
            bot.log()
        );
        assert!(
            marker.symlink_metadata().is_err(),
            "{name}: it was set aside"
        );
        set_aside(&bot, name);
        let restart = scenario.olga.asks(&scenario.lab, "@restart").await;
        assert_restarted(&texts(&restart).await);
        starts += 2;
        fs::remove_file(marker.with_file_name("other")).ok();
    }
    assert_eq!(
        bot.log().matches("the restart marker is refused").count(),
        bot_attacks()
    );
    scenario.finish(&mut bot).await;
}

/// It is there under another name; away with it, since two of one second would share that.
fn set_aside(bot: &BotUnderTest, name: &str) {
    let entries = fs::read_dir(bot.state(""))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let is_refused =
        |path: &std::path::PathBuf| path.to_str().unwrap().contains("/restart-marker.refused-");
    let refused: Vec<_> = entries.filter(is_refused).collect();
    assert_eq!(refused.len(), 1, "{name}: {refused:?}");
    match name {
        "directory" => fs::remove_dir(&refused[0]).unwrap(),
        _ => fs::remove_file(&refused[0]).unwrap(),
    }
}

fn bot_attacks() -> usize {
    ATTACKS.len() - usize::from(!rustix::process::geteuid().is_root())
}

#[tokio::test]
async fn what_stands_in_the_way_of_a_restart_is_named() {
    let scenario = Scenario::start().await;
    let mut bot = serving(&scenario).await;
    let victim = scenario.pat.says(&scenario.lab, "good morning").await;
    for name in ["directory", "symbolic link", "mode"] {
        let marker = bot.state(marker::NAME);
        let reason = attack(name, &marker, &victim);
        let refused = scenario
            .olga
            .asks(&scenario.lab, "@restart")
            .await
            .outcome()
            .await;
        assert!(refused.starts_with("I am not restarting"), "{refused}");
        assert!(
            refused.contains("restart-marker.json is in the way") && refused.contains(reason),
            "{refused}"
        );
        match name {
            "directory" => fs::remove_dir(&marker).unwrap(),
            _ => fs::remove_file(&marker).unwrap(),
        }
    }
    let restart = scenario.olga.asks(&scenario.lab, "@restart").await;
    assert_restarted(&texts(&restart).await);
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn a_directory_that_others_may_write_is_named_too() {
    let scenario = Scenario::start().await;
    let mut bot = serving(&scenario).await;
    let state = bot.state("");
    let own = state.metadata().unwrap().permissions();
    fs::set_permissions(&state, fs::Permissions::from_mode(0o777)).unwrap();
    let refused = scenario
        .olga
        .asks(&scenario.lab, "@restart")
        .await
        .outcome()
        .await;
    assert!(refused.starts_with("I am not restarting"), "{refused}");
    assert!(refused.contains("can be written by others"), "{refused}");
    scenario
        .pat
        .asks(&scenario.lab, "@status")
        .await
        .outcome()
        .await;
    scenario.finish(&mut bot).await;
    // Nor is it started in: what lies there may be anybody's.
    bot.restart_process();
    assert_eq!(bot.exit_code().await, Some(78));
    fs::set_permissions(&state, own).unwrap();
    bot.restart_process();
    bot.ready(2).await;
    let restart = scenario.olga.asks(&scenario.lab, "@restart").await;
    assert_restarted(&texts(&restart).await);
    scenario.finish(&mut bot).await;
}
