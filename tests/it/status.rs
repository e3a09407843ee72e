//! `@status`, and by its example what is a command, where it is served, and how often.

use std::fs;

use serde_json::{Value, json};

use crate::support::bot::BotUnderTest;
use crate::support::poll;
use crate::support::scenario::Scenario;

#[tokio::test]
async fn status_is_answered_however_it_is_written() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let mut calls = Vec::new();
    for message in [
        "@status",
        "!Status",
        "@STATUS",
        " @status",
        "\u{200b}@status",
        "@status bot",
        "@status\nand how are you?",
    ] {
        calls.push(scenario.pat.asks(&scenario.lab, message).await);
    }
    for call in &calls[..6] {
        let answer = call.outcome().await;
        assert!(
            answer.starts_with("**matterbot** ") && answer.contains(" has been up for "),
            "{}: {answer}",
            call.post["message"]
        );
    }
    let thread = scenario.pat.says(&scenario.lab, "a thread begins").await;
    let call = scenario.olga.asks_in_thread(&thread, "@status").await;
    call.outcome().await;
    let unknown = scenario.pat.asks(&scenario.lab, "@status `feed`").await;
    assert!(unknown.outcome().await.starts_with("I know nothing named "));
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn status_counts_the_starts_of_the_last_day() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let restart = scenario.olga.asks(&scenario.lab, "@restart").await;
    restart.outcome().await;
    let answer = scenario.pat.asks(&scenario.lab, "@status").await;
    let answer = answer.outcome().await;
    assert!(
        answer.contains("\n- Starts: 2 times in the last 24 h"),
        "{answer}"
    );
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn what_only_looks_like_a_command_is_none() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    for message in [
        "@@restart",
        "!!restart",
        "!!x",
        "@!restart",
        "@restart.",
        "@restart!",
        "restart",
        "/ @restart",
        "please @restart",
        "```\n@restart\n```",
        "    @restart",
        "`@restart`",
        "> @restart",
        "**@restart**",
        "@restarting",
        "@status.",
        "@unknown",
        "hi",
    ] {
        scenario.olga.says(&scenario.lab, message).await;
    }
    scenario
        .olga
        .asks(&scenario.lab, "@status")
        .await
        .outcome()
        .await;
    scenario.finish(&mut bot).await;
    assert_eq!(bot.starts(), 1);
    assert_eq!(bot.audit().len(), 1, "only the last one was a command");
}

#[tokio::test]
async fn direct_and_group_messages_are_served_and_other_teams_are_not() {
    let scenario = Scenario::start().await;
    let (pat, olga) = (&scenario.pat, &scenario.olga);
    let elsewhere = scenario.elsewhere(olga).await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let direct = pat.direct(&scenario.bot).await;
    let group = pat.group(&[olga, &scenario.bot]).await;
    for message in ["@status", "@help", "@restart"] {
        olga.says(&elsewhere, message).await;
    }
    let calls = [
        pat.asks(&direct, "@status").await,
        pat.asks(&group, "!status").await,
        olga.asks(&group, "@help restart").await,
    ];
    for call in calls {
        call.outcome().await;
    }
    scenario.finish(&mut bot).await;
    assert_eq!(bot.audit().len(), 3);
}

#[tokio::test]
async fn a_foreign_channel_hears_only_what_is_for_everyone() {
    let scenario = Scenario::start().await;
    let olga = &scenario.olga;
    let foreign = scenario.channel("foreign", &[olga]).await;
    let settings = json!({"Lifecycle": {"channels": ["lab"]}});
    let mut bot = BotUnderTest::serving(&scenario, settings).await;
    let direct = olga.direct(&scenario.bot).await;
    olga.asks(&foreign, "@status").await.outcome().await;
    for channel in [&foreign, &direct] {
        let restart = olga.asks(channel, "@restart").await;
        assert_eq!(
            restart.outcome().await,
            "`@restart` does not work in this channel."
        );
        let help = olga.asks(channel, "@help").await.outcome().await;
        assert!(
            help.contains("`@status") && !help.contains("`@restart"),
            "{help}"
        );
    }
    // The admin, too, learns nothing here of what only runs elsewhere.
    let admin = scenario.admin.direct(&scenario.bot).await;
    let audit = scenario.admin.asks(&admin, "@audit").await;
    assert_eq!(
        audit.outcome().await,
        "`@audit` does not work in this channel."
    );
    let help = olga.asks(&scenario.lab, "@help").await.outcome().await;
    assert!(help.contains("`@restart [bot]`"), "{help}");
    scenario.finish(&mut bot).await;
    assert_eq!(bot.starts(), 1);
}

