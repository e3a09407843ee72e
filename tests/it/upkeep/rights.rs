//! Who may look: the bot's user and root; others are told so, and nobody leaves a file behind.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::process::Output;

use crate::support::program::{Home, PROGRAM, Program, Settings, output};

/// A user that owns nothing.
const NOBODY: u32 = 65_534;

async fn as_user(home: &Home, user: Option<u32>, arguments: &[&str]) -> Output {
    let mut command = home.command(PROGRAM, arguments);
    if let Some(user) = user {
        command.uid(user);
    }
    output(command).await
}

/// A home whose bot runs as `user`; everybody can read the configuration.
fn home_of(user: u32) -> Home {
    let home = Home::new(&Settings::alone());
    let open = |path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    open(home.path().to_owned(), 0o755);
    open(home.config(), 0o644);
    chown(home.state(), Some(user), None).unwrap();
    home
}

#[tokio::test]
async fn root_looks_at_the_ledger_of_another_user_and_leaves_nothing() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let home = home_of(NOBODY);
    let mut command = home.command(PROGRAM, &[]);
    command.uid(NOBODY);
    let mut bot = Program::start(command);
    bot.line("the next try is in").await;
    for running in [true, false] {
        for arguments in [
            &["ledger", "list"][..],
            &["ledger", "prune", "--dry-run"],
            &["audit"],
            &["status"],
        ] {
            let output = as_user(&home, None, arguments).await;
            // It does not serve, and then does not run.
            let code = match (arguments, running) {
                (["status"], true) => 1,
                (["status"], false) => 3,
                _ => 0,
            };
            assert_eq!(
                output.status.code(),
                Some(code),
                "{arguments:?}: {output:?}"
            );
        }
        for entry in fs::read_dir(home.state()).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(
                entry.metadata().unwrap().uid(),
                NOBODY,
                "{:?}",
                entry.path()
            );
        }
        if running {
            bot.signal(rustix::process::Signal::KILL);
            bot.end().await;
        }
    }
    // What writes is for the bot's user alone.
    let output = as_user(&home, None, &["ledger", "prune"]).await;
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("sudo -u matterbot"), "{error}");
    let output = as_user(&home, Some(NOBODY), &["ledger", "prune"]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[tokio::test]
async fn another_user_is_told_who_may() {
    let root = rustix::process::geteuid().is_root();
    let home = home_of(rustix::process::geteuid().as_raw());
    let mut bot = home.start();
    bot.line("the next try is in").await;
    // Whoever is not root cannot become another user, but can take his own rights away.
    let locked = if root { 0o700 } else { 0o000 };
    fs::set_permissions(home.state(), fs::Permissions::from_mode(locked)).unwrap();
    for arguments in [
        &["ledger", "list"][..],
        &["ledger", "show", "k1h7xqnd3fyw8mgqj5s9e6ro4a"],
        &["audit"],
    ] {
        let output = as_user(&home, root.then_some(NOBODY), arguments).await;
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {error}");
        assert!(
            error.contains("type this as the bot's user or as root"),
            "{error}"
        );
    }
    // Whether it runs cannot be told.
    let output = as_user(&home, root.then_some(NOBODY), &["status"]).await;
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(4), "{error}");
    assert!(error.contains("as root (sudo)"), "{error}");
    fs::set_permissions(home.state(), fs::Permissions::from_mode(0o700)).unwrap();
    bot.stop().await;
}
