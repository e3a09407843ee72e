//! Faults of events on their way.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::{SILENCE, Scene, heard, message_of};

/// The numbers of all events that a websocket has received.
fn numbers(socket: &crate::recordings::sockets::Socket) -> Vec<i64> {
    socket
        .received
        .iter()
        .filter_map(|frame| frame.value["seq"].as_i64())
        .collect()
}

#[tokio::test]
async fn a_late_event_is_overtaken() {
    let scene = Scene::new().await;
    let mut socket = scene.listen(&scene.bot).await;
    scene
        .set(json!({"fault": {"kind": "late_posted", "delay_ms": 1500}, "times": 1}))
        .await;
    let began = Instant::now();
    scene.post(&scene.pat, "late").await;
    scene.post(&scene.pat, "prompt").await;
    let late = |frame: &Value| message_of(frame).as_deref() == Some("late");
    socket.wait_for(late).await.expect("the late event");
    assert!(began.elapsed() >= Duration::from_millis(1500));
    assert_eq!(heard(&socket), ["prompt", "late"]);
    let numbers = numbers(&socket);
    assert!(
        numbers.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "{numbers:?}"
    );
}

#[tokio::test]
async fn a_missing_event_leaves_no_gap_in_the_numbers() {
    let scene = Scene::new().await;
    let mut socket = scene.listen(&scene.bot).await;
    scene.set(json!({"fault": {"kind": "missing_posted"}, "scope": {"user": "matter-bot"}, "times": 1})).await;
    let mut of_pat = scene.listen(&scene.pat).await;
    scene.post(&scene.pat, "unheard").await;
    scene.post(&scene.pat, "heard").await;
    socket.settle("").await;
    socket.read_for("", SILENCE).await;
    assert_eq!(heard(&socket), ["heard"]);
    let numbers = numbers(&socket);
    assert!(
        numbers.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "{numbers:?}"
    );
    of_pat.settle("").await;
    assert_eq!(heard(&of_pat), ["unheard", "heard"]);
    assert_eq!(scene.messages().await[..2], ["heard", "unheard"]);
}

#[tokio::test]
async fn doubled_events_have_two_numbers() {
    let scene = Scene::new().await;
    let mut socket = scene.listen(&scene.bot).await;
    scene
        .set(json!({"fault": {"kind": "doubled_events"}, "scope": {"user": "matter-bot"}}))
        .await;
    scene.post(&scene.pat, "twice").await;
    socket.settle("").await;
    let posted = socket
        .received
        .iter()
        .filter(|frame| frame.name() == "posted");
    let posted: Vec<&Value> = posted.map(|frame| &frame.value).collect();
    assert_eq!(posted.len(), 2);
    assert_eq!(posted[0]["data"], posted[1]["data"]);
    assert_ne!(posted[0]["seq"], posted[1]["seq"]);
}

#[tokio::test]
async fn a_jump_leaves_numbers_out() {
    let scene = Scene::new().await;
    let mut socket = scene.listen(&scene.bot).await;
    scene.post(&scene.pat, "before").await;
    socket.settle("").await;
    let before = numbers(&socket).pop().expect("an event");
    let fault = json!({"kind": "seq_jump", "by": 5});
    scene
        .set(json!({"fault": fault, "scope": {"user": "matter-bot"}, "times": 1}))
        .await;
    scene.post(&scene.pat, "after").await;
    scene.post(&scene.pat, "and on").await;
    socket.settle("").await;
    let last = numbers(&socket);
    assert_eq!(last[last.len() - 2..], [before + 6, before + 7], "{last:?}");
}
