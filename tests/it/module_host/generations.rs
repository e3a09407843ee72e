//! Generations: loaded beside one another, swapped, given up.

use std::collections::BTreeMap;
use std::time::Duration;

use matterbot::module::protocol::{FailureReason, Loading, ToHost};

use super::rig::Rig;
use crate::support::program::gone;

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn calls_in_hand_end_in_the_old_code() {
    let mut rig = Rig::new().await;
    rig.module("dice", "one", "");
    rig.serve(1).await;
    let old = rig.ask("pid").await;
    let running = rig.call("wait go").await;
    let queued = rig.call("version").await;
    rig.module("dice", "two", "");
    rig.serve(2).await;
    let new = rig.call_in(2, "dice", "version", LONG).await;
    assert_eq!(rig.end(&new).await.unwrap(), "two");
    rig.release("go");
    assert_eq!(rig.end(&running).await.unwrap(), "waited");
    assert_eq!(rig.end(&queued).await.unwrap(), "one");
    gone(&old).await;
    assert_eq!(rig.fails("version").await, FailureReason::Unknown);
}

#[tokio::test]
async fn what_has_not_changed_is_not_restarted() {
    let mut rig = Rig::serving().await;
    let before = rig.ask("pid").await;
    rig.serve(2).await;
    let id = rig.call_in(2, "dice", "pid", LONG).await;
    assert_eq!(rig.end(&id).await.unwrap(), before);
}

#[tokio::test]
async fn a_module_that_fails_keeps_its_last_good_generation() {
    let mut rig = Rig::new().await;
    rig.module("dice", "one", "");
    rig.serve(1).await;
    rig.program("dice", "#!/bin/sh\nexit 1\n");
    let staged = rig.stage(2).await;
    assert!(matches!(staged.modules[0].loading, Loading::Failure(_)));
    let generations = BTreeMap::from([("dice".to_owned(), 1)]);
    rig.send(&ToHost::Serve { generations }).await;
    assert_eq!(rig.ask("version").await, "one");
}

#[tokio::test]
async fn what_was_staged_and_is_not_served_is_given_up() {
    let mut rig = Rig::new().await;
    rig.module("dice", "one", "");
    rig.serve(1).await;
    rig.module("dice", "two", "");
    rig.stage(2).await;
    let id = rig.call_in(2, "dice", "pid", LONG).await;
    let staged = rig.end(&id).await.unwrap();
    let generations = BTreeMap::from([("dice".to_owned(), 1)]);
    rig.send(&ToHost::Serve { generations }).await;
    gone(&staged).await;
    assert_eq!(rig.ask("version").await, "one");
}

#[tokio::test]
async fn a_program_that_does_not_end_by_itself_is_killed() {
    let mut rig = Rig::new().await;
    let hello = r#"echo '{"type":"hello","protocol":1}'"#;
    let script = format!("#!/bin/sh\ntrap '' TERM\necho $$ >pid\n{hello}\nexec sleep 1000\n");
    rig.program("dice", &script);
    rig.serve(1).await;
    let pid = rig.note_now("pid");
    rig.module("dice", "two", "");
    rig.serve(2).await;
    gone(&pid).await;
    let id = rig.call_in(2, "dice", "version", LONG).await;
    assert_eq!(rig.end(&id).await.unwrap(), "two");
}

/// Fifty swaps under calls: each call is answered once, by the code of the generation that it names.
#[tokio::test]
async fn no_call_is_lost_in_fifty_swaps() {
    let mut rig = Rig::new().await;
    rig.module("dice", "0", "");
    rig.module("still", "0", "");
    rig.serve(0).await;
    let mut calls = Vec::new();
    for generation in 1..=50_u64 {
        rig.module("dice", &generation.to_string(), "");
        rig.order_stage(generation).await;
        for _ in 0..3 {
            let id = rig.call_in(generation - 1, "dice", "version", LONG).await;
            calls.push((id, (generation - 1).to_string()));
            let id = rig.call_in(generation - 1, "still", "version", LONG).await;
            calls.push((id, "0".to_owned()));
        }
        rig.staged(generation).await;
        let generations = ["dice", "still"].map(|name| (name.to_owned(), generation));
        let generations = BTreeMap::from(generations);
        rig.send(&ToHost::Serve { generations }).await;
    }
    for (id, version) in calls {
        assert_eq!(rig.end(&id).await.unwrap(), version, "{id}");
    }
}
