//! Commands: text becomes an invocation, an invocation becomes a grant.
//!
//! ```text
//! post ──author──▶ Human ──parse──▶ Invocation ──rate──▶ Go ──role──▶ Grant ──▶ the built-in acts
//! ```
//!
//! Everything here is pure: no clock, no socket. What a decision needs is a parameter.

pub mod author;
pub mod catalogue;
pub mod indicator;
pub mod parse;
pub mod rate;
pub mod role;
pub mod table;

pub use catalogue::Catalogue;
pub use parse::{Invocation, Target, Vocabulary};
pub use role::{Denied, Grant, Policy};
pub use table::{Builtin, Role, Row};
