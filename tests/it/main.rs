//! The integration tests: one binary, a file per subject, named as the source it proves.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod support;

mod api;
mod audit;
mod catch_up;
mod command;
mod config;
mod decoder;
mod faults;
mod gateway;
mod ledger;
mod marker;
mod playground;
mod recordings;
mod restart;
mod role;
mod text;
mod tidy;
