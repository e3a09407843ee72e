//! What the interpreter says of a folder: descriptions, failures, fingerprints.

use std::fs;
use std::path::Path;

use matterbot::module::python;
use serde_json::{Value, json};

use super::interpreter::{Interpreter, copy, spawn};

#[test]
fn a_folder_of_upstreams_contract_is_imported_whole() {
    let interpreter = Interpreter::of("commands", json!({}));
    let modules = interpreter.imported["modules"].as_array().unwrap();
    let failed: Vec<_> = modules
        .iter()
        .filter(|module| !module["failure"].is_null())
        .collect();
    assert!(failed.is_empty(), "{failed:?}");
    let python = interpreter.imported["python"].as_str().unwrap();
    assert!(
        python.contains(" (3.") && python.starts_with('/'),
        "{python}"
    );
    assert_eq!(
        interpreter.report("dice")["description"],
        json!({
            "protocol": 1,
            "binds": ["@dice", "!roll"],
            "channels": ["any"],
            "help": {
                "": {"description": "rolls dice", "arguments": "[number]"},
                "loaded": {"description": "tells what it is loaded with", "arguments": null},
            },
            "accepts": ["ip", "domain"],
            "risk": "read",
            "concurrency": 8,
            "hooks": [],
        })
    );
    // Its bind is a setting of another module.
    assert_eq!(
        interpreter.report("siblings")["description"]["binds"],
        json!(["@d6"])
    );
    assert_eq!(interpreter.report("alone")["description"]["risk"], "act");
    let hooks = |name: &str| interpreter.report(name)["description"]["hooks"].clone();
    assert_eq!(hooks("watchlist"), json!(["scan_message"]));
    assert_eq!(hooks("greeter"), json!(["on_join", "reconcile"]));
    assert_eq!(
        hooks("siblings"),
        json!([]),
        "what is imported from elsewhere is no hook of this module"
    );
    let alone = modules
        .iter()
        .filter(|module| module["own_process"] == true);
    let alone: Vec<_> = alone.map(|module| &module["name"]).collect();
    assert_eq!(alone, ["alone", "ticker"]);
}

