//! Calls: their turn, their process, their end, their deadlines.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::module::protocol::{Call, FailureReason, Hook, ToModule};

use super::connection::LineWriter;
use super::host::{Host, Start, Waiting};
use super::id::{CodeId, Printer, ProcessId};
use super::module_line::failure;
use super::process::{self, Condition, Process};

/// How long a process that was started may take to its greeting.
pub(super) const GREETING: Duration = Duration::from_secs(10);

/// A line for the bot, with the room that it takes.
pub(super) type Told = (Vec<u8>, Option<OwnedSemaphorePermit>);

impl Host {
    pub(super) fn call(&mut self, module: &str, generation: u64, call: Call, now: Instant) {
        let (id, deadline) = (call.id.clone(), call.deadline_ms);
        self.enqueue(
            module,
            generation,
            &ToModule::Call(call),
            (id, deadline),
            now,
        );
    }

    pub(super) fn hook(&mut self, module: &str, generation: u64, hook: Hook, now: Instant) {
        let (id, deadline) = (hook.id.clone(), hook.deadline_ms);
        self.enqueue(
            module,
            generation,
            &ToModule::Hook(hook),
            (id, deadline),
            now,
        );
    }

    fn enqueue(
        &mut self,
        module: &str,
        generation: u64,
        told: &ToModule,
        (id, deadline_ms): (String, u64),
        now: Instant,
    ) {
        let code = self.rosters.get(&generation);
        let code = code.and_then(|roster| roster.get(module)).copied();
        let known = code.and_then(|id| Some((id, self.codes.get_mut(&id)?)));
        let Some((code_id, code)) = known.filter(|(_, code)| code.description.is_some()) else {
            let trace = format!("there is no module {module} in generation {generation}");
            let line = failure(&id, FailureReason::Unknown, trace);
            return self.bot.send(line, None);
        };
        let is_hook = matches!(told, ToModule::Hook(_));
        let first_hook = code.waiting.iter().position(|waiting| waiting.is_hook);
        let place = first_hook
            .filter(|_| !is_hook)
            .unwrap_or(code.waiting.len());
        let waiting = Waiting {
            id,
            is_hook,
            // These types have no keys that could fail.
            line: serde_json::to_vec(told).unwrap_or_default(),
            deadline: now + Duration::from_millis(deadline_ms),
        };
        // Somebody waits for a call, and nobody for a hook, of which there may be many.
        code.waiting.insert(place, waiting);
        self.advance(code_id, now);
    }

    /// Gives waiting calls to the module's process, as many as that takes at once; starts it if there is none.
    pub(super) fn advance(&mut self, id: CodeId, now: Instant) {
        let Some(code) = self.codes.get_mut(&id) else {
            return;
        };
        if code.waiting.is_empty() {
            return;
        }
        let Some(current) = code.current else {
            if let Err(reason) = self.start_process(id, now) {
                self.fail_waiting(id, &reason);
            }
            return;
        };
        let Some(process) = self.processes.get_mut(&current) else {
            return;
        };
        if process.condition != Condition::Serving {
            return;
        }
        while process.calls.len() < code.concurrency
            && let Some(waiting) = code.waiting.pop_front()
        {
            if let Some(input) = &process.input {
                input.send(waiting.line, None);
            }
            process.calls.insert(waiting.id, Some(waiting.deadline));
        }
    }

    /// Starts a process for the module; it takes calls once it has said hello.
    pub(super) fn start_process(&mut self, id: CodeId, now: Instant) -> Result<(), String> {
        let Some(code) = self.codes.get(&id) else {
            return Ok(());
        };
        let name = Arc::clone(&code.name);
        match code.start.clone() {
            Start::Program(file) => {
                let started = process::start_program(&self.ourselves, &file)
                    .map_err(|error| format!("it cannot be started: {error}"))?;
                let number = ProcessId(self.number());
                let broken = |error: std::io::Error| format!("its pipes cannot be used: {error}");
                let input = tokio::net::unix::pipe::Sender::from_owned_fd(started.input);
                let input = LineWriter::new(&self.readers.tasks, input.map_err(broken)?);
                let output = process::receiver(started.output).map_err(broken)?;
                self.readers.read_module(number, Arc::clone(&name), output);
                let printer = Printer::Module(number);
                let prints = self.readers.read_prints(printer, started.errors);
                prints.map_err(broken)?;
                let until = Condition::Starting(now + GREETING);
                let mut process = Process::new(id, name, until, input);
                process.pid = Some(started.pid);
                process.printing = 1;
                self.install(id, number, process);
                Ok(())
            }
            Start::Fork(interpreter, stage) => self.fork(id, (interpreter, &stage), now),
            Start::Own(stage) => self.start_own_interpreter(id, &stage, now),
        }
    }

