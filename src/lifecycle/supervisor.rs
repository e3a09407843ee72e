//! Who brings us back? The process ends for a restart only on proof; else it replaces itself.
//!
//! ```text
//!  service_manager   proved          not proved      not to be found out     contradicted
//!  auto              exit 75         exec            exec                    exec
//!  systemd, s6       exit 75         exec            exec                    refused: nothing happens
//!  exit              exit 75: the operator's word is the proof
//!  none              exec
//! ```
//!
//! `NOTIFY_SOCKET` and `INVOCATION_ID` prove nothing: every child of a service inherits them, so a shell, a tmux server
//! or a container's process has them too.

pub mod systemd;

use std::path::Path;

use crate::timestamp::Timestamp;
use systemd::Doubt;

/// Who brings the bot back after a restart, as the configuration says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceManager {
    /// Whoever proves to; without proof the bot replaces itself.
    Auto,
    /// systemd.
    Systemd,
    /// s6.
    S6,
    /// Somebody whom the bot cannot ask: leave with status 75.
    Exit,
    /// Nobody: the bot replaces itself.
    None,
}

/// How the process leaves for a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Departure {
    /// It ends with status 75, because somebody brings us back.
    Exit(Proof),
    /// It replaces itself (`execve(2)`), because nobody proved to; why not, as a clause (no capital, no full stop).
    Reexec(String),
}

/// What proves that status 75 brings us back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// systemd started us, as the main process of this unit, and the unit starts again after status 75.
    Systemd(String),
    /// Our parent is `s6-supervise`.
    S6,
    /// The operator says so (`service_manager: exit`).
    OperatorsWord,
}

/// Finds out how to leave for a restart.
///
/// `starts` are the starts of this bot by somebody else since the host was booted, this process's own among them, of our
/// clock, as is `now`. They are held against the unit's start limit: a start too many would be the last. Where they are not
/// known, nothing is proved of a unit that has such a limit.
///
/// # Errors
/// The configuration names a supervisor that demonstrably does not bring us back; why, as a clause (no capital, no full
/// stop).
pub async fn departure(
    manager: ServiceManager,
    starts: Option<&[Timestamp]>,
    now: Timestamp,
) -> Result<Departure, String> {
    match manager {
        ServiceManager::None => Ok(Departure::Reexec("service_manager is none".to_owned())),
        ServiceManager::Exit => Ok(Departure::Exit(Proof::OperatorsWord)),
        ServiceManager::S6 => match s6() {
            Ok(proof) => Ok(Departure::Exit(proof)),
            Err(reason) => Err(format!("service_manager is s6, but {reason}")),
        },
        ServiceManager::Systemd => match systemd::proof(starts, now).await {
            Ok(unit) => Ok(Departure::Exit(Proof::Systemd(unit))),
            Err(Doubt::Unproved(reason)) => Ok(Departure::Reexec(reason)),
            Err(Doubt::Contradicted(reason)) => {
                Err(format!("service_manager is systemd, but {reason}"))
            }
        },
        ServiceManager::Auto => Ok(auto(starts, now).await),
    }
}

async fn auto(starts: Option<&[Timestamp]>, now: Timestamp) -> Departure {
    if let Ok(proof) = s6() {
        return Departure::Exit(proof);
    }
    match systemd::proof(starts, now).await {
        Ok(unit) => Departure::Exit(Proof::Systemd(unit)),
        Err(Doubt::Unproved(reason) | Doubt::Contradicted(reason)) => Departure::Reexec(reason),
    }
}

/// `s6-supervise` starts its child again whatever its status, unless `finish` or an operator says otherwise.
fn s6() -> Result<Proof, String> {
    let parent = rustix::process::getppid().ok_or("this process has no parent")?;
    let path = format!("/proc/{}/comm", parent.as_raw_nonzero());
    match std::fs::read_to_string(Path::new(&path)) {
        Ok(name) if name.trim_end() == "s6-supervise" => Ok(Proof::S6),
        Ok(name) => Err(format!(
            "this process was started by {}, not by s6-supervise",
            name.trim_end()
        )),
        Err(error) => Err(format!("{path} cannot be read: {error}")),
    }
}
