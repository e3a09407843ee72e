//! The words of a message, and which of them are code or a quote.

use std::borrow::Cow;
use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, Tag};

/// `text` as the recogniser reads it: the quotes and dashes that phones make of `"`, `'` and `--` are turned back.
#[must_use]
pub fn normalise(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut normal = String::with_capacity(text.len());
    let mut at_start = true;
    let mut characters = text.chars().peekable();
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
#[derive(Debug, Clone, Copy)]
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    /// Where it stands in the message, in bytes.
    pub(super) offset: usize,
    /// The line that it stands on, from 0.
    pub(super) line: usize,
}

/// The words of `message`, apart at any white space, non-breaking too; marks that are not seen are taken off their ends.
pub(super) fn words(message: &str) -> impl Iterator<Item = Word<'_>> {
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
pub(super) fn hidden(message: &str) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let message = without_html(message);
    for (event, range) in Parser::new_ext(&message, Options::ENABLE_TABLES).into_offset_iter() {
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

/// `message` with a letter in the place of each `<` that could begin HTML, everything else where it was. Mattermost knows
/// no HTML: what is code to it must not be a block of HTML to our parser, in which nothing is code.
fn without_html(message: &str) -> Cow<'_, str> {
    if !message.contains('<') {
        return Cow::Borrowed(message);
    }
    let mut plain = String::with_capacity(message.len());
    let mut rest = message;
    while let Some((before, after)) = rest.split_once('<') {
        plain.push_str(before);
        plain.push(if begins_autolink(after) { '<' } else { 'x' });
        rest = after;
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

/// Whether `text`, which follows a `<`, is an address in angle brackets, in which backticks make no code. No name of an
/// HTML element holds a colon or an `@`.
fn begins_autolink(text: &str) -> bool {
    let ends = |character: char| character.is_whitespace() || "<>".contains(character);
    let Some((address, end)) = text.find(ends).and_then(|end| text.split_at_checked(end)) else {
        return false;
    };
    end.starts_with('>')
        && address.starts_with(|first: char| first.is_ascii_alphanumeric())
        && address.contains([':', '@'])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What of `message` is hidden.
    fn code(message: &str) -> Vec<&str> {
        let ranges = hidden(message).into_iter();
        ranges.map(|range| message.get(range).unwrap()).collect()
    }

    #[test]
    fn code_behind_html_is_code() {
        for message in [
            "<div>\n```\n@dice\n```\n</div>",
            "<!-- \n\n```\n@dice\n```",
            "<script>\n```\n@dice\n```",
            "<?\n```\n@dice\n```",
        ] {
            assert!(code(message).concat().contains("@dice"), "{message}");
        }
        assert_eq!(code("1< a `@dice` <b"), ["`@dice`"]);
        assert_eq!(code("<http://x/`y> @dice `c`"), ["`c`"]);
    }
}
