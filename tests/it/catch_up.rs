//! What was asked while nobody listened is read afterwards, and answered once.

use serde_json::{Value, json};

use crate::support::bot::BotUnderTest;
use crate::support::scenario::{Call, Scenario};

#[tokio::test]
async fn what_was_asked_while_the_bot_was_away_is_answered_once() {
    let scenario = Scenario::start().await;
    let (olga, pat, lab) = (&scenario.olga, &scenario.pat, &scenario.lab);
    let other = scenario.channel("other", &[olga, pat]).await;
    let elsewhere = scenario.elsewhere(olga).await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    pat.asks(lab, "@status").await.outcome().await;
    let (mut refused, mut denied) = (Vec::new(), Vec::new());
    for (killed, asker) in [(true, pat), (false, olga)] {
        if killed {
            bot.kill().await;
        } else {
            bot.terminate();
            assert_eq!(bot.exit_code().await, Some(0));
        }
        let thread = pat.says(&other, "a thread begins").await;
        let direct = asker.direct(&scenario.bot).await;
        olga.says(&elsewhere, "@status").await;
        pat.says(lab, "```\n@status\n```").await;
        let served = [
            pat.asks(lab, "@status").await,
            olga.asks(lab, "well, @help status").await,
            pat.asks_in_thread(&thread, "!status").await,
            asker.asks(&direct, "@status").await,
            scenario.admin.asks(lab, "@audit 1").await,
        ];
        refused.push(olga.asks(lab, "@restart").await);
        refused.push(olga.asks(lab, "!Restart").await);
        denied.push(pat.asks(&other, "!Restart").await);
        bot.restart_process();
        for call in &served {
            let answer = call.outcome().await;
            assert!(!answer.contains("was not run"), "{answer}");
        }
    }
    for call in &refused {
        let word = call.post["message"]
            .as_str()
            .unwrap()
            .to_lowercase()
            .replace('!', "@");
        assert_eq!(
            call.outcome().await,
            format!("I was down when you asked for `{word}`, so it was not run. Please ask again.")
        );
    }
    // Whoever may not is told no more than at any other time.
    for call in &denied {
        let answer = call.outcome().await;
        assert_eq!(answer, "You do not have permission to use `@restart`.");
    }
    scenario.finish(&mut bot).await;
    bot.restart_process();
    bot.ready(4).await;
    pat.asks(lab, "@status").await.outcome().await;
    scenario.finish(&mut bot).await;
    assert_eq!(bot.starts(), 4);
}

#[tokio::test]
async fn an_empty_ledger_starts_from_now() {
    let scenario = Scenario::start().await;
    let (pat, lab) = (&scenario.pat, &scenario.lab);
    let direct = pat.direct(&scenario.bot).await;
    for channel in [lab, &direct] {
        pat.says(channel, "@status").await;
        pat.says(channel, "@restart").await;
    }
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    pat.asks(lab, "@status").await.outcome().await;
    pat.asks(&direct, "@status").await.outcome().await;
    scenario.finish(&mut bot).await;
    assert_eq!(bot.audit().len(), 2);
}

#[tokio::test]
async fn what_is_too_old_expires() {
    let scenario = Scenario::inside("the server's clock").await;
    let settings = json!({"Lifecycle": {"catch_up": {"max_age": "1s"}}});
    let mut bot = BotUnderTest::serving(&scenario, settings).await;
    let (olga, pat, lab) = (&scenario.olga, &scenario.pat, &scenario.lab);
    pat.asks(lab, "@status").await.outcome().await;
    bot.audited(1).await;
    bot.kill().await;
    let status = pat.asks(lab, "@status").await;
    let help = pat.says(lab, "help").await;
    let restart = olga.asks(lab, "@restart").await;
    let edited = olga.says(lab, "nothing").await;
    olga.edits(&edited, "@restart").await;
    // A minute passes, for the server.
    let ahead = json!({"kind": "clock_offset", "offset_ms": 60_000});
    scenario.fault(json!({"fault": ahead})).await;
    bot.restart_process();
    let expired = status.outcome().await;
    assert!(
        expired.starts_with("I got to `@status` only 1 min ")
            && expired.ends_with("so it was not run. Please ask again."),
        "{expired}"
    );
    assert!(
        restart
            .outcome()
            .await
            .starts_with("I was down when you asked for `@restart`")
    );
    scenario.finish(&mut bot).await;
    assert_eq!(help["message"], "help");
    let verdicts: Vec<Value> = bot
        .audit()
        .iter()
        .map(|line| line["verdict"].clone())
        .collect();
    assert_eq!(verdicts, ["allowed", "expired", "expired"]);
}

