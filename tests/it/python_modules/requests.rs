//! What modules import from one another, ask the bot for, and are told.

use serde_json::{Value, json};

use super::interpreter::{Interpreter, Module};

fn fork(name: &str) -> (Interpreter, Module) {
    let mut interpreter = Interpreter::of("commands", json!({"skip": ["ticker", "alone"]}));
    let module = interpreter.fork(name);
    (interpreter, module)
}

/// Answers the next request, which has to be this one.
fn answer(
    module: &mut Module,
    method: &str,
    arguments: Value,
    keywords: Value,
    outcome: (&str, Value),
) {
    let request = module.next().expect("it asks");
    assert_eq!(request["type"], "request", "{request}");
    assert_eq!(request["method"], method);
    assert_eq!(
        (&request["arguments"], &request["keywords"]),
        (&arguments, &keywords),
        "{method}"
    );
    let mut response = json!({"type": "response", "id": request["id"]});
    response[outcome.0] = outcome.1;
    module.channel.send(&response);
}

/// Tells it of something that happened; what came of it, after `requests`.
fn hook(module: &mut Module, name: &str, requests: &[(&str, Value, Value, Value)]) -> Value {
    module.channel.send(&json!({
        "type": "hook", "id": "hook:1", "name": name, "bot_id": "bot", "user_id": "u1", "username": "@olga",
        "channel_id": "c1", "channel": "town-square", "text": "there was an incident", "deadline_ms": 30000,
    }));
    for (method, arguments, keywords, result) in requests {
        answer(
            module,
            method,
            arguments.clone(),
            keywords.clone(),
            ("result", result.clone()),
        );
    }
    module.next().expect("a hook has an outcome")
}

#[test]
fn a_file_is_one_module_under_all_its_names() {
    let (_interpreter, mut module) = fork("siblings");
    let same = [
        "cmdutils: True",
        "command: True",
        "function: True",
        "name: True",
        "store: True",
    ];
    assert_eq!(module.texts(&[]), same);
}

#[test]
fn a_folder_with_a_capital_is_one_module_too() {
    let (_interpreter, mut module) = fork("mixed");
    assert_eq!(module.text(&[]), "True");
}

#[test]
fn settings_override_defaults_one_by_one() {
    let (_interpreter, mut module) = fork("dice");
    let text = module.text(&["loaded"]);
    assert_eq!(
        text,
        "@olga in town-square: 20 sides, ['@dice', '!roll'] ['any']"
    );
}

#[test]
fn what_a_module_asks_for_it_gets() {
    let (_interpreter, mut module) = fork("asker");
    let call = module.begin(&["file"]);
    let request = module.next().unwrap();
    assert_eq!(
        request["call"],
        call.as_str(),
        "the bot knows for which call"
    );
    let response = json!({"type": "response", "id": request["id"], "result": {"base64": "AGE="}});
    module.channel.send(&response);
    let outcome = module.next().unwrap();
    assert_eq!(outcome["messages"][0]["text"], "200 b'\\x00a'");

    module.begin(&["members"]);
    let members = json!([{"user_id": "u1"}, {"user_id": "u2"}]);
    let page = json!({"params": {"page": 0, "per_page": 60}});
    answer(
        &mut module,
        "channels.get_channel_members",
        json!(["c1"]),
        page,
        ("result", members),
    );
    assert_eq!(module.next().unwrap()["messages"][0]["text"], "u1 u2");

    module.begin(&["direct"]);
    let name = "users.get_user_by_username";
    answer(
        &mut module,
        name,
        json!(["olga"]),
        json!({}),
        ("result", json!({"id": "u2"})),
    );
    let direct = "channels.create_direct_message_channel";
    answer(
        &mut module,
        direct,
        json!([["u1", "u2"]]),
        json!({}),
        ("result", json!({"id": "d1"})),
    );
    assert_eq!(module.next().unwrap()["messages"][0]["text"], "d1");
}

