//! One section of the file: its keys are asked for by name, and what nobody asked for is unknown.
//!
//! A value that cannot be used is noted and replaced by the default, so that one reading finds every error.
//! A key without a value counts as a key that is not there.

mod value;

use std::path::Path;

use super::diagnostic::Severity;
use super::locate::KeyPath;
use super::notes::{Notes, Text, shown_number, shown_text};
use super::tree::Tree;

/// Against what paths are resolved.
#[derive(Clone, Copy)]
pub(super) struct Base<'a> {
    /// The folder of the file, absolute.
    pub(super) folder: &'a Path,
    /// The user's own folder.
    pub(super) home: Option<&'a Path>,
}

/// One section; see the head of this file.
pub(super) struct Section<'s, 'n> {
    pub(super) notes: &'s mut Notes<'n>,
    path: KeyPath,
    /// The section itself; `None` if it is not there, or no section.
    tree: Option<&'s Tree>,
    base: Base<'s>,
    asked: Vec<String>,
}

impl<'s, 'n> Section<'s, 'n> {
    /// The whole file.
    pub(super) fn root(notes: &'s mut Notes<'n>, tree: &'s Tree, base: Base<'s>) -> Self {
        let tree = Some(tree);
        Self {
            notes,
            path: Vec::new(),
            tree,
            base,
            asked: Vec::new(),
        }
    }

