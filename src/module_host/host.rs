//! What the host has, and what it does about each event.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::Instant;

use crate::module::protocol::{FromHost, Log, PROTOCOL, Stage, ToHost};
use crate::tasks::Tasks;

use super::connection::{self, LineWriter, Room};
use super::ending::Sweeping;
use super::event::Event;
use super::id::{CodeId, InterpreterId, Printer, ProcessId};
use super::interpreter::Interpreter;
use super::log_limit;
use super::module_line::{self, ModuleLine};
use super::process::{Condition, Process, Readers};
use super::staging::Staging;

/// How long nothing may happen; deadlines come before.
const IDLE: Duration = Duration::from_secs(3600);

/// All that the host has.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) ourselves: PathBuf,
    pub(super) bot: LineWriter,
    pub(super) readers: Readers,
    /// The modules of each generation that is being loaded or was.
    pub(super) rosters: BTreeMap<u64, BTreeMap<String, CodeId>>,
    /// What is being loaded.
    pub(super) stagings: BTreeMap<u64, Staging>,
    pub(super) codes: BTreeMap<CodeId, Code>,
    pub(super) processes: BTreeMap<ProcessId, Process>,
    pub(super) interpreters: BTreeMap<InterpreterId, Interpreter>,
    pub(super) sweeping: Option<Sweeping>,
    over: bool,
    counter: u64,
}

/// One state of a module's files.
#[derive(Debug)]
pub(super) struct Code {
    pub(super) name: Arc<str>,
    pub(super) fingerprint: String,
    pub(super) start: Start,
    /// How many calls a process of it runs at once.
    pub(super) concurrency: usize,
    /// Whether it has been greeted; none of its processes takes a call before.
    pub(super) description: Option<crate::module::protocol::Description>,
    /// The process that takes its calls.
    pub(super) current: Option<ProcessId>,
    /// The calls that no process has taken.
    pub(super) waiting: VecDeque<Waiting>,
}

/// How a module's process is started.
#[derive(Debug, Clone)]
pub(super) enum Start {
    /// It is the program in this file.
    Program(PathBuf),
    /// This interpreter has imported it, and forks.
    Fork(InterpreterId, Arc<Stage>),
    /// It gets an interpreter of its own.
    Own(Arc<Stage>),
}

/// A call that waits for its turn.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) id: String,
    pub(super) is_hook: bool,
    /// The line for the module.
    pub(super) line: Vec<u8>,
    pub(super) deadline: Instant,
}

impl Host {
    /// Greets the bot, and listens to it.
    pub(super) fn start(
        ourselves: PathBuf,
        bot: UnixStream,
        events: mpsc::UnboundedSender<Event>,
        listening: oneshot::Sender<()>,
    ) -> Self {
        let tasks = Tasks::new();
        let (read, write) = bot.into_split();
        drop(tasks.spawn(connection::listen(read, events.clone(), listening)));
        let host = Self {
            ourselves,
            bot: LineWriter::new(&tasks, write),
            readers: Readers {
                events,
                room: Room::new(),
                tasks,
            },
            rosters: BTreeMap::new(),
            stagings: BTreeMap::new(),
            codes: BTreeMap::new(),
            processes: BTreeMap::new(),
            interpreters: BTreeMap::new(),
            sweeping: None,
            over: false,
            counter: 0,
        };
        host.tell(&FromHost::Hello {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
        });
        host
    }

    /// Whether the bot is gone, or we are to end.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// Does what `event` asks for, and what time has come for.
    pub(super) fn handle(&mut self, event: Event) {
        let now = Instant::now();
        match event {
            Event::Order(order) => self.handle_order(*order, now),
            Event::Response(process, line) => self.pass_response(process, line),
            Event::NotUnderstood(text) => self.log("", "error", text),
            Event::BotGone | Event::Stop => self.over = true,
            Event::Scanned(generation, folder) => self.scanned(generation, *folder, now),
            Event::ModuleLine(process, said, room) => self.hear(process, said, room, now),
            Event::OutputClosed(process, fault) => self.output_closed(process, fault, now),
            Event::Printed(printer, text) => self.printed(printer, text),
            Event::StreamClosed(printer) => self.stream_closed(printer, now),
            Event::Interpreter(interpreter, said) => {
                self.hear_interpreter(interpreter, *said, now);
            }
            Event::InterpreterOutputClosed(interpreter) => {
                self.interpreter_output_closed(interpreter, now);
            }
            Event::ChildExited => self.reap(now),
            Event::Time => {}
        }
        self.fire_timers(now);
        self.give_up_unused(now);
    }

