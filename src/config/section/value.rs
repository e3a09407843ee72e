//! The kinds of values that a key can have; every reader notes what it cannot use, and gives the default then.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Section;
use crate::config::diagnostic::Severity;
use crate::config::notes::Text;
use crate::config::tree::Tree;

impl Section<'_, '_> {
    /// A truth value: `true`, `false`, and without quotes also `yes`, `no`, `on`, `off` (YAML 1.1) and 1 and 0.
    pub(in crate::config) fn truth(&mut self, key: &str, default: bool) -> bool {
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
        let quoted = match value {
            Tree::Text(text) => text.to_lowercase(),
            _ => String::new(),
        };
        match word.as_deref() {
            Some("yes" | "on" | "true") => true,
            // Upstream takes every text for true, so that only of these both mean the same.
            None if matches!(quoted.as_str(), "yes" | "on" | "true") => {
                let text = Text::new("is a text, and read as yes");
                self.warning(key, text.help("write it without quotes"));
                true
            }
            Some("no" | "off" | "false") => false,
            _ => {
                self.unexpected_bare(key, "yes or no", value);
                default
            }
        }
    }

    /// A whole number in `range`.
    pub(in crate::config) fn whole(
        &mut self,
        key: &str,
        default: u32,
        range: RangeInclusive<u32>,
    ) -> u32 {
        let Some(value) = self.take(key) else {
            return default;
        };
        let number = match value {
            Tree::Whole(number) => u32::try_from(*number).ok(),
            Tree::Real(number) => self.without_fraction(key, *number),
            // YAML 1.1 groups digits as in 16_383.
            Tree::Text(text) if self.notes.places.plain(&self.path_of(key)).is_some() => {
                text.replace('_', "").parse().ok()
            }
            Tree::Text(text) => self.without_quotes(key, text),
            _ => None,
        };
        match number.filter(|number| range.contains(number)) {
            Some(number) => number,
            None => {
                let expected = format!("a whole number from {} to {}", range.start(), range.end());
                self.unexpected_bare(key, &expected, value);
                default
            }
        }
    }

    /// The whole number that stands in quotes, with a warning: upstream starts with it.
    fn without_quotes(&mut self, key: &str, text: &str) -> Option<u32> {
        let whole: u32 = text.parse().ok()?;
        let text = Text::new(format!("is a text, and read as {whole}"));
        self.warning(key, text.help("write it without quotes"));
        Some(whole)
    }

    /// The whole number that `number` is, with a warning: upstream starts with it.
    fn without_fraction(&mut self, key: &str, number: f64) -> Option<u32> {
        let whole = format!("{number:.0}").parse().ok();
        let whole = whole.filter(|whole| f64::from(*whole) == number)?;
        let text = Text::new(format!("is read as {whole}"));
        self.warning(key, text.help("write it without a fraction"));
        Some(whole)
    }

    /// A number of seconds in `range`, as upstream writes times: without a unit.
    pub(in crate::config) fn seconds(
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
        self.unexpected_bare(key, &expected, value);
        default
    }

    /// A time with its unit, such as `20s` or `10m`, in `range`.
    pub(in crate::config) fn duration(
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
            match (value, duration) {
                (_, Some(_)) => text,
                (Tree::Whole(number), _) => text.help(format!(
                    "write the unit: {number}s for seconds, {number}m for minutes"
                )),
                _ => text.help("write a number and its unit, such as 20s, 10m or 1h"),
            },
        );
        default
    }

    /// One of the words in `choices`, in any case.
    pub(in crate::config) fn choice<T: Copy>(
        &mut self,
        key: &str,
        default: T,
        choices: &[(&str, T)],
    ) -> T {
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
    pub(in crate::config) fn list(&mut self, key: &str) -> Option<Vec<String>> {
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
                    let text = format!("expected a text, got {}", self.shown_at(&path, item));
                    self.notes.value(Severity::Error, &path, Text::new(text));
                }
            }
        }
        // With a gap in them, the rest would be judged under wrong indices.
        if texts.len() < items.len() {
            texts.clear();
        }
        Some(texts)
    }

    /// A list of commands. One text is taken apart at its spaces, with a warning: upstream starts with it.
    pub(in crate::config) fn words(&mut self, key: &str, default: &[&str]) -> Vec<String> {
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
    pub(in crate::config) fn file(&mut self, key: &str) -> Option<PathBuf> {
        let text = self.text(key)?;
        let home = self.base.home.filter(|home| home.is_absolute());
        let message = match (text.strip_prefix("~/"), home) {
            _ if text.is_empty() || text.contains('\0') => "expected a path",
            (Some(rest), Some(home)) => return Some(home.join(rest)),
            (Some(_), None) => "starts with ~/, but HOME is not set",
            (None, _) if text.starts_with('~') => "only ~/ at the start of a path is understood",
            (None, _) => return Some(self.relative(&text)),
        };
        self.error(key, Text::new(message).help("write the whole path"));
        None
    }

    /// `path`, if it is relative, beside the file.
    pub(in crate::config) fn relative(&self, path: &str) -> PathBuf {
        let path = Path::new(path);
        self.base
            .folder
            .join(path.strip_prefix(".").unwrap_or(path))
    }
}
