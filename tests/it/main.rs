//! The integration tests: one binary, a file per subject, named as the source it proves.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod support;

mod advice;
mod api;
mod audit;
mod audit_command;
mod bindmap;
mod binds;
mod catch_up;
mod command;
mod command_log;
mod config;
mod crash_backoff;
mod decoder;
mod delivery;
mod denials;
mod edits;
mod failures;
mod faults;
mod full_disk;
mod gateway;
mod help;
mod kill_table;
mod late;
mod ledger;
mod logging;
mod marker;
mod missed;
mod module_host;
mod modules;
mod notify;
mod outbox;
mod playground;
mod preflight;
mod recordings;
mod refusal;
mod restart;
mod role;
mod scaffold;
mod signals;
mod soak;
mod state_directory;
mod status;
mod supervisor;
mod survey;
mod terminal;
mod text;
mod tidy;
mod traps;
mod upkeep;
mod welcome;
