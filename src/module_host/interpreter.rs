//! The interpreter of modules in Python: its start, what it is told and says, the processes that it forks.
//!
//! It is told with JSON lines over a socket, which is its standard input; with the order to fork go three descriptors
//! (`SCM_RIGHTS` of unix(7)): what becomes the channel, the standard output and the standard error of the module.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncWriteExt as _, Interest};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::module::lines::LineReader;
use crate::module::protocol::{LINE_LIMIT, Log, Stage, StagedModule};
use crate::module::{python, trampoline};

use super::event::Event;
use super::id::{InterpreterId, Printer, ProcessId};
use super::process::Readers;

/// How much of what it prints is remembered, in bytes; the last line may go beyond.
const RECENT_OUTPUT: usize = 16 * 1024;

/// What an interpreter says.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum FromInterpreter {
    /// It has imported all that it was to import.
    Imported {
        python: String,
        modules: Vec<ImportedModule>,
    },
    /// It cannot run modules at all.
    Unusable { reason: String },
    /// It has made the process of a module.
    Forked { process: u64, pid: u32 },
    /// It has not.
    ForkFailed { process: u64, reason: String },
    /// The process of a module has ended; the status is negative if it was killed by a signal.
    Ended { pid: u32, status: i32 },
    /// A line for the log.
    Log(Log),
}

/// A module that was imported, or could not be.
#[derive(Debug, Deserialize)]
pub(super) struct ImportedModule {
    #[serde(flatten)]
    pub(super) staged: StagedModule,
    /// It cannot be forked.
    #[serde(default)]
    pub(super) own_process: bool,
    /// What is odd about it, and costs it no more than that.
    #[serde(default)]
    pub(super) problems: Vec<String>,
}

/// What an interpreter is told.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ToInterpreter<'a> {
    Import {
        folder: &'a Path,
        workers: usize,
        only: Option<&'a [&'a str]>,
        skip: &'a [String],
    },
    Fork {
        module: &'a str,
        process: u64,
    },
}

/// A line for an interpreter, and the descriptors that go with it.
type Order = (Vec<u8>, Vec<OwnedFd>);

/// For what an interpreter was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// For the modules of a generation.
    Generation(u64),
    /// For one module that cannot be forked; the interpreter becomes this process.
    Own(ProcessId),
}

/// What an interpreter is to import.
#[derive(Debug)]
pub(super) struct Imports<'a> {
    /// Modules of this stage...
    pub(super) stage: &'a Stage,
    /// ...of which only these, if it is not `None`...
    pub(super) only: Option<&'a [&'a str]>,
    /// ...and none of these...
    pub(super) skip: &'a [String],
    /// ...until then.
    pub(super) until: Instant,
}

/// What an interpreter is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It imports, and is to be done then.
    Importing(Instant),
    /// It forks when it is asked to.
    Ready,
    /// It was told to end, and is killed then.
    Ending(Instant),
    /// It was killed.
    Killed,
    /// It has ended; what it printed is waited for until then.
    Exited(Instant),
}

/// A process that imports modules and forks.
#[derive(Debug)]
pub(super) struct Interpreter {
    pub(super) purpose: Purpose,
    pub(super) state: State,
    /// Its process; `None` once that has ended.
    pub(super) pid: Option<u32>,
    /// How it ended, in words.
    pub(super) end: String,
    /// How many streams it prints to.
    pub(super) printing: usize,
    /// Where it is told; `None` once it was told to end.
    control: Option<mpsc::UnboundedSender<Order>>,
    /// The descriptors for the module that it is to become.
    pub(super) descriptors: Vec<OwnedFd>,
    /// What it printed last, for the case that it imports nothing.
    pub(super) recent_output: String,
}

/// The system's interpreter.
const SYSTEM: &str = "python3";

/// The interpreter that `stage` names, else that of the folder's checkout, else the system's.
pub(super) fn of_stage(stage: &Stage) -> PathBuf {
    if let Some(python) = &stage.python {
        return python.clone();
    }
    of_checkout(stage)
        .filter(|own| own.exists())
        .unwrap_or_else(|| PathBuf::from(SYSTEM))
}

/// That beside the folder as it is named, else that beside where a link leads.
fn of_checkout(stage: &Stage) -> Option<PathBuf> {
    let beside = |folder: &Path| Some(folder.parent()?.join(".venv/bin/python"));
    let named = beside(&stage.folder)?;
    let resolved = std::fs::canonicalize(&stage.folder).ok();
    let resolved = resolved.and_then(|folder| beside(&folder));
    let is_there = |python: &PathBuf| python.exists() || python.is_symlink();
    Some(resolved.filter(|_| !is_there(&named)).unwrap_or(named))
}

/// A sentence if the checkout's environment has lost its interpreter, as it does when the system's is replaced.
pub(super) fn lost(stage: &Stage) -> Option<String> {
    let own = of_checkout(stage).filter(|_| stage.python.is_none())?;
    (own.is_symlink() && !own.exists()).then(|| {
        format!(
            "{} leads nowhere: the environment has lost its interpreter; make it anew. {SYSTEM} runs the modules until then",
            own.display()
        )
    })
}

