//! The outbox against a server: every delivery ends, and is visible at most once.

mod rig;

use std::time::Duration;

use matterbot::ledger::{Attachment, Part};
use serde_json::json;

use rig::{EXPLAINED, PATIENCE, Rig, TIMING, late, left_behind, limited, lost, page, part};

#[tokio::test]
async fn trouble_that_passes_leaves_one_post() {
    let rig = Rig::new().await;
    for faults in [
        vec![json!({"kind": "server_error", "status": 500, "when": "before_save"})],
        vec![json!({"kind": "server_error", "status": 500, "when": "after_save"})],
        vec![json!({"kind": "slow_answer", "delay_ms": 900})],
        vec![json!({"kind": "rewritten_message", "suffix": "!"})],
        vec![json!({"kind": "stripped_props"})],
        vec![json!({"kind": "lost_answer"})],
        // Without its props the post is known by its key alone, which the server keeps: it knows of no error.
        vec![
            json!({"kind": "stripped_props"}),
            json!({"kind": "lost_answer"}),
        ],
        vec![json!({"kind": "unauthorized"})],
        vec![json!({"kind": "proxy_page", "status": 502})],
        vec![json!({"kind": "proxy_page", "status": 413})],
        vec![json!({"kind": "late_commit", "delay_ms": 900})],
    ] {
        let owed = rig.owes_in_lab().await;
        for fault in &faults {
            rig.fault(fault.clone(), Some(1)).await;
        }
        rig.outbox.send(owed.clone());
        rig.done().await;
        assert_eq!(rig.visible(&owed[0]).await.len(), 1, "{faults:?}");
        assert_eq!(rig.scenario.hits().await, faults.len() as u64, "{faults:?}");
        rig.scenario.mend().await;
    }
    assert_eq!(rig.given_up(), Vec::<String>::new());
}

#[tokio::test]
async fn a_refusal_after_an_unclear_attempt_does_not_clear_it() {
    let rig = Rig::new().await;
    let owed = rig.owes_in_lab().await;
    // The first attempt arrives when its sender has given up and has looked; the second one is told to wait so long that
    // the server has forgotten the key.
    rig.play(&[late(PATIENCE * 2), limited(3)]);
    rig.outbox.send(owed.clone());
    let visible = async || (rig.visible(&owed[0]).await.len() == 1).then_some(());
    crate::support::poll("the late request was served", visible).await;
    assert_eq!(rig.proxy.posts(), 2, "the refused attempt came before");
    let ahead = json!({"fault": {"kind": "clock_offset", "offset_ms": 60_000}});
    rig.scenario.fault(ahead).await;
    rig.done().await;
    assert_eq!(rig.visible(&owed[0]).await, ["answer"]);
    assert_eq!(rig.proxy.posts(), 2, "the post was found");
}

#[tokio::test]
async fn what_arrives_after_the_window_is_waited_for() {
    let rig = Rig::new().await;
    let owed = rig.owes_in_lab().await;
    // All attempts that the window allows are lost but the first, which arrives after it.
    rig.play(&[late(TIMING.same_post + PATIENCE)]);
    rig.play(&vec![lost(); 5]);
    rig.outbox.send(owed.clone());
    rig.done().await;
    assert_eq!(rig.visible(&owed[0]).await, ["answer"]);
    assert!(rig.proxy.posts() <= 6, "{}", rig.proxy.posts());
}

#[tokio::test]
async fn a_server_that_starts_again_has_forgotten_the_key_but_not_the_post() {
    let rig = Rig::new().await;
    let owed = rig.owes_in_lab().await;
    rig.fault(json!({"kind": "lost_answer"}), Some(1)).await;
    rig.outbox.send(owed.clone());
    rig.scenario.until_hit(1).await;
    rig.scenario
        .fault(json!({"fault": {"kind": "restart"}}))
        .await;
    rig.done().await;
    assert_eq!(rig.visible(&owed[0]).await, ["answer"]);
}

#[tokio::test]
async fn what_an_earlier_process_posted_is_found_and_the_rest_is_posted() {
    let rig = Rig::new().await;
    for (ago, is_there) in [(1, true), (1, false), (600, true), (600, false)] {
        let mut owed = rig.owes_in_lab().await;
        if is_there {
            rig.outbox.send(owed.clone());
            rig.done().await;
        }
        let before = rig.proxy.posts();
        left_behind(&mut owed, Duration::from_secs(ago));
        rig.outbox.send(owed.clone());
        rig.done().await;
        assert_eq!(rig.visible(&owed[0]).await, ["answer"], "{ago} {is_there}");
        let attempts = rig.proxy.posts() - before;
        assert_eq!(attempts, u32::from(!is_there), "{ago} {is_there}");
    }
}

#[tokio::test]
async fn a_foreign_post_under_our_key_is_not_taken_for_ours() {
    let rig = Rig::new().await;
    let owed = rig.owes_in_lab().await;
    let (pat, lab) = (&rig.scenario.pat, &rig.scenario.lab);
    pat.posts(json!({"channel_id": lab, "message": "mine", "pending_post_id": owed[0].key}))
        .await;
    rig.outbox.send(owed.clone());
    let asked = async || (rig.proxy.posts() == 1).then_some(());
    crate::support::poll("the first attempt was made", asked).await;
    let ahead = json!({"fault": {"kind": "clock_offset", "offset_ms": 60_000}});
    rig.scenario.fault(ahead).await;
    rig.done().await;
    assert_eq!(rig.visible(&owed[0]).await, ["answer"]);
}

