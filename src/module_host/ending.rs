//! Ends: of processes, of what they leave behind, of what nothing refers to, of the host.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{WaitOptions, WaitStatus};
use tokio::time::Instant;

use crate::module::process_tree::{self, Processes};
use crate::module::protocol::FailureReason;

use super::calling;
use super::host::Host;
use super::id::{CodeId, Printer, ProcessId};
use super::module_line::failure;
use super::process::Condition;

/// How long a process that was told to end may take.
const ENDING: Duration = Duration::from_secs(2);

/// How long the last lines of a process that has ended are waited for: somebody else may hold its output open. It is
/// rarely waited for, and long enough for a host that gets little of the processor.
pub(super) const LAST_LINES: Duration = Duration::from_secs(2);

/// How long a process that closed its output may take to end by itself.
pub(super) const END_BY_ITSELF: Duration = Duration::from_millis(500);

/// How long and how often it is looked for what an ended process left behind.
const SWEEPING: Duration = Duration::from_secs(1);
const SWEEP: Duration = Duration::from_millis(50);

/// How long the host may take to kill its descendants.
const LAST_KILLS: Duration = Duration::from_millis(1500);
const LAST_KILL: Duration = Duration::from_millis(5);

/// Looking for what ended processes left behind.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sweeping {
    pub(super) until: Instant,
    pub(super) next: Instant,
}

impl Host {
    /// From now on the named generations are called; the others end when nothing runs in them.
    pub(super) fn serve(&mut self, generations: &BTreeMap<String, u64>) {
        let stagings = &self.stagings;
        self.rosters.retain(|generation, roster| {
            if !stagings.contains_key(generation) {
                roster.retain(|name, _| generations.get(name) == Some(generation));
            }
            stagings.contains_key(generation) || !roster.is_empty()
        });
    }

    /// Gives up code that no generation refers to and in which nothing runs, and its process and interpreter.
    pub(super) fn give_up_unused(&mut self, now: Instant) {
        let used: BTreeSet<CodeId> = self
            .rosters
            .values()
            .flat_map(|roster| roster.values().copied())
            .collect();
        let idle: Vec<(CodeId, Option<ProcessId>)> = self
            .codes
            .iter()
            .filter(|(id, code)| !used.contains(id) && code.waiting.is_empty())
            .map(|(id, code)| (*id, code.current))
            .filter(|(_, current)| {
                let process = current.and_then(|current| self.processes.get(&current));
                process.is_none_or(|process| process.calls.is_empty())
            })
            .collect();
        for (id, current) in idle {
            self.codes.remove(&id);
            if let Some(process) = current {
                self.ask_to_end(process, now);
            }
        }
        self.give_up_interpreters(now);
    }

    /// A module ends at the end of what it is told.
    fn ask_to_end(&mut self, id: ProcessId, now: Instant) {
        if let Some(process) = self.processes.get_mut(&id)
            && process.condition != Condition::Killed
        {
            process.condition = Condition::Ending(now + ENDING);
            process.input = None;
        }
    }

