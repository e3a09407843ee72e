//! The recogniser: which commands a message contains.
//!
//! A built-in is the first word of a message, which then belongs to it whole. The words of `@help`, of lists and of
//! modules are recognised in any place of any line, but for code and quotes; which parts of a message those are, the
//! Markdown parser says. What follows such a word on its line are its arguments, up to the next command.

mod words;

use std::borrow::Cow;
use std::ops::Range;

use super::table::{self, Builtin};
use words::{Word, hidden, words};

pub use words::normalise;

/// The signs of which exactly one makes a word a command.
const SIGILS: [char; 2] = ['@', '!'];

/// The most characters of a word that suggestions look at.
const LONGEST_TYPO: usize = 40;

/// One command in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// Its place among the words of the message, from 0; with the post's id it names the call, whatever words are commands
    /// when it is looked at again.
    pub ordinal: u16,
    /// What is called.
    pub target: Target,
    /// The word as it was typed, in lower case, with its sigil.
    pub word: String,
    /// The words after it; those of a built-in are [normalised](normalise), those of a module are as they were typed.
    pub arguments: Vec<String>,
    /// Whether the word bears a sigil, `@` or `!`: only then is an answer owed where nothing ran.
    pub sigil: bool,
    /// Whether it is the first word of the message.
    pub first: bool,
}

/// What a word calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A command of the bot itself.
    Builtin(Builtin),
    /// The modules that have the word.
    Bind,
}

impl Target {
    /// `word` as an argument.
    fn argument(self, word: &str) -> String {
        match self {
            Self::Builtin(_) => normalise(word).into_owned(),
            Self::Bind => word.to_owned(),
        }
    }
}

/// The words that are commands, by configuration.
#[derive(Debug, Clone)]
pub struct Vocabulary {
    /// Words in lower case without a sigil; of one built-in the first is the one that we print.
    names: Vec<(String, Builtin)>,
    /// Words in lower case, sigil included.
    help_words: Vec<String>,
    /// The same of `@bind`, `@unbind` and `@map`; one that has no word is no command.
    map_words: Vec<(String, Builtin)>,
    /// The same of feeds.
    feed_words: Vec<String>,
}

/// The commands that `mapcmds` has the words of, each before those that are its ending.
const MAPPING: [Builtin; 3] = [Builtin::Unbind, Builtin::Bind, Builtin::Map];

impl Vocabulary {
    /// The words of `helpcmds`, sigils included, and the new names of built-ins: (new name, own name of a built-in).
    ///
    /// A built-in with a new name no longer answers to its own. Help has the words of `helpcmds` and no other; a pair
    /// that names it, or no built-in, is passed over.
    #[must_use]
    pub fn new(help_words: &[String], renamed: &[(String, String)]) -> Self {
        let mut names: Vec<(String, Builtin)> = renamed
            .iter()
            .filter_map(|(new, own)| {
                Some((
                    without_sigil(new).to_lowercase(),
                    table::named(without_sigil(own))?,
                ))
            })
            .filter(|(_, builtin)| *builtin != Builtin::Help)
            .collect();
        for row in &table::TABLE {
            let is_renamed = names.iter().any(|(_, builtin)| *builtin == row.builtin);
            let is_taken = names.iter().any(|(name, _)| name == row.name);
            let has_words = row.builtin == Builtin::Help || MAPPING.contains(&row.builtin);
            if !has_words && !is_renamed && !is_taken {
                names.push((row.name.to_owned(), row.builtin));
            }
        }
        let help_words = help_words.iter().map(|word| word.trim().to_lowercase());
        Self {
            names,
            help_words: help_words.filter(|word| !word.is_empty()).collect(),
            map_words: Vec::new(),
            feed_words: Vec::new(),
        }
    }

    /// With the words of `mapcmds`, sigils included: each is of the command whose name it ends with, the longest such; a
    /// word that ends with none is passed over.
    #[must_use]
    pub fn with_map_words(mut self, words: &[String]) -> Self {
        let named = words.iter().filter_map(|word| {
            let word = word.trim().to_lowercase();
            let builtin = MAPPING
                .into_iter()
                .find(|builtin| word.ends_with(table::row(*builtin).name))?;
            Some((word, builtin))
        });
        self.map_words = named.collect();
        self
    }

    /// With the words of `feedcmds`, sigils included: no module can have them.
    #[must_use]
    pub fn with_feed_words(mut self, words: &[String]) -> Self {
        let words = words.iter().map(|word| word.trim().to_lowercase());
        self.feed_words = words.filter(|word| !word.is_empty()).collect();
        self
    }

    /// Whether there is a word for `builtin`.
    #[must_use]
    pub fn knows(&self, builtin: Builtin) -> bool {
        !MAPPING.contains(&builtin) || self.map_words.iter().any(|(_, named)| *named == builtin)
    }

