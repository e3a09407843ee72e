//! `matterbot try`: a command without a Mattermost.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;

use tempfile::TempDir;

use crate::support::program::{PROGRAM, command, output};

const PYTHON: &str = "\
def process(command, channel, username, params, files, conn):
    if params[0] == 'fail':
        raise KeyError('secret')
    if params[0] == 'ask':
        return {'messages': [{'text': conn.users.get_user('me')['id']}]}
    upload = {'filename': 'roll.txt', 'bytes': b'1234'}
    print('a stray print')
    return {'messages': [{'text': 'rolled ' + ' '.join(params), 'uploads': [upload]}]}
";

/// A folder with a configuration that names no server, and a module.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("config.yaml"), "Modules:\n  commanddir: mine\n").unwrap();
    let dice = path.join("mine/dice");
    fs::create_dir_all(&dice).unwrap();
    fs::write(dice.join("command.py"), PYTHON).unwrap();
    fs::write(
        dice.join("defaults.py"),
        "BINDS = ['@dice', '@roll']\nCHANS = ['any']\n",
    )
    .unwrap();
    folder
}

async fn try_in(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = command(PROGRAM);
    command.current_dir(folder).arg("try").args(arguments);
    let Output {
        status,
        stdout,
        stderr,
    } = output(command).await;
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[tokio::test]
async fn a_command_is_answered() {
    let folder = folder();
    let (status, out, err) = try_in(folder.path(), &["@Dice 2d6"]).await;
    assert_eq!(status, Some(0), "{err}");
    assert_eq!(out, "rolled 2d6\n(file roll.txt, 4 bytes)\n");
    assert_eq!(err, "dice: a stray print\n");
}

#[tokio::test]
async fn several_commands_are_answered_in_order() {
    let folder = folder();
    let (status, out, _) = try_in(folder.path(), &["please", "@dice 1\n@roll 2"]).await;
    assert_eq!(status, Some(0));
    let lines: Vec<&str> = out.lines().filter(|line| !line.starts_with('(')).collect();
    let expected = [
        "dice answers @dice:",
        "rolled 1",
        "dice answers @roll:",
        "rolled 2",
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn a_failure_is_told_with_its_trace() {
    let folder = folder();
    let (status, out, err) = try_in(folder.path(), &["@dice fail"]).await;
    assert_eq!((status, &*out), (Some(1), ""));
    assert!(err.starts_with("dice failed:"), "{err}");
    assert!(err.contains("KeyError: 'secret'"), "{err}");
    let (status, _, err) = try_in(folder.path(), &["@dice ask"]).await;
    assert_eq!(status, Some(1));
    assert!(err.contains("there is no server here"), "{err}");
}

#[tokio::test]
async fn what_calls_no_module_is_told() {
    let folder = folder();
    for (text, why) in [
        ("dice 2d6", "these do: @dice @roll"),
        ("@restart", "a command of the bot itself"),
    ] {
        let (status, out, err) = try_in(folder.path(), &[text]).await;
        assert_eq!((status, &*out), (Some(64), ""), "{text}");
        assert!(err.contains(why), "{err}");
    }
    let (status, _, err) = try_in(folder.path(), &["--folder", "none", "@dice"]).await;
    assert_eq!(status, Some(64));
    assert!(err.contains("none cannot be read"), "{err}");
}

#[tokio::test]
async fn what_is_not_loaded_is_told() {
    let folder = folder();
    let broken = folder.path().join("mine/broken");
    fs::create_dir(&broken).unwrap();
    fs::write(
        broken.join("command"),
        "#!/bin/sh\necho no key >&2\nexit 1\n",
    )
    .unwrap();
    fs::set_permissions(broken.join("command"), fs::Permissions::from_mode(0o755)).unwrap();
    let (status, _, err) = try_in(folder.path(), &["@roll", "1"]).await;
    assert_eq!(status, Some(0));
    assert!(err.contains("broken was not loaded"), "{err}");
    assert!(!err.contains("\nno key\n"), "{err}");
    let (status, _, err) = try_in(folder.path(), &["@Broken", "1"]).await;
    assert_eq!(status, Some(64));
    assert!(err.contains("\nno key\n"), "{err}");
}

#[tokio::test]
async fn a_folder_without_a_configuration_will_do() {
    let folder = folder();
    fs::remove_file(folder.path().join("config.yaml")).unwrap();
    let (status, _, err) = try_in(folder.path(), &["@dice", "1"]).await;
    // Whether this host has a configuration in /etc is not ours to say.
    if !Path::new("/etc/matterbot/config.yaml").exists() {
        assert_eq!(status, Some(1));
        assert!(err.contains("--folder"), "{err}");
    }
    let (status, out, _) = try_in(folder.path(), &["@dice", "1", "--folder", "mine"]).await;
    assert_eq!(status, Some(0));
    assert!(out.starts_with("rolled 1"), "{out}");
}
