//! The tree of processes below us: the children of our children, those too that forked twice or left their session.
//!
//! A process whose parent ends becomes a child of ours, since we are a child subreaper (prctl(2)); so nothing that was
//! ever started below us can leave. Which of our modules left it behind, its session or its environment tells.

use std::collections::BTreeSet;
use std::fs;
use std::io;

use rustix::process::{Pid, Signal, WaitOptions};

use super::trampoline::MARK;

/// A process, as /proc tells of it (proc_pid_stat(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// Its parent.
    pub parent: u32,
    /// The process that leads its group.
    pub group: u32,
    /// The process that made its session; 0 where that one is in a PID namespace around ours, as below `docker exec`.
    pub session: u32,
    /// Whether it has ended and nobody has waited for it.
    pub ended: bool,
}

/// All processes that we may see, at one moment.
#[derive(Debug, Clone, Default)]
pub struct Processes(Vec<Process>);

/// From now on processes that are left behind below us become children of ours.
///
/// # Errors
/// The kernel refuses.
pub fn become_subreaper() -> io::Result<()> {
    Ok(rustix::process::set_child_subreaper(Some(
        rustix::process::getpid(),
    ))?)
}

impl Processes {
    /// Reads /proc. A process that ends meanwhile may be missing.
    #[must_use]
    pub fn read() -> Self {
        let ids = fs::read_dir("/proc").into_iter().flatten().flatten();
        let ids = ids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        Self(ids.filter_map(read_process).collect())
    }

    /// The process `pid`.
    #[must_use]
    pub fn find(&self, pid: u32) -> Option<Process> {
        self.0.iter().copied().find(|process| process.pid == pid)
    }

    /// Those whose parent is `parent`.
    pub fn children(&self, parent: u32) -> impl Iterator<Item = Process> {
        let of = move |process: &&Process| process.parent == parent;
        self.0.iter().filter(of).copied()
    }

    /// Sends SIGKILL to all of `found`, and to the groups that no other process is in: of a group none gets away, not even
    /// one that forks and ends faster than we look.
    fn kill(&self, found: &[Process]) {
        let ids: BTreeSet<u32> = found.iter().map(|process| process.pid).collect();
        let others = self.0.iter().filter(|process| !ids.contains(&process.pid));
        let kept: BTreeSet<u32> = others.map(|process| process.group).collect();
        for process in found {
            kill(process.pid);
        }
        let groups: BTreeSet<u32> = found.iter().map(|process| process.group).collect();
        for group in groups.difference(&kept).filter_map(|group| pid(*group)) {
            // All of it may have ended by now.
            rustix::process::kill_process_group(group, Signal::KILL).ok();
        }
    }

    /// All descendants of `root`, without itself, and without `spared` and their descendants.
    #[must_use]
    pub fn descendants(&self, root: u32, spared: &BTreeSet<u32>) -> Vec<Process> {
        let mut found: Vec<Process> = Vec::new();
        let mut parents = vec![root];
        while let Some(parent) = parents.pop() {
            let children = self
                .children(parent)
                .filter(|child| !spared.contains(&child.pid));
            for child in children {
                found.push(child);
                parents.push(child.pid);
            }
        }
        found
    }
}

/// Sends SIGKILL to all our descendants but `spared` and theirs, and reaps exited children of ours. Gives how many are
/// left, which is to be zero after some milliseconds: processes that are being started, or that the kernel still holds.
#[must_use]
pub fn kill_all(spared: &BTreeSet<u32>) -> usize {
    let own = std::process::id();
    let processes = Processes::read();
    let found = processes.descendants(own, spared);
    let (ended, left): (Vec<Process>, Vec<Process>) =
        found.into_iter().partition(|process| process.ended);
    processes.kill(&left);
    for process in ended.iter().filter(|process| process.parent == own) {
        reap(process.pid);
    }
    left.len()
}

/// Sends SIGKILL to `root` and to all its descendants.
pub fn kill_tree(root: u32) {
    let processes = Processes::read();
    // The root first: it would start others in the place of those that die.
    let mut found: Vec<Process> = processes.find(root).into_iter().collect();
    found.extend(processes.descendants(root, &BTreeSet::new()));
    processes.kill(&found);
}

/// The process that `process` belongs to by its environment, which it may have changed.
#[must_use]
pub fn mark(process: u32) -> Option<u32> {
    let environment = fs::read(format!("/proc/{process}/environ")).ok()?;
    let mut variables = environment.split(|byte| *byte == 0);
    variables.find_map(|variable| {
        let value = variable.strip_prefix(MARK.as_bytes())?.strip_prefix(b"=")?;
        std::str::from_utf8(value).ok()?.parse().ok()
    })
}

/// Sends SIGKILL to `process`.
pub fn kill(process: u32) {
    if let Some(pid) = pid(process) {
        // It may have ended by itself.
        rustix::process::kill_process(pid, Signal::KILL).ok();
    }
}

/// Reaps the child `process`, if it has exited.
fn reap(process: u32) {
    if let Some(pid) = pid(process) {
        // Somebody else may have waited for it.
        rustix::process::waitpid(Some(pid), WaitOptions::NOHANG).ok();
    }
}

fn pid(process: u32) -> Option<Pid> {
    i32::try_from(process).ok().and_then(Pid::from_raw)
}

fn read_process(pid: u32) -> Option<Process> {
    // The name in parentheses may hold anything, so that fields are counted from its end.
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let stat = String::from_utf8_lossy(&stat);
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    let session = fields.next()?.parse().ok()?;
    let threads: u32 = fields.nth(13)?.parse().ok()?;
    Some(Process {
        pid,
        parent,
        group,
        session,
        // The first thread may end before the others do.
        ended: matches!(state, "Z" | "X") && threads <= 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, parent: u32) -> Process {
        Process {
            pid,
            parent,
            group: 1,
            session: 1,
            ended: false,
        }
    }

    #[test]
    fn descendants_are_found_through_all_generations() {
        let all = Processes(vec![
            process(2, 1),
            process(3, 2),
            process(4, 3),
            process(5, 1),
            process(6, 5),
            process(7, 9),
        ]);
        let ids = |spared: &[u32]| {
            let spared = spared.iter().copied().collect();
            let mut ids: Vec<u32> = all
                .descendants(1, &spared)
                .iter()
                .map(|process| process.pid)
                .collect();
            ids.sort_unstable();
            ids
        };
        assert_eq!(ids(&[]), [2, 3, 4, 5, 6]);
        assert_eq!(ids(&[3]), [2, 5, 6]);
        assert_eq!(ids(&[5]), [2, 3, 4]);
    }

    #[test]
    fn we_are_among_the_processes_with_our_parent() {
        let own = read_process(std::process::id()).unwrap();
        assert_eq!(own.parent, std::os::unix::process::parent_id());
        assert!(!own.ended);
        assert!(
            Processes::read()
                .children(own.parent)
                .any(|process| process.pid == own.pid)
        );
    }
}
