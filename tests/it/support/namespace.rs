//! Namespaces of their own for what a test starts, by unshare(1) and nsenter(1): root needs no other user than itself.

use super::program::{command, output};

/// What enters a namespace that `unshare` made.
pub(crate) fn enter() -> &'static [&'static str] {
    if rustix::process::geteuid().is_root() {
        &["--mount"]
    } else {
        &["--user", "--preserve-credentials", "--mount"]
    }
}

/// The command that becomes another one, which mounts for itself alone and has the namespaces of `options` too; none where
/// this user may make no such thing, which fails where `CI` is set.
pub(crate) async fn unshare(options: &[&str]) -> Option<Vec<String>> {
    let mut arguments = vec!["--mount"];
    if !rustix::process::geteuid().is_root() {
        arguments.push("--map-root-user");
    }
    arguments.extend(options);
    let mut trial = command("unshare");
    trial.args(&arguments).arg("true");
    if !output(trial).await.status.success() {
        assert!(std::env::var_os("CI").is_none(), "nothing may be mounted");
        eprintln!("not run: this user may mount nothing");
        return None;
    }
    arguments.insert(0, "unshare");
    Some(arguments.into_iter().map(str::to_owned).collect())
}