#[test]
fn one_broken_import_costs_one_module() {
    let mut interpreter = Interpreter::of("broken", json!({"skip": ["hangs"]}));
    let expected = [
        (
            "crashes",
            "its import ended the interpreter (Segmentation fault)",
        ),
        (
            "dependent",
            "ModuleNotFoundError: No module named 'a_package_that_nobody_has'",
        ),
        ("ends", "its import ended the interpreter (exit status 3)"),
        (
            "hangs",
            "not imported: an interpreter ended while it imported this module",
        ),
        ("leaves", "SystemExit"),
        (
            "missing",
            "ModuleNotFoundError: No module named 'a_package_that_nobody_has'",
        ),
        ("nothing", "CHANS has to be a list of strings, and is None"),
        (
            "nowhere",
            "CHANS is missing: defaults.py or settings.py has to set it to a list of strings",
        ),
        (
            "number",
            "BINDS has to be a list of strings, and holds an int",
        ),
        ("raises", "Untellable"),
        ("silent", "command.py has no function `process`"),
        ("string", "BINDS has to be a list of strings, and is a str"),
        ("syntax", "SyntaxError in command.py, line 1"),
        (
            "with.dot",
            "the folder's name has a dot in it, and cannot be imported by Python: rename the folder",
        ),
    ];
    let modules = interpreter.imported["modules"].as_array().unwrap();
    let failed = modules.iter().filter(|module| !module["failure"].is_null());
    let failed: Vec<(&str, &str)> = failed
        .map(|module| {
            (
                module["name"].as_str().unwrap(),
                module["failure"]["summary"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(failed, expected);
    assert!(
        modules
            .iter()
            .all(|module| module["fingerprint"].as_str().unwrap().len() == 32)
    );
    let trace = |name: &str| {
        interpreter.report(name)["failure"]["trace"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert!(
        trace("missing").contains("missing/command.py\", line 1"),
        "{}",
        trace("missing")
    );
    assert!(
        trace("crashes").contains("crashes/command.py\", line 3"),
        "{}",
        trace("crashes")
    );
    assert!(trace("ends").contains("about to end"), "{}", trace("ends"));
    // It lives on, since its end would be told too.
    let mut fine = interpreter.fork("fine");
    assert_eq!(fine.text(&[]), "fine");
    assert_eq!(
        interpreter.try_fork("missing").err().unwrap(),
        "it is not imported in this interpreter"
    );
}

#[test]
fn an_import_that_never_ends_is_cut_off() {
    let order = json!({"only": ["hangs", "fine"], "patience_ms": 3000});
    let mut interpreter = Interpreter::of("broken", order);
    let failure = &interpreter.report("hangs")["failure"];
    assert_eq!(failure["summary"], "its import did not end within 3 s");
    assert!(
        failure["trace"]
            .as_str()
            .unwrap()
            .contains("hangs/command.py\", line 5"),
        "{failure}"
    );
    assert_eq!(interpreter.imported["modules"].as_array().unwrap().len(), 2);
    assert_eq!(interpreter.fork("fine").text(&[]), "fine");
}

#[test]
fn the_noise_of_an_import_is_logged_with_its_module_and_its_mess_is_cleaned_up() {
    let mut interpreter = Interpreter::of("broken", json!({"only": ["noisy", "fine", "ends"]}));
    let printed = "printed while it was imported: to the standard output\nto the standard error\nfrom a program";
    let expected = [("warning", "imported"), ("info", printed)];
    let expected = expected.map(
        |(level, text)| json!({"type": "log", "module": "noisy", "level": level, "text": text}),
    );
    assert_eq!(
        interpreter.logs, expected,
        "once, though the folder was imported twice"
    );
    let text = interpreter.fork("noisy").text(&[]);
    assert!(
        text.ends_with(" SIG_DFL 0") && !text.starts_with("/ "),
        "{text}"
    );
}

#[test]
fn a_module_can_be_imported_alone() {
    let interpreter = Interpreter::of("commands", json!({"only": ["siblings"]}));
    assert_eq!(interpreter.imported["modules"].as_array().unwrap().len(), 1);
    assert_eq!(
        interpreter.report("siblings")["description"]["binds"],
        json!(["@d6"])
    );
}

#[test]
fn a_fingerprint_follows_all_code_that_a_module_uses_and_nothing_else() {
    let (_home, folder) = copy("commands");
    let fingerprints = |folder: &Path| -> Vec<(String, Value)> {
        let interpreter = Interpreter::start(folder, json!({}));
        let modules = interpreter.imported["modules"].as_array().unwrap().iter();
        modules
            .map(|module| {
                (
                    module["name"].as_str().unwrap().to_owned(),
                    module["fingerprint"].clone(),
                )
            })
            .collect()
    };
    let mut before = fingerprints(&folder);
    let changed_by = |file: &str, before: &mut Vec<(String, Value)>| -> Vec<String> {
        let path = folder.join(file);
        let old = fs::read_to_string(&path).unwrap_or_default();
        fs::write(&path, format!("{old}\n# changed\n")).unwrap();
        let after = fingerprints(&folder);
        let changed = after
            .iter()
            .filter(|each| !before.contains(each))
            .map(|(name, _)| name.clone());
        let changed = changed.collect();
        *before = after;
        changed
    };
    assert_eq!(changed_by("conduct/count.json", &mut before), [""; 0]);
    assert_eq!(changed_by("asker/command.py", &mut before), ["asker"]);
    assert_eq!(
        changed_by("asker/settings.py", &mut before),
        ["asker"],
        "a file that is new"
    );
    assert_eq!(
        changed_by("dice/defaults.py", &mut before),
        ["dice", "siblings"]
    );
    assert_eq!(
        changed_by("watchlist/store.py", &mut before),
        ["siblings", "watchlist"]
    );
    assert_eq!(changed_by("cmdutils.py", &mut before).len(), before.len());
}

#[test]
fn of_two_folders_that_make_one_name_the_first_is_loaded() {
    let (_home, folder) = copy("commands");
    let twin = folder.join("mixed");
    fs::create_dir(&twin).unwrap();
    fs::write(
        twin.join("command.py"),
        "raise RuntimeError('the wrong one')\n",
    )
    .unwrap();
    let interpreter = Interpreter::start(&folder, json!({"only": ["mixed", "dice"]}));
    assert_eq!(interpreter.report("mixed")["failure"], Value::Null);
}

#[test]
fn a_python_that_is_too_old_says_so() {
    let bootstrap = format!(
        "import sys\nsys.version_info = (3, 8, 18)\n{}",
        python::BOOTSTRAP
    );
    let (mut child, mut control) = spawn(&bootstrap);
    let line = control.next().unwrap();
    assert_eq!(line["type"], "unusable");
    let reason = line["reason"].as_str().unwrap();
    assert!(
        reason.ends_with("; command modules need 3.9 or later"),
        "{reason}"
    );
    drop(control);
    assert!(child.wait().unwrap().success());
}

#[test]
fn what_is_saved_while_it_is_imported_is_another_state() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("commands");
    let module = folder.join("saved");
    fs::create_dir_all(&module).unwrap();
    fs::write(
        module.join("defaults.py"),
        "BINDS = ['@saved']\nCHANS = ['any']\n",
    )
    .unwrap();
    let new = "def process(*arguments):\n    return {'messages': [{'text': 'new'}]}\n";
    let old = format!(
        "open(__file__, 'w').write({new:?})\n{}",
        new.replace("new", "old")
    );
    fs::write(module.join("command.py"), old).unwrap();
    let first = Interpreter::start(&folder, json!({}));
    assert_eq!(fs::read_to_string(module.join("command.py")).unwrap(), new);
    let second = Interpreter::start(&folder, json!({}));
    assert_ne!(
        first.report("saved")["fingerprint"],
        second.report("saved")["fingerprint"]
    );
}

#[test]
fn the_more_imports_hang_the_less_time_the_next_ones_get() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("commands");
    for name in ["a", "b", "c"] {
        fs::create_dir_all(folder.join(name)).unwrap();
        fs::write(
            folder.join(name).join("command.py"),
            "import time\ntime.sleep(1000)\n",
        )
        .unwrap();
    }
    let order = json!({"patience_ms": 1000, "altogether_ms": 6000});
    let interpreter = Interpreter::start(&folder, order);
    let seconds = |name: &str| -> f64 {
        let report = interpreter.report(name);
        let summary = report["failure"]["summary"].as_str().unwrap();
        let seconds = summary.strip_prefix("its import did not end within ");
        let seconds = seconds.and_then(|rest| rest.strip_suffix(" s"));
        seconds
            .unwrap_or_else(|| panic!("{summary}"))
            .parse()
            .unwrap()
    };
    assert!(seconds("c") < seconds("b") && seconds("b") < seconds("a"));
}
