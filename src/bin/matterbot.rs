//! The `matterbot` program.
fn main() {}
