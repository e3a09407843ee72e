//! What goes wrong around the bot: its configuration, its token, its server, its disk, another bot.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;
use tokio::time::timeout;

use crate::support::bot::BotUnderTest;
use crate::support::playground::DEADLINE;
use crate::support::poll;
use crate::support::scenario::Scenario;

/// Starts the bot, which ends at once; gives its exit code and what it wrote.
async fn ends(bot: &mut BotUnderTest) -> (Option<i32>, String) {
    let code = bot.exit_code().await;
    bot.all_said().await;
    (code, bot.log())
}

#[tokio::test]
async fn a_configuration_that_only_a_person_can_mend_ends_with_78() {
    let scenario = Scenario::start().await;
    for (change, words) in [
        (json!({"Matterbot": {"host": ""}}), "Matterbot.host"),
        (
            json!({"Matterbot": {"botoperators": ["system_user"]}}),
            "system_user",
        ),
        (
            json!({"Matterbot": {"botadmins": "system_admin"}}),
            "Matterbot.botadmins",
        ),
        (
            json!({"Matterbot": {"password": null}}),
            "Matterbot.password",
        ),
        (json!({"Lifecycle": {"drain": "soon"}}), "Lifecycle.drain"),
    ] {
        let mut bot = BotUnderTest::start(&scenario, change);
        let (code, log) = ends(&mut bot).await;
        assert_eq!(code, Some(78), "{log}");
        assert!(log.contains(words), "{words}: {log}");
        assert!(!log.contains(&scenario.bot.token), "{log}");
    }
    let mut bot = BotUnderTest::start_with("Matterbot: [\n");
    let (code, log) = ends(&mut bot).await;
    assert_eq!(code, Some(78), "{log}");
    fs::remove_file(bot.config_path()).unwrap();
    fs::create_dir(bot.config_path()).unwrap();
    bot.restart_process();
    let (code, log) = ends(&mut bot).await;
    assert_eq!(code, Some(78), "{log}");
    assert!(log.matches("config.yaml").count() >= 2, "{log}");
}

#[tokio::test]
async fn a_team_or_channel_that_does_not_exist_ends_with_78() {
    let scenario = Scenario::start().await;
    for (change, words) in [
        (
            json!({"Matterbot": {"teamname": "nobodys-team"}}),
            "Matterbot.teamname",
        ),
        (
            json!({"Lifecycle": {"channels": ["nowhere"]}}),
            "Lifecycle.channels",
        ),
    ] {
        let mut bot = BotUnderTest::start(&scenario, change);
        let (code, log) = ends(&mut bot).await;
        assert_eq!(code, Some(78), "{log}");
        assert!(log.contains(words), "{words}: {log}");
    }
}

#[tokio::test]
async fn a_token_that_is_refused_is_waited_out_and_never_shown() {
    let scenario = Scenario::start().await;
    let token = "k1h7xqnd3fyw8mgqj5s9e6ro4a";
    let change = json!({"Matterbot": {"password": token}});
    let mut bot = BotUnderTest::start(&scenario, change);
    bot.says(
        "the server refuses the token (Matterbot.password) and is well otherwise: the token was revoked",
        2,
    )
    .await;
    bot.terminate();
    assert_eq!(bot.exit_code().await, Some(0));
    assert!(!bot.log().contains(token));
}

#[tokio::test]
async fn a_token_that_is_revoked_while_the_bot_serves_is_waited_out() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    scenario
        .pat
        .asks(&scenario.lab, "@status")
        .await
        .outcome()
        .await;
    let tokens = scenario
        .admin
        .get(&format!("/users/{}/tokens", scenario.bot.id))
        .await
        .expect(200);
    let token = json!({"token_id": tokens[0]["id"]});
    scenario
        .admin
        .post("/users/tokens/revoke", token)
        .await
        .expect(200);
    // The socket may stay open and deaf: the next ping, at most 30 s later, tells.
    let meanwhile = scenario.pat.asks(&scenario.lab, "@status").await;
    let refused = "the server refuses the token (Matterbot.password)";
    bot.says_within(refused, 1, Duration::from_secs(60)).await;
    let path = format!("/users/{}/tokens", scenario.bot.id);
    let token = json!({"description": "in place of the other"});
    let token = scenario.admin.post(&path, token).await.expect(200);
    let change = json!({"Matterbot": {"password": token["token"]}});
    bot.configure(&scenario, change);
    bot.signal(Signal::HUP);
    meanwhile.outcome().await;
    assert_eq!(bot.starts(), 1);
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn a_database_that_is_lost_is_told_and_waited_out() {
    let scenario = Scenario::inside("the loss of its database").await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let (pat, lab) = (&scenario.pat, &scenario.lab);
    pat.asks(lab, "@status").await.outcome().await;
    // The answer meets a server that has lost its database since it took the question; its websockets stay open.
    let held = scenario.holds_up(pat, Duration::from_millis(500)).await;
    let down = json!({"kind": "database_down"});
    scenario.fault(json!({"fault": down})).await;
    bot.says("Mattermost serves no requests at present", 1)
        .await;
    scenario.mend().await;
    held.outcome().await;
    let again = "Mattermost serves requests again";
    bot.says_within(again, 1, Duration::from_secs(60)).await;
    pat.asks(lab, "@status").await.outcome().await;
    scenario.finish(&mut bot).await;
    assert_eq!(bot.log().matches("serves no requests").count(), 1);
}

