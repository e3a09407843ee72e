//! What modules say beside answers, and too much of it.

use matterbot::module::protocol::{FailureReason, FromHost, LINE_LIMIT};

use super::rig::Rig;

#[tokio::test]
async fn stray_prints_are_logged_with_the_modules_name() {
    let mut rig = Rig::serving().await;
    assert_eq!(rig.ask("print").await, "printed");
    for words in ["a stray print", "to standard error"] {
        assert_eq!(
            rig.logged(words).await,
            ("dice".to_owned(), words.to_owned())
        );
    }
}

#[tokio::test]
async fn the_rate_of_prints_is_capped() {
    let mut rig = Rig::serving().await;
    assert_eq!(rig.ask("prints 100000").await, "printed");
    let lines = rig
        .heard()
        .iter()
        .filter(|said| matches!(said, FromHost::Log(_)))
        .count();
    assert!((1..5_000).contains(&lines), "{lines} lines were logged");
}

#[tokio::test]
async fn what_is_logged_of_a_module_is_not_longer_than_a_log_is_to_be() {
    let mut rig = Rig::serving().await;
    // As text of an error it would be longer than a line may be.
    assert_eq!(rig.fails("quote 20000000").await, FailureReason::Malformed);
    let id = rig.call("fail 20000000").await;
    let trace = rig.end(&id).await.unwrap_err().trace;
    assert!((10_000..100_000).contains(&trace.len()), "{}", trace.len());
    assert_eq!(rig.ask("log 20000000").await, "logged");
    let longest = rig.heard().iter().map(|said| match said {
        FromHost::Log(line) => line.text.len(),
        _ => 0,
    });
    let longest = longest.max().unwrap_or_default();
    assert!((10_000..100_000).contains(&longest), "{longest}");
    assert_eq!(rig.ask("echo on").await, "on");
}

#[tokio::test]
async fn a_large_answer_is_passed_on_whole() {
    let mut rig = Rig::serving().await;
    let text = rig.ask("large 20000000").await;
    assert_eq!(text.len(), 20_000_000);
}

#[tokio::test]
async fn whoever_says_a_line_that_is_too_long_is_ended() {
    let mut rig = Rig::serving().await;
    let before = rig.ask("pid").await;
    let words = format!("large {LINE_LIMIT}");
    assert_eq!(rig.fails(&words).await, FailureReason::Malformed);
    assert_ne!(rig.ask("pid").await, before);
    assert_eq!(rig.fails("flood").await, FailureReason::Malformed);
    assert_eq!(rig.ask("echo on").await, "on");
}
