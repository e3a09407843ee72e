//! The programs in Python that the interpreter is given.

/// What the interpreter is started with: it reads the rest from its standard input.
pub const BOOTSTRAP: &str = "import sys; sys.exit('no program')";

/// The rest.
#[must_use]
pub fn program() -> Vec<u8> {
    Vec::new()
}
