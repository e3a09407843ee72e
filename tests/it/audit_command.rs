//! `@audit`: the last decisions, for admins, in as many posts as they need.

use serde_json::json;

use crate::support::bot::BotUnderTest;
use crate::support::scenario::Scenario;

#[tokio::test]
async fn an_admin_sees_the_last_decisions() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let (admin, olga, pat, lab) = (
        &scenario.admin,
        &scenario.olga,
        &scenario.pat,
        &scenario.lab,
    );
    let first = admin.asks(lab, "@audit").await.outcome().await;
    assert_eq!(first, "No decision has been recorded yet.");
    pat.asks(lab, "@restart | `x`").await.outcome().await;
    olga.asks(lab, "@status").await.outcome().await;
    for person in [olga, pat] {
        let denied = person.asks(lab, "@audit").await.outcome().await;
        assert_eq!(denied, "You do not have permission to use `@audit`.");
    }
    let shown = admin.asks(lab, "!audit 3").await.outcome().await;
    let rows: Vec<&str> = shown.lines().skip(2).collect();
    assert_eq!(rows.len(), 3, "{shown}");
    assert!(
        rows.iter().all(|row| row.matches(" | ").count() == 4),
        "{shown}"
    );
    for (row, words) in rows.iter().zip([
        [olga.username.as_str(), "@status", "allowed"],
        [
            olga.username.as_str(),
            "@audit",
            "denied: no permission | not run",
        ],
        [
            pat.username.as_str(),
            "@audit",
            "denied: no permission | not run",
        ],
    ]) {
        for word in words {
            assert!(row.contains(word), "{word}: {row}");
        }
    }
    for wrong in [
        "@audit 0",
        "@audit 201",
        "@audit many",
        "@audit 1 2",
        "@audit -1",
    ] {
        let usage = admin.asks(lab, wrong).await.outcome().await;
        assert!(
            usage.starts_with("`@audit` takes one number from 1 to 200"),
            "{usage}"
        );
    }
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn a_long_audit_becomes_numbered_posts_and_at_last_a_file() {
    let scenario = Scenario::start().await;
    let settings = json!({"Matterbot": {"msglength": 600}});
    let mut bot = BotUnderTest::serving(&scenario, settings).await;
    let (admin, pat, lab) = (&scenario.admin, &scenario.pat, &scenario.lab);
    let mut calls = Vec::new();
    for _ in 0..11 {
        calls.push(pat.asks(lab, "@status").await);
    }
    for call in &calls {
        call.outcome().await;
    }
    let some = admin.asks(lab, "@audit 11").await;
    some.outcome().await;
    let posts = some.posts().await;
    assert!((2..=4).contains(&posts.len()), "{posts:?}");
    for (index, post) in posts.iter().enumerate() {
        let text = post["message"].as_str().unwrap();
        assert!(text.chars().count() <= 600);
        assert!(
            text.starts_with("| When (UTC) |"),
            "each part has the table's head: {text}"
        );
        assert_eq!(post["props"]["matterbot"]["part"], index + 1);
        assert_eq!(post["props"]["matterbot"]["parts"], posts.len());
    }
    for _ in 0..20 {
        calls.push(pat.asks(lab, "@status").await);
    }
    for call in &calls {
        call.outcome().await;
    }
    let all = admin.asks(lab, "@audit 200").await;
    let text = all.outcome().await;
    assert!(text.ends_with("*The whole text is attached.*"), "{text}");
    let posts = all.posts().await;
    let file = posts[0]["file_ids"][0].as_str().unwrap();
    let file = admin.get(&format!("/files/{file}")).await;
    let file = file.body.as_str().unwrap();
    assert_eq!(file.matches("| allowed |").count(), 32, "{file}");
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn a_name_that_the_server_does_not_tell_in_time_is_not_waited_for() {
    let scenario = Scenario::with_faults().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let (admin, olga, pat, lab) = (
        &scenario.admin,
        &scenario.olga,
        &scenario.pat,
        &scenario.lab,
    );
    for person in [pat, olga] {
        person.asks(lab, "@status").await.outcome().await;
    }
    let hangs = json!({"kind": "slow_answer", "delay_ms": 600_000});
    let whom = json!({"path": format!("/api/v4/users/{}", pat.id)});
    scenario.fault(json!({"fault": hangs, "scope": whom})).await;
    let shown = admin.asks(lab, "@audit").await.outcome().await;
    assert!(shown.contains(&pat.id), "{shown}");
    assert!(shown.contains(&olga.username), "{shown}");
    scenario.finish(&mut bot).await;
}
