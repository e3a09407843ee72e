//! What can happen to the module host; the list is closed.

use tokio::sync::OwnedSemaphorePermit;

use crate::module::folder::Folder;
use crate::module::protocol::ToHost;

use super::id::{InterpreterId, Printer, ProcessId};
use super::interpreter::FromInterpreter;
use super::module_line::ModuleLine;

/// What happened.
#[derive(Debug)]
pub(super) enum Event {
    /// The bot orders something.
    Order(Box<ToHost>),
    /// The bot answers a request of this process; the line for it.
    Response(ProcessId, Vec<u8>),
    /// The bot says what nobody understands; the sentence tells why.
    NotUnderstood(String),
    /// The bot has gone.
    BotGone,
    /// The folder of a generation was read.
    Scanned(u64, Box<Folder>),
    /// A module says something; the permit is for the room that it takes.
    ModuleLine(ProcessId, ModuleLine, Option<OwnedSemaphorePermit>),
    /// A module will say no more; the sentence tells what was wrong with what it said, if something was.
    OutputClosed(ProcessId, Option<String>),
    /// Something was printed that is not of the protocol.
    Printed(Printer, String),
    /// A stream that was printed to has come to its end.
    StreamClosed(Printer),
    /// An interpreter says something.
    Interpreter(InterpreterId, Box<FromInterpreter>),
    /// An interpreter will say no more.
    InterpreterOutputClosed(InterpreterId),
    /// Some child has ended.
    ChildExited,
    /// A deadline has come.
    Time,
    /// SIGTERM or SIGINT.
    Stop,
}
