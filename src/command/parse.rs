//! The recogniser: which commands a message contains.
//!
//! A built-in is the first word of a message, which then belongs to it whole. The words of `@help` and `@map` are
//! recognised in any place of any line, but for code and quotes; which parts of a message those are, the Markdown parser
//! says.

use std::borrow::Cow;
use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, Tag};

use super::table::{self, Builtin};

/// The signs of which exactly one makes a word a command.
const SIGILS: [char; 2] = ['@', '!'];

/// The most characters of a word that suggestions look at.
const LONGEST_TYPO: usize = 40;

/// One command in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// Its place among the commands of the message, from 0; with the post's id it names the call.
    pub ordinal: u16,
    /// The command.
    pub builtin: Builtin,
    /// The word as it was typed, in lower case, with its sigil.
    pub word: String,
    /// The words after it, as they stand in the [normalised](normalise) message.
    pub arguments: Vec<String>,
    /// Whether the word bears a sigil, `@` or `!`: only then is an answer owed where nothing ran.
    pub sigil: bool,
    /// Whether it is the first word of the message.
    pub first: bool,
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

    /// Whether there is a word for `builtin`.
    #[must_use]
    pub fn knows(&self, builtin: Builtin) -> bool {
        !MAPPING.contains(&builtin) || self.map_words.iter().any(|(_, named)| *named == builtin)
    }

    /// The commands of `message` in the order in which they stand; empty for ordinary talk. Any text will do, and takes
    /// time in proportion to its length.
    #[must_use]
    pub fn parse(&self, message: &str) -> Vec<Invocation> {
        let message = normalise(message);
        let mut words = words(&message);
        let Some(first) = words.next() else {
            return Vec::new();
        };
        if let Some(builtin) = self.built_in(first.text) {
            // Four spaces before the first word make a block of code of it.
            if hidden(&message)
                .iter()
                .any(|range| range.contains(&first.offset))
            {
                return Vec::new();
            }
            let arguments = words.map(|word| word.text.to_owned()).collect();
            return vec![invocation(0, builtin, first.text, arguments, true)];
        }
        self.parse_anywhere(&message, first.offset)
    }

    /// The commands that may stand anywhere; `first` is where the first word of the message stands.
    fn parse_anywhere(&self, message: &str, first: usize) -> Vec<Invocation> {
        if !words(message).any(|word| self.anywhere(word.text).is_some()) {
            return Vec::new();
        }
        let hidden = hidden(message);
        let mut hidden = hidden.iter().peekable();
        let mut found: Vec<Invocation> = Vec::new();
        let mut line = None;
        for word in words(message) {
            while hidden.next_if(|range| range.end <= word.offset).is_some() {}
            let is_hidden = hidden
                .peek()
                .is_some_and(|range| range.contains(&word.offset));
            // Behind a word of help stands what help is asked about.
            let explained = |builtin: &Builtin| {
                *builtin != Builtin::Help
                    && line == Some(word.line)
                    && found.last().is_some_and(Invocation::is_bare_help)
            };
            let command = self.anywhere(word.text).filter(|_| !is_hidden);
            if let Some(builtin) = command.filter(|builtin| !explained(builtin)) {
                let Ok(ordinal) = u16::try_from(found.len()) else {
                    break;
                };
                line = Some(word.line);
                let is_first = word.offset == first;
                found.push(invocation(
                    ordinal,
                    builtin,
                    word.text,
                    Vec::new(),
                    is_first,
                ));
            } else if line == Some(word.line)
                && let Some(last) = found.last_mut()
            {
                last.arguments.push(word.text.to_owned());
            }
        }
        found
    }

    /// The word under which `builtin` is typed here, with its sigil.
    #[must_use]
    pub fn word(&self, builtin: Builtin) -> String {
        self.word_with('@', builtin)
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
        let words: Vec<&String> = if builtin == Builtin::Help {
            self.help_words.iter().collect()
        } else {
            let named = self.map_words.iter();
            let named = named.filter(|(_, named)| *named == builtin);
            named.map(|(word, _)| word).collect()
        };
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

    /// The command that `word` is in any place of a message.
    fn anywhere(&self, word: &str) -> Option<Builtin> {
        let word = word.to_lowercase();
        if self.help_words.contains(&word) {
            return Some(Builtin::Help);
        }
        let is_map = self.map_words.contains(&(word, Builtin::Map));
        is_map.then_some(Builtin::Map)
    }
}

