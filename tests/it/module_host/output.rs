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
