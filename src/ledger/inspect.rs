//! What a command reads of the ledger, whether a bot uses it or not.

use std::path::Path;

use super::file::{LedgerFile, OpenError};
use super::run::{self, Run};
use super::schema;

/// What [`inspect`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// The schema; 0 if the file is still empty.
    pub schema: usize,
    /// The latest runs of the bot, newest first, at most [`Run::KEPT`].
    pub runs: Vec<Run>,
}

/// Reads the ledger in `directory`, if there is one, and changes nothing; a bot may be using it.
///
/// # Errors
/// See [`OpenError`]. Damage is found only where it strikes the eye.
pub fn inspect(directory: &Path) -> Result<Option<Inspection>, OpenError> {
    let file = LedgerFile::new(directory)?;
    if !file.path.try_exists().map_err(|source| file.io(source))? {
        return Ok(None);
    }
    let connection = file.connect()?;
    file.check_schema(&connection)?;
    let schema = file.in_context(schema::version(&connection))?;
    let runs = match schema {
        0 => Vec::new(),
        _ => file.in_context(run::latest(&connection))?,
    };
    Ok(Some(Inspection { schema, runs }))
}