#[tokio::test]
async fn a_clock_that_is_set_back_hides_nothing() {
    let scenario = Scenario::inside("the server's clock").await;
    let clock = async |offset_ms| {
        let clock = json!({"kind": "clock_offset", "offset_ms": offset_ms});
        scenario.fault(json!({"fault": clock})).await;
    };
    clock(3_600_000).await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let (otto, pat, lab) = (&scenario.otto, &scenario.pat, &scenario.lab);
    pat.asks(lab, "@status").await.outcome().await;
    bot.audited(1).await;
    bot.kill().await;
    clock(0).await;
    let missed = otto.asks(lab, "@status").await;
    // Nothing is known of this channel, and the proof of life is of the time to come.
    let direct = otto.direct(&scenario.bot).await;
    let in_private = otto.asks(&direct, "@status").await;
    bot.restart_process();
    for call in [missed, in_private] {
        let answer = call.outcome().await;
        assert!(answer.starts_with("**matterbot**"), "{answer}");
    }
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn commands_among_three_hundred_posts_are_all_found() {
    let scenario = Scenario::start().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let (pat, lab) = (&scenario.pat, &scenario.lab);
    pat.asks(lab, "@status").await.outcome().await;
    bot.audited(1).await;
    bot.kill().await;
    let people = [&scenario.olga, &scenario.otto, &scenario.pat];
    let mut calls = Vec::new();
    for index in 0..300_usize {
        let person = people[index % 3];
        if index % 25 == 7 {
            calls.push(person.asks(lab, "@status").await);
        } else {
            person.says(lab, "talk").await;
        }
    }
    bot.restart_process();
    for call in &calls {
        call.outcome().await;
    }
    scenario.finish(&mut bot).await;
    assert_eq!(bot.audit().len(), 1 + calls.len());
}

#[tokio::test]
async fn a_connection_that_broke_loses_nothing() {
    let scenario = Scenario::with_faults().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let (pat, lab) = (&scenario.pat, &scenario.lab);
    let me = json!({"user": scenario.bot.id});
    let mut calls = vec![pat.asks(lab, "@status").await];
    for (round, fault) in [
        json!({"kind": "close"}),
        json!({"kind": "close", "code": 1001}),
        json!({"kind": "restart"}),
    ]
    .into_iter()
    .enumerate()
    {
        let missing = json!({"kind": "missing_posted"});
        scenario
            .fault(json!({"fault": missing, "scope": me, "times": 2}))
            .await;
        calls.push(pat.asks(lab, "@status").await);
        let scope = if round == 2 { json!("all") } else { me.clone() };
        scenario
            .fault(json!({"fault": fault, "scope": scope}))
            .await;
        calls.push(pat.asks(lab, "@help").await);
        bot.says(" connected to Mattermost ", round + 2).await;
        for call in &calls {
            call.outcome().await;
        }
        scenario.mend().await;
    }
    scenario.finish(&mut bot).await;
    assert_eq!(bot.starts(), 1);
}

#[tokio::test]
async fn events_that_come_twice_or_late_run_once() {
    let scenario = Scenario::with_faults().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let (pat, lab) = (&scenario.pat, &scenario.lab);
    let me = json!({"user": scenario.bot.id});
    for fault in [
        json!({"kind": "doubled_events"}),
        json!({"kind": "late_posted", "delay_ms": 300}),
        json!({"kind": "seq_jump", "by": 5}),
    ] {
        scenario.fault(json!({"fault": fault, "scope": me})).await;
        let mut calls = Vec::new();
        for message in ["@status", "@help", "@restart"] {
            calls.push(pat.asks(lab, message).await);
        }
        for call in calls {
            call.outcome().await;
        }
        scenario.mend().await;
    }
    scenario.finish(&mut bot).await;
    assert_eq!(bot.audit().len(), 9);
}

#[tokio::test]
async fn what_was_only_seen_is_seen_again_by_the_successor() {
    let scenario = Scenario::with_faults().await;
    let other = scenario.channel("other", &[&scenario.olga]).await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let (pat, olga, lab) = (&scenario.pat, &scenario.olga, &scenario.lab);
    // One call is being checked, one waits behind it, and one is left to an event that never comes.
    let slow = json!({"kind": "slow_answer", "delay_ms": 15_000});
    let whom = json!({"path": format!("/api/v4/users/{}", pat.id)});
    scenario.fault(json!({"fault": slow, "scope": whom})).await;
    let checked = pat.asks(lab, "@audit").await;
    let waiting = pat.asks(lab, "@status").await;
    scenario.until_hit(1).await;
    let me = json!({"user": scenario.bot.id});
    let missing = json!({"kind": "missing_posted"});
    scenario.fault(json!({"fault": missing, "scope": me})).await;
    let unheard = olga.asks(&other, "@restart").await;
    scenario
        .fault(json!({"fault": {"kind": "close"}, "scope": me}))
        .await;
    bot.says(" connected ", 2).await;
    bot.kill().await;
    scenario.mend().await;
    bot.restart_process();
    let denied = checked.outcome().await;
    assert_eq!(denied, "You do not have permission to use `@audit`.");
    assert!(waiting.outcome().await.starts_with("**matterbot**"));
    let late = unheard.outcome().await;
    assert!(
        late.starts_with("I was down when you asked for `@restart`"),
        "{late}"
    );
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn what_is_asked_after_a_gap_comes_after_what_was_asked_before_it() {
    let scenario = Scenario::with_faults().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let (pat, lab) = (&scenario.pat, &scenario.lab);
    pat.asks(lab, "@status").await.outcome().await;
    let me = json!({"user": scenario.bot.id});
    let slow = json!({"kind": "slow_answer", "delay_ms": 1_500});
    let list = json!({"path": "/api/v4/users/me/channels"});
    for fault in [
        json!({"fault": slow, "scope": list}),
        json!({"fault": {"kind": "missing_posted"}, "scope": me, "times": 1}),
    ] {
        scenario.fault(fault).await;
    }
    let missed = pat.asks(lab, "@help").await;
    let close = json!({"fault": {"kind": "close"}, "scope": me});
    scenario.fault(close).await;
    bot.says(" connected to Mattermost ", 2).await;
    let heard = pat.asks(lab, "@help status").await;
    let answered_at = async |call: &Call| {
        call.outcome().await;
        call.posts().await[0]["create_at"].as_i64().unwrap()
    };
    let (first, second) = (answered_at(&missed).await, answered_at(&heard).await);
    assert!(first <= second, "{first} and {second}");
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn what_is_committed_late_is_found_by_the_second_look() {
    let scenario = Scenario::inside("a late commit").await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let (pat, olga, lab) = (&scenario.pat, &scenario.olga, &scenario.lab);
    olga.asks(lab, "@status").await.outcome().await;
    bot.kill().await;
    for (fault, whom) in [
        (json!({"kind": "late_commit", "delay_ms": 3_000}), &pat.id),
        (json!({"kind": "missing_posted"}), &scenario.bot.id),
    ] {
        scenario
            .fault(json!({"fault": fault, "scope": {"user": whom}}))
            .await;
    }
    let restart = async {
        scenario.until_hit(1).await;
        let newer = olga.asks(lab, "@help status").await;
        bot.restart_process();
        assert!(newer.outcome().await.starts_with("`@status"));
    };
    let (late, ()) = tokio::join!(pat.asks(lab, "@status"), restart);
    assert!(late.outcome().await.starts_with("**matterbot**"));
    scenario.mend().await;
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn an_old_server_is_served_as_well() {
    let scenario = Scenario::on_old_server().await;
    let mut bot = BotUnderTest::serving(&scenario, json!({})).await;
    let (pat, olga, lab) = (&scenario.pat, &scenario.olga, &scenario.lab);
    let direct = pat.direct(&scenario.bot).await;
    pat.asks(&direct, "@status").await.outcome().await;
    let back = olga.asks(lab, "@restart").await.outcome().await;
    assert!(back.starts_with("Back up. ✅"), "{back}");
    bot.kill().await;
    let calls = [
        pat.asks(&direct, "@status").await,
        pat.asks(lab, "@help status").await,
    ];
    bot.restart_process();
    for call in &calls {
        call.outcome().await;
    }
    scenario.finish(&mut bot).await;
}
