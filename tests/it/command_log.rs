//! `logcmd`: what the log says of commands, and what it never says.

use serde_json::json;

use crate::support::bot::BotUnderTest;
use crate::support::scenario::{Person, Scenario};

/// What the log says of commands when these settings are made.
async fn logged(settings: serde_json::Value) -> (Vec<String>, Scenario, String) {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({"Matterbot": settings})).await;
    let (olga, pat, lab) = (&scenario.olga, &scenario.pat, &scenario.lab);
    pat.says(lab, "nobody's business").await;
    pat.asks(lab, "@restart quietly").await.outcome().await;
    olga.asks(lab, "well, @help status").await.outcome().await;
    scenario.finish(&mut bot).await;
    let log = bot.log();
    let lines = log.lines().filter(|line| line.contains(": command @"));
    (lines.map(str::to_owned).collect(), scenario, log)
}

#[tokio::test]
async fn every_command_has_a_line_with_asker_channel_and_decision() {
    let (lines, scenario, log) = logged(json!({"logcmd": true})).await;
    let named = |person: &Person| format!("@{} ({})", person.username, person.id);
    let (pat, olga) = (named(&scenario.pat), named(&scenario.olga));
    let lab = format!("lab ({})", scenario.lab);
    let expected = [
        format!(": command @restart of user {pat} in channel {lab}: denied (not_permitted)"),
        format!(": command @help of user {olga} in channel {lab}: allowed (done)"),
    ];
    assert_eq!(lines.len(), expected.len(), "{lines:?}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.ends_with(&expected), "{line}");
    }
    for private in ["business", "quietly", "well"] {
        assert!(!log.contains(private), "{log}");
    }
}

#[tokio::test]
async fn parameters_and_lines_are_as_the_configuration_wants() {
    let (lines, ..) = logged(json!({"logcmdparams": true})).await;
    assert!(
        lines[0].contains("command @restart quietly of user"),
        "{lines:?}"
    );
    assert!(
        lines[1].contains("command @help status of user"),
        "{lines:?}"
    );
    let (lines, ..) = logged(json!({"logcmd": false, "logcmdparams": true})).await;
    assert!(lines.is_empty(), "{lines:?}");
}
