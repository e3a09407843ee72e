//! The module host: one process per command module, without the bot's token.
//!
//! Its standard input is a unix stream socket. A connected one leads to the bot; at a listening one it accepts one
//! connection, and serves that. It reads no configuration. When the connection ends it kills all its descendants, and
//! ends.
//!
//! ```text
//!            stage                    serve                      nothing refers to it, nothing runs
//!  (folder) ───────▶ code, greeted ─────────▶ code, called ──────────────────────────────▶ (gone)
//!                                                  │ first call            ▲
//!                                                  ▼                       │
//!                        process: starting ──▶ serving ──▶ ending ──▶ killed, and all its descendants
//!                                                  │ a call past its deadline  ▲
//!                                                  └──▶ retired ───────────────┘ its other calls have ended
//! ```

mod calling;
mod connection;
mod ending;
mod event;
mod forking;
mod greeting;
mod host;
mod id;
mod importing;
mod interpreter;
mod log_limit;
mod module_line;
mod process;
mod requests;
mod staging;
pub mod trial;

use std::ffi::OsString;
use std::io;
use std::path::Path;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep_until;

use crate::lifecycle::ExitStatus;
use crate::lifecycle::notify::Notify;
use crate::lifecycle::reexec::Origin;
use crate::module::{process_tree, trampoline};
use crate::tasks::{self, Tasks};

use event::Event;
use host::Host;

/// The arguments of `matterbot module-host`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Become the program named after `--`, as a process of a module
    #[arg(long, hide = true)]
    trampoline: bool,
    /// That program and its arguments
    #[arg(last = true, hide = true, requires = "trampoline")]
    program: Vec<OsString>,
}

/// Hosts modules until the bot is gone.
///
/// # Errors
/// Standard input is no unix stream socket, or the kernel refuses what a host needs.
pub fn run(arguments: &Arguments, origin: &Origin) -> anyhow::Result<ExitStatus> {
    if arguments.trampoline {
        let (program, arguments) = arguments
            .program
            .split_first()
            .context("--trampoline without a program")?;
        return Err(trampoline::jump(program, arguments).into());
    }
    process_tree::become_subreaper().context("becoming the parent of what modules leave behind")?;
    // The threads that start children must not end before this process does: there is only one.
    let runtime = tasks::runtime().context("starting the module host")?;
    let served = runtime.block_on(serve(origin.program()));
    // A folder that is still being read on a disk that hangs holds nothing up.
    runtime.shutdown_background();
    served.map(|()| ExitStatus::Success)
}

async fn serve(program: &Path) -> anyhow::Result<()> {
    let mut signals = Signals::listen().context("listening to signals")?;
    let chores = Tasks::new();
    drop(chores.spawn(feed_watchdog(Notify::of_process())));
    let listening = connection::of_standard_input();
    let bot = tokio::select! {
        bot = listening => bot.context("standard input leads to no bot: it is to be a unix stream socket")?,
        Event::Stop = signals.next() => return Ok(()),
    };
    let (events, mut arriving) = mpsc::unbounded_channel();
    let (listening, mut gone) = oneshot::channel();
    let mut host = Host::start(program.to_owned(), bot, events, listening);
    while !host.is_over() {
        // Every arm only waits; what was not returned is returned by the next turn. However much modules say, the end
        // comes first; and the time is looked at after every event.
        let event = tokio::select! {
            biased;
            _ = &mut gone => Event::BotGone,
            event = signals.next() => event,
            Some(event) = arriving.recv() => event,
            () = sleep_until(host.next_time()) => Event::Time,
        };
        host.handle(event);
    }
    host.end().await;
    Ok(())
}

/// Tells the supervisor that our only thread turns, where it wants to know.
async fn feed_watchdog(notify: Notify) {
    if let Some(period) = notify.watchdog() {
        let mut ticks = tokio::time::interval(period);
        loop {
            ticks.tick().await;
            notify.alive();
        }
    }
}

/// The signals that the host listens to.
struct Signals {
    child: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    /// The end of the terminal is the bot's to notice.
    hang_up: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            child: signal(SignalKind::child())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// The next signal. Cancel-safe.
    async fn next(&mut self) -> Event {
        loop {
            tokio::select! {
                _ = self.child.recv() => return Event::ChildExited,
                _ = self.terminate.recv() => return Event::Stop,
                _ = self.interrupt.recv() => return Event::Stop,
                _ = self.hang_up.recv() => {}
            }
        }
    }
}