    /// Reads the section `key`, and notes which of its keys `read` has not asked for.
    pub(super) fn within<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&mut Section<'_, 'n>) -> T,
    ) -> T {
        let tree = match self.take(key) {
            Some(tree @ Tree::Section(_)) => Some(tree),
            Some(other) => {
                self.unexpected(key, "a section with keys of its own", other);
                None
            }
            None => None,
        };
        let path = self.path_of(key);
        let mut section = Section {
            notes: &mut *self.notes,
            path,
            tree,
            base: self.base,
            asked: Vec::new(),
        };
        let read = read(&mut section);
        section.finish();
        read
    }

    /// Notes what nobody has asked for.
    pub(super) fn finish(self) {
        if let Some(Tree::Section(entries)) = self.tree {
            for (key, _) in entries {
                if !self.asked.contains(key) {
                    let mut path = self.path.clone();
                    path.push(key.clone());
                    self.notes.does_not_know(path);
                }
            }
        }
    }

    /// Notes that the file holds no sections at all.
    pub(super) fn not_sections(&mut self) {
        let what = if self.notes.places.any {
            "holds no sections"
        } else {
            "is empty"
        };
        let text =
            Text::new(format!("this file {what}")).help("copy config.example.yaml and fill it in");
        self.notes.value(Severity::Error, &[], text);
    }

    /// Whether the section stands in the file.
    pub(super) fn exists(&self) -> bool {
        self.tree.is_some()
    }

    /// A key of other versions: it does nothing, and is no mistake.
    pub(super) fn dead(&mut self, key: &str, why: &str) {
        self.asked.push(key.to_owned());
        if self.tree.is_some_and(|tree| tree.get(key).is_some()) {
            let path = self.path_of(key);
            self.notes.key(Severity::Warning, &path, Text::new(why));
        }
    }

    /// A text; it may be written like a number or a truth value.
    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        let value = self.take(key)?;
        let path = self.path_of(key);
        let text = self.scalar(value, &path);
        if text.is_none() {
            self.unexpected(key, "a text", value);
        }
        text
    }

    /// A text without which the bot cannot run. Placeholders of upstream's defaults (`<your …>`) are refused.
    pub(super) fn required_text(&mut self, key: &str, what: &str) -> String {
        if self.exists() && self.is_missing(key) {
            self.error_at_section(key, Text::new(format!("is missing: {what}")));
        }
        let Some(text) = self.text(key) else {
            return String::new();
        };
        let text = text.trim();
        if text.is_empty() || is_placeholder(text) {
            let how = if text.is_empty() {
                "empty"
            } else {
                "still the placeholder"
            };
            self.error(
                key,
                Text::new(format!("is {how}")).help(format!("write {what} here")),
            );
        }
        text.to_owned()
    }

    /// Notes an error at the value of `key`.
    pub(super) fn error(&mut self, key: &str, text: Text) {
        let path = self.path_of(key);
        self.notes.value(Severity::Error, &path, text);
    }

    /// Notes a warning at the value of `key`.
    pub(super) fn warning(&mut self, key: &str, text: Text) {
        let path = self.path_of(key);
        self.notes.value(Severity::Warning, &path, text);
    }

    /// Notes a warning at the item at `index` of the list `key`; at the whole value where that is no list.
    pub(super) fn warning_at(&mut self, key: &str, index: usize, text: Text) {
        let is_list = matches!(
            self.tree.and_then(|tree| tree.get(key)),
            Some(Tree::List(_))
        );
        let path = match is_list {
            true => self.item_path(key, index),
            false => self.path_of(key),
        };
        self.notes.value(Severity::Warning, &path, text);
    }

    /// The path of the item at `index` of the list `key`.
    pub(super) fn item_path(&self, key: &str, index: usize) -> KeyPath {
        let mut path = self.path_of(key);
        path.push(format!("[{index}]"));
        path
    }

    /// Notes an error about a key that is not there.
    pub(super) fn error_at_section(&mut self, key: &str, text: Text) {
        let path = self.path_of(key);
        let position = self.notes.places.key(&self.path);
        self.notes
            .push(Severity::Error, Some(position), path.join("."), text);
    }

    /// Asks for a key; without a value it is not there.
    pub(super) fn take(&mut self, key: &str) -> Option<&'s Tree> {
        self.asked.push(key.to_owned());
        self.notes.knows(self.path_of(key));
        self.tree?
            .get(key)
            .filter(|value| !matches!(value, Tree::Null))
    }

    /// Whether `key` is not there, or has no value.
    pub(super) fn is_missing(&self, key: &str) -> bool {
        self.tree
            .is_none_or(|tree| matches!(tree.get(key), None | Some(Tree::Null)))
    }

    /// Whether `key` is missing, or an empty list.
    pub(super) fn is_empty(&self, key: &str) -> bool {
        let value = self.tree.and_then(|tree| tree.get(key));
        self.is_missing(key) || matches!(value, Some(Tree::List(items)) if items.is_empty())
    }

    fn path_of(&self, key: &str) -> KeyPath {
        let mut path = self.path.clone();
        path.push(key.to_owned());
        path
    }

    /// The text of a scalar, as it is written: a team may be called 2024, and a token look like a number.
    fn scalar(&self, value: &Tree, path: &[String]) -> Option<String> {
        let written = || self.notes.places.plain(path).map(str::to_owned);
        match value {
            Tree::Text(text) => Some(text.clone()),
            Tree::Truth(truth) => Some(written().unwrap_or_else(|| truth.to_string())),
            Tree::Whole(number) => Some(written().unwrap_or_else(|| number.to_string())),
            Tree::Real(number) => Some(written().unwrap_or_else(|| number.to_string())),
            Tree::Null | Tree::List(_) | Tree::Section(_) => None,
        }
    }

    fn unexpected(&mut self, key: &str, expected: &str, got: &Tree) {
        let text = Text::new(format!("expected {expected}, got {}", self.shown(key, got)));
        self.error(key, text);
    }

    /// Something that quotes make a text was expected.
    fn unexpected_bare(&mut self, key: &str, expected: &str, got: &Tree) {
        let mut text = Text::new(format!("expected {expected}, got {}", self.shown(key, got)));
        if matches!(got, Tree::Text(_)) && self.notes.places.plain(&self.path_of(key)).is_none() {
            text = text.help("write it without quotes");
        }
        self.error(key, text);
    }

    fn not_a_list(&mut self, key: &str, got: &Tree) {
        let text = Text::new(format!("expected a list, got {}", self.shown(key, got)));
        self.error(
            key,
            text.help(format!(
                "write `{key}: [\"…\"]`, or each entry on a line of its own after `- `"
            )),
        );
    }

    fn shown(&self, key: &str, value: &Tree) -> String {
        self.shown_at(&self.path_of(key), value)
    }

    fn shown_at(&self, path: &[String], value: &Tree) -> String {
        match value {
            Tree::Null => "nothing".to_owned(),
            Tree::List(_) => "a list".to_owned(),
            Tree::Section(_) => "a section".to_owned(),
            Tree::Text(text) => shown_text(text),
            Tree::Truth(_) | Tree::Whole(_) | Tree::Real(_) => {
                shown_number(&self.scalar(value, path).unwrap_or_default())
            }
        }
    }
}

/// Whether `text` is one of the hints that upstream's defaults carry instead of values.
pub(super) fn is_placeholder(text: &str) -> bool {
    text.starts_with('<') && text.ends_with('>')
}
