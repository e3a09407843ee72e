//! What bot, module host and modules say to each other: JSON objects, one a line, in UTF-8.
//!
//! ```text
//!  bot ── ToHost ─▶ module host ── ToModule ─▶ module
//!      ◀─ FromHost ─            ◀─ FromModule ─
//! ```
//!
//! A key that a reader does not know is skipped, so that either side may be newer by keys; the number of the protocol
//! grows only where an old reader would do something wrong. A module speaks first, with its [`Description`].

mod call;
mod description;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use call::{Answer, Call, Failure, FailureReason, Hook, Message, Progress, Upload};
pub use description::{Description, Help, Risk};

/// The protocol that this program speaks.
pub const PROTOCOL: u32 = 1;

/// The longest line that is read, in bytes; whoever writes a longer one is ended.
pub const LINE_LIMIT: usize = 64 * 1024 * 1024;

/// What the module host tells a module.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToModule {
    /// Somebody calls.
    Call(Call),
    /// Something happened that the module asked to be told, by a hook in its description.
    Hook(Hook),
    /// The answer to a [`FromModule::Request`].
    Response(Response),
}

/// What a module tells the module host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromModule {
    /// What it is; its first line.
    Hello(Description),
    /// Something to tell the asker while the call runs.
    Progress(Progress),
    /// The call is done.
    Result(Answer),
    /// The call failed.
    Error(Failure),
    /// A line for the log.
    Log(Log),
    /// Something that only the bot can do.
    Request(Request),
}

/// What the bot tells the module host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToHost {
    /// Load all modules beside what runs, and tell with [`FromHost::Staged`] what came of it.
    Stage(Stage),
    /// From now on each of these modules is called in this generation; what no module is called in ends as soon as
    /// nothing runs in it. A generation that was staged and is not named is given up.
    Serve {
        /// The generation of each module.
        generations: BTreeMap<String, u64>,
    },
    /// Call a module.
    Call {
        /// The module.
        module: String,
        /// The generation whose code is to run.
        generation: u64,
        /// The call.
        call: Call,
    },
    /// Tell a module of something that happened.
    Hook {
        /// The module.
        module: String,
        /// The generation whose code is to run.
        generation: u64,
        /// What happened.
        hook: Hook,
    },
    /// The answer to a [`FromHost::Request`].
    Response(Response),
}

/// What the module host tells the bot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromHost {
    /// The host is there; its first line.
    Hello {
        /// The protocol that it speaks.
        protocol: u32,
        /// The version of its program.
        version: String,
        /// Its process.
        pid: u32,
    },
    /// A generation was loaded.
    Staged(Staged),
    /// What a module says while a call runs.
    Progress(Progress),
    /// A call is done.
    Result(Answer),
    /// A call failed, or was cut off.
    Error(Failure),
    /// A line for the log.
    Log(Log),
    /// Something that only the bot can do.
    Request(Request),
}

/// The order to load all modules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// The number of this generation; greater than all before it.
    pub generation: u64,
    /// The folder of the modules.
    pub folder: PathBuf,
    /// The interpreter of Python modules; `None`: that of the folder's checkout (`.venv`), else `python3`.
    pub python: Option<PathBuf>,
    /// How many calls one process may run at once.
    pub workers: usize,
}

/// What came of an order to load all modules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Staged {
    /// The number of the generation.
    pub generation: u64,
    /// The modules that were found, those too that could not be loaded.
    pub modules: Vec<StagedModule>,
    /// What concerns no single module: a folder that is missing, an interpreter that cannot be started, folders whose
    /// names differ in case only. Sentences for whoever runs the bot.
    #[serde(default)]
    pub problems: Vec<String>,
    /// The interpreter of the Python modules as it tells itself, `/usr/bin/python3 (3.11.7)`.
    #[serde(default)]
    pub python: Option<String>,
}

/// A module that was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StagedModule {
    /// Its name: that of its folder in lower case.
    pub name: String,
    /// Changes whenever a file changes that makes the module what it is; its own data is none of them.
    pub fingerprint: String,
    /// What came of it.
    #[serde(flatten)]
    pub loading: Loading,
}

/// What came of loading a module; on the line it stands under the key `description` or `failure`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loading {
    /// What the module says of itself.
    Description(Description),
    /// Why it cannot be called.
    Failure(LoadFailure),
}

/// Why a module cannot be called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadFailure {
    /// The kind of error and what is missing, fit for a chat: `ModuleNotFoundError: No module named 'numpy'`.
    pub summary: String,
    /// What the module's code says of it, if it says something: for the log and for a terminal of the host, since it may
    /// hold anything, keys and passwords too.
    #[serde(default)]
    pub text: Option<String>,
    /// For the log.
    #[serde(default)]
    pub trace: String,
    /// Of the code that was called before nothing lives any more: a process of it would run the files as they are now.
    #[serde(default)]
    pub nothing_is_left: bool,
}

/// A line for the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// The module; filled in by the host.
    #[serde(default)]
    pub module: String,
    /// `debug`, `info`, `warning` or `error`.
    pub level: String,
    /// The text.
    pub text: String,
}

/// Something that only the bot can do, since only it has the token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Names it in the response; unique in its process.
    pub id: String,
    /// The module; filled in by the host.
    #[serde(default)]
    pub module: String,
    /// The call for which it is made, if it is for one.
    #[serde(default)]
    pub call: Option<String>,
    /// What: `files.get_file`, `users.get_user`, `posts.create_post` and others (docs/modules.md).
    pub method: String,
    /// Its arguments, by position.
    #[serde(default)]
    pub arguments: Vec<Value>,
    /// Its arguments, by name.
    #[serde(default)]
    pub keywords: serde_json::Map<String, Value>,
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// The request.
    pub id: String,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What came of a request; on the line it stands under the key `result` or `error`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The server's answer; bytes are an object with the one key `base64`.
    Result(Value),
    /// One sentence that says why there is none.
    Error(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_flat_objects_that_any_language_can_write() {
        let response = ToModule::Response(Response {
            id: "r1".to_owned(),
            outcome: Outcome::Result(Value::from(7)),
        });
        let line = r#"{"type":"response","id":"r1","result":7}"#;
        assert_eq!(serde_json::to_string(&response).unwrap(), line);
        assert_eq!(serde_json::from_str::<ToModule>(line).unwrap(), response);
        let staged = r#"{"name":"dice","fingerprint":"1","failure":{"summary":"no"},"later":1}"#;
        let staged: StagedModule = serde_json::from_str(staged).unwrap();
        assert!(matches!(staged.loading, Loading::Failure(_)));
        let hello = r#"{"type":"hello","protocol":1,"binds":["@dice"]}"#;
        let Ok(FromModule::Hello(description)) = serde_json::from_str(hello) else {
            panic!("the shortest greeting is understood");
        };
        assert_eq!((description.concurrency, description.risk), (1, Risk::Read));
    }
}
