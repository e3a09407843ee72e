//! Our share of the server's rate limit.

/// Which part of the share a request may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// All but what is kept for lifecycle commands.
    Ordinary,
    /// All of it.
    Lifecycle,
}

/// The limiter; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Limiter;
