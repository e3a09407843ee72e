//! The life of this process: how it starts, restarts and ends.

pub mod marker;
pub mod state_directory;
