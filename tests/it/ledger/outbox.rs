//! Tests of the outbox: a reply is durable until its post is visible.

use matterbot::id::PostId;
use matterbot::ledger::{Attachment, CallState, Delivery, Kind, Reply};
use matterbot::timestamp::Timestamp;

use super::{a_call, count, open, reopen, reply, settlement};

#[tokio::test]
async fn replies_outlive_the_process_until_they_are_delivered() {
    let home = tempfile::tempdir().unwrap();
    let (ledger, _) = open(&home);
    let call = a_call();
    let mut long = reply(&call, &["one", "two", "three"]);
    long.parts[2].attachment = Some(Attachment {
        name: "all.txt".to_owned(),
        text: "x".repeat(1 << 20),
    });
    let mut done = settlement(&call, CallState::Done, &["short"]);
    done.replies.push(long);
    let sent = ledger.settle(vec![done]).await.unwrap();
    let numbers: Vec<_> = sent
        .iter()
        .map(|delivery| (delivery.part, delivery.parts))
        .collect();
    assert_eq!(numbers, [(1, 1), (1, 3), (2, 3), (3, 3)]);
    assert!(
        sent.iter()
            .all(|delivery| delivery.key.len() == 26 && ledger.is_ours(&delivery.key))
    );
    let distinct: std::collections::HashSet<_> =
        sent.iter().map(|delivery| &delivery.key).collect();
    assert_eq!(distinct.len(), 4);

    let (ledger, recovered) = reopen(ledger, &home).await;
    assert_eq!(recovered.undelivered, sent);
    assert!(sent.iter().all(|delivery| ledger.is_ours(&delivery.key)));
    assert!(!ledger.is_ours(&matterbot::id::random_token()));
    let post = PostId::random();
    ledger.delivered(sent[0].id, post);
    ledger.undeliverable(sent[1].id, "the channel is archived".to_owned());
    let (_ledger, recovered) = reopen(ledger, &home).await;
    assert_eq!(recovered.undelivered, sent[2..]);
    assert_eq!(
        count(home.path(), &format!("call WHERE answer = '{post}'")),
        1
    );
    assert_eq!(
        count(
            home.path(),
            "undeliverable WHERE reason LIKE '%archived' AND text = 'one'"
        ),
        1
    );
}

#[tokio::test]
async fn the_first_attempt_and_the_end_of_the_last_are_kept() {
    let home = tempfile::tempdir().unwrap();
    let (ledger, _) = open(&home);
    let delivery = only(
        ledger
            .queue(vec![reply(&a_call(), &["hello"])])
            .await
            .unwrap(),
    );
    ledger.attempted(delivery.id, Timestamp(1));
    ledger.flush().await.unwrap();
    ledger.attempt_ended(delivery.id, Timestamp(2));
    ledger.attempted(delivery.id, Timestamp(3));
    ledger.flush().await.unwrap();
    ledger.attempt_ended(delivery.id, Timestamp(4));
    let (_ledger, recovered) = reopen(ledger, &home).await;
    let recovered = only(recovered.undelivered);
    assert_eq!(recovered.first_attempt_at, Some(Timestamp(1)));
    assert_eq!(recovered.last_attempt_ended_at, Some(Timestamp(4)));
}

fn only(mut deliveries: Vec<Delivery>) -> Delivery {
    assert_eq!(deliveries.len(), 1);
    deliveries.remove(0)
}

#[tokio::test]
async fn a_late_mark_hits_no_other_delivery() {
    let home = tempfile::tempdir().unwrap();
    let (ledger, _) = open(&home);
    let first = only(
        ledger
            .queue(vec![reply(&a_call(), &["first"])])
            .await
            .unwrap(),
    );
    ledger.delivered(first.id, PostId::random());
    ledger.flush().await.unwrap();
    let second = only(
        ledger
            .queue(vec![reply(&a_call(), &["second"])])
            .await
            .unwrap(),
    );
    ledger.delivered(first.id, PostId::random());
    let (_ledger, recovered) = reopen(ledger, &home).await;
    assert_eq!(recovered.undelivered, [second]);
}

#[tokio::test]
async fn progress_dies_with_its_process() {
    let home = tempfile::tempdir().unwrap();
    let (ledger, _) = open(&home);
    let progress = Reply {
        kind: Kind::Progress,
        ..reply(&a_call(), &["still at it"])
    };
    let notice = Reply {
        kind: Kind::Notice,
        ..reply(&a_call(), &["hear, hear"])
    };
    assert_eq!(ledger.queue(vec![progress, notice]).await.unwrap().len(), 2);
    let (ledger, recovered) = reopen(ledger, &home).await;
    assert_eq!(only(recovered.undelivered).kind, Kind::Notice);
    ledger.flush().await.unwrap();
    assert_eq!(count(home.path(), "outbox WHERE kind = 'progress'"), 0);
}

#[tokio::test]
async fn a_restart_is_settled_once() {
    let home = tempfile::tempdir().unwrap();
    let (ledger, _) = open(&home);
    let (asked, cut_off) = (a_call(), a_call());
    ledger.start(asked.clone()).await.unwrap();
    ledger.start(cut_off.clone()).await.unwrap();
    let settlements = || {
        vec![
            settlement(&asked, CallState::Done, &["Back up. ✅"]),
            settlement(&cut_off, CallState::Interrupted, &["cut off"]),
        ]
    };
    let settled = ledger.settle_restart("nonce", settlements()).await;
    let sent = settled.unwrap().unwrap();
    let texts: Vec<&str> = sent.iter().map(|delivery| &*delivery.text).collect();
    assert_eq!(texts, ["Back up. ✅", "cut off"]);
    assert_eq!(
        ledger.settle_restart("nonce", settlements()).await,
        Ok(None)
    );
    let (ledger, recovered) = reopen(ledger, &home).await;
    assert_eq!(
        (recovered.unfinished, recovered.undelivered),
        (vec![], sent)
    );
    assert_eq!(
        ledger.settle_restart("nonce", settlements()).await,
        Ok(None)
    );
    // Another restart does not answer them again.
    let other = ledger.settle_restart("other", settlements()).await;
    assert_eq!(other, Ok(Some(vec![])));
}
