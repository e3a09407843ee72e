//! Every shape that `process` may return, and those that it may not.

use serde_json::{Value, json};

use super::interpreter::Interpreter;

fn texts(texts: &[&str]) -> Value {
    texts
        .iter()
        .map(|text| json!({"text": text, "uploads": []}))
        .collect()
}

fn file(text: &str, uploads: &[(&str, &str)]) -> Value {
    let uploads: Vec<Value> = uploads
        .iter()
        .map(|(name, bytes)| json!({"filename": name, "bytes": bytes}))
        .collect();
    json!([{"text": text, "uploads": uploads}])
}

#[test]
fn what_upstream_posts_is_an_answer() {
    let mut interpreter = Interpreter::of("commands", json!({"only": ["shapes", "dice"]}));
    let mut shapes = interpreter.fork("shapes");
    let cases = [
        ("none", json!([])),
        ("empty", json!([])),
        ("false", json!([])),
        ("no_messages", json!([])),
        ("other_keys", json!([])),
        ("text", texts(&["one", "two"])),
        ("tuple", texts(&["one"])),
        ("generated", texts(&["one", "two"])),
        ("half_surrogate", texts(&["a?z \u{1f44d} \0"])),
        ("bytes", file("file", &[("a.bin", "AP8=")])),
        ("bytearray", file("file", &[("a.bin", "YWI=")])),
        ("str", file("file", &[("a.txt", "w6Q="), ("b.txt", "")])),
        (
            "message_string",
            texts(&["one", "*Message 2 of this answer cannot be shown.*"]),
        ),
        ("generated_files", file("file", &[("a.bin", "YWI=")])),
        ("single", file("file", &[("a.bin", "YWI=")])),
        ("feed", file("file", &[("a.bin", "YWI=")])),
        ("no_text", file("", &[("a.bin", "YWI=")])),
    ];
    for (shape, messages) in cases {
        let outcome = shapes.call(&[shape]);
        assert_eq!(outcome["type"], "result", "{shape}: {outcome}");
        assert_eq!(outcome["messages"], messages, "{shape}");
    }
}

#[test]
fn what_nobody_can_post_is_malformed_and_says_why() {
    let mut interpreter = Interpreter::of("commands", json!({"only": ["shapes", "dice"]}));
    let mut shapes = interpreter.fork("shapes");
    let cases = [
        (
            "string",
            "process returned a str, not None or a dictionary with the key 'messages'",
        ),
        (
            "generator",
            "process returned a generator, not None or a dictionary with the key 'messages'",
        ),
        ("number", "'messages' is an int, not a list"),
        ("messages_string", "'messages' is a str, not a list"),
        (
            "text_number",
            "the text of message 1 is an int, not a string",
        ),
        ("nothing", "message 1 has neither a text nor uploads"),
        (
            "uploads_string",
            "the uploads of message 1 are a str, not a list",
        ),
        (
            "upload_string",
            "upload 1 of message 1 is a str, not a dictionary",
        ),
        ("no_filename", "upload 1 of message 1 has no filename"),
        (
            "no_bytes",
            "the bytes of upload 1 of message 1 are None, not bytes or a string",
        ),
    ];
    for (shape, why) in cases {
        let outcome = shapes.call(&[shape]);
        assert_eq!(
            (&outcome["type"], &outcome["reason"]),
            (&json!("error"), &json!("malformed")),
            "{shape}: {outcome}"
        );
        assert_eq!(outcome["trace"], why, "{shape}");
    }
}

#[test]
fn an_exception_is_told_with_its_trace_even_if_it_cannot_tell_itself() {
    let mut interpreter = Interpreter::of("commands", json!({"only": ["shapes", "dice"]}));
    let mut shapes = interpreter.fork("shapes");
    for (shape, words) in [
        ("untellable", "Untellable"),
        ("interrupt", "KeyboardInterrupt"),
        ("raising_generator", "ZeroDivisionError"),
        ("unknown shape", "KeyError: 'unknown shape'"),
    ] {
        let outcome = shapes.call(&[shape]);
        assert_eq!(
            (&outcome["type"], &outcome["reason"]),
            (&json!("error"), &json!("raised")),
            "{shape}: {outcome}"
        );
        let trace = outcome["trace"].as_str().unwrap();
        assert!(
            trace.contains(words) && trace.contains("shapes/command.py"),
            "{trace}"
        );
    }
}
