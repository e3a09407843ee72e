//! A real `strace` on the bot: what it asked of the kernel, and a `kill -9` at one of these calls.
//!
//! A system call is an instant that can be named and met again. The process dies *before* the call takes effect.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr};
use tokio::time::timeout;

use super::playground::DEADLINE;
use super::program::{command, eventually, needs};

/// The calls that change the state directory, or the process.
const RECORDED: &str = "openat,open,fchmod,write,pwrite64,ftruncate,fsync,fdatasync,rename,renameat,unlink,unlinkat,\
                        flock,execve,clone,clone3,vfork";

/// Longer than anything that is written at once.
const STRINGS: &str = "70000";

/// How long a strace may take to let go of everybody.
const LETTING_GO: Duration = Duration::from_secs(5);

/// Where to kill: at the `nth` call of this name that a thread makes, from 1.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Instant {
    pub(crate) call: String,
    /// Only calls on this file of the state directory count, or on this socket; without one, all.
    pub(crate) file: Option<String>,
    pub(crate) nth: usize,
}

impl Instant {
    pub(crate) fn first(call: &str) -> Self {
        Self::nth(call, 1)
    }

    pub(crate) fn nth(call: &str, nth: usize) -> Self {
        let call = call.to_owned();
        Self {
            call,
            file: None,
            nth,
        }
    }

    pub(crate) fn on(self, file: &str) -> Self {
        let file = Some(file.to_owned());
        Self { file, ..self }
    }

    fn arguments(&self, state: &Path) -> Vec<String> {
        let Self { call, file, nth } = self;
        let mut arguments = vec![
            "-e".to_owned(),
            format!("inject={call}:signal=KILL:when={nth}"),
            "-e".to_owned(),
        ];
        let Some(file) = file else {
            arguments.push(format!("trace={RECORDED},{call}"));
            return arguments;
        };
        let path = match file.starts_with("socket:") {
            true => file.clone(),
            false => state.join(file).to_str().unwrap().to_owned(),
        };
        arguments.extend([format!("trace={call}"), "-P".to_owned(), path]);
        arguments
    }
}

/// Who is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whom {
    /// The main thread alone.
    MainThread,
    /// All threads, and the children.
    Everybody,
}

/// Whether there is a strace; where `CI` is set there has to be one.
pub(crate) fn available() -> bool {
    needs("strace", "strace")
}

/// A strace that looks at a process which runs already, until it is detached or the process ends.
pub(crate) struct Strace {
    child: Child,
    log: Log,
    _said: Lines<BufReader<ChildStderr>>,
}

/// What a strace wrote.
pub(crate) struct Log {
    directory: TempDir,
}

/// One call, once it had an end.
#[derive(Debug, Clone)]
pub(crate) struct Called {
    pub(crate) thread: u32,
    pub(crate) name: String,
    /// What stands between the parentheses.
    pub(crate) arguments: String,
    pub(crate) result: String,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("strace.log")
    }

    /// The command that runs another one under a strace that stays out of its ancestry; it is killed at `instant`.
    pub(crate) fn wrapper(&self, state: &Path, instant: Option<&Instant>) -> Vec<String> {
        let log = self.path().to_str().unwrap().to_owned();
        let fixed = ["strace", "-D", "-f", "-y", "-s", STRINGS, "-o"];
        let mut wrapper: Vec<String> = fixed.map(str::to_owned).to_vec();
        wrapper.push(log);
        wrapper.extend(watched(state, instant));
        wrapper
    }

    pub(crate) fn text(&self) -> String {
        fs::read_to_string(self.path()).unwrap_or_default()
    }

    /// Until the end of process `pid` has been written down, and so all that it did.
    pub(crate) async fn until_end_of(&self, pid: Pid) {
        let begins = format!("{} ", pid.as_raw_nonzero());
        let ended = || {
            let text = self.text();
            text.lines()
                .any(|line| line.starts_with(&begins) && line.contains(" +++ "))
        };
        eventually("the end in strace's log", ended).await;
    }

    /// All calls that came to an end, in the order of their ends.
    pub(crate) fn calls(&self) -> Vec<Called> {
        let mut begun: HashMap<u32, String> = HashMap::new();
        let mut calls = Vec::new();
        for line in self.text().lines() {
            let Some((thread, rest)) = line.split_once(' ') else {
                continue;
            };
            let (thread, rest) = (thread.parse().unwrap(), rest.trim_start());
            if let Some(beginning) = rest.strip_suffix(" <unfinished ...>") {
                begun.insert(thread, beginning.to_owned());
                continue;
            }
            let whole = match rest.split_once(" resumed>") {
                Some((_, end)) if rest.starts_with("<... ") => {
                    begun.remove(&thread).unwrap_or_default() + end
                }
                _ => rest.to_owned(),
            };
            let Some((name, rest)) = whole.split_once('(') else {
                continue;
            };
            // The last one, which the kill forestalled, has no result. The others may have blanks before it.
            let Some((arguments, result)) = rest.rsplit_once(" = ").filter(|it| it.1 != "?") else {
                continue;
            };
            calls.push(Called {
                thread,
                name: name.to_owned(),
                arguments: arguments.trim_end().strip_suffix(')').unwrap().to_owned(),
                result: result.to_owned(),
            });
        }
        calls
    }

    /// The instants of calls `name`, on `file` of the state directory if one is named, that a kill can meet again:
    /// those whose number no other thread reaches earlier.
    pub(crate) fn instants(&self, name: &str, file: Option<&str>) -> Vec<Instant> {
        let mut counts: HashMap<u32, usize> = HashMap::new();
        let mut most = 0;
        let mut instants = Vec::new();
        let concerns = |rest: &str| file.is_none_or(|file| rest.contains(&format!("/{file}>")));
        for called in self.calls() {
            if called.name != name || !concerns(&called.arguments) {
                continue;
            }
            let count = counts.entry(called.thread).or_default();
            *count += 1;
            if *count > most {
                most = *count;
                let instant = Instant::nth(name, most);
                instants.push(file.map_or(instant.clone(), |file| instant.on(file)));
            }
        }
        instants
    }
}

