//! The recogniser: which commands a message contains.

use super::table::Builtin;

/// One command in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// Its place among the commands of the message, from 0; with the post's id it names the call.
    pub ordinal: u16,
    /// The command.
    pub builtin: Builtin,
    /// The word as it was typed, in lower case, with its sigil.
    pub word: String,
    /// The words after it, as they were typed but for non-breaking spaces and smart quotes.
    pub arguments: Vec<String>,
    /// Whether the word bears a sigil, `@` or `!`: only then is an answer owed where nothing ran.
    pub sigil: bool,
    /// Whether it is the first word of the message.
    pub first: bool,
}

/// The words that are commands, by configuration.
#[derive(Debug, Clone)]
pub struct Vocabulary {}

impl Vocabulary {
    /// The words of `helpcmds`, sigils included, and the new names of built-ins: (new name, own name of a built-in).
    ///
    /// A built-in with a new name no longer answers to its own.
    #[must_use]
    pub fn new(help_words: &[String], renamed: &[(String, String)]) -> Self {
        let _ = (help_words, renamed);
        Self {}
    }

    /// The commands of `message` in the order in which they stand; empty for ordinary talk.
    #[must_use]
    pub fn parse(&self, message: &str) -> Vec<Invocation> {
        let _ = message;
        Vec::new()
    }

    /// Whether `word` is one of our commands written with exactly one sigil.
    #[must_use]
    pub fn is_sigil_word(&self, word: &str) -> bool {
        let _ = word;
        false
    }

    /// The word under which `builtin` is typed here, with its sigil.
    #[must_use]
    pub fn word(&self, builtin: Builtin) -> String {
        format!("@{}", super::table::row(builtin).name)
    }

    /// At most three words that `word` may have meant, the nearest first, all of commands in `allowed`.
    #[must_use]
    pub fn suggestions(&self, word: &str, allowed: &[Builtin]) -> Vec<String> {
        let _ = (word, allowed);
        Vec::new()
    }
}