    /// The commands of `message` in the order in which they stand; empty for ordinary talk. Any text will do, and takes
    /// time in proportion to its length. Of the words of modules those count that `is_bind` knows, which is asked in lower
    /// case; one that is a word of ours is ours.
    #[must_use]
    pub fn parse(&self, message: &str, is_bind: impl Fn(&str) -> bool) -> Vec<Invocation> {
        let Some(first) = words(message).next() else {
            return Vec::new();
        };
        if let Some(builtin) = self.built_in(first.text) {
            // Four spaces before the first word make a block of code of it.
            if hidden(message)
                .iter()
                .any(|range| range.contains(&first.offset))
            {
                return Vec::new();
            }
            let arguments = words(message)
                .skip(1)
                .map(|word| normalise(word.text).into_owned());
            return vec![invocation(
                (0, first.text),
                Target::Builtin(builtin),
                arguments.collect(),
            )];
        }
        self.parse_anywhere(message, is_bind)
    }

    /// The commands that are heard in any place of any line, but for code and quotes.
    fn parse_anywhere(&self, message: &str, is_bind: impl Fn(&str) -> bool) -> Vec<Invocation> {
        let mut hidden = None;
        let mut found: Vec<Invocation> = Vec::new();
        // The word before, and whether what follows on its line belongs to a command.
        let mut before: Option<Word<'_>> = None;
        let mut line = None;
        for (place, word) in words(message).enumerate() {
            let previous = before.replace(word);
            let previous = previous.filter(|previous| previous.line == word.line);
            let target = self.heard(word.text, previous.map(|previous| previous.text), &is_bind);
            // What is code is asked only if it matters: most messages hold no command.
            let target = target.filter(|_| {
                let hidden = hidden.get_or_insert_with(|| self::hidden(message));
                !covers(hidden, word.offset)
            });
            match target {
                Some(target) => {
                    let Ok(ordinal) = u16::try_from(place) else {
                        break;
                    };
                    line = Some(word.line);
                    found.push(invocation((ordinal, word.text), target, Vec::new()));
                }
                None if line == Some(word.line) => {
                    if let Some(last) = found.last_mut() {
                        last.arguments.push(last.target.argument(word.text));
                    }
                }
                None => {}
            }
        }
        found
    }

    /// What `word` calls wherever it stands; what follows a word for help or for a list is what that is about.
    fn heard(
        &self,
        word: &str,
        previous: Option<&str>,
        is_bind: impl Fn(&str) -> bool,
    ) -> Option<Target> {
        // Nearly all words are talk: they are let go by with as little work as possible.
        let word = in_lower_case(word);
        let target = if self.help_words.iter().any(|help| *help == *word) {
            Target::Builtin(Builtin::Help)
        } else if self.is_map(&word) {
            Target::Builtin(Builtin::Map)
        } else if is_bind(&word) && !self.is_ours(&word) {
            Target::Bind
        } else {
            return None;
        };
        let previous = previous.map(str::to_lowercase).unwrap_or_default();
        let explained = self.help_words.contains(&previous);
        let listed = target == Target::Bind && self.is_list_word(&previous);
        (!explained && !listed).then_some(target)
    }

    /// The word under which `builtin` is typed here, with its sigil.
    #[must_use]
    pub fn word(&self, builtin: Builtin) -> String {
        self.word_with('@', builtin)
    }

    /// The words for help, sigils included.
    #[must_use]
    pub fn help_words(&self) -> &[String] {
        &self.help_words
    }

    /// Whether `word`, with any sigil or none, is a word of `builtin`.
    #[must_use]
    pub fn is_word_of(&self, builtin: Builtin, word: &str) -> bool {
        let word = word.trim_start_matches(SIGILS).to_lowercase();
        let mut words = self.words_of(builtin);
        words.any(|known| without_sigil(known) == word)
    }

    /// Whether the word under which `builtin` is typed here is a command with the sigil only that it has.
    #[must_use]
    pub fn has_one_sigil(&self, builtin: Builtin) -> bool {
        let (word, whole) = (self.word(builtin), self.whole_words(builtin));
        let twins = whole
            .iter()
            .filter(|twin| without_sigil(twin) == without_sigil(&word));
        twins.count() == 1
    }

    /// The words of `builtin` that count with the sigil that they have, if it has such.
    fn whole_words(&self, builtin: Builtin) -> Vec<&String> {
        if builtin == Builtin::Help {
            return self.help_words.iter().collect();
        }
        let named = self.map_words.iter();
        let named = named.filter(|(_, named)| *named == builtin);
        named.map(|(word, _)| word).collect()
    }

