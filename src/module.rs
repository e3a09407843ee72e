//! Command modules: what is spoken with them, and how their processes are started and ended.
//!
//! A module is a folder with a program, or with Python code in upstream's shape. Modules run below a *module host*, a
//! process without the bot's token; the bot speaks with the host, and the host with one process per module.

pub mod bindmap;
pub mod folder;
pub mod lines;
pub mod link;
pub mod process_tree;
pub mod protocol;
pub mod python;
pub mod standalone;
pub mod trampoline;
pub mod user;