fn watched(state: &Path, instant: Option<&Instant>) -> Vec<String> {
    instant.map_or_else(
        || vec!["-e".to_owned(), format!("trace={RECORDED}")],
        |instant| instant.arguments(state),
    )
}

impl Strace {
    /// Looks at `pid` from here on, and kills it, or its child, at `instant`.
    pub(crate) async fn attach(
        pid: Pid,
        state: &Path,
        whom: Whom,
        instant: Option<&Instant>,
    ) -> Self {
        let log = Log::new();
        let mut strace = command("strace");
        if whom == Whom::Everybody {
            strace.arg("-f");
        }
        strace
            .args(["-y", "-s", STRINGS, "-o"])
            .arg(log.path())
            .args(watched(state, instant))
            .args(["-p", &pid.as_raw_nonzero().to_string()])
            .stdin(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = strace.spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let attached = async {
            while let Some(line) = said.next_line().await.unwrap() {
                assert!(
                    !line.contains("Operation not permitted"),
                    "{line}: run it as root"
                );
                if line.contains(" attached") {
                    return;
                }
            }
            panic!("strace ended without having attached");
        };
        timeout(DEADLINE, attached)
            .await
            .expect("it attaches in time");
        Self {
            child,
            log,
            _said: said,
        }
    }

    /// Until somebody was killed.
    pub(crate) async fn until_killed(&self) {
        let killed = || self.log.text().contains("+++ killed by SIGKILL +++");
        eventually("the kill", killed).await;
    }

    /// Lets go of the process, if it still runs, and gives what was seen.
    pub(crate) async fn detach(mut self) -> Log {
        if let Some(pid) = self.child.id() {
            let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
            // It may have ended by itself, with the process.
            kill_process(pid, Signal::INT).ok();
        }
        if timeout(LETTING_GO, self.child.wait()).await.is_err() {
            // It waits for a process that it has just seen die; the kernel lets go of the others.
            self.child.kill().await.unwrap();
        }
        self.log
    }
}

/// The websocket of `pid` to the server at `port`, as [`Instant::on`] names it: its oldest connection.
pub(crate) fn websocket_of(pid: Pid, port: u64) -> String {
    let process = PathBuf::from(format!("/proc/{}", pid.as_raw_nonzero()));
    // A host without IPv6 has no table of its connections.
    let table = |name: &str| fs::read_to_string(process.join(name)).unwrap_or_default();
    let tables = ["net/tcp", "net/tcp6"].map(table);
    let remote = format!(":{port:04X}");
    let inodes: Vec<&str> = tables
        .iter()
        .flat_map(|table| table.lines())
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|columns| columns[2].ends_with(&remote))
        .map(|columns| columns[9])
        .collect();
    let mut numbers: Vec<u32> = fs::read_dir(process.join("fd"))
        .unwrap()
        .map(|entry| {
            entry
                .unwrap()
                .file_name()
                .to_str()
                .unwrap()
                .parse()
                .unwrap()
        })
        .collect();
    numbers.sort_unstable();
    let links = numbers
        .iter()
        .filter_map(|number| fs::read_link(process.join(format!("fd/{number}"))).ok());
    let mut links = links.map(|link| link.to_str().unwrap().to_owned());
    links
        .find(|link| {
            inodes
                .iter()
                .any(|inode| *link == format!("socket:[{inode}]"))
        })
        .unwrap()
}

/// The processes of this host whose command line names something in `home`.
pub(crate) fn processes_of(home: &Path) -> Vec<String> {
    let home = home.to_str().unwrap();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap() {
        // It may end while it is looked at.
        let line = fs::read(entry.unwrap().path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(home) {
            found.push(line);
        }
    }
    found
}
