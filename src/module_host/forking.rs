//! The processes of modules in Python: asked for, made, failed, gone; and the interpreters' own ends.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::time::Instant;

use crate::module::descent;
use crate::module::protocol::{FailureReason, Loading, Stage};

use super::calling::GREETING;
use super::connection::Outlet;
use super::event::{CodeId, InterpreterId, Printer, ProcessId};
use super::host::{Host, Start};
use super::interpreter::{FromInterpreter, Interpreter, Purpose, State};
use super::process::{Condition, Process};

/// How long the import of all modules may take; the interpreter cuts off each that takes too long by itself.
pub(super) const IMPORT: Duration = Duration::from_secs(300);

/// How long an interpreter that was told to end may take.
const ENDING: Duration = Duration::from_secs(2);

impl Host {
    /// Asks an interpreter for a process of the module.
    pub(super) fn fork(
        &mut self,
        id: CodeId,
        interpreter: InterpreterId,
        now: Instant,
    ) -> Result<(), String> {
        let (name, number, descriptors) = self.prepare_fork(id, interpreter, now + GREETING)?;
        match self.interpreters.get_mut(&interpreter) {
            Some(found) if found.state == State::Ready => {
                found.fork(&name, number, descriptors);
                Ok(())
            }
            _ => {
                self.processes.remove(&number);
                self.set_current(id, None);
                Err("its interpreter has ended".to_owned())
            }
        }
    }

    /// Starts an interpreter that imports this module alone and then becomes its process.
    pub(super) fn start_own_interpreter(
        &mut self,
        id: CodeId,
        stage: &Stage,
        now: Instant,
    ) -> Result<(), String> {
        let interpreter = InterpreterId(self.number());
        let until = now + IMPORT;
        let (name, number, descriptors) = self.prepare_fork(id, interpreter, until)?;
        let started = Interpreter::start(
            &self.ourselves,
            stage,
            (Purpose::Own(number), until),
            (Some(&[&*name]), &[]),
            (interpreter, &self.ears),
        );
        match started {
            Ok(mut started) => {
                started.descriptors = descriptors;
                self.interpreters.insert(interpreter, started);
                Ok(())
            }
            Err(error) => {
                self.processes.remove(&number);
                self.set_current(id, None);
                Err(format!("its interpreter cannot be started: {error}"))
            }
        }
    }

    /// What a process will be, with the descriptors that are for it.
    fn prepare_fork(
        &mut self,
        id: CodeId,
        interpreter: InterpreterId,
        until: Instant,
    ) -> Result<(Arc<str>, ProcessId, Vec<OwnedFd>), String> {
        let name = self.codes.get(&id).map(|code| Arc::clone(&code.name));
        let name = name.ok_or("it was given up")?;
        let number = ProcessId(self.number());
        let prepared = self.connect(number, Arc::clone(&name));
        let (input, descriptors) =
            prepared.map_err(|error| format!("its channel cannot be made: {error}"))?;
        let mut process = Process::new(id, Arc::clone(&name), Condition::Starting(until), input);
        process.interpreter = Some(interpreter);
        process.printing = 2;
        self.install(id, number, process);
        Ok((name, number, descriptors))
    }

    /// Our ends of a channel and of two pipes are listened to; theirs are given.
    fn connect(&self, number: ProcessId, name: Arc<str>) -> io::Result<(Outlet, Vec<OwnedFd>)> {
        let (ours, theirs) = StdUnixStream::pair()?;
        let (output, their_output) = io::pipe()?;
        let (errors, their_errors) = io::pipe()?;
        ours.set_nonblocking(true)?;
        let (read, write) = UnixStream::from_std(ours)?.into_split();
        let printer = Printer::Module(number);
        self.ears.hear_prints(printer, output.into())?;
        self.ears.hear_prints(printer, errors.into())?;
        self.ears.hear(number, name, read);
        let descriptors = vec![theirs.into(), their_output.into(), their_errors.into()];
        Ok((Outlet::new(&self.ears.tasks, write), descriptors))
    }

