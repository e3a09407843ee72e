//! `matterbot module new`: what it writes works, and it overwrites nothing.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use matterbot::module::protocol::{Answer, Call, FromModule, ToModule};
use serde_json::Value;

use crate::support::program::PROGRAM;

fn command(program: impl AsRef<OsStr>) -> Command {
    #[expect(clippy::disallowed_methods, reason = "a test starts the real programs")]
    Command::new(program)
}

fn new_module(folder: &Path, arguments: &[&str]) -> Output {
    command(PROGRAM)
        .args(["module", "new", "--folder"])
        .arg(folder)
        .args(arguments)
        .output()
        .unwrap()
}

/// Whether the program `name` can be run here; where the suite must be whole, it has to be.
fn has(name: &str) -> bool {
    let found = command(name).arg("--version").output().is_ok();
    assert!(
        found || std::env::var_os("CI").is_none(),
        "{name} is not installed"
    );
    if !found {
        eprintln!("passed over: {name} is not installed");
    }
    found
}

#[test]
fn a_new_python_module_answers() {
    let folder = tempfile::tempdir().unwrap();
    let output = new_module(folder.path(), &["echo"]);
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    let advice = format!(
        "matterbot try --folder {} '@echo hello'\n",
        folder.path().display()
    );
    assert!(said.contains(&advice), "{said}");
    let script = "import json, command, defaults\n\
                  answer = command.process('@echo', 'town-square', '@olga', ['hello'], [], None)\n\
                  print(json.dumps([defaults.BINDS, defaults.CHANS, defaults.HELP, answer]))";
    let output = command("python3")
        .args(["-B", "-c", script])
        .current_dir(folder.path().join("echo"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found[0], serde_json::json!(["@echo"]));
    assert_eq!(found[3]["messages"][0]["text"], "@olga says: hello");
}

#[test]
fn a_new_shell_module_speaks_the_protocol() {
    if !has("jq") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let output = new_module(folder.path(), &["echo", "--lang", "sh"]);
    assert!(output.status.success(), "{output:?}");
    let mut child = command(folder.path().join("echo/command"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let call = ToModule::Call(Call {
        id: "post:0:echo".to_owned(),
        command: "@echo".to_owned(),
        parameters: vec!["it's".to_owned(), "\"5 %\"\n".to_owned()],
        username: "@olga".to_owned(),
        ..Call::default()
    });
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{}", serde_json::to_string(&call).unwrap()).unwrap();
    drop(stdin);
    let said: Vec<FromModule> = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect();
    assert!(child.wait().unwrap().success());
    let [
        FromModule::Hello(description),
        FromModule::Result(Answer { call, messages }),
    ] = said.as_slice()
    else {
        panic!("{said:?}");
    };
    assert_eq!(description.binds, ["@echo"]);
    assert_eq!(call, "post:0:echo");
    assert_eq!(messages[0].text, "@olga says: it's \"5 %\"\n");
}

#[test]
fn what_is_there_is_left_alone_and_a_bad_name_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("Echo")).unwrap();
    let output = new_module(folder.path(), &["echo"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("Echo is there already"), "{said}");
    std::fs::write(folder.path().join("cmdutils.py"), "").unwrap();
    let output = new_module(folder.path(), &["cmdutils"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("cmdutils.py is there already"), "{said}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    for name in ["../up", "", "9lives", "Caps", "a b", "ünd"] {
        let output = new_module(folder.path(), &[name]);
        assert_eq!(output.status.code(), Some(64), "{name}: {output:?}");
    }
}

#[test]
fn a_module_has_no_word_of_the_bot_and_needs_no_server() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["restart", "help", "stop", "feeds"] {
        let output = new_module(folder.path(), &[name]);
        assert_eq!(output.status.code(), Some(64), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("is a word of the bot itself"), "{said}");
    }
    let config = folder.path().join("config.yaml");
    std::fs::write(&config, "Modules: {commanddir: commands}\n").unwrap();
    let output = command(PROGRAM)
        .arg("--config")
        .arg(&config)
        .args(["module", "new", "echo"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(folder.path().join("commands/echo/command.py").exists());
}
