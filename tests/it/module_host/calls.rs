//! Calls: answered, queued, cut off, and what happens to their processes.

use std::time::Duration;

use matterbot::module::protocol::{FailureReason, FromHost, Hook, Outcome, Response, ToHost};
use serde_json::Value;

use super::rig::Rig;
use crate::support::program::gone;

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn a_call_is_answered() {
    let mut rig = Rig::serving().await;
    assert_eq!(rig.ask("echo 2d6 now").await, "2d6 now");
    let id = rig.call("progress").await;
    let text = rig
        .find(|said| match said {
            FromHost::Progress(progress) if progress.call == id => Some(progress.text.clone()),
            _ => None,
        })
        .await;
    assert_eq!(text, "half");
    assert_eq!(rig.end(&id).await.unwrap(), "whole");
}

#[tokio::test]
async fn a_failure_keeps_its_trace_and_its_process() {
    let mut rig = Rig::serving().await;
    let before = rig.ask("pid").await;
    let id = rig.call("fail").await;
    let failure = rig.end(&id).await.unwrap_err();
    assert_eq!(failure.reason, FailureReason::Raised);
    assert_eq!(failure.trace, "KeyError: 'secret'");
    assert_eq!(rig.ask("pid").await, before);
}

#[tokio::test]
async fn what_is_no_answer_is_malformed() {
    let mut rig = Rig::serving().await;
    assert_eq!(rig.fails("malformed").await, FailureReason::Malformed);
    assert_eq!(rig.ask("echo on").await, "on");
}

#[tokio::test]
async fn a_module_does_not_answer_for_another() {
    let mut rig = Rig::new().await;
    rig.module("dice", "", "");
    rig.module("other", "", "");
    rig.serve(1).await;
    let waiting = rig.call("wait go").await;
    rig.note("waiting").await;
    let other = rig
        .call_in(1, "other", &format!("another {waiting}"), LONG)
        .await;
    assert_eq!(rig.end(&other).await.unwrap(), "mine");
    rig.release("go");
    assert_eq!(rig.end(&waiting).await.unwrap(), "waited");
}

#[tokio::test]
async fn unknown_modules_and_generations_are_told() {
    let mut rig = Rig::serving().await;
    for (generation, module) in [(2, "dice"), (1, "chess")] {
        let id = rig.call_in(generation, module, "echo", LONG).await;
        let failure = rig.end(&id).await.unwrap_err();
        assert_eq!(failure.reason, FailureReason::Unknown);
    }
}

