//! The file of the ledger: how it is opened, checked, migrated and restored.

use std::path::PathBuf;

/// Why the ledger cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file is not one that we would have made.
    #[error("{} is refused: {reason}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The file was written by a newer version.
    #[error(
        "{} has schema {found}, and this program knows none above {known}: run the newer version again, or type \
         `matterbot ledger restore` to go back to {}", path.display(), copy.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema that this program knows.
        known: i64,
        /// The copy that was made before the migration.
        copy: PathBuf,
    },
    /// The file is damaged.
    #[error("{} is damaged ({reason}): type `matterbot ledger restore` to set it aside and go back to the last copy", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What the check found.
        reason: String,
    },
    /// The file cannot be opened, read or written.
    #[error("{} cannot be opened", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The database cannot be used for a reason of its own.
    #[error("{} cannot be used", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
}