    /// All words of `builtin`, some with a sigil and some without.
    fn words_of(&self, builtin: Builtin) -> impl Iterator<Item = &String> {
        let named = self.names.iter();
        let named = named.filter(move |(_, named)| *named == builtin);
        let whole = self.whole_words(builtin).into_iter();
        whole.chain(named.map(|(word, _)| word))
    }

    /// At most three words that `word` may have meant, the nearest first, all of commands in `allowed` or among `others`.
    #[must_use]
    pub fn suggestions(&self, word: &str, allowed: &[Builtin], others: &[String]) -> Vec<String> {
        let sigil = if word.starts_with('!') { '!' } else { '@' };
        let typed: String = without_sigil(word)
            .chars()
            .take(LONGEST_TYPO)
            .collect::<String>()
            .to_lowercase();
        let mut near: Vec<(usize, String)> = allowed
            .iter()
            .map(|builtin| self.word_with(sigil, *builtin))
            .chain(others.iter().cloned())
            .filter_map(|known| Some((distance(&typed, without_sigil(&known))?, known)))
            .collect();
        near.sort();
        near.dedup();
        near.into_iter().map(|(_, word)| word).take(3).collect()
    }

    fn word_with(&self, sigil: char, builtin: Builtin) -> String {
        let words = self.whole_words(builtin);
        let fitting = words.iter().find(|word| word.starts_with(sigil));
        if let Some(word) = fitting.or(words.first()) {
            return (*word).clone();
        }
        let name = self.names.iter().find(|(_, named)| *named == builtin);
        format!(
            "{sigil}{}",
            name.map_or(table::row(builtin).name, |(name, _)| name.as_str())
        )
    }

    fn built_in(&self, word: &str) -> Option<Builtin> {
        let lower = word.to_lowercase();
        let bound =
            |(known, builtin): &&(String, Builtin)| *builtin != Builtin::Map && *known == lower;
        if let Some((_, builtin)) = self.map_words.iter().find(bound) {
            return Some(*builtin);
        }
        if !has_sigil(word) {
            return None;
        }
        let name = without_sigil(&lower);
        self.names
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, builtin)| *builtin)
    }

    /// Whether `word`, in lower case, is one of ours, so that no module can have it.
    #[must_use]
    pub fn is_ours(&self, word: &str) -> bool {
        let is_help = || self.help_words.iter().any(|known| known == word);
        self.built_in(word).is_some() || is_help() || self.is_list_word(word)
    }

    fn is_map(&self, word: &str) -> bool {
        let mut words = self.map_words.iter();
        words.any(|(known, builtin)| *builtin == Builtin::Map && known == word)
    }

    /// Whether `word`, in lower case, is about binds or feeds.
    fn is_list_word(&self, word: &str) -> bool {
        self.map_words.iter().any(|(known, _)| known == word) || self.is_feed_word(word)
    }

    /// Whether `word`, in lower case, is about feeds.
    #[must_use]
    pub fn is_feed_word(&self, word: &str) -> bool {
        self.feed_words.iter().any(|known| known == word)
    }
}

/// Whether one of `ranges`, which are in order, holds `offset`.
fn covers(ranges: &[Range<usize>], offset: usize) -> bool {
    let behind = ranges.partition_point(|range| range.end <= offset);
    ranges
        .get(behind)
        .is_some_and(|range| range.contains(&offset))
}

/// The command that `word` is, which stands at `place` among the words of its message.
fn invocation((place, word): (u16, &str), target: Target, arguments: Vec<String>) -> Invocation {
    Invocation {
        ordinal: place,
        target,
        word: word.to_lowercase(),
        arguments,
        sigil: has_sigil(word),
        first: place == 0,
    }
}

/// `word` in lower case; most words are.
fn in_lower_case(word: &str) -> Cow<'_, str> {
    let is_lower = |byte: u8| byte.is_ascii() && !byte.is_ascii_uppercase();
    if word.bytes().all(is_lower) {
        Cow::Borrowed(word)
    } else {
        Cow::Owned(word.to_lowercase())
    }
}

/// Whether `word` starts with exactly one sigil, and goes on.
fn has_sigil(word: &str) -> bool {
    word.strip_prefix(SIGILS)
        .is_some_and(|name| !name.is_empty() && !name.starts_with(SIGILS))
}

fn without_sigil(word: &str) -> &str {
    let word = word.trim();
    word.strip_prefix(SIGILS).unwrap_or(word)
}

/// How far `typed` is from `known`: the typing errors, or 1 for a beginning of two letters; `None` if too far.
fn distance(typed: &str, known: &str) -> Option<usize> {
    if typed.chars().count() >= 2 && known.starts_with(typed) {
        return Some(usize::from(typed != known));
    }
    let errors = strsim::osa_distance(typed, known);
    (errors <= known.chars().count() / 3).then_some(errors)
}
