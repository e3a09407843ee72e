//! `@help`: what the asker may run here, found in any place of a message but in code and quotes.

use serde_json::json;

use crate::support::bot::BotUnderTest;
use crate::support::scenario::Scenario;

#[tokio::test]
async fn help_shows_what_the_asker_may_run() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    for (person, shown, hidden) in [
        (
            &scenario.pat,
            vec!["@help", "@status"],
            vec!["@restart", "@audit"],
        ),
        (
            &scenario.olga,
            vec!["@help", "@status", "@restart"],
            vec!["@audit"],
        ),
        (
            &scenario.admin,
            vec!["@help", "@status", "@restart", "@audit"],
            vec![],
        ),
    ] {
        let help = person.asks(&scenario.lab, "@help").await.outcome().await;
        for command in shown {
            assert!(help.contains(&format!("`{command}")), "{command}: {help}");
        }
        for command in hidden {
            assert!(!help.contains(command), "{command}: {help}");
        }
    }
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn help_explains_one_command_and_suggests_for_a_typing_error() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let (olga, pat, lab) = (&scenario.olga, &scenario.pat, &scenario.lab);
    for message in ["@help restart", "!HELP @restart", "@help !Restart"] {
        let help = olga.asks(lab, message).await.outcome().await;
        assert!(
            help.starts_with("`@restart [bot]`: ") && help.ends_with("For operators and admins."),
            "{message}: {help}"
        );
    }
    let help = olga.asks(lab, "@help restrat").await.outcome().await;
    assert!(help.ends_with("Did you mean `@restart`?"), "{help}");
    // Nobody is told of a command that he may not run.
    for message in [
        "@help restart",
        "@help restrat",
        "@help audit",
        "@help ```x",
    ] {
        let help = pat.asks(lab, message).await.outcome().await;
        assert!(
            help.starts_with("There is no command ") && !help.contains("Did you mean"),
            "{message}: {help}"
        );
    }
    let help = pat.asks(lab, "@help satus").await.outcome().await;
    assert!(help.ends_with("Did you mean `@status`?"), "{help}");
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn help_is_found_inside_a_sentence_and_not_in_code_or_quotes() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let (pat, lab) = (&scenario.pat, &scenario.lab);
    for message in [
        "```\n@help\n```",
        "say `@help` to it",
        "> @help",
        "    @help",
        "@@help",
        "mail me@help.example",
        "help",
    ] {
        pat.says(lab, message).await;
    }
    let inside = pat.asks(lab, "could I have some @help status").await;
    assert!(inside.outcome().await.starts_with("`@status [name]`: "));
    let after_code = pat.asks(lab, "`@help` is what I mean: !help").await;
    assert!(
        after_code
            .outcome()
            .await
            .starts_with("What you may run here:")
    );
    let both = pat.asks(lab, "@help status\n@help help").await;
    let second = pat.notes(both.post.clone(), 1);
    assert!(both.outcome().await.starts_with("`@status"));
    assert!(second.outcome().await.starts_with("`@help"));
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn words_of_the_configuration_replace_ours() {
    let scenario = Scenario::start().await;
    let settings = json!({"Matterbot": {
        "helpcmds": ["!hilfe"],
        "lifecyclecmds": ["@bot-restart"],
    }});
    let mut bot = BotUnderTest::serving(&scenario, settings).await;
    let (olga, lab) = (&scenario.olga, &scenario.lab);
    for message in ["@help", "@restart", "!restart"] {
        olga.says(lab, message).await;
    }
    let help = olga.asks(lab, "!hilfe").await.outcome().await;
    assert!(
        help.contains("`@bot-restart [bot]`") && !help.contains("`@restart"),
        "{help}"
    );
    assert!(
        help.contains("`!` does as well as `@`, but for `!hilfe`"),
        "{help}"
    );
    for message in ["!hilfe hilfe", "!hilfe !hilfe", "!hilfe @hilfe"] {
        let help = olga.asks(lab, message).await.outcome().await;
        assert!(help.starts_with("`!hilfe [word]`: "), "{message}: {help}");
    }
    let unknown = olga.asks(lab, "!hilfe nonsense").await.outcome().await;
    assert!(
        unknown.ends_with("`!hilfe` lists those that you can."),
        "{unknown}"
    );
    let denied = scenario.pat.asks(lab, "@bot-restart").await;
    assert_eq!(
        denied.outcome().await,
        "You do not have permission to use `@bot-restart`."
    );
    scenario.finish(&mut bot).await;
    assert_eq!(bot.starts(), 1);
}

#[tokio::test]
async fn a_word_of_any_length_pings_nobody() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let long = format!("{}@all", "a".repeat(16_360));
    for (command, beginning) in [
        ("@status", "I know nothing named `aaa"),
        ("@help", "There is no command `aaa"),
    ] {
        let message = format!("{command} {long}");
        let answer = scenario.pat.asks(&scenario.lab, &message).await;
        let answer = answer.outcome().await;
        assert!(
            answer.starts_with(beginning) && answer.chars().count() < 300,
            "{answer}"
        );
    }
    scenario.finish(&mut bot).await;
}
