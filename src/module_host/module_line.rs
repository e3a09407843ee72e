//! The lines of a module, understood as far as the host needs to, and made into lines for the bot.
//!
//! An answer may be as long as a line may be: it is checked without being built up, and passed on as it came.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, IgnoredAny, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::module::protocol::{
    Description, Failure, FailureReason, FromHost, FromModule, LINE_LIMIT, Log, Outcome, Response,
    ToModule,
};

use super::id::ProcessId;
use super::log_limit;

/// The longest greeting, in bytes: those of all modules together are one line for the bot.
const GREETING_LIMIT: usize = 1024 * 1024;

/// What a module's line comes to.
#[derive(Debug)]
pub(super) enum ModuleLine {
    /// Its greeting.
    Hello(Box<Description>),
    /// Something about a call that goes on; the line for the bot.
    Progress(String, Vec<u8>),
    /// The end of a call; the line for the bot.
    Done(String, Vec<u8>),
    /// What was meant as the end of a call, and what is wrong with it.
    Malformed(String, String),
    /// Something that only the bot can do: its id in the module, and the line for the bot.
    Request(String, Vec<u8>),
    /// A line for the log.
    Log(Log),
    /// What is not of the protocol: a print that went astray.
    Stray(String),
}

/// As much as is needed to know what a line is.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default, borrow)]
    call: Option<Cow<'a, str>>,
}

/// The shape of an answer; nothing of it is kept. Its rest is what nobody knows: it is read as closely as the bot reads
/// it, to whom a number that is out of range, or half of a surrogate pair, makes the whole line unreadable.
#[derive(Deserialize)]
struct AnswerShape {
    #[serde(default)]
    #[expect(dead_code, reason = "it is read to be checked")]
    messages: Vec<MessageShape>,
    #[serde(flatten)]
    #[expect(dead_code, reason = "it is read to be checked")]
    rest: IgnoredAny,
}

#[derive(Deserialize)]
struct MessageShape {
    #[serde(default)]
    #[expect(dead_code, reason = "it is read to be checked")]
    text: Text,
    #[serde(default)]
    #[expect(dead_code, reason = "it is read to be checked")]
    uploads: Vec<UploadShape>,
    #[serde(flatten)]
    #[expect(dead_code, reason = "it is read to be checked")]
    rest: IgnoredAny,
}

#[derive(Deserialize)]
struct UploadShape {
    #[expect(dead_code, reason = "it is read to be checked")]
    filename: Text,
    #[expect(dead_code, reason = "it is read to be checked")]
    bytes: Text,
    #[serde(flatten)]
    #[expect(dead_code, reason = "it is read to be checked")]
    rest: IgnoredAny,
}

/// A request with its arguments as they came.
#[derive(Serialize, Deserialize)]
struct RawRequest<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(default, borrow)]
    module: Cow<'a, str>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    call: Option<Cow<'a, str>>,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    arguments: Option<&'a RawValue>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    keywords: Option<&'a RawValue>,
}

/// A response with its value as it came.
#[derive(Serialize, Deserialize)]
struct RawResponse<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    result: Option<&'a RawValue>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    error: Option<&'a RawValue>,
}

/// Understands a line of `module`'s `process`.
pub(super) fn understand(process: ProcessId, module: &str, line: Vec<u8>) -> ModuleLine {
    let head: Head<'_> = match serde_json::from_slice(&line) {
        Ok(head) => head,
        Err(_) => return ModuleLine::Stray(log_limit::clip(&line)),
    };
    let call = head.call.as_deref().map(str::to_owned);
    match (&*head.kind, call) {
        ("result", Some(call)) => match serde_json::from_slice::<AnswerShape>(&line) {
            Ok(_) => ModuleLine::Done(call, line),
            Err(error) => ModuleLine::Malformed(call, format!("its answer is none: {error}")),
        },
        ("progress", Some(call)) => match serde_json::from_slice::<FromModule>(&line) {
            Ok(_) => ModuleLine::Progress(call, line),
            Err(error) => ModuleLine::Malformed(call, format!("its progress is none: {error}")),
        },
        ("error", Some(call)) => match serde_json::from_slice::<FromModule>(&line) {
            Ok(FromModule::Error(Failure { reason, trace, .. })) => {
                let line = failure(&call, reason, trace);
                ModuleLine::Done(call, line)
            }
            Ok(_) => ModuleLine::Stray(log_limit::clip(&line)),
            Err(error) => ModuleLine::Malformed(call, format!("its error is none: {error}")),
        },
        ("request", call) => match request(process, module, &line) {
            Ok((id, line)) => ModuleLine::Request(id, line),
            Err(why) => match call {
                Some(call) => ModuleLine::Malformed(call, format!("its request is none: {why}")),
                None => not_understood(why),
            },
        },
        ("hello", _) if line.len() > GREETING_LIMIT => {
            not_understood(format!("a greeting has at most {GREETING_LIMIT} bytes"))
        }
        _ => other(&line),
    }
}

