//! What a command reads of the ledger, whether a bot uses it or not.

use std::path::Path;

use super::file::{LedgerFile, OpenError};
use super::run::{self, Run};
use super::schema;

/// What [`inspect`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// The schema.
    pub schema: usize,
    /// The latest runs of the bot, newest first, at most [`Run::KEPT`].
    pub runs: Vec<Run>,
}

/// Reads the ledger in `directory`, if there is one, and changes nothing; a bot may be using it.
///
/// # Errors
/// See [`OpenError`]. Damage is found only where it strikes the eye.
pub fn inspect(directory: &Path) -> Result<Option<Inspection>, OpenError> {
    LedgerFile::new(directory)?.read(|connection| {
        Ok(Inspection {
            schema: schema::version(connection)?,
            runs: run::latest(connection)?,
        })
    })
}
