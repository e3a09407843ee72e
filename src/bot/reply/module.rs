//! What is said of calls of modules.

use crate::bot::ticket::Ticket;
use crate::command::indicator::Kind;
use crate::module::protocol::FailureReason;
use crate::text::neutralise;

use super::{command, quoted};

/// No module that has the word is loaded.
#[must_use]
pub fn not_loaded(ticket: &Ticket) -> String {
    format!(
        "{} is not available at present: its module is not loaded. Those who maintain this bot find the reason in its \
         log.",
        command(ticket)
    )
}

/// Help was asked about the word or name of a module that is not loaded.
#[must_use]
pub fn help_not_loaded(word: &str) -> String {
    format!(
        "{} is not available at present: its module is not loaded. Those who maintain this bot find the reason in its \
         log.",
        quoted(word)
    )
}

/// The modules have not been greeted in time.
#[must_use]
pub fn not_ready(ticket: &Ticket, reason: &str) -> String {
    format!(
        "{} is not available at present: {}. Please ask again later.",
        command(ticket),
        neutralise(reason)
    )
}

/// The asker is in no channel that a module of the word is bound to.
#[must_use]
pub fn unavailable(ticket: &Ticket) -> String {
    format!("{} is not available to you here.", command(ticket))
}

/// Whether the asker may could not be found out.
#[must_use]
pub fn availability_unknown(ticket: &Ticket, reason: &str) -> String {
    format!(
        "{} was not run, since {}. Please try again.",
        command(ticket),
        neutralise(reason)
    )
}

/// The first parameter is no indicator, and no module of the word takes anything else.
#[must_use]
pub fn no_indicator(ticket: &Ticket, parameter: &str) -> String {
    format!(
        "{} is no address, network, domain, URL or hash that I know, so {} was not asked about it.",
        quoted(parameter),
        command(ticket)
    )
}

/// No module of the word takes indicators of this kind.
#[must_use]
pub fn indicator_of_no_use(ticket: &Ticket, kind: Kind) -> String {
    let kinds = match kind {
        Kind::Ip => "IPv4 addresses",
        Kind::Ipv6 => "IPv6 addresses",
        Kind::Cidr => "networks",
        Kind::Domain => "domains",
        Kind::Url => "URLs",
        Kind::Md5 => "MD5 hashes",
        Kind::Sha1 => "SHA-1 hashes",
        Kind::Sha256 => "SHA-256 hashes",
    };
    format!(
        "No module that answers to {} here looks up {kinds}.",
        command(ticket)
    )
}

/// A call of a module failed; whoever maintains the bot finds the `reference` in the log.
#[must_use]
pub fn module_failed(
    ticket: &Ticket,
    module: &str,
    reason: FailureReason,
    reference: &str,
) -> String {
    let (command, module) = (command(ticket), quoted(module));
    let what = match reason {
        FailureReason::Deadline => format!("took too long to answer {command} and was stopped"),
        FailureReason::Died => format!("ended before it answered {command}"),
        FailureReason::Malformed => format!("answered {command} in a form that I cannot read"),
        FailureReason::Raised | FailureReason::Unknown => format!("failed at {command}"),
    };
    format!(
        "The module {module} {what}. Those who maintain this bot find the reason in its log under \
         `{reference}`."
    )
}

/// Stands for a text that is too long for the ledger.
#[must_use]
pub fn text_as_file() -> String {
    "*This answer is so long that it comes as a file.*".to_owned()
}

/// Stands for the last messages of an answer that has too many.
#[must_use]
pub fn rest_as_file() -> String {
    "*The rest of this answer is so long that it comes as a file.*".to_owned()
}

/// So many files of an answer are too many.
#[must_use]
pub fn files_not_sent(count: usize) -> String {
    let files = super::counted(count, "more file was", "more files were");
    format!("*{files} not sent.*")
}

/// A file of an answer could not be sent.
#[must_use]
pub fn file_not_sent(name: &str) -> String {
    format!("*The file {} could not be sent.*", quoted(name))
}