/// The request's id, and it under an id that is unique among all processes, as a line that the bot can read; or what is
/// wrong.
fn request(process: ProcessId, module: &str, line: &[u8]) -> Result<(String, Vec<u8>), String> {
    let passed_on = || {
        let mut request: RawRequest<'_> = serde_json::from_slice(line)?;
        let id = request.id.to_string();
        request.id = format!("{}:{id}", process.0).into();
        request.module = module.into();
        let line = serde_json::to_vec(&request)?;
        serde_json::from_slice::<FromHost>(&line)?;
        Ok((id, line))
    };
    let (id, line) = passed_on().map_err(|error: serde_json::Error| error.to_string())?;
    if line.len() > LINE_LIMIT {
        return Err("it is too long".to_owned());
    }
    Ok((id, line))
}

fn other(line: &[u8]) -> ModuleLine {
    match serde_json::from_slice(line) {
        Ok(FromModule::Hello(description)) => ModuleLine::Hello(Box::new(description)),
        Ok(FromModule::Log(log)) => ModuleLine::Log(log),
        Ok(_) => not_understood("a line without the call that it is about"),
        Err(error) => not_understood(error),
    }
}

fn not_understood(error: impl fmt::Display) -> ModuleLine {
    ModuleLine::Log(Log {
        module: String::new(),
        level: "warning".to_owned(),
        text: format!("a line was not understood: {error}"),
    })
}

/// The process that a response of the bot is for, and the line for it; `None` if it is for nobody.
pub(super) fn response(line: &[u8]) -> Option<(ProcessId, Vec<u8>)> {
    let mut response: RawResponse<'_> = serde_json::from_slice(line).ok()?;
    let (process, id) = response.id.split_once(':')?;
    let process = ProcessId(process.parse().ok()?);
    response.id = id.to_owned().into();
    Some((process, serde_json::to_vec(&response).ok()?))
}

/// The line that says that a request is not passed on, and why.
pub(super) fn refusal(id: String, why: &str) -> Vec<u8> {
    let outcome = Outcome::Error(why.to_owned());
    // These types have no keys that could fail.
    serde_json::to_vec(&ToModule::Response(Response { id, outcome })).unwrap_or_default()
}

/// Whether a line of the bot is a response.
pub(super) fn is_response(line: &[u8]) -> bool {
    serde_json::from_slice::<Head<'_>>(line).is_ok_and(|head| head.kind == "response")
}

/// A line for the bot.
pub(super) fn line(said: &FromHost) -> Vec<u8> {
    // These types have no keys that could fail.
    serde_json::to_vec(said).unwrap_or_default()
}

/// The failure of `call`, as a line for the bot.
pub(super) fn failure(call: &str, reason: FailureReason, trace: String) -> Vec<u8> {
    line(&FromHost::Error(Failure {
        call: call.to_owned(),
        reason,
        trace: log_limit::shorten(trace),
    }))
}

/// The end of a call whose module said what is no answer.
pub(super) fn malformed(call: &str, why: String) -> Vec<u8> {
    failure(call, FailureReason::Malformed, why)
}