#[tokio::test]
async fn a_rate_limit_answers_once_in_words_and_then_with_an_hourglass() {
    let scenario = Scenario::start().await;
    let settings = json!({"Lifecycle": {"rate": {"count": 2, "window": "5m"}}});
    let mut bot = BotUnderTest::serving(&scenario, settings).await;
    let (pat, lab) = (&scenario.pat, &scenario.lab);
    for _ in 0..2 {
        pat.asks(lab, "@status").await.outcome().await;
    }
    let third = pat.asks(lab, "@status").await;
    assert!(
        third
            .outcome()
            .await
            .starts_with("That is more than I take")
    );
    let fourth = pat.says(lab, "@status").await;
    let look = async || {
        let reactions = pat.reactions(&fourth).await;
        let expected = (scenario.bot.id.clone(), "hourglass_flowing_sand".to_owned());
        reactions.contains(&expected).then_some(())
    };
    pat.until("the hourglass stands there", look).await;
    // The limit is each user's own.
    scenario.olga.asks(lab, "@status").await.outcome().await;
    scenario.finish(&mut bot).await;
    let verdicts: Vec<Value> = bot
        .audit()
        .iter()
        .map(|line| line["verdict"].clone())
        .collect();
    assert_eq!(
        verdicts,
        ["allowed", "allowed", "limited", "limited", "allowed"]
    );
}

#[tokio::test]
async fn many_askers_at_once_get_one_answer_each() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let people = [
        &scenario.pat,
        &scenario.olga,
        &scenario.otto,
        &scenario.admin,
    ];
    let mut calls = Vec::new();
    for round in 0..10 {
        let message = if round % 2 == 0 {
            "@status"
        } else {
            "please @help status"
        };
        let asked = people.map(|person| person.asks(&scenario.lab, message));
        calls.extend(futures_util::future::join_all(asked).await);
    }
    for call in calls {
        call.outcome().await;
    }
    scenario.finish(&mut bot).await;
    assert_eq!(bot.audit().len(), 40);
}

#[tokio::test]
async fn modules_that_cannot_be_loaded_are_named_and_no_word_of_their_exceptions() {
    let scenario = Scenario::start().await;
    let folder = tempfile::tempdir().unwrap();
    for (name, code) in [
        ("works", "def process(*_):\n    return None\n"),
        ("breaks", "raise RuntimeError('key=hunter2')\n"),
    ] {
        let module = folder.path().join(name);
        fs::create_dir(&module).unwrap();
        fs::write(module.join("command.py"), code).unwrap();
        fs::write(module.join("defaults.py"), "BINDS = ['@it']\nCHANS = []\n").unwrap();
    }
    let settings = json!({"Modules": {"commanddir": folder.path()}});
    let mut bot = BotUnderTest::serving(&scenario, settings).await;
    bot.says("the modules have been greeted", 1).await;
    let told = async || {
        let answer = scenario
            .pat
            .asks(&scenario.lab, "@status")
            .await
            .outcome()
            .await;
        assert!(!answer.contains("hunter2"), "{answer}");
        let line = "- Modules: 1 loaded, 1 failed to load (`breaks`); the reason is `RuntimeError`, and the log and \
                    `matterbot check --modules` tell more";
        answer.lines().any(|known| known == line).then_some(())
    };
    // The line in the log is before what it tells of.
    poll("the modules are told of", told).await;
    scenario.finish(&mut bot).await;
}