#[tokio::test]
async fn a_server_that_is_down_at_first_is_waited_for() {
    let kept = tempfile::tempdir().unwrap();
    let mut scenario = Scenario::kept_in(kept.path()).await;
    scenario.stop_server().await;
    let mut bot = BotUnderTest::start(&scenario, json!({}));
    bot.says("the next try is in", 1).await;
    scenario.start_server(kept.path()).await;
    bot.ready(1).await;
    scenario
        .pat
        .asks(&scenario.lab, "@status")
        .await
        .outcome()
        .await;
    // And once more while it serves.
    let tries = bot.log().matches("the next try is in").count();
    scenario.stop_server().await;
    bot.says("the next try is in", tries + 1).await;
    scenario.start_server(kept.path()).await;
    let call = scenario.pat.asks(&scenario.lab, "@status").await;
    bot.says(" connected to Mattermost ", 2).await;
    call.outcome().await;
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn a_proxys_error_page_is_waited_out() {
    let scenario = Scenario::with_faults().await;
    let page = json!({"kind": "proxy_page", "status": 502});
    let me = json!({"user": scenario.bot.id});
    scenario
        .fault(json!({"fault": page, "scope": me, "times": 2}))
        .await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    scenario
        .pat
        .asks(&scenario.lab, "@status")
        .await
        .outcome()
        .await;
    bot.says("status 502 by something that is not Mattermost's API", 1)
        .await;
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn a_corrupt_ledger_ends_with_78_and_names_file_and_command() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    scenario
        .pat
        .asks(&scenario.lab, "@status")
        .await
        .outcome()
        .await;
    scenario.finish(&mut bot).await;
    fs::write(
        bot.state("ledger.db"),
        "this is no database at all ".repeat(400),
    )
    .unwrap();
    bot.restart_process();
    let (code, log) = ends(&mut bot).await;
    assert_eq!(code, Some(78), "{log}");
    assert!(log.contains("ledger.db is damaged"), "{log}");
    assert!(
        log.contains("`matterbot --config /") && log.contains(" ledger restore`"),
        "{log}"
    );
}

#[tokio::test]
async fn the_second_bot_on_one_state_directory_waits_and_gives_up() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let rival = bot.rival().wait_with_output();
    let rival = timeout(DEADLINE, rival)
        .await
        .expect("it does not give up")
        .unwrap();
    assert_eq!(rival.status.code(), Some(1));
    let said = String::from_utf8_lossy(&rival.stderr).into_owned();
    assert!(said.contains("state"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    scenario
        .pat
        .asks(&scenario.lab, "@status")
        .await
        .outcome()
        .await;
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn a_predecessor_that_ends_is_waited_for() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let mut rival = bot.rival();
    bot.terminate();
    assert_eq!(bot.exit_code().await, Some(0));
    scenario
        .pat
        .asks(&scenario.lab, "@status")
        .await
        .outcome()
        .await;
    scenario.check_promise().await;
    rival.kill().await.unwrap();
}

#[tokio::test]
async fn somebody_elses_posts_of_our_account_are_told_of() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let elsewhere = scenario.channel("elsewhere", &[&scenario.pat]).await;
    let post = json!({"channel_id": elsewhere, "message": "I am another program"});
    scenario.bot.post("/posts", post).await.expect(201);
    bot.says("somebody else writes with this bot's account", 1)
        .await;
    let status = scenario
        .pat
        .asks(&scenario.lab, "@status")
        .await
        .outcome()
        .await;
    assert!(
        status.contains("⚠ Somebody else writes with this bot's account: 1 post"),
        "{status}"
    );
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn a_state_directory_that_others_may_write_is_refused() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    bot.terminate();
    assert_eq!(bot.exit_code().await, Some(0));
    let directory = bot.state("");
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o777)).unwrap();
    bot.restart_process();
    let (code, log) = ends(&mut bot).await;
    assert_eq!(code, Some(78), "{log}");
    assert!(log.contains("state"), "{log}");
}

#[tokio::test]
async fn a_second_stop_ends_at_once() {
    let scenario = Scenario::with_faults().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let pat = &scenario.pat;
    let cut_off = scenario.holds_up(pat, Duration::from_millis(6_000)).await;
    bot.terminate();
    bot.says("asked to stop", 1).await;
    bot.signal(Signal::INT);
    assert_eq!(bot.exit_code().await, Some(0));
    assert!(cut_off.posts().await.is_empty());
    bot.restart_process();
    assert!(
        cut_off
            .outcome()
            .await
            .starts_with("I was interrupted while `@help` ran.")
    );
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn a_marker_that_is_not_believed_is_renamed_and_the_bot_serves() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    bot.kill().await;
    fs::write(bot.state("restart-marker.json"), "{}").unwrap();
    bot.restart_process();
    bot.ready(2).await;
    assert!(!bot.state("restart-marker.json").exists());
    let refused = async || {
        let entries = fs::read_dir(bot.state("")).unwrap();
        let names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names
            .iter()
            .any(|name| name.starts_with("restart-marker.refused-"))
            .then_some(())
    };
    poll("it was renamed", refused).await;
    scenario
        .pat
        .asks(&scenario.lab, "@status")
        .await
        .outcome()
        .await;
    scenario.finish(&mut bot).await;
}