/// A text that is checked to be one, and not kept.
#[derive(Default)]
struct Text;

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyText;
        impl Visitor<'_> for AnyText {
            type Value = Text;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a text")
            }
            fn visit_str<E>(self, _: &str) -> Result<Text, E> {
                Ok(Text)
            }
        }
        deserializer.deserialize_str(AnyText)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> ModuleLine {
        understand(ProcessId(7), "dice", line.as_bytes().to_vec())
    }

    #[test]
    fn answers_are_passed_on_as_they_came() {
        let line = r#"{"call":"a","type":"result","messages":[{"text":"x\n"}], "later":1}"#;
        assert!(
            matches!(said(line), ModuleLine::Done(call, passed) if call == "a" && passed == line.as_bytes())
        );
        let line = r#"{"type":"result","call":"a","messages":[{"text":7}]}"#;
        assert!(matches!(said(line), ModuleLine::Malformed(call, _) if call == "a"));
        let line = r#"{"type":"progress","call":"a","text":"half"}"#;
        assert!(matches!(said(line), ModuleLine::Progress(..)));
        let line = r#"{"type":"error","call":"a","trace":"boom"}"#;
        assert!(matches!(said(line), ModuleLine::Done(..)));
    }

    #[test]
    fn what_the_bot_could_not_read_is_not_passed_on() {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        for value in ["1e999", r#""\ud800""#, &deep] {
            for line in [
                format!(r#"{{"type":"result","call":"a","later":{value}}}"#),
                format!(r#"{{"type":"result","call":"a","messages":[{{"later":{value}}}]}}"#),
                format!(
                    r#"{{"type":"request","call":"a","id":"1","method":"m","arguments":[{value}]}}"#
                ),
                r#"{"type":"request","call":"a","id":"1","method":"m","arguments":{}}"#.to_owned(),
            ] {
                assert!(serde_json::from_str::<FromHost>(&line).is_err(), "{line}");
                assert!(
                    matches!(said(&line), ModuleLine::Malformed(call, _) if call == "a"),
                    "{line}"
                );
            }
        }
        let line = r#"{"type":"request","id":"1","method":"","arguments":[""]}"#;
        let long = line.replace(
            r#"[""]"#,
            &format!(r#"["{}"]"#, "x".repeat(LINE_LIMIT - line.len())),
        );
        assert_eq!(long.len(), LINE_LIMIT);
        assert!(matches!(said(&long), ModuleLine::Log(_)));
        let words = "x".repeat(GREETING_LIMIT);
        let long = format!(r#"{{"type":"hello","protocol":1,"binds":["{words}"]}}"#);
        assert!(matches!(said(&long), ModuleLine::Log(_)));
    }

    #[test]
    fn what_is_no_line_of_the_protocol_is_a_stray_print_or_a_warning() {
        for line in ["rolling", "7", "[1]", "{\"half", "{}", "\u{fffd}"] {
            assert!(matches!(said(line), ModuleLine::Stray(_)), "{line}");
        }
        for line in [
            r#"{"type":"later"}"#,
            r#"{"type":"result"}"#,
            r#"{"type":"request","id":"1"}"#,
        ] {
            assert!(
                matches!(said(line), ModuleLine::Log(log) if log.level == "warning"),
                "{line}"
            );
        }
    }

    #[test]
    fn requests_and_responses_find_their_process() {
        let asked = r#"{"type":"request","id":"1","method":"m","arguments":[1.50, {"a":1}]}"#;
        let ModuleLine::Request(_, line) = said(asked) else {
            panic!("it is a request");
        };
        let expected = r#"{"type":"request","id":"7:1","module":"dice","method":"m","arguments":[1.50, {"a":1}]}"#;
        assert_eq!(String::from_utf8(line).unwrap(), expected);
        let answer = br#"{"type":"response","id":"7:1","result":{"b": 2}}"#;
        assert!(is_response(answer));
        let (process, line) = response(answer).unwrap();
        assert_eq!(process, ProcessId(7));
        assert_eq!(line, br#"{"type":"response","id":"1","result":{"b": 2}}"#);
        assert!(response(br#"{"type":"response","id":"1","result":2}"#).is_none());
    }
}
