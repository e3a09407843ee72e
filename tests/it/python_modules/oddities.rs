//! What is odd about modules, or secret, or changed while they run.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::interpreter::Interpreter;

/// What upstream's modules say of themselves at least.
const DEFAULTS: &str = "BINDS = ['@word']\nCHANS = ['any']\n";

/// A module that answers with the value of an expression.
fn answering(expression: &str) -> String {
    format!(
        "def process(*arguments):\n    return {{'messages': [{{'text': str({expression})}}]}}\n"
    )
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        fs::create_dir(folder.path()).unwrap();
        folder
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("commands")
    }

    /// Writes a file below the folder's parent.
    fn write(&self, file: &str, text: &str) {
        let path = self.0.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn module(&self, name: &str, code: &str, defaults: &str) {
        self.write(&format!("commands/{name}/command.py"), code);
        let defaults = format!("{DEFAULTS}{defaults}");
        self.write(&format!("commands/{name}/defaults.py"), &defaults);
    }

    fn start(&self) -> Interpreter {
        Interpreter::start(&self.path(), json!({}))
    }

    /// The fingerprint of `dice`.
    fn fingerprint(&self) -> Value {
        self.start().report("dice")["fingerprint"].clone()
    }
}

#[test]
fn what_an_exception_says_is_no_part_of_its_summary() {
    let folder = Folder::new();
    let raised = "raise RuntimeError('https://x/?key=hunter2')";
    folder.module("raises", raised, "");
    folder.module("lies", "raise ModuleNotFoundError('hunter2')", "");
    folder.module("wrong", "'hunter2' 'hunter2' = 1\n", "");
    let interpreter = folder.start();
    for (name, summary) in [
        ("raises", "RuntimeError"),
        ("lies", "ModuleNotFoundError"),
        ("wrong", "SyntaxError in command.py, line 1"),
    ] {
        let failure = &interpreter.report(name)["failure"];
        assert_eq!(failure["summary"], summary);
        assert!(failure["trace"].as_str().unwrap().contains("hunter2"));
        assert!(
            failure["text"]
                .as_str()
                .unwrap()
                .starts_with(summary.split(' ').next().unwrap())
        );
    }
    let text = &interpreter.report("raises")["failure"]["text"];
    assert_eq!(text, "RuntimeError: https://x/?key=hunter2");
}

#[test]
fn a_helper_that_is_imported_late_is_the_one_of_the_start() {
    let folder = Folder::new();
    let code = "def process(*arguments):\n    from . import helper\n    return {'messages': [{'text': helper.VALUE}]}\n";
    folder.module("dice", code, "");
    folder.write("commands/dice/helper.py", "VALUE = 'old'\n");
    let mut interpreter = folder.start();
    folder.write("commands/dice/helper.py", "VALUE = 'new'\n");
    assert_eq!(interpreter.fork("dice").text(&[]), "old");
    assert_eq!(folder.start().fork("dice").text(&[]), "new");
}

#[test]
fn a_helper_beside_the_folder_makes_a_module_what_it_is() {
    let folder = Folder::new();
    folder.write("beside.py", "VALUE = 1\n");
    folder.write("unused.py", "VALUE = 1\n");
    folder.write("lib/site-packages/installed.py", "VALUE = 1\n");
    let code = "import sys, os, beside\nsys.path.append(os.path.abspath('lib/site-packages'))\nimport installed\n";
    let code = format!("{code}{}", answering("beside.VALUE"));
    folder.module("dice", &code, "");
    let before = folder.fingerprint();
    assert_eq!(folder.fingerprint(), before);
    folder.write("unused.py", "VALUE = 22\n");
    folder.write("lib/site-packages/installed.py", "VALUE = 22\n");
    assert_eq!(folder.fingerprint(), before);
    folder.write("beside.py", "VALUE = 22\n");
    assert_ne!(folder.fingerprint(), before);
    assert_eq!(folder.start().fork("dice").text(&[]), "22");
}

#[test]
fn the_files_of_a_module_without_an_init_are_resources() {
    let folder = Folder::new();
    let code = "import importlib.resources\n\
                ONE = importlib.resources.files(__package__).joinpath('data.txt').read_text()\n\
                TWO = importlib.resources.read_text('commands.dice', 'data.txt')\n\
                FILE = getattr(__import__('sys').modules[__package__], '__file__', None)\n";
    folder.module(
        "dice",
        &format!("{code}{}", answering("(ONE, TWO, FILE)")),
        "",
    );
    folder.write("commands/dice/data.txt", "data");
    assert_eq!(
        folder.start().fork("dice").text(&[]),
        "('data', 'data', None)"
    );
}

