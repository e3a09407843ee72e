//! What commands print.
//!
//! A pipe that is closed, or a terminal that is gone, is no failure: nobody is there to read. Everything else that keeps
//! a result from being written is one, and `main` ends with it.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write as _};
use std::sync::OnceLock;

/// The width of a table where there is no terminal, in characters.
const WIDTH: usize = 100;

/// No table gets narrower than this; a smaller terminal wraps it.
const NARROWEST: usize = 80;

/// Why a result could not be written, the first time.
static FAILURE: OnceLock<io::Error> = OnceLock::new();

/// Prints `text` and a line feed to standard output. Failures are kept for [`failure`].
pub fn print(text: impl Display) {
    note(writeln!(io::stdout().lock(), "{text}"));
}

/// Prints `text` and a line feed to standard output, as far as that is possible: a greeting is no result.
pub fn greet(text: impl Display) {
    writeln!(io::stdout().lock(), "{text}").ok();
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
    writeln!(io::stderr().lock(), "{text}").ok();
}

/// A pipe is closed, a terminal is gone (`EIO` of a hung-up terminal).
fn nobody_reads(error: &io::Error) -> bool {
    error.kind() == ErrorKind::BrokenPipe
        || error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
}