    /// Kills a process and its descendants; it takes no more calls.
    pub(super) fn kill(&mut self, id: ProcessId) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        let code = process.code;
        process.condition = Condition::Killed;
        process.input = None;
        if let (Some(pid), None) = (process.pid, &process.exited) {
            process_tree::kill_tree(pid);
        }
        self.forget_greeted(code, id);
    }

    /// The next call is for another process; one that was not greeted is waited for until all is known of its end.
    fn forget_greeted(&mut self, code: CodeId, id: ProcessId) {
        if self
            .processes
            .get(&id)
            .is_some_and(|process| process.greeted)
        {
            self.forget_current(code, id);
        }
    }

    /// A process says no more: it has ended, or it may as well.
    pub(super) fn output_closed(&mut self, id: ProcessId, fault: Option<String>, now: Instant) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        process.output_closed = true;
        if let Some(why) = fault {
            process.fault = Some((FailureReason::Malformed, why));
        }
        if process.exited.is_some() {
            return self.finish_process_if_over(id, now);
        }
        // Its output may be closed a moment before it ends by itself; its status says more than ours would.
        match process.condition {
            Condition::Killed => {}
            _ if process.fault.is_some() => self.kill(id),
            Condition::Ending(_) => {}
            _ => {
                let code = process.code;
                process.condition = Condition::Ending(now + END_BY_ITSELF);
                process.input = None;
                self.forget_greeted(code, id);
            }
        }
    }

    /// Reaps exited children, those too that were left behind.
    pub(super) fn reap(&mut self, now: Instant) {
        while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
            let Ok(pid) = u32::try_from(pid.as_raw_nonzero().get()) else {
                continue;
            };
            self.exited(pid, &words(status), now);
        }
        self.sweep_soon(now);
    }

    /// Looks for what was left behind, again and again for a while, but never without a pause: a module can leave
    /// processes behind faster than they are looked for, and the others are to be heard meanwhile.
    pub(super) fn sweep_soon(&mut self, now: Instant) {
        let next = self.sweeping.map_or(now, |sweeping| sweeping.next);
        self.sweeping = Some(Sweeping {
            until: now + SWEEPING,
            next,
        });
    }

    /// The process `pid` has ended.
    pub(super) fn exited(&mut self, pid: u32, words: &str, now: Instant) {
        let found = self.processes.iter_mut();
        let mut found = found.filter(|(_, process)| process.pid == Some(pid));
        if let Some((id, process)) = found.next() {
            let (id, code) = (*id, process.code);
            process.exited = Some((words.to_owned(), now + LAST_LINES));
            process.input = None;
            self.forget_greeted(code, id);
            self.sweep_soon(now);
            self.finish_process_if_over(id, now);
        } else {
            self.interpreter_exited(pid, words, now);
        }
    }

    /// One of the streams that a process prints to has come to its end.
    pub(super) fn stream_closed(&mut self, printer: Printer, now: Instant) {
        match printer {
            Printer::Module(id) => {
                if let Some(process) = self.processes.get_mut(&id) {
                    process.printing = process.printing.saturating_sub(1);
                    self.finish_process_if_over(id, now);
                }
            }
            Printer::Interpreter(id) => self.interpreter_stream_closed(id, now),
        }
    }

    fn finish_process_if_over(&mut self, id: ProcessId, now: Instant) {
        let process = self.processes.get(&id);
        if process
            .is_some_and(|each| each.exited.is_some() && each.output_closed && each.printing == 0)
        {
            self.finish_process(id, now);
        }
    }

    /// All is known of how a process ended: its calls have failed.
    pub(super) fn finish_process(&mut self, id: ProcessId, now: Instant) {
        let Some(process) = self.processes.remove(&id) else {
            return;
        };
        let code = process.code;
        self.forget_current(code, id);
        let how = process.exited.map_or_else(String::new, |(how, _)| how);
        let (reason, trace) = match process.fault {
            Some(fault) => fault,
            None => (FailureReason::Died, format!("its process ended: {how}")),
        };
        let calls = process.calls.iter();
        for (call, _) in calls.filter(|(_, deadline)| deadline.is_some()) {
            let line = failure(call, reason, trace.clone());
            self.bot.send(line, None);
        }
        if !process.greeted {
            let words: Vec<String> = process.recent_output.into();
            return self.not_greeted(code, &trace, &words.join("\n"), now);
        }
        if reason == FailureReason::Malformed || !process.calls.is_empty() {
            self.log(&process.name, "warning", trace);
        }
        self.advance(code, now);
    }

    /// Does what time has come for.
    pub(super) fn fire_timers(&mut self, now: Instant) {
        self.keep_calls_in_time(now);
        let mut late = Vec::new();
        let mut gone = Vec::new();
        for (id, process) in &self.processes {
            match process.condition {
                Condition::Starting(until) | Condition::Ending(until) if until <= now => {
                    late.push((*id, process.condition));
                }
                _ => {}
            }
            if process
                .exited
                .as_ref()
                .is_some_and(|(_, until)| *until <= now)
            {
                gone.push(*id);
            }
        }
        for (id, condition) in late {
            if let Some(process) = self.processes.get_mut(&id) {
                let seconds = calling::GREETING.as_secs();
                let why = match condition {
                    Condition::Starting(_) => {
                        Some(format!("it did not say hello within {seconds} s"))
                    }
                    _ if process.output_closed => Some("it closed its standard output".to_owned()),
                    _ => None,
                };
                process.fault = why.map(|why| (FailureReason::Died, why));
            }
            self.kill(id);
            // What has no process id yet will not be told to have ended.
            if self
                .processes
                .get(&id)
                .is_some_and(|process| process.pid.is_none())
            {
                self.finish_process(id, now);
            }
        }
        for id in gone {
            self.finish_process(id, now);
        }
        self.keep_interpreters_in_time(now);
        if let Some(sweeping) = self.sweeping.filter(|sweeping| sweeping.next <= now) {
            self.sweep();
            let next = now + SWEEP;
            self.sweeping = (next < sweeping.until).then_some(Sweeping { next, ..sweeping });
        }
    }

    /// Kills what was left behind by modules that are gone: children of ours that no living module has started.
    fn sweep(&self) {
        let modules = self.processes.values();
        let modules: BTreeSet<u32> = modules
            .filter(|process| process.exited.is_none() && process.condition != Condition::Killed)
            .filter_map(|process| process.pid)
            .collect();
        let ours: BTreeSet<u32> = self
            .processes
            .values()
            .filter_map(|process| process.pid)
            .chain(self.interpreters.values().filter_map(|each| each.pid))
            .collect();
        for child in Processes::read().children(std::process::id()) {
            let is_kept = child.ended
                || ours.contains(&child.pid)
                || modules.contains(&child.session)
                || process_tree::mark(child.pid).is_some_and(|mark| modules.contains(&mark));
            if !is_kept {
                process_tree::kill_tree(child.pid);
            }
        }
    }

    /// Kills all our descendants, until there are none.
    pub(super) async fn end(self) {
        let until = Instant::now() + LAST_KILLS;
        let none = BTreeSet::new();
        // The kernel says that there are no children when we have no descendants: what loses its parent becomes ours.
        while process_tree::kill_all(&none) > 0
            || !matches!(
                rustix::process::wait(WaitOptions::NOHANG),
                Err(Errno::CHILD)
            )
        {
            if Instant::now() > until {
                return;
            }
            tokio::time::sleep(LAST_KILL).await;
        }
    }
}

/// How a process ended, in words.
fn words(status: WaitStatus) -> String {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(status), _) => format!("exit status {status}"),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => format!("{status:?}"),
    }
}