#[test]
fn of_a_long_print_at_import_both_ends_are_logged() {
    let folder = Folder::new();
    let code = "import os\nos.write(1, b'first ')\nfor _ in range(64):\n    os.write(1, b'x' * (1 << 20))\n\
                os.write(1, b' last')\n";
    folder.module("dice", &format!("{code}{}", answering("1")), "");
    let interpreter = folder.start();
    let [log] = &interpreter.logs[..] else {
        panic!("{} lines", interpreter.logs.len());
    };
    let text = log["text"].as_str().unwrap();
    assert!(
        text.len() < 70_000 && text.contains("first xx"),
        "{}",
        text.len()
    );
    assert!(text.ends_with(" last") && text.contains("bytes left out"));
}

#[test]
fn what_is_odd_about_a_module_is_a_problem_and_no_failure() {
    let folder = Folder::new();
    let fine = answering("1");
    let fine = fine.as_str();
    folder.module("none", fine, "HELP = None\n");
    folder.module(
        "text",
        fine,
        "HELP = {'DEFAULT': {'desc': 'rolls'}, 'sub': 'text'}\n",
    );
    folder.module("closed", &format!("settings = object()\n{fine}"), "");
    folder.module("hooks", fine, "HOOKS = ['reconcile', 7]\n");
    folder.module("hookless", fine, "HOOKS = ['reconcile']\n");
    let interpreter = folder.start();
    for (name, problem) in [
        ("none", "HELP is None, not a dictionary, and is left out"),
        (
            "text",
            "HELP['sub'] is no dictionary with the text 'desc', and is left out",
        ),
        (
            "closed",
            "its `settings`, an object, does not take BINDS and CHANS",
        ),
        (
            "hooks",
            "HOOKS is no list of names among on_join, reconcile, scan_message, and is left out",
        ),
        (
            "hookless",
            "HOOKS names reconcile, and there is no such function that can be one",
        ),
    ] {
        let report = interpreter.report(name);
        assert_eq!(report["failure"], Value::Null, "{report}");
        assert_eq!(report["problems"], json!([problem]));
    }
    let help = &interpreter.report("text")["description"]["help"];
    assert_eq!(
        *help,
        json!({"": {"description": "rolls", "arguments": null}})
    );
}

#[test]
fn hooks_are_upstreams_two_modules_and_those_that_list_them() {
    let folder = Folder::new();
    let code =
        "def reconcile(conn, bot_id):\n    pass\n\n\ndef on_join(*arguments):\n    pass\n\n\n";
    let code = format!("{code}{}", answering("1"));
    folder.module("stock", &code, "");
    folder.module("watch", &code, "");
    folder.module("Welcome", &code, "");
    folder.module("listed", &code, "HOOKS = ['reconcile']\n");
    let interpreter = folder.start();
    for (name, hooks) in [
        ("stock", json!([])),
        ("watch", json!(["on_join", "reconcile"])),
        ("welcome", json!(["on_join", "reconcile"])),
        ("listed", json!(["reconcile"])),
    ] {
        assert_eq!(
            interpreter.report(name)["description"]["hooks"],
            hooks,
            "{name}"
        );
    }
}

#[test]
fn what_the_host_passes_over_is_not_imported() {
    let folder = Folder::new();
    folder.module("dice", &answering("1"), "");
    for place in ["node_modules/a", "target/b", ".hidden/c", "program/d"] {
        folder.module(place, "raise SystemExit\n", "");
    }
    let program = folder.path().join("program/command");
    folder.write("commands/program/command", "#!/bin/sh\n");
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(program, executable).unwrap();
    let interpreter = folder.start();
    let modules = interpreter.imported["modules"].as_array().unwrap();
    let names: Vec<&Value> = modules.iter().map(|module| &module["name"]).collect();
    assert_eq!(names, ["dice"]);
}

#[test]
fn a_pipe_in_a_modules_folder_holds_nothing_up() {
    let folder = Folder::new();
    folder.module("dice", &answering("1"), "");
    pipe(&folder.path().join("dice/pipe.py"));
    pipe(&folder.path().join("shared.py"));
    assert_eq!(folder.start().fork("dice").text(&[]), "1");
}

/// Makes a named pipe that nobody writes to.
pub(crate) fn pipe(path: &Path) {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

#[test]
fn a_fork_imports_nothing_to_answer_a_call() {
    let folder = Folder::new();
    let code = "import sys\nBEFORE = []\n\n\ndef process(*arguments):\n    return {'messages': [{'text': 'imported: ' + ' '.join(sorted(set(sys.modules).difference(BEFORE)))}]}\n\n\n\
                BEFORE.extend(sys.modules)\n";
    folder.module("dice", code, "");
    assert_eq!(folder.start().fork("dice").text(&[]), "imported: ");
}