#[tokio::test]
async fn a_module_gets_as_many_calls_at_once_as_it_takes() {
    let mut rig = Rig::new().await;
    rig.module("dice", "", r#""concurrency": 2"#);
    rig.serve(1).await;
    let first = rig.call("wait first").await;
    let second = rig.call("echo second").await;
    assert_eq!(rig.end(&second).await.unwrap(), "second");
    let third = rig.call("wait third").await;
    let fourth = rig.call("echo fourth").await;
    rig.release("third");
    // The fourth has its turn only when one of the others has ended.
    assert_eq!(rig.end(&third).await.unwrap(), "waited");
    assert_eq!(rig.end(&fourth).await.unwrap(), "fourth");
    assert!(
        !rig.heard()
            .iter()
            .any(|said| matches!(said, FromHost::Result(_))),
        "the fourth came before the third: {:?}",
        rig.heard()
    );
    rig.release("first");
    assert_eq!(rig.end(&first).await.unwrap(), "waited");
}

#[tokio::test]
async fn past_its_deadline_a_call_is_cut_off_and_its_process_retired() {
    for word in ["hang", "spin"] {
        let mut rig = Rig::serving().await;
        let stuck = rig.call_in(1, "dice", word, SHORT).await;
        let waiting = rig.call("echo on").await;
        let failure = rig.end(&stuck).await.unwrap_err();
        assert_eq!(failure.reason, FailureReason::Deadline, "{word}");
        assert_eq!(rig.end(&waiting).await.unwrap(), "on", "{word}");
        gone(&rig.note("hanging").await).await;
    }
}

#[tokio::test]
async fn a_retired_process_ends_its_other_calls() {
    let mut rig = Rig::new().await;
    rig.module("dice", "", r#""concurrency": 2"#);
    rig.serve(1).await;
    let before = rig.ask("pid").await;
    let good = rig.call("wait go").await;
    let stuck = rig.call_in(1, "dice", "hang", SHORT).await;
    let failure = rig.end(&stuck).await.unwrap_err();
    assert_eq!(failure.reason, FailureReason::Deadline);
    let after = rig.ask("pid").await;
    assert_ne!(after, before);
    rig.release("go");
    assert_eq!(rig.end(&good).await.unwrap(), "waited");
    gone(&before).await;
    assert_eq!(rig.ask("pid").await, after);
}

#[tokio::test]
async fn a_call_whose_turn_does_not_come_is_cut_off_alone() {
    let mut rig = Rig::serving().await;
    let before = rig.ask("pid").await;
    let first = rig.call("wait go").await;
    let second = rig.call_in(1, "dice", "echo", SHORT).await;
    let failure = rig.end(&second).await.unwrap_err();
    assert_eq!(failure.reason, FailureReason::Deadline);
    rig.release("go");
    assert_eq!(rig.end(&first).await.unwrap(), "waited");
    assert_eq!(rig.ask("pid").await, before);
}

#[tokio::test]
async fn requests_and_their_responses_are_passed_on() {
    let mut rig = Rig::serving().await;
    let call = rig.call("request me").await;
    let request = rig
        .find(|said| match said {
            FromHost::Request(request) => Some(request.clone()),
            _ => None,
        })
        .await;
    assert_eq!(
        (&*request.module, &*request.method),
        ("dice", "users.get_user")
    );
    assert_eq!(request.call.as_deref(), Some(&*call));
    assert_eq!(request.arguments, [Value::from("me")]);
    let outcome = Outcome::Result(serde_json::json!({"username": "bot"}));
    let response = Response {
        id: request.id,
        outcome,
    };
    rig.send(&ToHost::Response(response)).await;
    let text = rig.end(&call).await.unwrap();
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["result"]["username"], "bot");
    assert_eq!(value["id"], "r1");
}

#[tokio::test]
async fn of_two_thousand_requests_at_once_all_but_a_few_are_refused() {
    let mut rig = Rig::serving().await;
    let call = rig.call("storm 2000").await;
    rig.logged("all is asked").await;
    let requests = rig.heard().iter();
    let requests = requests.filter_map(|said| match said {
        FromHost::Request(request) => Some(request.id.clone()),
        _ => None,
    });
    let requests: Vec<String> = requests.collect();
    assert_eq!(requests.len(), 64);
    for id in requests {
        let outcome = Outcome::Result(Value::Null);
        rig.send(&ToHost::Response(Response { id, outcome })).await;
    }
    assert_eq!(rig.end(&call).await.unwrap(), "1936 of 2000 refused");
    assert_eq!(rig.ask("echo on").await, "on");
}

#[tokio::test]
async fn hooks_are_told_and_done() {
    let mut rig = Rig::serving().await;
    let hook = Hook {
        id: "hook:1".to_owned(),
        name: "reconcile".to_owned(),
        deadline_ms: 10_000,
        ..Hook::default()
    };
    rig.send(&ToHost::Hook {
        module: "dice".to_owned(),
        generation: 1,
        hook,
    })
    .await;
    assert_eq!(rig.end("hook:1").await.unwrap(), "");
}

#[tokio::test]
async fn a_call_has_its_turn_before_hooks_that_wait() {
    let mut rig = Rig::serving().await;
    let first = rig.call("wait go").await;
    rig.note("waiting").await;
    for id in ["hook:1", "hook:2"] {
        let hook = Hook {
            id: id.to_owned(),
            name: "scan_message".to_owned(),
            deadline_ms: 60_000,
            ..Hook::default()
        };
        let module = "dice".to_owned();
        rig.send(&ToHost::Hook {
            module,
            generation: 1,
            hook,
        })
        .await;
    }
    let call = rig.call("echo on").await;
    rig.release("go");
    let mut order = Vec::new();
    while order.len() < 4 {
        if let FromHost::Result(answer) = rig.next().await {
            order.push(answer.call);
        }
    }
    assert_eq!(order, [&first, &call, "hook:1", "hook:2"]);
}

#[tokio::test]
async fn modules_see_nothing_of_the_token_and_are_limited() {
    let mut rig = Rig::serving().await;
    let environment: Value = serde_json::from_str(&rig.ask("environment").await).unwrap();
    let names = environment.as_object().unwrap();
    assert!(names.contains_key("PATH"), "{names:?}");
    let ours = names.keys().filter(|name| name.starts_with("MATTERBOT_"));
    assert_eq!(ours.collect::<Vec<_>>(), ["MATTERBOT_MODULE_PID"]);
    assert_eq!(rig.ask("memory").await, "no memory");
}
