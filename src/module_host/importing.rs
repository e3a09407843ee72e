//! The lives of interpreters: what they say, that they end, that they are needed no more.

use std::time::Duration;

use tokio::time::Instant;

use crate::module::protocol::Loading;
use crate::module::{process_tree, trampoline};

use super::ending::{END_BY_ITSELF, LAST_LINES};
use super::forking::IMPORT;
use super::host::{Host, Start};
use super::id::{InterpreterId, ProcessId};
use super::interpreter::{FromInterpreter, Purpose, State};

/// How long an interpreter that was told to end may take.
const ENDING: Duration = Duration::from_secs(2);

impl Host {
    pub(super) fn hear_interpreter(
        &mut self,
        id: InterpreterId,
        said: FromInterpreter,
        now: Instant,
    ) {
        match said {
            FromInterpreter::Imported { python, modules } => {
                let Some(interpreter) = self.interpreters.get_mut(&id) else {
                    return;
                };
                if matches!(interpreter.state, State::Importing(_)) {
                    interpreter.state = State::Ready;
                }
                match interpreter.purpose {
                    Purpose::Generation(generation) => {
                        self.imported(id, generation, (python, modules), now);
                    }
                    Purpose::Own(process) => {
                        let failure =
                            modules
                                .into_iter()
                                .find_map(|module| match module.staged.loading {
                                    Loading::Failure(failure) => Some(failure),
                                    Loading::Description(_) => None,
                                });
                        self.imported_alone(id, process, failure, now);
                    }
                }
            }
            FromInterpreter::Unusable { reason } => self.interpreter_failed(id, &reason, now),
            FromInterpreter::Forked { process, pid } => self.forked(ProcessId(process), pid, now),
            FromInterpreter::ForkFailed { process, reason } => {
                self.fail_start(ProcessId(process), reason, now);
            }
            FromInterpreter::Ended { pid, status } => {
                let words = match status {
                    0.. => format!("exit status {status}"),
                    _ => format!("killed by signal {}", -status),
                };
                self.exited(pid, &words, now);
            }
            FromInterpreter::Log(log) => self.log(&log.module, &log.level, log.text),
        }
    }

    /// Whether it forks when it is asked to.
    pub(super) fn is_ready(&self, id: InterpreterId) -> bool {
        let interpreter = self.interpreters.get(&id);
        interpreter.is_some_and(|interpreter| interpreter.state == State::Ready)
    }

    /// An interpreter will import nothing any more; it is killed.
    fn interpreter_failed(&mut self, id: InterpreterId, reason: &str, now: Instant) {
        let Some(interpreter) = self.interpreters.get_mut(&id) else {
            return;
        };
        interpreter.state = State::Killed;
        if let Some(pid) = interpreter.pid {
            process_tree::kill_tree(pid);
        }
        match interpreter.purpose {
            Purpose::Generation(generation) => self.not_imported(generation, reason),
            Purpose::Own(process) => {
                let process = self.processes.get_key_value(&process);
                if let Some((id, _)) = process.filter(|(_, process)| !process.greeted) {
                    self.fail_start(*id, reason.to_owned(), now);
                }
            }
        }
    }

    /// An interpreter says no more; that of a single module has become its process.
    pub(super) fn interpreter_output_closed(&mut self, id: InterpreterId, now: Instant) {
        if let Some(interpreter) = self.interpreters.get_mut(&id)
            && let Purpose::Generation(_) = interpreter.purpose
        {
            // Its status says more than its silence does.
            interpreter.ask_to_end(now + END_BY_ITSELF);
        }
    }

    /// A child that is no module has ended: its forks end with it.
    pub(super) fn interpreter_exited(&mut self, pid: u32, words: &str, now: Instant) {
        let mut found = self.interpreters.iter_mut();
        let found = found.find(|(_, interpreter)| interpreter.pid == Some(pid));
        let Some((id, interpreter)) = found else {
            return;
        };
        let id = *id;
        interpreter.pid = None;
        interpreter.state = State::Exited(now + LAST_LINES);
        interpreter.end = format!("the interpreter ended ({words})");
        let orphans: Vec<u32> = self
            .processes
            .values()
            .filter(|process| process.interpreter == Some(id) && process.exited.is_none())
            .filter_map(|process| process.pid)
            .collect();
        for orphan in orphans {
            // Its descendants are left behind, and found as such.
            process_tree::kill(orphan);
            self.exited(orphan, words, now);
        }
        self.sweep_soon(now);
        self.forget_interpreter_if_over(id, now);
    }

    /// One of the streams that an interpreter prints to has come to its end.
    pub(super) fn interpreter_stream_closed(&mut self, id: InterpreterId, now: Instant) {
        if let Some(interpreter) = self.interpreters.get_mut(&id) {
            interpreter.printing = interpreter.printing.saturating_sub(1);
            self.forget_interpreter_if_over(id, now);
        }
    }

    /// Once all that it printed was read, it is told why nothing was imported.
    fn forget_interpreter_if_over(&mut self, id: InterpreterId, now: Instant) {
        let Some(interpreter) = self.interpreters.get(&id) else {
            return;
        };
        let State::Exited(until) = interpreter.state else {
            return;
        };
        if interpreter.printing == 0 || until <= now {
            let reason = match trampoline::refusal(&interpreter.recent_output) {
                Some(refusal) => refusal.to_owned(),
                None => format!("{}\n{}", interpreter.end, interpreter.recent_output),
            };
            self.interpreter_failed(id, reason.trim_end(), now);
            self.interpreters.remove(&id);
        }
    }

    /// Ends interpreters that nothing needs any more.
    pub(super) fn give_up_interpreters(&mut self, now: Instant) {
        for (id, interpreter) in &mut self.interpreters {
            let forks = |start: &Start| matches!(start, Start::Fork(used, _) if used == id);
            let is_used = match interpreter.purpose {
                Purpose::Own(process) => self.processes.contains_key(&process),
                Purpose::Generation(generation) => {
                    self.stagings.contains_key(&generation)
                        || self.codes.values().any(|code| forks(&code.start))
                        || self
                            .processes
                            .values()
                            .any(|process| process.interpreter == Some(*id))
                }
            };
            if !is_used {
                interpreter.ask_to_end(now + ENDING);
            }
        }
    }

    pub(super) fn keep_interpreters_in_time(&mut self, now: Instant) {
        let overdue: Vec<(InterpreterId, State)> = self
            .interpreters
            .iter()
            .filter(|(_, interpreter)| interpreter.next_time().is_some_and(|until| until <= now))
            .map(|(id, interpreter)| (*id, interpreter.state))
            .collect();
        for (id, state) in overdue {
            match state {
                State::Exited(_) => self.forget_interpreter_if_over(id, now),
                State::Importing(_) => {
                    let seconds = IMPORT.as_secs();
                    let reason = format!("the modules were not imported within {seconds} s");
                    self.interpreter_failed(id, &reason, now);
                }
                _ => self.interpreter_failed(id, "the interpreter ended", now),
            }
        }
    }
}
