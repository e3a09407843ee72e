//! Modules in upstream's contract, as people in the chat meet them: whatever one of them does, its asker is told, the
//! others are served, and nothing of an exception is seen.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::rig::GREETED;
use crate::python_modules::interpreter::copy_folder;
use crate::support::bot::BotUnderTest;
use crate::support::scenario::Scenario;

/// The deadline of a call; those that never end take no longer.
const DEADLINE: Duration = Duration::from_secs(6);

#[tokio::test]
async fn whatever_a_module_does_its_asker_is_told_and_nobody_else_waits() {
    let scenario = Scenario::start().await;
    let folder = tempfile::tempdir().unwrap();
    let commands = folder.path().join("commands");
    copy_folder(Path::new("tests/modules/commands"), &commands);
    let settings = json!({
        "Matterbot": {"command_timeout": DEADLINE.as_secs(), "user_concurrency": 16},
        "Modules": {"commanddir": commands},
        "Lifecycle": {"rate": {"count": 0}},
    });
    let mut bot = BotUnderTest::serving(&scenario, settings).await;
    bot.says(GREETED, 1).await;
    let (lab, olga, pat) = (&scenario.lab, &scenario.olga, &scenario.pat);
    let mut stuck = Vec::new();
    for what in ["spin", "sleep", "stubborn_program"] {
        stuck.push(olga.asks(lab, &format!("@conduct {what}")).await);
    }
    // Their process is full of calls that never end; everybody else, and every other module, is served meanwhile.
    let ticks = pat.asks(lab, "@ticker tock").await.outcome().await;
    assert_eq!(ticks, "tick tock");
    assert_eq!(bot.log().matches("a call of a module failed").count(), 0);
    for call in stuck {
        let told = call.outcome().await;
        assert!(told.contains("took too long"), "{told}");
    }
    for (what, told) in [
        ("secret", "failed"),
        ("leave", "failed"),
        ("end", "ended before it answered"),
        ("crash", "ended before it answered"),
        ("kill", "ended before it answered"),
        ("huge", "in a form that I cannot read"),
        ("fork", "7"),
        ("prints", "printed"),
        ("threads", "True"),
        ("refuse", "refused"),
    ] {
        let call = pat.asks(lab, &format!("@conduct {what}")).await;
        let outcome = call.outcome().await;
        assert!(outcome.contains(told), "{what}: {outcome}");
        assert!(!outcome.contains("hunter2"), "{what}: {outcome}");
    }
    assert!(bot.log().contains("hunter2"), "the trace is in the log");
    // A table of 100,000 rows comes as a file, as uploads do.
    for words in [
        "@conduct table",
        "@shapes bytes",
        "@shapes bytearray",
        "@shapes str",
        "@shapes no_text",
    ] {
        let call = pat.asks(lab, words).await;
        call.outcome().await;
        let posts = call.posts().await;
        let files = |post: &serde_json::Value| post["file_ids"].as_array().map_or(0, Vec::len);
        assert!(
            posts.iter().map(files).sum::<usize>() > 0,
            "{words}: {posts:?}"
        );
    }
    let again = pat.asks(lab, "@ticker tock").await.outcome().await;
    assert_eq!(again, "tick tock");
    assert_eq!(bot.starts(), 1, "the bot is unharmed");
    scenario.finish(&mut bot).await;
}
