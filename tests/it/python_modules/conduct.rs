//! What a module may do to its process, and what it cannot do to others.

use serde_json::json;

use super::interpreter::{Interpreter, Module};

fn conduct() -> (Interpreter, Module) {
    let mut interpreter = Interpreter::of("commands", json!({"only": ["conduct", "dice"]}));
    let module = interpreter.fork("conduct");
    (interpreter, module)
}

#[test]
fn a_module_runs_beside_its_folder_on_threads_with_upstreams_name() {
    let (_interpreter, mut module) = conduct();
    let text = module.text(&["whoami"]);
    let [pid, directory, thread] = text.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{text}");
    };
    assert_eq!(pid, module.pid.to_string());
    assert!(!directory.ends_with("commands"), "{directory}");
    assert!(thread.starts_with("mb-cmd"), "{thread}");
    assert_eq!(
        [module.text(&["state"]), module.text(&["state"])],
        ["1", "2"]
    );
}

#[test]
fn what_is_printed_goes_where_prints_go() {
    let (_interpreter, mut module) = conduct();
    assert_eq!(module.text(&["prints"]), "printed");
    let (printed, complained) = module.close();
    assert_eq!(
        printed,
        "to the standard output\nfrom a shell\nwithout an end"
    );
    assert_eq!(complained, "to the standard error\n");
}

#[test]
fn what_is_logged_goes_to_the_log() {
    let (_interpreter, mut module) = conduct();
    assert_eq!(module.text(&["logs"]), "logged");
    let logged: Vec<(&str, &str)> = module
        .logs
        .iter()
        .map(|line| {
            (
                line["level"].as_str().unwrap(),
                line["text"].as_str().unwrap(),
            )
        })
        .collect();
    let [somebody, warning, (level, trace)] = logged[..] else {
        panic!("{logged:?}");
    };
    assert_eq!(somebody, ("info", "other: from somebody else"));
    assert_eq!(warning, ("warning", "a warning of 7"));
    assert_eq!(level, "error");
    assert!(
        trace.starts_with("an error\nTraceback") && trace.ends_with("ValueError: in a log"),
        "{trace}"
    );
}

#[test]
fn children_of_every_kind_work() {
    let (_interpreter, mut module) = conduct();
    assert_eq!(module.text(&["fork"]), "7");
    assert_eq!(module.text(&["threads"]), "True");
    assert_eq!(
        module.text(&["program"]).trim(),
        format!("child {}", module.pid)
    );
    assert_eq!(module.text(&["pool", "fork"]), "[0, 1, 4, 9]");
    assert_eq!(module.text(&["pool", "spawn"]), "[0, 1, 4, 9]");
    assert_eq!(
        module.text(&["fork_and_return"]),
        "parent",
        "the copy does not answer"
    );
    assert_eq!(module.text(&["fork"]), "7", "nor does it answer later");
}

#[test]
fn a_call_that_is_stuck_holds_no_other() {
    let (_interpreter, mut module) = conduct();
    module.begin(&["sleep"]);
    module.begin(&["spin"]);
    module.begin(&["stubborn_program"]);
    assert_eq!(module.text(&["sleep", "0"]), "slept");
}

#[test]
fn an_exit_ends_its_call_alone() {
    let (_interpreter, mut module) = conduct();
    for (what, words) in [("leave", "SystemExit: left"), ("deep", "RecursionError")] {
        let outcome = module.call(&[what]);
        assert_eq!(outcome["reason"], "raised", "{what}");
        assert!(
            outcome["trace"].as_str().unwrap().contains(words),
            "{outcome}"
        );
    }
    assert_eq!(module.text(&["sleep", "0"]), "slept");
}

#[test]
fn a_secret_in_an_exception_is_in_the_trace_and_nowhere_else() {
    let (_interpreter, mut module) = conduct();
    let mut outcome = module.call(&["secret"]);
    let trace = outcome["trace"].take();
    assert!(trace.as_str().unwrap().contains("hunter2"));
    assert!(!outcome.to_string().contains("hunter2"), "{outcome}");
    let (printed, complained) = module.close();
    assert_eq!((printed, complained), (String::new(), String::new()));
}

#[test]
fn long_answers_arrive_whole_and_too_long_ones_are_refused() {
    let (_interpreter, mut module) = conduct();
    let table = module.text(&["table"]);
    assert_eq!(table.lines().count(), 100_002);
    assert!(table.ends_with("| 99999 | row |\n"));
    assert!(module.text(&["row"]).len() > 20_000);
    let outcome = module.call(&["huge"]);
    assert_eq!(outcome["reason"], "malformed");
    let trace = outcome["trace"].as_str().unwrap();
    assert!(trace.starts_with("the answer is too long: 6815"), "{trace}");
    assert_eq!(module.text(&["sleep", "0"]), "slept");
}
