//! What is said of calls of modules.

use crate::bot::ticket::Ticket;

use super::command;

/// No module that has the word is loaded.
#[must_use]
pub fn not_loaded(ticket: &Ticket) -> String {
    format!(
        "{} is not available at present: its module is not loaded. Those who maintain this bot find the reason in its \
         log.",
        command(ticket)
    )
}