impl Interpreter {
    /// Starts the interpreter of the stage, which makes `imports`.
    ///
    /// # Errors
    /// It cannot be executed.
    pub(super) fn start(
        ourselves: &Path,
        purpose: Purpose,
        imports: &Imports<'_>,
        id: InterpreterId,
        readers: &Readers,
    ) -> io::Result<Self> {
        let stage = imports.stage;
        let (ours, theirs) = StdUnixStream::pair()?;
        let mut command = trampoline::command(ourselves, &of_stage(stage));
        let (output, their_output) = io::pipe()?;
        let (errors, their_errors) = io::pipe()?;
        command
            .args(["-c", python::BOOTSTRAP])
            .stdin(OwnedFd::from(theirs))
            .stdout(their_output)
            .stderr(their_errors);
        let child = command.spawn()?;
        drop(command);
        ours.set_nonblocking(true)?;
        let (read, write) = UnixStream::from_std(ours)?.into_split();
        readers.read_interpreter(id, read);
        let printer = Printer::Interpreter(id);
        readers.read_prints(printer, output.into())?;
        readers.read_prints(printer, errors.into())?;
        let (control, orders) = mpsc::unbounded_channel();
        drop(readers.tasks.spawn(write_orders(write, orders)));
        let interpreter = Self {
            purpose,
            state: State::Importing(imports.until),
            pid: Some(child.id()),
            end: String::new(),
            printing: 2,
            control: Some(control),
            descriptors: Vec::new(),
            recent_output: String::new(),
        };
        interpreter.order(python::program(), Vec::new());
        let import = ToInterpreter::Import {
            folder: &stage.folder,
            workers: stage.workers,
            only: imports.only,
            skip: imports.skip,
        };
        interpreter.order(line(&import)?, Vec::new());
        Ok(interpreter)
    }

    /// Orders a process for `module`, with its three descriptors.
    pub(super) fn fork(&self, module: &str, process: ProcessId, descriptors: Vec<OwnedFd>) {
        // A name has no keys that could fail.
        let process = process.0;
        let line = line(&ToInterpreter::Fork { module, process }).unwrap_or_default();
        self.order(line, descriptors);
    }

    /// It ends at the end of its orders; not later than then.
    pub(super) fn ask_to_end(&mut self, until: Instant) {
        if matches!(self.state, State::Importing(_) | State::Ready) {
            self.state = State::Ending(until);
            self.control = None;
        }
    }

    /// Remembers a printed line, for the case that it imports nothing.
    pub(super) fn remember(&mut self, text: &str) {
        if self.state != State::Ready && self.recent_output.len() < RECENT_OUTPUT {
            self.recent_output.push_str(text);
            self.recent_output.push('\n');
        }
    }

    pub(super) fn next_time(&self) -> Option<Instant> {
        match self.state {
            State::Importing(until) | State::Ending(until) | State::Exited(until) => Some(until),
            State::Ready | State::Killed => None,
        }
    }

    fn order(&self, line: Vec<u8>, descriptors: Vec<OwnedFd>) {
        if let Some(control) = &self.control {
            // Nobody reads any more: its end is told elsewhere.
            control.send((line, descriptors)).ok();
        }
    }
}

fn line(order: &ToInterpreter<'_>) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(order)?;
    line.push(b'\n');
    Ok(line)
}

impl Readers {
    /// Tells what an interpreter says, to its end.
    fn read_interpreter(&self, id: InterpreterId, control: OwnedReadHalf) {
        let readers = self.clone();
        drop(self.tasks.spawn(async move {
            let mut lines = LineReader::new(control, LINE_LIMIT);
            while let Ok(Some(line)) = lines.next().await {
                let event = match serde_json::from_slice(&line) {
                    Ok(said) => Event::Interpreter(id, Box::new(said)),
                    Err(error) => {
                        let text = format!("a line was not understood: {error}");
                        Event::Printed(Printer::Interpreter(id), text)
                    }
                };
                readers.tell(event);
            }
            readers.tell(Event::InterpreterOutputClosed(id));
        }));
    }
}

/// Writes orders, the descriptors with the first byte of theirs.
async fn write_orders(mut control: OwnedWriteHalf, mut orders: mpsc::UnboundedReceiver<Order>) {
    while let Some((line, descriptors)) = orders.recv().await {
        let stream: &UnixStream = control.as_ref();
        let first = stream.async_io(Interest::WRITABLE, || send(stream, &line, &descriptors));
        let Ok(sent) = first.await else {
            return;
        };
        drop(descriptors);
        if control
            .write_all(line.get(sent..).unwrap_or_default())
            .await
            .is_err()
        {
            return;
        }
    }
}

/// Sends as much of `line` as fits, and `descriptors`.
fn send(stream: &UnixStream, line: &[u8], descriptors: &[OwnedFd]) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let borrowed: Vec<BorrowedFd<'_>> = descriptors.iter().map(|each| each.as_fd()).collect();
    if !borrowed.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(&borrowed)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let line = [IoSlice::new(line)];
    let sent = rustix::net::sendmsg(stream, &line, &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(sent)
}
