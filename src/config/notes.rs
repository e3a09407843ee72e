//! What is noted while a file is read: errors, warnings, and which keys the code has asked for.

use std::path::{Path, PathBuf};

use super::diagnostic::{Diagnostic, Position, Severity};
use super::locate::{KeyPath, Places};

/// The notes of one reading.
pub(super) struct Notes<'a> {
    pub(super) places: &'a Places,
    /// The file as it was named.
    file: PathBuf,
    strict: bool,
    diagnostics: Vec<Diagnostic>,
    /// Every key that the code reads, sections first, in the order of the code.
    known: Vec<KeyPath>,
    /// Every key that the code has not asked for.
    unknown: Vec<KeyPath>,
}

impl<'a> Notes<'a> {
    pub(super) fn new(file: &Path, places: &'a Places, strict: bool) -> Self {
        Self {
            places,
            file: file.to_path_buf(),
            strict,
            diagnostics: Vec::new(),
            known: Vec::new(),
            unknown: Vec::new(),
        }
    }

    /// Notes what is wrong at `position`.
    pub(super) fn push(
        &mut self,
        severity: Severity,
        position: Option<Position>,
        key: String,
        text: Text,
    ) {
        self.diagnostics.push(Diagnostic {
            severity,
            file: self.file.clone(),
            position,
            key,
            message: text.message,
            help: text.help,
        });
    }

    /// Notes that the value at `path` is wrong.
    pub(super) fn value(&mut self, severity: Severity, path: &[String], text: Text) {
        let position = self.places.value(path);
        self.push(severity, Some(position), shown_path(path), text);
    }

    /// Notes that the key at `path` is odd.
    pub(super) fn key(&mut self, severity: Severity, path: &[String], text: Text) {
        let position = self.places.key(path);
        self.push(severity, Some(position), shown_path(path), text);
    }

    /// The code reads the key at `path`.
    pub(super) fn knows(&mut self, path: KeyPath) {
        if !self.known.contains(&path) {
            self.known.push(path);
        }
    }

    /// The code has not asked for the key at `path`.
    pub(super) fn does_not_know(&mut self, path: KeyPath) {
        self.unknown.push(path);
    }

    /// Every key that the code reads, as `Section.key`.
    pub(super) fn known(&self) -> Vec<String> {
        self.known.iter().map(|path| path.join(".")).collect()
    }

    /// The errors and warnings in the order of the file; those about no place in it come first.
    pub(super) fn finish(mut self) -> Vec<Diagnostic> {
        let severity = if self.strict {
            Severity::Error
        } else {
            Severity::Warning
        };
        for path in std::mem::take(&mut self.unknown) {
            let mut text = Text::new("nothing reads this key");
            if let Some(nearest) = self.nearest(&path) {
                text = text.help(format!("did you mean `{nearest}`?"));
            }
            self.key(severity, &path, text);
        }
        for (path, position, earlier) in &self.places.repeated {
            let line = earlier.line;
            let text = Text::new(format!(
                "this key stands here a second time, first in line {line}; the last one counts"
            ))
            .help("remove one of the two");
            self.push(severity, Some(*position), shown_path(path), text);
        }
        self.diagnostics
            .sort_by_key(|diagnostic| diagnostic.position);
        self.diagnostics
    }

    /// The known key that was probably meant: one of a similar name beside it, else one of that name elsewhere.
    fn nearest(&self, path: &[String]) -> Option<String> {
        let (name, section) = path.split_last()?;
        let name = name.to_lowercase();
        let beside = self
            .known
            .iter()
            .filter(|known| known.split_last().is_some_and(|(_, of)| of == section))
            .filter_map(|known| known.last());
        let similar = beside
            .map(|known| {
                (
                    strsim::damerau_levenshtein(&name, &known.to_lowercase()),
                    known,
                )
            })
            .filter(|(distance, known)| *distance <= known.len().div_ceil(3).min(3))
            .min_by_key(|(distance, _)| *distance);
        if let Some((_, known)) = similar {
            return Some(known.clone());
        }
        let elsewhere =
            |known: &&KeyPath| known.last().is_some_and(|last| last.to_lowercase() == name);
        self.known
            .iter()
            .find(elsewhere)
            .map(|known| known.join("."))
    }
}

/// What is said about a place.
pub(super) struct Text {
    message: String,
    help: Option<String>,
}

impl Text {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: None,
        }
    }

    pub(super) fn help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }
}

/// A path as it is shown.
fn shown_path(path: &[String]) -> String {
    let mut shown = String::new();
    for part in path {
        if !shown.is_empty() && !part.starts_with('[') {
            shown.push('.');
        }
        let known_shape = part.len() < TOKEN_LENGTH
            && part
                .chars()
                .all(|character| character.is_ascii_alphanumeric() || "_-.[]".contains(character));
        shown.push_str(if known_shape { part } else { "…" });
    }
    shown
}

/// A text of the file as it is shown: quoted, unless it may be a token that stands under a wrong key.
pub(super) fn shown_text(text: &str) -> String {
    let length = text.chars().count();
    let mut words = text.split(|character: char| !character.is_ascii_alphanumeric());
    let like_a_token = words.any(|word| word.len() >= TOKEN_LENGTH);
    if like_a_token || length > LONGEST_SHOWN {
        format!("a text of {length} characters")
    } else {
        format!("{text:?}")
    }
}

/// A number or truth value of the file as it is shown: a token can look like a number, too.
pub(super) fn shown_number(text: &str) -> String {
    if text.len() < TOKEN_LENGTH {
        text.to_owned()
    } else {
        shown_text(text)
    }
}

/// Tokens of a Mattermost server have 26 letters and digits; what is nearly as long is not shown either.
const TOKEN_LENGTH: usize = 20;

/// The longest text that is quoted.
const LONGEST_SHOWN: usize = 80;
