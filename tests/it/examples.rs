//! The modules in `examples/modules`: each answers when it is tried.

use std::path::Path;

use tempfile::TempDir;
use tokio::process::Command;

use crate::support::program::{self, PROGRAM, needs, output};

/// Cargo's folder of ours: what is in it was built without a network before, or nothing needs to be.
const PACKAGE: &str = env!("CARGO_MANIFEST_DIR");

/// A folder with the one example `name`.
fn folder_with(name: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(
        &Path::new(PACKAGE).join("examples/modules").join(name),
        &folder.path().join(name),
    );
    folder
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if !entry.file_type().unwrap().is_dir() {
            std::fs::copy(entry.path(), to).unwrap();
        } else if entry.file_name() != "target" {
            copy(&entry.path(), &to);
        }
    }
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
    let folder = folder_with("dice");
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
    let said = answer(&folder_with("uptime"), "@uptime").await;
    assert!(said.contains("up"), "{said}");
}

#[tokio::test]
async fn epoch_in_javascript() {
    if !needs("node", "nodejs") {
        return;
    }
    let said = answer(&folder_with("epoch"), "@epoch 1700000000").await;
    assert!(said.contains("2023-11-14"), "{said}");
}

/// It is built with packages that this one was built with, so that no network is needed.
#[tokio::test]
async fn roman_in_rust() {
    let folder = folder_with("roman");
    let package = folder.path().join("roman");
    let mut cargo = program::command(env!("CARGO"));
    cargo
        .args(["build", "--offline", "--locked", "--quiet"])
        .env("CARGO_TARGET_DIR", package.join("target"))
        .current_dir(&package);
    let built = cargo.output().await.unwrap();
    let complaint = String::from_utf8(built.stderr).unwrap();
    assert!(built.status.success(), "{complaint}");
    std::fs::copy(package.join("target/debug/roman"), package.join("command")).unwrap();
    let said = answer(&folder, "@roman 2026").await;
    assert!(said.contains("MMXXVI"), "{said}");
}
