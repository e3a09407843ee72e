//! A chat-ops bot for Mattermost whose commands have exactly one outcome.
//!
//! One package, one library, and a program per process. The library stands on five floors; a module uses
//! only floors below its own, and a test (`tests/it/tidy.rs`) holds the code to that.
//!
//! **Floor 0, values.** No input or output of their own: identifiers, secrets, instants of the server's clock,
//! back-off, text, and the one place that spawns tasks.
//!
//! **Floor 1, mechanisms.** One outside thing each, ignorant of one another: the Mattermost server, the
//! life of this process, the durable ledger of calls, the audit trail, the log, the command modules.
//!
//! **Floor 2, policy.** Pure: text becomes an invocation, an invocation becomes a grant.
//!
//! **Floor 3, configuration.** The only place that knows YAML and our environment variables.
//!
//! **Floor 4, composition.** One select loop each: make an event, decide, perform. The bot; the module host, which is a
//! process of its own without the token; the playground; and what sets up and starts things.

// These macros panic when the terminal or pipe is gone; `lifecycle::terminal` does not.
#![warn(clippy::print_stdout, clippy::print_stderr)]
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")
)]

// Floor 0: values.
pub mod backoff;
pub mod id;
pub mod secret;
pub mod tasks;
pub mod text;
pub mod timestamp;

// Floor 1: mechanisms.
pub mod audit;
pub mod ledger;
pub mod lifecycle;
pub mod logging;
pub mod mattermost;
pub mod module;

// Floor 2: policy.
pub mod command;

// Floor 3: configuration.
pub mod config;

// Floor 4: composition.
pub mod bot;
pub mod install;
pub mod module_host;
pub mod playground;
pub mod scaffold;
