//! The interpreter of Python modules: the script that it runs, and what the module host and it say to each other.
//!
//! The script is inside this program and reaches the interpreter over its standard input, a unix stream socket, so that
//! there is no file of ours that another version could find. How it works stands in `python/interpreter.py`.
//!
//! ```text
//!  host ── script ─▶ interpreter       python -c BOOTSTRAP
//!       ── import ─▶                   {"type":"import", …}
//!      ◀─ log* imported ─
//!       ── fork + 3 descriptors ─▶
//!      ◀─ forked | fork_failed, later ended ─
//! ```

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::module::protocol::{Log, StagedModule};

/// What follows `-c` on the interpreter's command line: reads what [`script`] makes from the standard input and runs it.
pub const BOOTSTRAP: &str = include_str!("python/bootstrap.py");

/// The files of the script, in the order in which they are run: `main` of `interpreter` runs what follows it.
const FILES: [(&str, &str); 10] = [
    ("matterbot_python", "__path__ = []\n"),
    (
        "matterbot_python.process",
        include_str!("python/process.py"),
    ),
    (
        "matterbot_python.interpreter",
        include_str!("python/interpreter.py"),
    ),
    ("matterbot_python.wire", include_str!("python/wire.py")),
    ("matterbot_python.folder", include_str!("python/folder.py")),
    (
        "matterbot_python.staging",
        include_str!("python/staging.py"),
    ),
    ("matterbot_python.answer", include_str!("python/answer.py")),
    (
        "matterbot_python.connection",
        include_str!("python/connection.py"),
    ),
    (
        "matterbot_python.serving",
        include_str!("python/serving.py"),
    ),
    (
        "matterbot_python.importer",
        include_str!("python/importer.py"),
    ),
];

/// The first that is written to the interpreter's standard input.
#[must_use]
pub fn script() -> Vec<u8> {
    let sources = serde_json::json!(FILES).to_string();
    format!("{}\n{sources}", sources.len()).into_bytes()
}

/// What the module host tells the interpreter; a line each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToInterpreter {
    /// Import the modules; the first line, and the only one of its kind.
    Import(Import),
    /// Make a process for a module. The first byte of the line carries three descriptors: a unix stream socket that
    /// speaks [`ToModule`](super::protocol::ToModule) and [`FromModule`](super::protocol::FromModule) without a
    /// greeting, and what becomes the standard output and the standard error of the process.
    ///
    /// An interpreter that was told to import one module only does not fork but becomes that process itself, and takes
    /// no orders any more: its end is the module's end.
    Fork {
        /// The module.
        module: String,
    },
}

/// The order to import the modules.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// The folder of the modules.
    pub folder: PathBuf,
    /// How many calls one process may run at once.
    pub workers: usize,
    /// The modules to import; none: all.
    pub only: Option<Vec<String>>,
    /// Modules not to import; they are reported as failed.
    pub skip: Vec<String>,
    /// How many milliseconds the import of one module may take; none: 30 seconds. One that takes longer is reported as
    /// failed, and all others are imported anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience_ms: Option<u64>,
}

/// What the interpreter tells the module host; a line each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromInterpreter {
    /// All modules are imported, or could not be.
    Imported(Imported),
    /// This Python cannot run modules at all: it is too old.
    Unusable {
        /// The sentence for whoever runs the bot.
        reason: String,
    },
    /// The process of a module is there.
    Forked {
        /// The module.
        module: String,
        /// Its process.
        pid: u32,
    },
    /// The process of a module could not be made.
    ForkFailed {
        /// The module.
        module: String,
        /// Why.
        reason: String,
    },
    /// The process of a module ended.
    Ended {
        /// The module.
        module: String,
        /// Its process.
        pid: u32,
        /// Its exit status; below zero: the signal that ended it.
        status: i32,
    },
    /// A line for the log.
    Log(Log),
}

/// What came of the import.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Imported {
    /// The interpreter, `/usr/bin/python3 (3.11.7)`.
    pub python: String,
    /// The modules that were found and were to be imported.
    pub modules: Vec<ImportedModule>,
    /// What concerns no single module, in sentences for whoever runs the bot.
    #[serde(default)]
    pub problems: Vec<String>,
}

/// What came of the import of a module.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImportedModule {
    /// As it is staged.
    #[serde(flatten)]
    pub staged: StagedModule,
    /// It must not share an interpreter with others: it left threads running when it was imported, or says
    /// `OWN_PROCESS = True`. This interpreter refuses to fork it.
    #[serde(default)]
    pub own_process: bool,
}
