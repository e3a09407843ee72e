//! `@reload` and SIGHUP: the configuration as it is now, taken whole or not at all.

mod modules;

use rustix::process::Signal;
use serde_json::json;

use crate::support::bot::BotUnderTest;
use crate::support::scenario::Scenario;

#[tokio::test]
async fn what_a_reload_adopts_counts_at_once_and_the_rest_is_named() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let (admin, pat, lab) = (&scenario.admin, &scenario.pat, &scenario.lab);
    let unchanged = admin.asks(lab, "@reload").await.outcome().await;
    assert_eq!(unchanged, "Reloaded: nothing has changed.");

    let changes = json!({
        "Matterbot": {"botadmins": ["system_admin", pat.id], "logcmd": false},
        "Lifecycle": {"drain": "5s", "channels": [scenario.lab]},
    });
    bot.configure(&scenario, changes);
    let dry = admin.asks(lab, "@reload --dry-run").await.outcome().await;
    let keys = "\n- Configuration: `Matterbot.botadmins`, `Matterbot.logcmd`, `Lifecycle.drain`\
                \n- Counts from the next restart on: `Lifecycle.channels`";
    assert_eq!(
        dry,
        format!("A reload would change this; nothing has been changed yet.{keys}")
    );
    let denied = pat.asks(lab, "@audit").await.outcome().await;
    assert_eq!(denied, "You do not have permission to use `@audit`.");
    let done = admin.asks(lab, "@reload").await.outcome().await;
    assert_eq!(done, format!("Reloaded. ✅{keys}"));
    let allowed = pat.asks(lab, "@audit 1").await.outcome().await;
    assert!(allowed.starts_with("| When (UTC) |"), "{allowed}");
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn a_configuration_with_errors_changes_nothing_and_each_is_named() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let (admin, pat, lab) = (&scenario.admin, &scenario.pat, &scenario.lab);
    let wrong = json!({"Matterbot": {"botadmins": pat.username, "logcmd": "perhaps"}});
    bot.configure(&scenario, wrong);
    for _ in 0..2 {
        let refused = admin.asks(lab, "@reload").await.outcome().await;
        assert!(
            refused.starts_with(
                "Nothing has been reloaded: the configuration has 2 errors.\n- error: line 1: "
            ),
            "{refused}"
        );
        for key in ["`Matterbot.botadmins`", "`Matterbot.logcmd`"] {
            assert!(refused.contains(key), "{key}: {refused}");
        }
    }
    let still = admin.asks(lab, "@audit 1").await.outcome().await;
    assert!(still.starts_with("| When (UTC) |"), "{still}");
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn only_admins_reload_and_a_wrong_argument_is_answered() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let denied = scenario.olga.asks(&scenario.lab, "@reload").await;
    let denied = denied.outcome().await;
    assert_eq!(denied, "You do not have permission to use `@reload`.");
    let usage = scenario
        .admin
        .asks(&scenario.lab, "@reload everything")
        .await;
    let usage = usage.outcome().await;
    assert!(usage.contains("`@reload --dry-run`"), "{usage}");
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn a_hang_up_signal_reloads_too() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let renamed = json!({"Matterbot": {"helpcmds": ["@hilfe"]}});
    bot.configure(&scenario, renamed);
    bot.signal(Signal::HUP);
    bot.says("Reloaded: Matterbot.helpcmds", 1).await;
    let help = scenario.pat.asks(&scenario.lab, "@hilfe").await;
    let help = help.outcome().await;
    assert!(help.starts_with("What you may run here:"), "{help}");
    scenario.finish(&mut bot).await;
}
