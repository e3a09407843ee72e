//! What commands print.
//!
//! A pipe that is closed, or a terminal that is gone, is no failure: nobody is there to read. Everything else that keeps
//! a result from being written is one, and `main` ends with it.
//!
//! Much of what is printed was written by others: names, reasons, what modules say. No character of it reaches a terminal
//! that would be an order to it, or change how others are shown.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write as _};
use std::sync::OnceLock;

use serde::Serialize;

use crate::text::is_invisible;

/// The width of a table where there is no terminal, in characters.
const WIDTH: usize = 100;

/// No table gets narrower than this; a smaller terminal wraps it.
const NARROWEST: usize = 80;

/// Why a result could not be written, the first time.
static FAILURE: OnceLock<io::Error> = OnceLock::new();

/// Prints `text` and a line feed to standard output. Failures are kept for [`failure`].
pub fn print(text: impl Display) {
    note(writeln!(io::stdout().lock(), "{}", harmless(text)));
}

/// Prints `value` as JSON in one line to standard output; nothing of it is lost.
///
/// # Errors
/// It has no JSON.
pub fn print_json(value: &impl Serialize) -> serde_json::Result<()> {
    print(escaped(&serde_json::to_string(value)?));
    Ok(())
}

/// Prints `text` and a line feed to standard output, as far as that is possible: a greeting is no result.
pub fn greet(text: impl Display) {
    writeln!(io::stdout().lock(), "{}", harmless(text)).ok();
}

/// Keeps the failure of printing a result, if it is one.
pub fn note(printed: io::Result<()>) {
    if let Err(error) = printed
        && !nobody_reads(&error)
    {
        // The first one is told.
        FAILURE.get_or_init(|| error);
    }
}

/// Why a result could not be written, if one could not.
#[must_use]
pub fn failure() -> Option<&'static io::Error> {
    FAILURE.get()
}

/// How many characters a line of a table may have: as many as the terminal, else a hundred.
#[must_use]
pub fn width() -> usize {
    rustix::termios::tcgetwinsize(io::stdout())
        .ok()
        .map(|size| usize::from(size.ws_col))
        .filter(|&columns| columns > 0)
        .map_or(WIDTH, |columns| columns.max(NARROWEST))
}

/// Prints `text` and a line feed to standard error, as far as that is possible.
pub fn print_error(text: impl Display) {
    writeln!(io::stderr().lock(), "{}", harmless(text)).ok();
}

/// `text` without what a terminal would obey.
fn harmless(text: impl Display) -> String {
    let mut text = text.to_string();
    text.retain(|character| matches!(character, '\n' | '\t') || !is_order(character));
    text
}

/// `json`, in which stands as an escape what would be dropped.
fn escaped(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        if is_order(character) {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// Whether a terminal obeys `character`, or shows others differently for it.
fn is_order(character: char) -> bool {
    character.is_control() || is_invisible(character)
}

/// A pipe is closed, a terminal is gone (`EIO` of a hung-up terminal).
fn nobody_reads(error: &io::Error) -> bool {
    error.kind() == ErrorKind::BrokenPipe
        || error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_given_no_orders() {
        assert_eq!(
            harmless("a\tb\r\n\u{1b}[31mred\u{9b}2J\u{7f} \u{202e}txt.exe \u{e0041}ä €\n"),
            "a\tb\n[31mred2J txt.exe ä €\n"
        );
    }

    #[test]
    fn json_keeps_what_a_terminal_would_obey() {
        let text = "\u{1b}\u{9b}\u{7f}\u{202e}\u{e0041}ä\n";
        let json = escaped(&serde_json::to_string(text).unwrap());
        assert_eq!(json, r#""\u001b\u009b\u007f\u202e\udb40\udc41ä\n""#);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }
}