    /// Makes `process` the one that takes the module's calls.
    pub(super) fn install(&mut self, code: CodeId, number: ProcessId, process: Process) {
        self.processes.insert(number, process);
        self.set_current(code, Some(number));
    }

    pub(super) fn set_current(&mut self, code: CodeId, process: Option<ProcessId>) {
        if let Some(code) = self.codes.get_mut(&code) {
            code.current = process;
        }
    }

    /// No process can be started: nobody waits in vain.
    pub(super) fn fail_waiting(&mut self, id: CodeId, reason: &str) {
        let Some(code) = self.codes.get_mut(&id) else {
            return;
        };
        for waiting in std::mem::take(&mut code.waiting) {
            let line = failure(&waiting.id, FailureReason::Died, reason.to_owned());
            self.bot.send(line, None);
        }
    }

    /// A call has ended, in time or too late.
    pub(super) fn done(&mut self, id: ProcessId, call: &str, told: Option<Told>, now: Instant) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        let Some(deadline) = process.calls.remove(call) else {
            if process.bucket.pass(now.into_std()).is_some() {
                let text = format!("it answered the call {call}, which it was not given");
                let name = Arc::clone(&process.name);
                self.log(&name, "warning", text);
            }
            return;
        };
        if let (Some(_), Some((line, room))) = (deadline, told) {
            self.bot.send(line, room);
        }
        let code = process.code;
        self.kill_if_retired_and_idle(id);
        self.advance(code, now);
    }

    /// Cuts off what is past its deadline.
    pub(super) fn keep_calls_in_time(&mut self, now: Instant) {
        let mut late: Vec<(ProcessId, String)> = Vec::new();
        for (id, process) in &mut self.processes {
            for (call, deadline) in &mut process.calls {
                if deadline.is_some_and(|deadline| deadline <= now) {
                    *deadline = None;
                    late.push((*id, call.clone()));
                }
            }
        }
        for (id, call) in late {
            let trace = "it did not end in time; its process is retired".to_owned();
            let line = failure(&call, FailureReason::Deadline, trace);
            self.bot.send(line, None);
            self.retire(id, now);
        }
        let mut overdue = Vec::new();
        let is_late = |waiting: &Waiting| waiting.deadline <= now;
        for code in self.codes.values_mut() {
            if !code.waiting.iter().any(is_late) {
                continue;
            }
            let (late, waiting) = std::mem::take(&mut code.waiting)
                .into_iter()
                .partition(is_late);
            code.waiting = waiting;
            overdue.extend::<VecDeque<Waiting>>(late);
        }
        for waiting in overdue {
            let trace = "its turn did not come in time".to_owned();
            let line = failure(&waiting.id, FailureReason::Deadline, trace);
            self.bot.send(line, None);
        }
    }

    /// The process takes no new call; another one is started for those that wait.
    fn retire(&mut self, id: ProcessId, now: Instant) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        let code = process.code;
        if process.condition == Condition::Serving {
            process.condition = Condition::Retired;
            self.forget_current(code, id);
        }
        self.kill_if_retired_and_idle(id);
        self.advance(code, now);
    }

    /// The next call of the module starts another process.
    pub(super) fn forget_current(&mut self, code: CodeId, process: ProcessId) {
        if let Some(code) = self.codes.get_mut(&code)
            && code.current == Some(process)
        {
            code.current = None;
        }
    }

    fn kill_if_retired_and_idle(&mut self, id: ProcessId) {
        if let Some(process) = self.processes.get(&id)
            && process.condition == Condition::Retired
            && process.has_nobody_waiting()
        {
            self.kill(id);
        }
    }
}
