//! The start of a module's process: scrubbed environment, session, limits, and then the module's program in our place.
//!
//! `unsafe` is forbidden, so nothing runs between a fork and an exec of ours; what others do there, this program does
//! between two execs: `matterbot module-host --trampoline -- PROGRAM ARGUMENTS…`.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use rustix::process::{Resource, Rlimit, Signal};

/// Names the process, by its id, to which all belong that it starts; see [`super::process_tree`].
pub const MARK: &str = "MATTERBOT_MODULE_PID";

/// Variables that are ours or speak to a supervisor, and no business of a child: by name...
const SCRUBBED: [&str; 17] = [
    "CREDENTIALS_DIRECTORY",
    "NOTIFY_SOCKET",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "SYSTEMD_EXEC_PID",
    "MAINPID",
    "MANAGERPID",
    "STATE_DIRECTORY",
    "RUNTIME_DIRECTORY",
    "CACHE_DIRECTORY",
    "LOGS_DIRECTORY",
    "CONFIGURATION_DIRECTORY",
    "MEMORY_PRESSURE_WATCH",
    "MEMORY_PRESSURE_WRITE",
    "FDSTORE",
    "SYSTEMD_NSS_DYNAMIC_BYPASS",
    "S6_NOTIFICATION_FD",
];

/// ...and by how the name begins.
const SCRUBBED_PREFIXES: [&str; 5] = ["MATTERBOT_", "WATCHDOG_", "LISTEN_", "MONITOR_", "TRIGGER_"];

/// How much memory of its own a process may ask for, in bytes. It counts what can be written only: the wide address
/// ranges that some runtimes reserve do not matter.
const MEMORY: u64 = 4 << 30;

/// How many processes and threads the user may have, unless fewer are allowed anyway.
const PROCESSES: u64 = 4096;

/// With this the kernel, out of memory, ends a module rather than the bot (`oom_score_adj` of proc_pid(5)).
const OUT_OF_MEMORY_SCORE: &str = "500";

/// A command that runs `program` with our environment, but for what is ours or speaks to our supervisor.
#[must_use]
pub fn scrubbed(program: &Path) -> Command {
    #[expect(
        clippy::disallowed_methods,
        reason = "the module host, modules and the playground's bot: this is the place that scrubs their environment"
    )]
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if is_scrubbed(&name) {
            command.env_remove(name);
        }
    }
    command
}

/// A command that runs a module's `program` by way of `ourselves`; its arguments may be added.
#[must_use]
pub fn command(ourselves: &Path, program: &Path) -> Command {
    let mut command = scrubbed(ourselves);
    let parent = std::process::id().to_string();
    command
        .args(["module-host", "--parent", &parent, "--trampoline", "--"])
        .arg(program);
    command
}

/// What stands between a program and the reason why the kernel did not start it.
const NOT_EXECUTED: &str = " cannot be executed: ";

/// The reason of a trampoline that could not jump, if that is all that was `printed`.
#[must_use]
pub fn refusal(printed: &str) -> Option<&str> {
    let line = printed.trim_end();
    let is_refusal = line.lines().count() == 1 && line.contains(NOT_EXECUTED);
    is_refusal.then(|| line.strip_prefix("matterbot: ").unwrap_or(line))
}

fn is_scrubbed(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    SCRUBBED.contains(&&*name)
        || SCRUBBED_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

/// Becomes `program`, which ends when the process that started us ends.
///
/// # Errors
/// Returns only when the kernel refuses; the error says what.
pub fn jump(program: &OsString, arguments: &[OsString]) -> io::Error {
    if let Err(error) = prepare() {
        return error;
    }
    let mut command = scrubbed(Path::new(program));
    command
        .args(arguments)
        .env(MARK, std::process::id().to_string());
    let error = command.exec();
    let text = format!("{}{NOT_EXECUTED}{error}", program.display());
    io::Error::new(error.kind(), text)
}

fn prepare() -> io::Result<()> {
    // It fails only where we lead a group already; then a session is what we must not leave.
    rustix::process::setsid().ok();
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    limit(Resource::Data, MEMORY)?;
    limit(Resource::Nproc, PROCESSES)?;
    limit(Resource::Core, 0)?;
    // Where it cannot be written (a container without /proc), the kernel chooses as ever.
    std::fs::write("/proc/self/oom_score_adj", OUT_OF_MEMORY_SCORE).ok();
    Ok(())
}

/// Lowers a limit; one that is lower already stays.
fn limit(resource: Resource, most: u64) -> io::Result<()> {
    let now = rustix::process::getrlimit(resource);
    let lower = |limit: Option<u64>| Some(limit.map_or(most, |limit| limit.min(most)));
    let limits = Rlimit {
        current: lower(now.current),
        maximum: lower(now.maximum),
    };
    Ok(rustix::process::setrlimit(resource, limits)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_from_what_a_program_prints() {
        let refusal = "/opt/nope cannot be executed: No such file or directory";
        assert_eq!(
            super::refusal(&format!("matterbot: {refusal}\n")),
            Some(refusal)
        );
        for printed in ["", "no key\n", &format!("loading\n{refusal}\n")] {
            assert_eq!(super::refusal(printed), None, "{printed}");
        }
    }

    #[test]
    fn ours_and_the_supervisors_variables_are_taken_away_and_the_users_own_stay() {
        for name in [
            "MATTERBOT_TOKEN",
            "NOTIFY_SOCKET",
            "LISTEN_FDS",
            "WATCHDOG_USEC",
            "CREDENTIALS_DIRECTORY",
        ] {
            assert!(is_scrubbed(OsStr::new(name)), "{name}");
        }
        for name in ["PATH", "HOME", "HTTPS_PROXY", "SHODAN_KEY", "SSL_CERT_FILE"] {
            assert!(!is_scrubbed(OsStr::new(name)), "{name}");
        }
    }
}
