//! The process of a module: its states, its start, and the tasks that read what it says.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use tokio::io::AsyncRead;
use tokio::net::unix::pipe;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::module::lines::{LineError, LineReader};
use crate::module::protocol::{FailureReason, LINE_LIMIT};
use crate::module::trampoline;

use super::connection::{LineWriter, Room};
use super::event::Event;
use super::id::{CodeId, InterpreterId, Printer, ProcessId};
use super::log_limit::{self, TokenBucket};
use super::module_line::{self, ModuleLine};
use super::requests::Requests;

/// How many of its last printed lines are told if it cannot be greeted.
const RECENT_OUTPUT: usize = 20;

/// What a process is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    /// It was started, and is to say hello until then.
    Starting(Instant),
    /// It takes calls.
    Serving,
    /// It takes no new calls, and is killed when those that it has have ended.
    Retired,
    /// It was told to end, and is killed then.
    Ending(Instant),
    /// It was killed.
    Killed,
}

/// A process that runs a module.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) code: CodeId,
    pub(super) name: Arc<str>,
    /// Unknown until the interpreter has forked it.
    pub(super) pid: Option<u32>,
    /// The interpreter that forks it.
    pub(super) interpreter: Option<InterpreterId>,
    pub(super) condition: Condition,
    /// Where it is told; `None` once it was told to end.
    pub(super) input: Option<LineWriter>,
    /// Whether it takes calls, or has taken any.
    pub(super) greeted: bool,
    /// Its calls, with the deadlines of those that are not past them.
    pub(super) calls: BTreeMap<String, Option<Instant>>,
    /// How it ended, in words, and when what it said is waited for no longer.
    pub(super) exited: Option<(String, Instant)>,
    /// It will say no more.
    pub(super) output_closed: bool,
    /// How many streams it prints to.
    pub(super) printing: usize,
    /// Why it was killed, and what that makes of its calls; `None`: its end says it.
    pub(super) fault: Option<(FailureReason, String)>,
    pub(super) recent_output: VecDeque<String>,
    /// What it has asked the bot for.
    pub(super) requests: Requests,
    /// What we log of what it does wrong.
    pub(super) bucket: TokenBucket,
}

/// Whom readers tell, and what they share.
#[derive(Debug, Clone)]
pub(super) struct Readers {
    pub(super) events: mpsc::UnboundedSender<Event>,
    pub(super) room: Room,
    pub(super) tasks: crate::tasks::Tasks,
}

/// Our ends of a process that was started.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) pid: u32,
    pub(super) input: OwnedFd,
    pub(super) output: OwnedFd,
    pub(super) errors: OwnedFd,
}

impl Process {
    pub(super) fn new(
        code: CodeId,
        name: Arc<str>,
        condition: Condition,
        input: LineWriter,
    ) -> Self {
        Self {
            code,
            name,
            pid: None,
            interpreter: None,
            condition,
            input: Some(input),
            greeted: false,
            calls: BTreeMap::new(),
            exited: None,
            output_closed: false,
            printing: 0,
            fault: None,
            recent_output: VecDeque::new(),
            requests: Requests::default(),
            bucket: TokenBucket::new(std::time::Instant::now()),
        }
    }

    /// Remembers a printed line, for the case that there is no greeting.
    pub(super) fn remember(&mut self, text: &str) {
        if !self.greeted {
            if self.recent_output.len() == RECENT_OUTPUT {
                self.recent_output.pop_front();
            }
            self.recent_output.push_back(text.to_owned());
        }
    }

    /// Whether all of its calls are past their deadlines, or it has none.
    pub(super) fn has_nobody_waiting(&self) -> bool {
        self.calls.values().all(Option::is_none)
    }
}

/// Starts the program at `file` in its folder.
///
/// # Errors
/// It cannot be executed.
pub(super) fn start_program(ourselves: &Path, file: &Path) -> io::Result<Started> {
    let mut command = trampoline::command(ourselves, file);
    if let Some(folder) = file.parent() {
        command.current_dir(folder);
    }
    let (theirs, input) = io::pipe()?;
    command.stdin(theirs);
    let (output, theirs) = io::pipe()?;
    command.stdout(theirs);
    let (errors, theirs) = io::pipe()?;
    command.stderr(theirs);
    let child = command.spawn()?;
    Ok(Started {
        pid: child.id(),
        input: input.into(),
        output: output.into(),
        errors: errors.into(),
    })
}

impl Readers {
    /// Tells what a module says on `output`, to its end.
    pub(super) fn read_module(
        &self,
        process: ProcessId,
        name: Arc<str>,
        output: impl AsyncRead + Unpin + Send + 'static,
    ) {
        let readers = self.clone();
        drop(self.tasks.spawn(async move {
            let mut lines = LineReader::new(output, LINE_LIMIT);
            let mut bucket = TokenBucket::new(std::time::Instant::now());
            let fault = loop {
                match lines.next().await {
                    Ok(Some(line)) => {
                        let room = readers.room.take(line.len()).await;
                        // What was printed before an answer is logged before it: its pipe is looked at meanwhile.
                        tokio::task::yield_now().await;
                        let said = module_line::understand(process, &name, line);
                        let is_logged = matches!(said, ModuleLine::Stray(_) | ModuleLine::Log(_));
                        let now = std::time::Instant::now();
                        if let Some(dropped) = if is_logged { bucket.pass(now) } else { Some(0) } {
                            readers.tell_dropped(Printer::Module(process), dropped);
                            readers.tell(Event::ModuleLine(process, said, room));
                        }
                    }
                    Ok(None) | Err(LineError::Read(_)) => break None,
                    Err(error @ LineError::TooLong(_)) => break Some(format!("{error}")),
                }
            };
            readers.tell(Event::OutputClosed(process, fault));
        }));
    }

    /// Tells what is printed on `pipe`, as much as may reach the log.
    ///
    /// # Errors
    /// The kernel takes no more descriptors.
    pub(super) fn read_prints(&self, printer: Printer, pipe: OwnedFd) -> io::Result<()> {
        let readers = self.clone();
        let pipe = receiver(pipe)?;
        drop(self.tasks.spawn(async move {
            let mut lines = LineReader::new(pipe, log_limit::LONGEST);
            let mut bucket = TokenBucket::new(std::time::Instant::now());
            loop {
                let line = match lines.next().await {
                    Ok(Some(line)) | Err(LineError::TooLong(line)) => line,
                    Ok(None) | Err(LineError::Read(_)) => break,
                };
                if let Some(dropped) = bucket.pass(std::time::Instant::now()) {
                    readers.tell_dropped(printer, dropped);
                    let room = readers.room.take(line.len()).await;
                    readers.tell(Event::Printed(printer, log_limit::clip(&line)));
                    drop(room);
                }
            }
            readers.tell(Event::StreamClosed(printer));
        }));
        Ok(())
    }

    /// Tells how many lines did not reach the log, if some did not.
    fn tell_dropped(&self, printer: Printer, dropped: u64) {
        if dropped > 0 {
            let text = format!("{dropped} lines before this one were left out");
            self.tell(Event::Printed(printer, text));
        }
    }

    pub(super) fn tell(&self, event: Event) {
        // The loop has ended if it does not listen.
        self.events.send(event).ok();
    }
}

/// A pipe to read from.
///
/// # Errors
/// The kernel takes no more descriptors.
pub(super) fn receiver(pipe: OwnedFd) -> io::Result<pipe::Receiver> {
    pipe::Receiver::from_owned_fd(pipe)
}
