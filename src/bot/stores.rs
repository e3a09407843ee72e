//! The ledger and the audit trail of a start: open, or not, because the disk is full or must not be written.

pub mod reopening;

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::audit::{Audit, AuditError};
use crate::ledger::{self, Ledger, OpenError, Recovered};
use crate::lifecycle::marker;

use super::StartFailure;
use super::causes::causes;
use super::refusal;

/// The ledger and the audit trail, open, with a run of this process begun.
#[derive(Debug)]
pub struct Stores {
    /// The ledger.
    pub ledger: Ledger,
    /// The audit trail.
    pub audit: Audit,
    /// What an earlier process left.
    pub recovered: Recovered,
}

impl Stores {
    /// Ends the run in one `word`, and closes both.
    pub async fn close(self, word: &str) {
        close(self.ledger, &self.audit, word).await;
    }
}

/// Ends the run of `ledger` in one `word`, and closes both: the audit trail last, so that what the ledger takes at the
/// last moment has its line.
pub async fn close(ledger: Ledger, audit: &Audit, word: &str) {
    let ended = ledger.end_run(word).await;
    if let Err(error) = ended.and(ledger.close().await) {
        tracing::error!(error = %causes(&error), "the last marks could not be written");
    }
    audit.close().await;
}

/// What could be opened after all, until the bot starts over with it.
#[derive(Debug, Default)]
pub struct Reopened(Mutex<Option<Stores>>);

impl Reopened {
    fn put(&self, stores: Stores) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(stores);
    }

    /// Takes it, if there is something.
    pub fn take(&self) -> Option<Stores> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Why they cannot be opened.
#[derive(Debug)]
pub enum Unopened {
    /// There is no room, in these words of the system: nothing can run, but that passes.
    NoRoom(String),
    /// A failure that does not pass by itself.
    Failure(StartFailure),
}

impl<E: Into<anyhow::Error>> From<E> for Unopened {
    fn from(error: E) -> Self {
        Self::Failure(error.into().into())
    }
}

/// Opens the ledger and the audit trail in `directory`, and begins a run.
///
/// # Errors
/// See [`Unopened`].
pub async fn open(directory: &Path) -> Result<Stores, Unopened> {
    begin(Ledger::open(directory), directory).await
}

async fn begin(
    opened: Result<(Ledger, Recovered), OpenError>,
    directory: &Path,
) -> Result<Stores, Unopened> {
    let (ledger, recovered) = opened.map_err(refuse)?;
    let boot_id = marker::boot_id()?;
    let begun = match open_audit(directory) {
        // It is opened together with the ledger, or not at all; a run that nothing comes of is not begun.
        Err(Unopened::NoRoom(reason)) => Err(Unopened::NoRoom(reason)),
        audit => {
            // From here on whatever ends this start is counted by the next one.
            let begun = ledger.begin_run(env!("CARGO_PKG_VERSION"), &boot_id).await;
            begun
                .map_err(|unwritable| Unopened::NoRoom(unwritable.reason().to_owned()))
                .and(audit)
        }
    };
    match begun {
        Ok(audit) => Ok(Stores {
            ledger,
            audit,
            recovered,
        }),
        Err(unopened) => {
            // What it could not write is written by whoever opens it next.
            ledger.close().await.ok();
            Err(unopened)
        }
    }
}

fn refuse(error: OpenError) -> Unopened {
    match error.wants_room() {
        Some(reason) => Unopened::NoRoom(reason),
        None => Unopened::Failure(refusal::ledger(error)),
    }
}

fn open_audit(directory: &Path) -> Result<Audit, Unopened> {
    Audit::open(directory).map_err(|error| match &error {
        AuditError::Open { source, .. } if ledger::wants_room(source) => {
            Unopened::NoRoom(format!("the audit trail cannot be opened: {source}"))
        }
        _ => Unopened::Failure(refusal::audit(error)),
    })
}
