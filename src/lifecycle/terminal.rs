//! What commands print. A terminal or pipe that is gone is no reason to panic or to fail: nobody is there to read.

use std::fmt::Display;
use std::io::{self, Write as _};

/// Prints `text` and a line feed to standard output.
pub fn print(text: impl Display) {
    writeln!(io::stdout().lock(), "{text}").ok();
}

/// Prints `text` and a line feed to standard error.
pub fn print_error(text: impl Display) {
    writeln!(io::stderr().lock(), "{text}").ok();
}