    pub(super) fn hear_interpreter(
        &mut self,
        id: InterpreterId,
        said: FromInterpreter,
        now: Instant,
    ) {
        match said {
            FromInterpreter::Imported {
                python,
                modules,
                problems,
            } => {
                let Some(interpreter) = self.interpreters.get_mut(&id) else {
                    return;
                };
                if matches!(interpreter.state, State::Importing(_)) {
                    interpreter.state = State::Ready;
                }
                match interpreter.purpose {
                    Purpose::Generation(generation) => {
                        self.imported(id, generation, (python, modules, problems), now);
                    }
                    Purpose::Own(process) => {
                        let failure =
                            modules
                                .into_iter()
                                .find_map(|module| match module.staged.loading {
                                    Loading::Failure(failure) => Some(failure.summary),
                                    Loading::Description(_) => None,
                                });
                        self.imported_alone(id, process, failure, now);
                    }
                }
            }
            FromInterpreter::Unusable { reason } => self.interpreter_failed(id, &reason, now),
            FromInterpreter::Forked { module, pid } => self.forked(id, &module, pid, now),
            FromInterpreter::ForkFailed { module, reason } => {
                let interpreter = self.interpreters.get_mut(&id);
                if let Some(process) = interpreter.and_then(|found| found.forking.remove(&module)) {
                    self.fail_start(process, reason, now);
                }
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

    /// The interpreter of one module has imported it.
    fn imported_alone(
        &mut self,
        id: InterpreterId,
        process: ProcessId,
        failure: Option<String>,
        now: Instant,
    ) {
        if let Some(reason) = failure {
            return self.fail_start(process, reason, now);
        }
        let name = self
            .processes
            .get(&process)
            .map(|process| Arc::clone(&process.name));
        if let (Some(name), Some(interpreter)) = (name, self.interpreters.get_mut(&id)) {
            let descriptors = std::mem::take(&mut interpreter.descriptors);
            interpreter.fork(&name, process, descriptors);
        }
    }

    /// The process of a module is there, and takes its calls.
    fn forked(&mut self, id: InterpreterId, module: &str, pid: u32, now: Instant) {
        let interpreter = self.interpreters.get_mut(&id);
        let process = interpreter.and_then(|found| found.forking.remove(module));
        let process = process.and_then(|id| self.processes.get_mut(&id));
        match process {
            Some(process) if matches!(process.condition, Condition::Starting(_)) => {
                process.pid = Some(pid);
                process.condition = Condition::Serving;
                process.greeted = true;
                let code = process.code;
                self.advance(code, now);
            }
            Some(process) => {
                process.pid = Some(pid);
                if process.condition == Condition::Killed {
                    descent::kill_tree(pid);
                }
            }
            // It was given up meanwhile.
            None => descent::kill_tree(pid),
        }
    }

    /// A process that was asked for will not be.
    fn fail_start(&mut self, id: ProcessId, reason: String, now: Instant) {
        if let Some(process) = self.processes.get_mut(&id) {
            process.fault = Some((FailureReason::Died, reason));
            self.bury(id, now);
        }
    }

    /// An interpreter cannot import anything.
    fn interpreter_failed(&mut self, id: InterpreterId, reason: &str, now: Instant) {
        let Some(interpreter) = self.interpreters.get_mut(&id) else {
            return;
        };
        let purpose = interpreter.purpose;
        let was_importing = matches!(interpreter.state, State::Importing(_));
        interpreter.state = State::Killed;
        if let Some(pid) = interpreter.pid() {
            descent::kill_tree(pid);
        }
        match purpose {
            Purpose::Generation(generation) if was_importing => {
                self.not_imported(generation, reason);
            }
            Purpose::Generation(_) => {}
            Purpose::Own(process) => self.fail_unless_greeted(process, reason, now),
        }
    }

    fn fail_unless_greeted(&mut self, process: ProcessId, reason: &str, now: Instant) {
        if self
            .processes
            .get(&process)
            .is_some_and(|process| !process.greeted)
        {
            self.fail_start(process, reason.to_owned(), now);
        }
    }

    /// An interpreter says no more; that of a single module has become its process.
    pub(super) fn interpreter_silent(&mut self, id: InterpreterId, now: Instant) {
        let Some(interpreter) = self.interpreters.get(&id) else {
            return;
        };
        if let (Purpose::Generation(_), State::Importing(_) | State::Ready) =
            (interpreter.purpose, interpreter.state)
        {
            let reason = format!(
                "the interpreter ended while it imported\n{}",
                interpreter.last_words
            );
            self.interpreter_failed(id, reason.trim_end(), now);
        }
    }

    /// A child that is no module has ended.
    pub(super) fn interpreter_exited(&mut self, pid: u32, words: &str, now: Instant) {
        let mut found = self.interpreters.iter();
        let found = found.find(|(_, interpreter)| interpreter.pid() == Some(pid));
        let Some((id, _)) = found else {
            return;
        };
        let id = *id;
        let reason = format!("the interpreter ended ({words})");
        self.interpreter_failed(id, &reason, now);
        self.interpreters.remove(&id);
        let orphans: Vec<u32> = self
            .processes
            .values()
            .filter(|process| process.interpreter == Some(id) && process.exited.is_none())
            .filter_map(|process| process.pid)
            .collect();
        for orphan in orphans {
            descent::kill_tree(orphan);
            self.exited(orphan, words, now);
        }
        self.sweep();
    }

    /// Ends interpreters that nothing needs any more.
    pub(super) fn give_up_interpreters(&mut self, now: Instant) {
        for (id, interpreter) in &mut self.interpreters {
            let is_used = match interpreter.purpose {
                Purpose::Own(process) => self.processes.contains_key(&process),
                Purpose::Generation(generation) => {
                    self.stagings.contains_key(&generation)
                        || self
                            .codes
                            .values()
                            .any(|code| matches!(code.start, Start::Fork(used) if used == *id))
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
        let overdue: Vec<InterpreterId> = self
            .interpreters
            .iter()
            .filter(|(_, interpreter)| interpreter.next_time().is_some_and(|until| until <= now))
            .map(|(id, _)| *id)
            .collect();
        for id in overdue {
            let seconds = IMPORT.as_secs();
            let reason = format!("the modules were not imported within {seconds} s");
            self.interpreter_failed(id, &reason, now);
        }
    }
}