    fn handle_order(&mut self, order: ToHost, now: Instant) {
        match order {
            ToHost::Stage(stage) => self.stage(stage, now),
            ToHost::Serve { generations } => self.serve(&generations),
            ToHost::Call {
                module,
                generation,
                call,
            } => self.call(&module, generation, call, now),
            ToHost::Hook {
                module,
                generation,
                hook,
            } => self.hook(&module, generation, hook, now),
            // It was passed on by the reader.
            ToHost::Response(_) => {}
        }
    }

    fn hear(
        &mut self,
        id: ProcessId,
        said: ModuleLine,
        room: Option<OwnedSemaphorePermit>,
        now: Instant,
    ) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        let name = Arc::clone(&process.name);
        match said {
            ModuleLine::Hello(description) => self.greeted(id, *description, now),
            ModuleLine::Progress(call, line) => {
                if let Some(Some(_)) = process.calls.get(&call) {
                    self.bot.send(line, room);
                }
            }
            ModuleLine::Done(call, line) => self.done(id, &call, Some((line, room)), now),
            ModuleLine::Malformed(call, why) => {
                let told = (module_line::malformed(&call, why), None);
                self.done(id, &call, Some(told), now);
            }
            ModuleLine::Request(request, line) => self.pass_request(id, request, (line, room)),
            ModuleLine::Log(log) => self.log(&name, &log.level, log.text),
            ModuleLine::Stray(text) => self.printed(Printer::Module(id), text),
        }
    }

    fn printed(&mut self, printer: Printer, text: String) {
        if text.trim().is_empty() {
            return;
        }
        let name = match printer {
            Printer::Module(id) => match self.processes.get_mut(&id) {
                Some(process) => {
                    process.remember(&text);
                    Arc::clone(&process.name)
                }
                None => return,
            },
            Printer::Interpreter(id) => {
                if let Some(interpreter) = self.interpreters.get_mut(&id) {
                    interpreter.remember(&text);
                }
                "".into()
            }
        };
        self.log(&name, "info", text);
    }

    /// The next moment at which something is to be done without an event.
    pub(super) fn next_time(&self) -> Instant {
        let conditions = self
            .processes
            .values()
            .filter_map(|process| match process.condition {
                Condition::Starting(until) | Condition::Ending(until) => Some(until),
                Condition::Serving | Condition::Retired | Condition::Killed => None,
            });
        let calls = self.processes.values();
        let calls = calls.flat_map(|process| process.calls.values().flatten().copied());
        let waiting = self.codes.values();
        let waiting = waiting.flat_map(|code| code.waiting.iter().map(|waiting| waiting.deadline));
        let exits = self.processes.values();
        let exits = exits.filter_map(|process| Some(process.exited.as_ref()?.1));
        let interpreters = self.interpreters.values();
        let interpreters = interpreters.filter_map(Interpreter::next_time);
        conditions
            .chain(calls)
            .chain(waiting)
            .chain(exits)
            .chain(interpreters)
            .chain(self.sweeping.map(|sweeping| sweeping.next))
            .min()
            .unwrap_or_else(|| Instant::now() + IDLE)
    }

    pub(super) fn tell(&self, said: &FromHost) {
        self.bot.send(module_line::line(said), None);
    }

    pub(super) fn log(&self, module: &str, level: &str, text: String) {
        self.tell(&FromHost::Log(Log {
            module: module.to_owned(),
            level: level.to_owned(),
            text: log_limit::shorten(text),
        }));
    }

    /// A number that nothing else has.
    pub(super) fn number(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }
}
