//! The table of built-in commands: who may what.

use matterbot::command::{Role, table};
use serde_json::json;

use crate::support::bot::BotUnderTest;
use crate::support::scenario::Scenario;

#[test]
fn the_table_says_who_may_what() {
    let listed: Vec<(&str, Role, bool)> = table::TABLE
        .iter()
        .map(|row| (row.name, row.role, row.lifecycle))
        .collect();
    assert_eq!(
        listed,
        [
            ("help", Role::Everyone, false),
            ("status", Role::Everyone, false),
            ("map", Role::Everyone, false),
            ("restart", Role::Operator, true),
            ("bind", Role::Admin, false),
            ("unbind", Role::Admin, false),
            ("reload", Role::Admin, true),
            ("audit", Role::Admin, false),
            ("start", Role::Operator, true),
            ("stop", Role::Operator, true),
            ("reset", Role::Operator, true),
        ]
    );
    assert!(Role::Everyone < Role::Operator && Role::Operator < Role::Admin);
    for row in &table::TABLE {
        assert_eq!(table::row(row.builtin), row);
        assert_eq!(table::named(&row.name.to_uppercase()), Some(row.builtin));
    }
}

#[tokio::test]
async fn whoever_asks_for_a_companion_is_told_that_nobody_keeps_any() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    for message in ["@start feed", "!Stop bot", "@reset"] {
        let answer = scenario.olga.asks(&scenario.lab, message).await;
        assert_eq!(
            answer.outcome().await,
            "I can restart only myself: I look after no other service."
        );
    }
    let denied = scenario.pat.asks(&scenario.lab, "@stop feed").await;
    assert_eq!(
        denied.outcome().await,
        "You do not have permission to use `@stop`."
    );
    scenario.finish(&mut bot).await;
    assert_eq!(bot.starts(), 1);
}
