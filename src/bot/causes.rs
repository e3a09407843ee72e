//! An error with its causes, for the log: our errors name what failed, their sources why.

use std::error::Error;
use std::fmt::{self, Display, Formatter};

/// Shows an error and its sources in one line.
#[derive(Debug, Clone, Copy)]
pub struct Causes<'a>(&'a dyn Error);

/// `error` with its causes.
#[must_use]
pub fn causes(error: &dyn Error) -> Causes<'_> {
    Causes(error)
}

impl Display for Causes<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let mut last = self.0.to_string();
        formatter.write_str(&last)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            let cause = error.to_string();
            // Some libraries repeat the cause in the error itself.
            if !last.ends_with(&cause) {
                write!(formatter, ": {cause}")?;
            }
            last = cause;
            source = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the outer one")]
    struct Outer(#[source] fmt::Error);

    #[derive(Debug, thiserror::Error)]
    #[error("again: {0}")]
    struct Repeats(#[source] fmt::Error);

    #[test]
    fn a_cause_stands_behind_what_it_caused() {
        let cause = fmt::Error.to_string();
        assert_eq!(
            causes(&Outer(fmt::Error)).to_string(),
            format!("the outer one: {cause}")
        );
        assert_eq!(causes(&fmt::Error).to_string(), cause);
        let repeated = Repeats(fmt::Error);
        assert_eq!(causes(&repeated).to_string(), format!("again: {cause}"));
    }
}
