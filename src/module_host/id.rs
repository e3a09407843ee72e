//! What processes, interpreters and states of a module's files are told apart by.

/// A process that runs a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ProcessId(pub(super) u64);

/// A process that imports modules in Python and forks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct InterpreterId(pub(super) u64);

/// One state of a module's files, in however many generations it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CodeId(pub(super) u64);

/// Who prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Printer {
    /// A module.
    Module(ProcessId),
    /// An interpreter, or a module while it is imported.
    Interpreter(InterpreterId),
}
