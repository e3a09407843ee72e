//! An edit never runs, and is answered at most once; a post that is deleted before its turn is nobody's wish.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::bot::BotUnderTest;
use crate::support::scenario::Scenario;

const ANSWER: &str = "Edited messages are not run; post it again.";

#[tokio::test]
async fn a_command_that_was_edited_in_is_answered_once_and_not_run() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let (olga, pat, lab) = (&scenario.olga, &scenario.pat, &scenario.lab);
    for (message, edited) in [
        ("restart please", "@restart"),
        ("@sttaus", "@status"),
        ("nothing", "!HELP"),
        ("```\n@restart\n```", "@restart"),
    ] {
        let mut post = olga.says(lab, message).await;
        olga.edits(&post, edited).await;
        post["message"] = edited.into();
        let call = olga.notes(post.clone(), 0);
        assert_eq!(call.outcome().await, ANSWER, "{edited}");
        // Once more, and pinned: the call has its outcome.
        olga.edits(&post, &format!("{edited} bot")).await;
        let id = post["id"].as_str().unwrap();
        olga.post(&format!("/posts/{id}/pin"), Value::Null)
            .await
            .expect(200);
    }
    // An admin changes what pat said.
    let post = pat.says(lab, "what a day").await;
    scenario.admin.edits(&post, "@restart").await;
    assert_eq!(pat.notes(post, 0).outcome().await, ANSWER);
    scenario.finish(&mut bot).await;
    assert_eq!(bot.starts(), 1);
}

#[tokio::test]
async fn an_edit_of_what_was_answered_or_never_a_command_is_silent() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let (olga, lab) = (&scenario.olga, &scenario.lab);
    let ran = olga.asks(lab, "@status").await;
    ran.outcome().await;
    olga.edits(&ran.post, "@restart").await;
    let denied = scenario.pat.asks(lab, "@restart").await;
    denied.outcome().await;
    scenario.pat.edits(&denied.post, "@status").await;
    for (message, edited) in [
        ("nothing", "nothing at all"),
        ("nothing", "well, @help me"),
        ("nothing", "`@restart`"),
        ("@@restart", "@restart."),
    ] {
        let post = olga.says(lab, message).await;
        olga.edits(&post, edited).await;
    }
    let pinned = olga.says(lab, "pin me").await;
    let id = pinned["id"].as_str().unwrap();
    olga.post(&format!("/posts/{id}/pin"), Value::Null)
        .await
        .expect(200);
    olga.asks(lab, "@status").await.outcome().await;
    scenario.finish(&mut bot).await;
    assert_eq!(bot.starts(), 1);
    assert_eq!(bot.audit().len(), 3);
}

#[tokio::test]
async fn an_edit_made_while_the_bot_was_away_is_answered_if_it_is_young() {
    let scenario = Scenario::start().await;
    let settings = json!({"Lifecycle": {"catch_up": {"max_age": "10s"}}});
    let mut bot = BotUnderTest::serving(&scenario, settings).await;
    let (olga, lab) = (&scenario.olga, &scenario.lab);
    olga.asks(lab, "@status").await.outcome().await;
    bot.kill().await;
    let young = olga.says(lab, "nothing").await;
    olga.edits(&young, "@restart").await;
    bot.restart_process();
    assert_eq!(olga.notes(young, 0).outcome().await, ANSWER);
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn what_is_deleted_before_its_turn_is_denied_without_an_answer() {
    let scenario = Scenario::with_faults().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let (pat, lab) = (&scenario.pat, &scenario.lab);
    let first = scenario.holds_up(pat, Duration::from_millis(2_000)).await;
    let withdrawn = pat.says(lab, "@status").await;
    let last = pat.asks(lab, "@help status").await;
    let id = withdrawn["id"].as_str().unwrap();
    pat.delete(&format!("/posts/{id}")).await.expect(200);
    first.outcome().await;
    last.outcome().await;
    scenario.finish(&mut bot).await;
    let of_withdrawn: Vec<Value> = bot
        .audit()
        .into_iter()
        .filter(|line| line["post"] == id)
        .collect();
    assert_eq!(of_withdrawn.len(), 1);
    assert_eq!(of_withdrawn[0]["verdict"], "denied");
    assert_eq!(of_withdrawn[0]["reason"], "deleted");
}

#[tokio::test]
async fn a_slow_command_is_seen_to_be_noticed() {
    let scenario = Scenario::with_faults().await;
    let settings = json!({"Lifecycle": {"ack_after": "100ms"}});
    let mut bot = BotUnderTest::serving(&scenario, settings).await;
    let pat = &scenario.pat;
    let help = scenario.holds_up(pat, Duration::from_millis(1_000)).await;
    help.outcome().await;
    assert_eq!(
        pat.reactions(&help.post).await,
        [(scenario.bot.id.clone(), "eyes".to_owned())]
    );
    scenario.finish(&mut bot).await;
}
