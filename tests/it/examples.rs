//! The modules in `examples/modules`: each answers when it is tried.

use std::path::Path;

use tempfile::TempDir;
use tokio::process::Command;

use crate::support::program::{self, PROGRAM, needs, output};

const PACKAGE: &str = env!("CARGO_MANIFEST_DIR");

/// A folder with the module `name` that is `what`, a file or a folder. Another process copies it: a program that is open
/// for writing in this one may be so in a child of another test at the same time, and could not be executed.
async fn folder_with(name: &str, what: &Path) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut copy = program::command("cp");
    copy.arg("-R").arg(what);
    if what.is_dir() {
        copy.arg(folder.path().join(name));
    } else {
        std::fs::create_dir(folder.path().join(name)).unwrap();
        copy.arg(folder.path().join(name).join("command"));
    }
    assert!(output(copy).await.status.success());
    folder
}

async fn example(name: &str) -> TempDir {
    folder_with(
        name,
        &Path::new(PACKAGE).join("examples/modules").join(name),
    )
    .await
}

/// What the modules of `folder` answer to `message`.
async fn answer(folder: &TempDir, message: &str) -> String {
    let mut command: Command = program::command(PROGRAM);
    command
        .args(["try", message, "--folder"])
        .arg(folder.path())
        .current_dir(folder.path());
    let output = output(command).await;
    let said = String::from_utf8(output.stdout).unwrap();
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{message}: {complaint}");
    assert_eq!(complaint, "", "{message}");
    said
}

#[tokio::test]
async fn dice_in_python() {
    let folder = example("dice").await;
    let said = answer(&folder, "@dice 2d6").await;
    assert!(said.starts_with("@try rolls 2d6: **"), "{said}");
    let said = answer(&folder, "@dice 11d1").await;
    assert!(said.ends_with("| 11 | 1 |\n"), "{said}");
    let said = answer(&folder, "!dice nonsense").await;
    assert!(said.starts_with("`!dice 2d6` rolls two dice"), "{said}");
}

#[tokio::test]
async fn uptime_in_shell() {
    if !needs("jq", "jq") {
        return;
    }
    let said = answer(&example("uptime").await, "@uptime").await;
    assert!(said.contains("up"), "{said}");
}

#[tokio::test]
async fn epoch_in_javascript() {
    if !needs("node", "nodejs") {
        return;
    }
    let said = answer(&example("epoch").await, "@epoch 1700000000").await;
    assert!(said.contains("2023-11-14"), "{said}");
}

/// It is built of packages that this one is built of too, so that no network is needed; and once, as long as nothing
/// changes.
#[tokio::test]
async fn roman_in_rust() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("roman");
    let mut cargo = program::command(env!("CARGO"));
    cargo
        .args(["build", "--offline", "--locked", "--quiet"])
        .env("CARGO_TARGET_DIR", &target)
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .current_dir(Path::new(PACKAGE).join("examples/modules/roman"));
    let built = cargo.output().await.unwrap();
    let complaint = String::from_utf8(built.stderr).unwrap();
    assert!(built.status.success(), "{complaint}");
    let folder = folder_with("roman", &target.join("debug/roman")).await;
    let said = answer(&folder, "@roman 2026").await;
    assert!(said.contains("MMXXVI"), "{said}");
}
