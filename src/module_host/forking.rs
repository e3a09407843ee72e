//! The processes of modules in Python: asked for, made, failed.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::time::Instant;

use crate::module::process_tree;
use crate::module::protocol::{FailureReason, LoadFailure, Loading, Stage};

use super::calling::GREETING;
use super::connection::LineWriter;
use super::host::Host;
use super::id::{CodeId, InterpreterId, Printer, ProcessId};
use super::interpreter::{Imports, Interpreter, Purpose};
use super::process::{Condition, Process};

/// How long the import of all modules may take; the interpreter cuts off each that takes too long by itself.
pub(super) const IMPORT: Duration = Duration::from_secs(300);

impl Host {
    /// Asks an interpreter for a process of the module; if that interpreter is gone, the module gets one of its own.
    pub(super) fn fork(
        &mut self,
        id: CodeId,
        (interpreter, stage): (InterpreterId, &Stage),
        now: Instant,
    ) -> Result<(), String> {
        if !self.is_ready(interpreter) {
            return self.start_own_interpreter(id, stage, now);
        }
        let (name, number, descriptors) = self.prepare_fork(id, interpreter, now + GREETING)?;
        if let Some(interpreter) = self.interpreters.get(&interpreter) {
            interpreter.fork(&name, number, descriptors);
        }
        Ok(())
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
        let imports = Imports {
            stage,
            only: Some(&[&*name]),
            skip: &[],
            until,
        };
        let purpose = Purpose::Own(number);
        let started = Interpreter::start(
            &self.ourselves,
            purpose,
            &imports,
            interpreter,
            &self.readers,
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
    fn connect(&self, number: ProcessId, name: Arc<str>) -> io::Result<(LineWriter, Vec<OwnedFd>)> {
        let (ours, theirs) = StdUnixStream::pair()?;
        let (output, their_output) = io::pipe()?;
        let (errors, their_errors) = io::pipe()?;
        ours.set_nonblocking(true)?;
        let (read, write) = UnixStream::from_std(ours)?.into_split();
        let printer = Printer::Module(number);
        self.readers.read_prints(printer, output.into())?;
        self.readers.read_prints(printer, errors.into())?;
        self.readers.read_module(number, name, read);
        let descriptors = vec![theirs.into(), their_output.into(), their_errors.into()];
        Ok((LineWriter::new(&self.readers.tasks, write), descriptors))
    }

    /// The interpreter of one module has imported it.
    pub(super) fn imported_alone(
        &mut self,
        id: InterpreterId,
        process: ProcessId,
        failure: Option<LoadFailure>,
        now: Instant,
    ) {
        if let Some(failure) = failure {
            if let Some(process) = self.processes.get_mut(&process) {
                process.remember(failure.text.as_deref().unwrap_or_default());
                process.remember(&failure.trace);
            }
            return self.fail_start(process, failure.summary, now);
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
    pub(super) fn forked(&mut self, id: ProcessId, pid: u32, now: Instant) {
        match self.processes.get_mut(&id) {
            Some(process) if matches!(process.condition, Condition::Starting(_)) => {
                process.pid = Some(pid);
                process.condition = Condition::Serving;
                process.greeted = true;
                let code = process.code;
                let described = self.codes.get(&code);
                if let Some(description) = described.and_then(|code| code.description.clone()) {
                    self.loaded(code, Loading::Description(description), now);
                }
                self.advance(code, now);
            }
            Some(process) => {
                process.pid = Some(pid);
                if process.condition == Condition::Killed {
                    process_tree::kill_tree(pid);
                }
            }
            // It was given up meanwhile.
            None => process_tree::kill_tree(pid),
        }
    }

    /// A process that was asked for will not be.
    pub(super) fn fail_start(&mut self, id: ProcessId, reason: String, now: Instant) {
        if let Some(process) = self.processes.get_mut(&id) {
            process.fault = Some((FailureReason::Died, reason));
            self.finish_process(id, now);
        }
    }
}
