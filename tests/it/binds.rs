//! `@bind`, `@unbind` and `@map`: where modules are available, and who may change that.

mod damaged;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::support::bot::BotUnderTest;
use crate::support::program::{Home, Settings};
use crate::support::scenario::{Person, Scenario};
use crate::support::upstream;

/// Modules that nobody has greeted: the file is all that is known of them.
const MAP: &str = r#"{"dice": {"binds": ["@dice", "!dice"], "chans": ["war"]},
    "ipinfo": {"binds": ["@ipinfo", "@ioc"], "chans": ["lab"], "accepts": ["ip"]},
    "welcome": {"binds": ["@welcome"], "chans": ["any"], "accepts": null}}"#;

fn chans(bot: &BotUnderTest, module: &str) -> Value {
    let map = fs::read_to_string(bot.state("bindmap.json")).unwrap();
    upstream::bind_map(map.as_bytes())[module]["chans"].clone()
}

async fn answer(person: &Person, channel: &str, message: &str) -> String {
    person.asks(channel, message).await.outcome().await
}

#[tokio::test]
async fn an_admin_binds_and_unbinds_with_one_answer_for_many_names() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving_binds(&scenario, json!({}), MAP).await;
    let (admin, lab) = (&scenario.admin, &scenario.lab);
    for (message, expected) in [
        (
            "@bind Dice",
            "The `dice` module is now available in the `LAB` channel.",
        ),
        (
            "!bind dice",
            "The `dice` module is already available in the `LAB` channel.",
        ),
        (
            "@unbind dice ipinfo",
            "The `dice` and `ipinfo` modules have been removed from the `LAB` channel.",
        ),
        (
            "@unbind dice",
            "The `dice` module is not loaded in the `LAB` channel.",
        ),
        (
            "@bind *",
            "The `dice` and `ipinfo` modules are now available in the `LAB` channel.\n\
             The `welcome` module is already available in the `LAB` channel.",
        ),
        (
            "@unbind welcome",
            "The `welcome` module is available in every channel, as `any` says in the list of binds.",
        ),
    ] {
        assert_eq!(answer(admin, lab, message).await, expected, "{message}");
    }
    assert_eq!(chans(&bot, "dice"), json!(["war", "lab"]));
    let mixed = answer(admin, lab, "@unbind dice, dise moon ipinfo").await;
    assert_eq!(
        mixed,
        "The `dice` and `ipinfo` modules have been removed from the `LAB` channel.\n\
         There are no `dise` and `moon` modules loaded. Use one of the help commands (`!help`, `@help`) to see a list of \
         available modules."
    );
    let usage = answer(admin, lab, "@bind").await;
    assert!(
        usage.starts_with("`@bind` takes names of modules, or `*`"),
        "{usage}"
    );
    assert_eq!(chans(&bot, "dice"), json!(["war"]));
    let all = answer(admin, lab, "@unbind *").await;
    assert_eq!(all, "No module is loaded in the `LAB` channel.");
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn every_denial_is_answered_and_changes_nothing() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving_binds(&scenario, json!({}), MAP).await;
    let (admin, lab) = (&scenario.admin, &scenario.lab);
    for person in [&scenario.olga, &scenario.pat] {
        for word in ["@bind", "@unbind"] {
            let denied = answer(person, lab, &format!("{word} dice")).await;
            assert_eq!(
                denied,
                format!("You do not have permission to use `{word}`.")
            );
        }
    }
    let direct = admin.direct(&scenario.bot).await;
    let group = admin.group(&[&scenario.pat, &scenario.bot]).await;
    for conversation in [direct, group] {
        let denied = answer(admin, &conversation, "@bind dice").await;
        assert_eq!(
            denied,
            "You cannot bind commands to direct message windows."
        );
    }
    let any = scenario.channel("any", &[]).await;
    let denied = answer(admin, &any, "@bind dice").await;
    assert!(
        denied.contains("which stands for every channel"),
        "{denied}"
    );
    admin.says(lab, "please @bind dice").await;
    assert_eq!(fs::read_to_string(bot.state("bindmap.json")).unwrap(), MAP);
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn a_channel_is_bound_outside_of_the_lifecycle_channels_too() {
    let scenario = Scenario::start().await;
    let ops = scenario.channel("ops", &[]).await;
    let settings = json!({"Lifecycle": {"channels": [ops]}});
    let mut bot = BotUnderTest::serving_binds(&scenario, settings, MAP).await;
    let bound = answer(&scenario.admin, &scenario.lab, "@bind dice").await;
    assert_eq!(
        bound,
        "The `dice` module is now available in the `LAB` channel."
    );
    let help = answer(&scenario.admin, &scenario.lab, "@help").await;
    assert!(
        help.contains("`@bind MODULE…|*`") && !help.contains("@audit"),
        "{help}"
    );
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn the_map_shows_what_is_available_here_and_admins_the_rest() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving_binds(&scenario, json!({}), MAP).await;
    let (admin, pat, lab) = (&scenario.admin, &scenario.pat, &scenario.lab);
    let seen = answer(pat, lab, "what is there? @map").await;
    assert_eq!(
        seen,
        "**List of modules for channel: `LAB`**\n\n\
         | **Module Name** | **Available** | **Binds** | **Description** |\n|:-|:-|:-|:-|\n\
         | ipinfo | **YES** | `@ipinfo`, `@ioc` | No help available. |\n\
         | welcome | **YES** | `@welcome` | No help available. |\n\n\
         *Remember that not every command works everywhere: this depends on the configuration. Modules may offer \
         additional help if you add the subcommand.*"
    );
    let all = answer(admin, lab, "@map").await;
    assert!(
        all.contains("| dice | **NO** | `@dice`, `!dice` |"),
        "{all}"
    );
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn in_direct_messages_counts_where_the_asker_is_a_member() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving_binds(&scenario, json!({}), MAP).await;
    let (admin, olga, pat) = (&scenario.admin, &scenario.olga, &scenario.pat);
    // The bot is in it, and Olga.
    scenario.channel("war", &[olga]).await;
    let direct = olga.direct(&scenario.bot).await;
    let group = pat.group(&[olga, &scenario.bot]).await;
    let seen = answer(olga, &direct, "@map").await;
    assert!(
        seen.starts_with("**List of modules in direct message:**\n"),
        "{seen}"
    );
    for module in ["dice", "ipinfo", "welcome"] {
        assert!(seen.contains(&format!("| {module} | **YES** |")), "{seen}");
    }
    let seen = answer(pat, &group, "@map").await;
    assert!(
        !seen.contains("dice") && seen.contains("| ipinfo | **YES** |"),
        "{seen}"
    );
    let seen = answer(olga, &group, "@map").await;
    assert!(seen.contains("| dice | **YES** |"), "{seen}");
    // A channel of that name in another team is another one.
    let elsewhere = scenario.elsewhere(pat).await;
    admin.says(&elsewhere, "hello").await;
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn whoever_cannot_be_looked_up_is_a_member_of_nothing_and_is_told() {
    let scenario = Scenario::with_faults().await;
    let mut bot = BotUnderTest::serving_binds(&scenario, json!({}), MAP).await;
    let (pat, lab) = (&scenario.pat, &scenario.lab);
    let direct = pat.direct(&scenario.bot).await;
    let path = format!("/api/v4/channels/{lab}/members/{}", pat.id);
    let error = json!({"kind": "server_error", "status": 500, "when": "before_save"});
    scenario
        .fault(json!({"fault": error, "scope": {"path": path}}))
        .await;
    let seen = answer(pat, &direct, "@map").await;
    assert!(
        !seen.contains("ipinfo") && seen.contains("| welcome | **YES** |"),
        "{seen}"
    );
    assert!(
        seen.ends_with("Some modules may be missing from this: I could not ask the server which channels you are in."),
        "{seen}"
    );
    scenario.mend().await;
    let seen = answer(pat, &direct, "@map").await;
    assert!(
        seen.contains("| ipinfo | **YES** |") && !seen.contains("Some modules"),
        "{seen}"
    );
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn help_knows_the_modules_that_are_available_here() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving_binds(&scenario, json!({}), MAP).await;
    let (pat, lab) = (&scenario.pat, &scenario.lab);
    let help = answer(pat, lab, "@help").await;
    assert!(
        help.contains("\n\nModules that answer here: `@ioc`, `@ipinfo`, `@welcome`.\n\n"),
        "{help}"
    );
    for message in ["@help @ioc", "@help IPINFO", "!help @IpInfo"] {
        let help = answer(pat, lab, message).await;
        assert_eq!(
            help,
            "**Module**: `ipinfo`\n**Description**: No help available."
        );
    }
    let typo = answer(pat, lab, "@help @ipinfp").await;
    assert!(typo.ends_with("Did you mean `@ipinfo`?"), "{typo}");
    // Of what he cannot call here nobody is told.
    let unknown = answer(pat, lab, "@help @dice").await;
    assert!(
        unknown.starts_with("There is no command `@dice` that you can use here."),
        "{unknown}"
    );
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn a_disk_that_does_not_take_the_map_is_answered() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving_binds(&scenario, json!({}), MAP).await;
    let (admin, lab) = (&scenario.admin, &scenario.lab);
    // In the place of the file that is written before it takes the other's name.
    fs::create_dir(bot.state("bindmap.json.tmp")).unwrap();
    let failed = answer(admin, lab, "@bind dice").await;
    assert!(
        failed.starts_with("I cannot write the list of binds (")
            && failed.ends_with("so nothing is changed."),
        "{failed}"
    );
    assert_eq!(fs::read_to_string(bot.state("bindmap.json")).unwrap(), MAP);
    fs::remove_dir(bot.state("bindmap.json.tmp")).unwrap();
    let bound = answer(admin, lab, "@bind dice").await;
    assert_eq!(
        bound,
        "The `dice` module is now available in the `LAB` channel."
    );
    scenario.finish(&mut bot).await;
}

/// A module that says what it is, and nothing else.
const HEY: &str = r#"#!/bin/sh
echo '{"type":"hello","protocol":1,"binds":["@hey"],"channels":["debug"],"help":{"":{"description":"Says hey"}}}'
exec cat >/dev/null
"#;

/// A folder with that module.
fn hey() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let hey = folder.path().join("hey");
    fs::create_dir(&hey).unwrap();
    fs::write(hey.join("command"), HEY).unwrap();
    fs::set_permissions(hey.join("command"), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

#[tokio::test]
async fn a_new_module_enters_with_its_channels_and_keeps_those_that_it_is_given() {
    let scenario = Scenario::start().await;
    let folder = hey();
    let settings = json!({"Modules": {"commanddir": folder.path()}});
    let map = r#"{"gone": {"binds": ["@gone"], "chans": ["lab"]}}"#;
    let mut bot = BotUnderTest::serving_binds(&scenario, settings, map).await;
    bot.says(
        "the bind map, which is changed: hey is new, and bound to debug",
        1,
    )
    .await;
    assert_eq!(chans(&bot, "hey"), json!(["debug"]));
    assert_eq!(
        chans(&bot, "gone"),
        json!(["lab"]),
        "a missing module keeps its entry"
    );
    let (admin, pat, lab) = (&scenario.admin, &scenario.pat, &scenario.lab);
    let nothing = answer(pat, lab, "@map").await;
    assert_eq!(nothing, "I don't know about any commands here.");
    let help = answer(pat, lab, "@help").await;
    assert!(!help.contains("@gone"), "{help}");
    let all = answer(admin, lab, "@map").await;
    assert!(
        all.contains("| gone | **NO** | `@gone` | (missing at present) |")
            && all.contains("| hey | **NO** | `@hey` | Says hey |"),
        "{all}"
    );
    let bound = answer(admin, lab, "@bind *").await;
    assert_eq!(
        bound,
        "The `hey` module is now available in the `LAB` channel."
    );
    let status = answer(pat, lab, "@status").await;
    assert!(
        status.contains("- Modules: 1 loaded, 1 missing (`gone`)"),
        "{status}"
    );
    bot.kill().await;
    bot.restart_process();
    bot.ready(2).await;
    let help = answer(pat, lab, "@help @hey").await;
    assert!(help.starts_with("**Module**: `hey`"), "{help}");
    assert_eq!(chans(&bot, "hey"), json!(["debug", "lab"]));
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn a_check_warns_of_binds_that_cannot_be_called() {
    let home = Home::new(&Settings::alone());
    let file = home.path().join("bindmap.json");
    let checked = async || {
        let output = home.output(&["check"]).await;
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(!checked().await.contains("bind"));
    let dice = home.path().join("commands/Dice");
    fs::create_dir_all(&dice).unwrap();
    fs::write(dice.join("command.py"), "").unwrap();
    let map = r#"{"dice": {"binds": ["@dice", "@Status"], "chans": []}, "gone": {"binds": ["@gone", "@map", "@Sub"]}}"#;
    fs::write(&file, map).unwrap();
    let warnings = checked().await;
    for warning in [
        "warning: the module dice is bound to @Status, which is a command of the bot itself",
        "warning: the module gone is bound to @map, which is a command of the bot itself",
        "warning: the module gone is bound to @Sub, which is a word for feeds: nobody answers to it in this version",
        "/bindmap.json names modules that have no folder below ",
        "their entries are kept: gone\n",
    ] {
        assert!(warnings.contains(warning), "{warning}: {warnings}");
    }
    assert!(!warnings.contains("@dice"), "{warnings}");
    fs::write(&file, "{").unwrap();
    let warnings = checked().await;
    assert!(
        warnings.contains("/bindmap.json is damaged (it is not JSON"),
        "{warnings}"
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), "{");
}
