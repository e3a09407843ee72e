//! What is said of what catch-up came to too late, in one post for many.

use std::fmt::Write as _;

use crate::bot::ticket::Ticket;
use crate::timestamp::Timestamp;

use super::{command, counted};

/// `tickets` of one channel are not run; each is linked to, as `base` and the post's identifier.
#[must_use]
pub fn expired_together(tickets: &[&Ticket], base: &str) -> String {
    let reason = "asked here when I could not serve them, or too long ago, so they were not run. Please ask again for \
                  what you still need:";
    together(tickets, base, reason)
}

/// The same of commands that their askers may not use.
#[must_use]
pub fn denied_together(tickets: &[&Ticket], base: &str) -> String {
    let reason = "asked here by people who may not use them, so they were not run:";
    together(tickets, base, reason)
}

fn together(tickets: &[&Ticket], base: &str, reason: &str) -> String {
    let commands = counted(tickets.len(), "more command was", "more commands were");
    let mut text = format!("{commands} {reason}\n");
    for ticket in tickets {
        let link = format!("{base}/{}", ticket.post.id);
        // Writing to a String cannot fail.
        write!(text, "\n- {}: {link}", command(ticket)).ok();
    }
    text
}

/// Posts of this channel between `from` and `to` were too many to be read.
#[must_use]
pub fn unread(from: Timestamp, to: Timestamp) -> String {
    format!(
        "So much was posted here while I did not read along that I have not read all of it: commands asked between \
         {from} and {to} were not run. Please ask again for what you still need."
    )
}
