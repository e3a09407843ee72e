//! The life of this process: how it starts, restarts and ends.
