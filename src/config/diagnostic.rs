//! What is wrong with a configuration, and where: one line for each error and warning.

use std::fmt;
use std::path::{Path, PathBuf};

/// Whether the bot can start in spite of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Severity {
    /// The bot does not start.
    Error,
    /// The bot starts.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// A place in the file; both numbers count from one, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// Why a file is no YAML, or more than we take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unreadable {
    pub(super) position: Position,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

/// One error or warning; no text in it is the value of `password`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// The file as it was named.
    pub file: PathBuf,
    /// Where in the file; `None` if it is about the file itself or about a variable.
    pub position: Option<Position>,
    /// The key with its sections, such as `Matterbot.port`; empty if it is about no single key.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:", self.file.display())?;
        if let Some(Position { line, column }) = self.position {
            write!(formatter, "{line}:{column}:")?;
        }
        write!(formatter, " {}: ", self.severity)?;
        if !self.key.is_empty() {
            write!(formatter, "{}: ", self.key)?;
        }
        formatter.write_str(&self.message)?;
        if let Some(help) = &self.help {
            write!(formatter, " (help: {help})")?;
        }
        Ok(())
    }
}

/// Why there is no configuration: every error that was found, and the warnings, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// At least one of them is an error.
    pub diagnostics: Vec<Diagnostic>,
}

impl fmt::Display for Invalid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.diagnostics.iter().enumerate() {
            if index > 0 {
                formatter.write_str("\n")?;
            }
            write!(formatter, "{diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Invalid {}

impl Invalid {
    /// Whether the token is among what is wrong.
    #[must_use]
    pub fn is_about_token(&self) -> bool {
        let mut errors = self.diagnostics.iter();
        errors.any(|diagnostic| {
            diagnostic.severity == Severity::Error && diagnostic.key == super::token::KEY
        })
    }

    /// The file itself is the matter.
    pub(super) fn of_file(file: &Path, message: impl Into<String>, help: &str) -> Self {
        Self::one(file, None, message.into(), Some(help.to_owned()))
    }

    /// The file cannot be understood from a place on.
    pub(super) fn unreadable(file: &Path, error: Unreadable) -> Self {
        Self::one(file, Some(error.position), error.message, error.help)
    }

    fn one(file: &Path, position: Option<Position>, message: String, help: Option<String>) -> Self {
        let (file, key) = (file.to_path_buf(), String::new());
        Self {
            diagnostics: vec![Diagnostic {
                severity: Severity::Error,
                file,
                position,
                key,
                message,
                help,
            }],
        }
    }
}
