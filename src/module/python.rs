//! The interpreter of Python modules: the script that it runs, and what the module host and it say to each other.
//!
//! The script is inside this program and reaches the interpreter over its standard input, a unix stream socket, so that
//! there is no file of ours that another version could find. How it works stands in `python/interpreter.py`.
//!
//! ```text
//!  host ── program ─▶ interpreter     python3 -c BOOTSTRAP
//!       ── import ──▶                 {"type":"import","folder":…,"workers":8,"only":null,"skip":[]}
//!      ◀─ log*, imported ─            or unusable: it is no Python that can run modules
//!       ── fork, 3 descriptors ─▶     {"type":"fork","module":"dice","process":7}
//!      ◀─ forked | fork_failed ─      and its number; later on ended, with an exit status, or a signal below zero
//! ```
//!
//! - `only` names the modules to import. An interpreter of one module alone does not fork but becomes that module's
//!   process, and takes no orders any more.
//! - `skip` names modules that are reported as failed, and not imported.
//! - `patience_ms` is how long the import of one module may take, 30 s if it is missing; `altogether_ms` that
//!   of all, 240 s: the more modules hang, the less time the next ones get.
//! - The first byte of a `fork` carries a unix stream socket that speaks [`ToModule`](super::protocol::ToModule) and
//!   [`FromModule`](super::protocol::FromModule) without a greeting, and what becomes the standard output and the
//!   standard error of the process.
//! - `imported` has a `StagedModule` for each module, with one key more: `own_process`, for what has to be alone in an
//!   interpreter because it left threads running when it was imported, or says `OWN_PROCESS = True`.

/// What follows `-c` on the interpreter's command line: reads what [`program`] makes from the standard input and runs it.
pub const BOOTSTRAP: &str = include_str!("python/bootstrap.py");

macro_rules! files {
    ($($name:literal)*) => {
        [$((concat!("matterbot_python.", $name), include_str!(concat!("python/", $name, ".py")))),*]
    };
}

/// The files of the script, in the order in which they are run: `main` of `interpreter` runs what follows it.
const FILES: [(&str, &str); 9] = files![
    "process" "interpreter" "wire" "folder" "staging" "answer" "connection" "serving" "importer"
];

/// The first that is written to the interpreter's standard input.
#[must_use]
pub fn program() -> Vec<u8> {
    let sources = serde_json::json!(FILES).to_string();
    format!("{}\n{sources}", sources.len()).into_bytes()
}