#[test]
fn what_a_module_may_not_ask_for_is_an_exception_with_its_name() {
    let (_interpreter, mut module) = fork("asker");
    for (what, words) in [
        (
            "unknown",
            "AttributeError: conn.channels.delete_channel: the bot does not do this for modules",
        ),
        (
            "foreign",
            "AttributeError: conn.client: modules have no connection of their own",
        ),
        (
            "object",
            "TypeError: conn.posts.create_post: Object of type object is not JSON serializable",
        ),
    ] {
        let outcome = module.call(&[what]);
        assert!(
            outcome["trace"].as_str().unwrap().contains(words),
            "{outcome}"
        );
    }
    module.begin(&["u7"]);
    let refusal = ("error", json!("no such user"));
    answer(
        &mut module,
        "users.get_user",
        json!(["u7"]),
        json!({}),
        refusal,
    );
    let outcome = module.next().unwrap();
    let trace = outcome["trace"].as_str().unwrap();
    assert!(
        trace.contains("RequestFailed: conn.users.get_user: no such user"),
        "{trace}"
    );
}

#[test]
fn requests_of_many_calls_are_answered_in_any_order() {
    let (_interpreter, mut module) = fork("asker");
    let calls: Vec<String> = (0..8)
        .map(|number| module.begin(&[&format!("u{number}")]))
        .collect();
    let mut requests: Vec<Value> = calls.iter().map(|_| module.next().unwrap()).collect();
    requests.sort_by_key(|request| request["arguments"][0].to_string());
    for request in requests.iter().rev() {
        let username = request["arguments"][0].clone();
        let result = json!({"username": username});
        module
            .channel
            .send(&json!({"type": "response", "id": request["id"], "result": result}));
    }
    let mut answers: Vec<(String, String)> = calls
        .iter()
        .map(|_| module.next().unwrap())
        .map(|outcome| {
            (
                outcome["call"].to_string(),
                outcome["messages"][0]["text"].to_string(),
            )
        })
        .collect();
    answers.sort();
    let expected = calls.iter().enumerate();
    let expected: Vec<_> = expected
        .map(|(number, call)| (json!(call).to_string(), format!("\"u{number}\"")))
        .collect();
    assert_eq!(answers, expected);
}

#[test]
fn a_post_is_scanned_with_what_the_command_has_added() {
    let (_interpreter, mut module) = fork("watchlist");
    let nothing = hook(&mut module, "scan_message", &[]);
    assert_eq!(
        nothing,
        json!({"type": "result", "call": "hook:1", "messages": []})
    );
    assert_eq!(module.texts(&["incident"]), [""; 0]);
    let post = json!({"options": {"channel_id": "c1", "message": "@olga said incident"}});
    let requests = [("posts.create_post", json!([]), post, json!({"id": "p2"}))];
    assert_eq!(hook(&mut module, "scan_message", &requests), nothing);
    let logged = module
        .logs
        .iter()
        .map(|line| line["text"].as_str().unwrap());
    assert_eq!(logged.collect::<Vec<_>>(), ["incident: bot u1 town-square"]);
}

#[test]
fn who_joins_is_greeted_by_the_process_that_is_called() {
    let (_interpreter, mut module) = fork("greeter");
    let direct = json!({"options": ["bot", "u1"]});
    let post = json!({"options": {"channel_id": "d1", "message": "Welcome to c1"}});
    let requests = [
        (
            "users.get_user",
            json!(["u1"]),
            json!({}),
            json!({"id": "u1", "username": "olga"}),
        ),
        (
            "channels.create_direct_message_channel",
            json!([]),
            direct,
            json!({"id": "d1"}),
        ),
        ("posts.create_post", json!([]), post, json!({"id": "p2"})),
    ];
    hook(&mut module, "on_join", &requests);
    let teams = [(
        "teams.get_user_teams",
        json!(["bot"]),
        json!({}),
        json!([{"name": "ops"}]),
    )];
    hook(&mut module, "reconcile", &teams);
    assert_eq!(module.text(&[]), "olga, ops");
}
