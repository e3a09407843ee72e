//! What `matterbot check` says about a configuration.

use std::fmt;
use std::path::{Path, PathBuf};

use super::{Diagnostic, Environment, Severity, load};

/// The errors and warnings of a file; displayed, one line for each and one of verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The file as it was named.
    pub file: PathBuf,
    /// Errors and warnings in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads the file at `path` as the bot would, and reports.
#[must_use]
pub fn check(path: &Path, environment: &Environment, strict: bool) -> Report {
    let diagnostics = match load(path, environment, strict) {
        Ok(loaded) => loaded.warnings,
        Err(invalid) => invalid.diagnostics,
    };
    Report {
        file: path.to_path_buf(),
        diagnostics,
    }
}

impl Report {
    /// The exit status of `check`: 0, or 78 (`EX_CONFIG` of sysexits.h) if the bot would not start.
    #[must_use]
    pub fn status(&self) -> u8 {
        if self.count(Severity::Error) == 0 {
            0
        } else {
            78
        }
    }

    /// How many errors and warnings there are, in a line.
    #[must_use]
    pub fn verdict(&self) -> String {
        let file = self.file.display();
        let warnings = counted(self.count(Severity::Warning), "warning");
        match self.count(Severity::Error) {
            0 => format!("{file}: good, {warnings}"),
            errors => format!(
                "{file}: {}, {warnings}; the bot does not start with it",
                counted(errors, "error")
            ),
        }
    }

    fn count(&self, severity: Severity) -> usize {
        self.diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == severity)
            .count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for diagnostic in &self.diagnostics {
            writeln!(formatter, "{diagnostic}")?;
        }
        formatter.write_str(&self.verdict())
    }
}

fn counted(count: usize, what: &str) -> String {
    match count {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}
