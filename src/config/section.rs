//! One section of the file: its keys are asked for by name, and what nobody asked for is unknown.
//!
//! A value that cannot be used is noted and replaced by the default, so that one reading finds every error.
//! A key without a value counts as a key that is not there.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::diagnostic::Severity;
use super::locate::KeyPath;
use super::notes::{Notes, Text, shown_text};
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
        let missing = self.exists() && self.is_missing(key);
        let text = self.text(key).unwrap_or_default();
        if missing {
            self.error_at_section(key, Text::new(format!("is missing: {what}")));
        } else if is_placeholder(&text) {
            self.error(
                key,
                Text::new("is still the placeholder").help(format!("write {what} here")),
            );
        }
        text.trim().to_owned()
    }

    /// A truth value: `true`, `false`, and without quotes also `yes`, `no`, `on`, `off` (YAML 1.1) and 1 and 0.
    pub(super) fn truth(&mut self, key: &str, default: bool) -> bool {
        let Some(value) = self.take(key) else {
            return default;
        };
        let plain = self
            .notes
            .places
            .plain(&self.path_of(key))
            .map(str::to_lowercase);
        let word = match (value, plain) {
            (Tree::Truth(truth), _) => return *truth,
            (Tree::Whole(1), _) => return true,
            (Tree::Whole(0), _) => return false,
            (Tree::Text(_), plain) => plain,
            _ => None,
        };
        match word.as_deref() {
            Some("yes" | "on" | "true") => true,
            Some("no" | "off" | "false") => false,
            _ => {
                self.unexpected(key, "yes or no", value);
                default
            }
        }
    }

    /// A whole number in `range`.
    pub(super) fn whole(&mut self, key: &str, default: u32, range: RangeInclusive<u32>) -> u32 {
        let Some(value) = self.take(key) else {
            return default;
        };
        let number = match value {
            Tree::Whole(number) => u32::try_from(*number).ok(),
            // YAML 1.1 groups digits as in 16_383.
            Tree::Text(text) if self.notes.places.plain(&self.path_of(key)).is_some() => {
                text.replace('_', "").parse().ok()
            }
            _ => None,
        };
        match number.filter(|number| range.contains(number)) {
            Some(number) => number,
            None => {
                let expected = format!("a whole number from {} to {}", range.start(), range.end());
                self.unexpected(key, &expected, value);
                default
            }
        }
    }

    /// A number of seconds in `range`, as upstream writes times: without a unit.
    pub(super) fn seconds(
        &mut self,
        key: &str,
        default: u64,
        range: RangeInclusive<f64>,
    ) -> Duration {
        let default = Duration::from_secs(default);
        let Some(value) = self.take(key) else {
            return default;
        };
        let seconds = match value {
            Tree::Whole(number) => i32::try_from(*number).ok().map(f64::from),
            Tree::Real(number) => Some(*number),
            _ => None,
        };
        let duration = seconds
            .filter(|seconds| range.contains(seconds))
            .map(Duration::try_from_secs_f64);
        if let Some(Ok(duration)) = duration {
            return duration;
        }
        let expected = format!(
            "a number of seconds from {} to {}, without a unit",
            range.start(),
            range.end()
        );
        self.unexpected(key, &expected, value);
        default
    }

    /// A time with its unit, such as `20s` or `10m`, in `range`.
    pub(super) fn duration(
        &mut self,
        key: &str,
        default: Duration,
        range: RangeInclusive<Duration>,
    ) -> Duration {
        let Some(value) = self.take(key) else {
            return default;
        };
        let duration = match value {
            Tree::Text(text) => humantime::parse_duration(text).ok(),
            Tree::Whole(0) => Some(Duration::ZERO),
            _ => None,
        };
        if let Some(duration) = duration.filter(|duration| range.contains(duration)) {
            return duration;
        }
        let (from, to) = (
            humantime::format_duration(*range.start()),
            humantime::format_duration(*range.end()),
        );
        let text = Text::new(format!(
            "expected a time from {from} to {to}, got {}",
            self.shown(key, value)
        ));
        self.error(
            key,
            match value {
                Tree::Whole(number) => text.help(format!(
                    "write the unit: {number}s for seconds, {number}m for minutes"
                )),
                _ => text.help("write a number and its unit, such as 20s, 10m or 1h"),
            },
        );
        default
    }

    /// One of the words in `choices`, in any case.
    pub(super) fn choice<T: Copy>(&mut self, key: &str, default: T, choices: &[(&str, T)]) -> T {
        let Some(value) = self.take(key) else {
            return default;
        };
        let word = self.scalar(value, &self.path_of(key)).unwrap_or_default();
        if let Some((_, choice)) = choices
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(&word))
        {
            return *choice;
        }
        let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
        self.unexpected(key, &format!("one of {}", names.join(", ")), value);
        default
    }

    /// A list of texts; `None` if the key is not there.
    pub(super) fn list(&mut self, key: &str) -> Option<Vec<String>> {
        let value = self.take(key)?;
        let Tree::List(items) = value else {
            self.not_a_list(key, value);
            return Some(Vec::new());
        };
        let mut texts = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let path = self.item_path(key, index);
            match self.scalar(item, &path) {
                Some(text) if !text.trim().is_empty() => texts.push(text.trim().to_owned()),
                _ => {
                    let text = format!("expected a text, got {}", self.notes_shown(item, &path));
                    self.notes.value(Severity::Error, &path, Text::new(text));
                }
            }
        }
        Some(texts)
    }

    /// A list of commands. One text is taken apart at its spaces, with a warning: upstream starts with it.
    pub(super) fn words(&mut self, key: &str, default: &[&str]) -> Vec<String> {
        if let Some(Tree::Text(text)) = self.take(key) {
            self.warning(
                key,
                Text::new("expected a list of commands, got one text")
                    .help("write each in quotes, in [ ]"),
            );
            let separates = |character: char| character.is_whitespace() || character == ',';
            return text
                .split(separates)
                .filter(|word| !word.is_empty())
                .map(str::to_owned)
                .collect();
        }
        self.list(key)
            .unwrap_or_else(|| default.iter().copied().map(str::to_owned).collect())
    }

    /// A path; one that is relative is relative to the file, and `~/` is the user's own folder.
    pub(super) fn file(&mut self, key: &str) -> Option<PathBuf> {
        let text = self.text(key)?;
        let message = match (text.strip_prefix("~/"), self.base.home) {
            (Some(rest), Some(home)) => return Some(home.join(rest)),
            (Some(_), None) => "starts with ~/, but HOME is not set",
            (None, _) if text.starts_with('~') => "only ~/ at the start of a path is understood",
            (None, _) if text.is_empty() || text.contains('\0') => {
                "expected a path, got an empty one"
            }
            (None, _) => return Some(self.relative(&text)),
        };
        self.error(key, Text::new(message).help("write the whole path"));
        None
    }

    /// `path`, if it is relative, beside the file.
    pub(super) fn relative(&self, path: &str) -> PathBuf {
        let path = Path::new(path);
        self.base
            .folder
            .join(path.strip_prefix(".").unwrap_or(path))
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

    pub(super) fn is_missing(&self, key: &str) -> bool {
        self.tree
            .is_none_or(|tree| matches!(tree.get(key), None | Some(Tree::Null)))
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
        let quoted =
            matches!(got, Tree::Text(_)) && self.notes.places.plain(&self.path_of(key)).is_none();
        let may_be_unquoted =
            quoted && !expected.starts_with("a text") && !expected.starts_with("one of");
        self.error(
            key,
            if may_be_unquoted {
                text.help("write it without quotes")
            } else {
                text
            },
        );
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
        self.notes_shown(value, &self.path_of(key))
    }

    fn notes_shown(&self, value: &Tree, path: &[String]) -> String {
        match value {
            Tree::Null => "nothing".to_owned(),
            Tree::List(_) => "a list".to_owned(),
            Tree::Section(_) => "a section".to_owned(),
            Tree::Text(text) => shown_text(text),
            Tree::Truth(_) | Tree::Whole(_) | Tree::Real(_) => {
                let text = self.scalar(value, path).unwrap_or_default();
                if text.len() > 19 {
                    shown_text(&text)
                } else {
                    text
                }
            }
        }
    }
}

/// Whether `text` is one of the hints that upstream's defaults carry instead of values.
pub(super) fn is_placeholder(text: &str) -> bool {
    text.starts_with('<') && text.ends_with('>')
}
