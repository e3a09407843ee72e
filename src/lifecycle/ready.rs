//! Ready: when the supervisor is told that the start has succeeded; pure.
//!
//! ```text
//!            hello                     hello, or a server that is only down
//!  starting ───────▶ ready     late ────────────────────────────────────────▶ ready
//!     │                         ▲
//!     └──── grace is over ──────┤ the server refuses our token
//!                               └─ (else ready at once)
//! ```
//!
//! A Mattermost that is down is no failure of ours: what could be checked without it is good, so after a while the start
//! counts as done. A server that is well and refuses the token is one.

use std::time::Duration;

/// After this time without a hello the start counts as done, unless the token is refused.
pub const GRACE: Duration = Duration::from_secs(20);

/// Whether the start has succeeded; each method says true once, when it has.
#[derive(Debug, Default)]
pub struct Readiness {
    ready: bool,
    late: bool,
    refused: bool,
}

impl Readiness {
    /// The server said hello.
    #[must_use]
    pub fn hello(&mut self) -> bool {
        self.refused = false;
        self.becomes(true)
    }

    /// [`GRACE`] is over.
    #[must_use]
    pub fn grace_over(&mut self) -> bool {
        self.late = true;
        self.becomes(!self.refused)
    }

    /// The server cannot be reached, or is not well.
    #[must_use]
    pub fn unreachable(&mut self) -> bool {
        self.refused = false;
        self.becomes(self.late)
    }

    /// The server is well and refuses our token; says whether the start is still under way.
    pub fn refused(&mut self) -> bool {
        self.refused = true;
        !self.ready
    }

    fn becomes(&mut self, ready: bool) -> bool {
        ready && !std::mem::replace(&mut self.ready, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hello_makes_ready_once() {
        let mut readiness = Readiness::default();
        assert!(!readiness.unreachable());
        assert!(readiness.hello());
        assert!(!readiness.hello());
        assert!(!readiness.grace_over());
        assert!(!readiness.refused());
    }

    #[test]
    fn a_server_that_is_down_is_no_failure() {
        let mut readiness = Readiness::default();
        assert!(!readiness.unreachable());
        assert!(readiness.grace_over());
        assert!(!readiness.unreachable());
        assert!(!readiness.hello());
    }

    #[test]
    fn a_refused_token_is() {
        let mut readiness = Readiness::default();
        assert!(readiness.refused());
        assert!(!readiness.grace_over());
        assert!(readiness.refused());
        assert!(readiness.unreachable());
    }

    #[test]
    fn a_token_that_is_accepted_in_the_end_makes_ready() {
        let mut readiness = Readiness::default();
        readiness.refused();
        assert!(!readiness.grace_over());
        assert!(readiness.hello());
    }
}