impl Invocation {
    /// Whether it is a request for help that says nothing yet of what about.
    fn is_bare_help(&self) -> bool {
        self.builtin == Builtin::Help && self.arguments.is_empty()
    }
}

/// `message` as the recogniser reads it: the quotes and dashes that phones make of `"`, `'` and `--` are turned back.
#[must_use]
pub fn normalise(message: &str) -> Cow<'_, str> {
    if message.is_ascii() {
        return Cow::Borrowed(message);
    }
    let mut normal = String::with_capacity(message.len());
    let mut at_start = true;
    let mut characters = message.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\u{2018}'..='\u{201b}' => normal.push('\''),
            '\u{201c}'..='\u{201f}' => normal.push('"'),
            '\u{2013}' | '\u{2014}'
                if at_start && characters.peek().is_some_and(char::is_ascii_alphabetic) =>
            {
                normal.push_str("--");
            }
            other => normal.push(other),
        }
        at_start = character.is_whitespace();
    }
    Cow::Owned(normal)
}

/// A word of a message.
struct Word<'a> {
    text: &'a str,
    /// Where it stands in the message, in bytes.
    offset: usize,
    /// The line that it stands on, from 0.
    line: usize,
}

/// The words of `message`, apart at any white space, non-breaking too; marks that are not seen are taken off their ends.
fn words(message: &str) -> impl Iterator<Item = Word<'_>> {
    let (mut offset, mut line) = (0, 0);
    message
        .split_inclusive(char::is_whitespace)
        .filter_map(move |piece| {
            let (start, on) = (offset, line);
            offset += piece.len();
            line += usize::from(piece.ends_with('\n'));
            let word = piece.trim_end();
            let visible = word.trim_start_matches(is_invisible);
            let text = visible.trim_end_matches(is_invisible);
            let offset = start + (word.len() - visible.len());
            (!text.is_empty()).then_some(Word {
                text,
                offset,
                line: on,
            })
        })
}

/// Marks that keyboards and copying leave at the ends of words. Inside a word they count: our own texts part an `@`
/// from a name by one, so that it is neither a mention nor a command.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
    )
}

/// The parts of `message` that are code or a quote, in order and apart from each other.
fn hidden(message: &str) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for (event, range) in Parser::new_ext(message, Options::ENABLE_TABLES).into_offset_iter() {
        let hides = matches!(
            event,
            Event::Code(_) | Event::Start(Tag::CodeBlock(_) | Tag::BlockQuote(_))
        );
        if hides && ranges.last().is_none_or(|last| last.end <= range.start) {
            ranges.push(range);
        }
    }
    ranges
}

fn invocation(
    ordinal: u16,
    builtin: Builtin,
    word: &str,
    arguments: Vec<String>,
    first: bool,
) -> Invocation {
    Invocation {
        ordinal,
        builtin,
        word: word.to_lowercase(),
        arguments,
        sigil: has_sigil(word),
        first,
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

/// How far `typed` is from `known`: the typing errors, or 1 for a beginning of two letters; none if too far.
fn distance(typed: &str, known: &str) -> Option<usize> {
    if typed.chars().count() >= 2 && known.starts_with(typed) {
        return Some(usize::from(typed != known));
    }
    let errors = strsim::osa_distance(typed, known);
    (errors <= known.chars().count() / 3).then_some(errors)
}