#[tokio::test]
async fn foreign_posts_without_end_are_given_up() {
    let rig = Rig::new().await;
    let owed = rig.owes_in_lab().await;
    let (pat, lab) = (&rig.scenario.pat, &rig.scenario.lab);
    pat.posts(json!({"channel_id": lab, "message": "mine", "pending_post_id": owed[0].key}))
        .await;
    rig.outbox.send(owed.clone());
    rig.done().await;
    assert_eq!(rig.visible(&owed[0]).await, Vec::<String>::new());
    let [reason] = &rig.given_up()[..] else {
        panic!("{:?}", rig.given_up())
    };
    assert!(reason.contains("not ours"), "{reason}");
}

#[tokio::test]
async fn the_asker_is_told_directly_once_whatever_happens_then() {
    let rig = Rig::new().await;
    let doomed = rig.scenario.channel("doomed", &[&rig.scenario.pat]).await;
    let full = "x".repeat(3_990);
    let owed = rig.owes(&doomed, vec![part("answer"), part(&full)]).await;
    let path = format!("/channels/{doomed}");
    rig.scenario.admin.delete(&path).await.expect(200);
    // Three refusals by the channel, then trouble in the direct message.
    rig.play(&vec![page(403); 3]);
    rig.play(&[limited(1), late(PATIENCE * 2)]);
    rig.outbox.send(owed);
    rig.done().await;
    assert_eq!(rig.told().await, [format!("{EXPLAINED}answer"), full]);
    assert_eq!(rig.given_up().len(), 2);
}

#[tokio::test]
async fn a_bot_that_was_removed_gives_up_looking() {
    let rig = Rig::new().await;
    let name = json!({"team_id": rig.scenario.team, "name": "secret", "display_name": "Secret", "type": "P"});
    let (admin, bot) = (&rig.scenario.admin, &rig.scenario.bot);
    let secret = admin.post("/channels", name).await.expect(201);
    let secret = secret["id"].as_str().unwrap();
    for member in [&rig.scenario.pat, bot] {
        admin.adds_to_channel(secret, &member.id).await;
    }
    let mut owed = rig.owes(secret, vec![part("answer")]).await;
    left_behind(&mut owed, Duration::from_secs(600));
    let path = format!("/channels/{secret}/members/{}", bot.id);
    admin.delete(&path).await.expect(200);
    rig.outbox.send(owed.clone());
    rig.done().await;
    assert_eq!(rig.told().await, [format!("{EXPLAINED}answer")]);
    assert_eq!(rig.visible(&owed[0]).await, Vec::<String>::new());
    assert_eq!(rig.given_up().len(), 1);
}

/// An answer that has a file.
fn with_file() -> Part {
    Part {
        files: Vec::new(),
        text: "the beginning\n\n*The whole text is attached.*".to_owned(),
        attachment: Some(Attachment {
            name: "dice.md".to_owned(),
            text: "all of it".to_owned(),
        }),
    }
}

#[tokio::test]
async fn a_file_store_that_is_down_costs_the_file_and_nothing_else() {
    let rig = Rig::new().await;
    let doomed = rig.scenario.channel("doomed", &[&rig.scenario.pat]).await;
    let refused = rig.owes(&doomed, vec![part("answer")]).await;
    let path = format!("/channels/{doomed}");
    rig.scenario.admin.delete(&path).await.expect(200);
    let down = json!({"kind": "file_store_down"});
    rig.scenario.fault(json!({ "fault": down })).await;
    let owed = rig.owes(&rig.scenario.lab, vec![with_file()]).await;
    rig.outbox.send(owed.clone());
    rig.outbox.send(refused);
    rig.done().await;
    let expected = "the beginning\n\n*The rest could not be sent.*";
    assert_eq!(rig.visible(&owed[0]).await, [expected]);
    assert_eq!(rig.told().await, [format!("{EXPLAINED}answer")]);
}

#[tokio::test]
async fn a_file_that_is_refused_is_not_said_to_be_attached() {
    let rig = Rig::new().await;
    for (refusal, last) in [
        (None, "*The whole text is attached.*"),
        (Some(page(413)), "*The rest could not be sent.*"),
        (Some(page(500)), "*The rest could not be sent.*"),
    ] {
        rig.refuses_uploads(refusal.as_ref());
        let owed = rig.owes(&rig.scenario.lab, vec![with_file()]).await;
        rig.outbox.send(owed.clone());
        rig.done().await;
        let expected = format!("the beginning\n\n{last}");
        assert_eq!(rig.visible(&owed[0]).await, [expected], "{refusal:?}");
    }
}

#[tokio::test]
async fn a_thread_keeps_its_order_and_holds_no_other() {
    let rig = Rig::new().await;
    let owed = rig
        .owes(&rig.scenario.lab, ["1", "2", "3"].map(part).to_vec())
        .await;
    let other = rig.owes_in_lab().await;
    rig.play(&[late(PATIENCE * 2)]);
    rig.outbox.send(owed.clone());
    let asked = async || (rig.proxy.posts() == 1).then_some(());
    crate::support::poll("the first attempt was made", asked).await;
    rig.outbox.send(other.clone());
    let visible = async || (rig.visible(&other[0]).await == ["answer"]).then_some(());
    crate::support::poll("the other thread was answered", visible).await;
    assert_eq!(rig.visible(&owed[0]).await, Vec::<String>::new());
    rig.done().await;
    assert_eq!(rig.visible(&owed[0]).await, ["1", "2", "3"]);
}
