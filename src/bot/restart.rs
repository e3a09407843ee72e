//! What a restart hands on: who asked, and what is said when we are back; pure.

use std::time::Duration;

use crate::lifecycle::marker::{self, Marker};

use super::ticket::Ticket;

/// A restart whose asker may: all that is left is to do it.
#[derive(Debug, Clone)]
pub struct Request {
    /// Who asked in chat; nobody, if a signal did.
    pub asker: Option<Ticket>,
    /// What names the restart for ever, if this request is its first.
    pub nonce: String,
}

impl Request {
    /// A request by `asker`, or by a signal.
    #[must_use]
    pub fn new(asker: Option<Ticket>) -> Self {
        Self {
            asker,
            nonce: crate::id::random_token(),
        }
    }

    /// The asker as the marker names him.
    #[must_use]
    pub fn for_marker(&self) -> Option<marker::Request> {
        let ticket = self.asker.as_ref()?;
        Some(marker::Request {
            channel: ticket.post.channel_id,
            root: ticket.root(),
            post: ticket.post.id,
            ordinal: ticket.invocation.ordinal,
            user: ticket.post.user_id,
        })
    }
}

/// The announcement that we are back.
#[derive(Debug, Clone)]
pub struct Return {
    /// Who asked, when, and from which version.
    pub marker: Marker,
    /// How long nobody was served.
    pub downtime: Duration,
    /// Which commands were cut off, one for each call.
    pub interrupted: Vec<String>,
    /// How many calls that came in between have been served.
    pub late: usize,
    /// How many channels are still being read.
    pub unread: usize,
    /// Why the program could not be replaced, if it could not.
    pub mishap: Option<String>,
    /// How it is said.
    pub manner: Manner,
}

/// How the return is announced, by the age of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// "Back up."
    Prompt,
    /// Later than `Lifecycle.notice_expiry`: other words.
    Late,
    /// Later than a day: only in the log and the audit.
    Silent,
}

/// After this long nobody waits for the announcement.
const SILENT_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

impl Manner {
    /// How a request of this age is answered.
    #[must_use]
    pub fn of(age: Duration, notice_expiry: Duration) -> Self {
        match age {
            age if age > SILENT_AFTER => Self::Silent,
            age if age > notice_expiry => Self::Late,
            _ => Self::Prompt,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manner_follows_the_age_of_the_request() {
        let minutes = |count: u64| Duration::from_secs(60 * count);
        let expiry = Duration::from_secs(600);
        for (age, manner) in [
            (0, Manner::Prompt),
            (10, Manner::Prompt),
            (11, Manner::Late),
            (25 * 60, Manner::Silent),
        ] {
            assert_eq!(Manner::of(minutes(age), expiry), manner, "{age} minutes");
        }
    }
}
