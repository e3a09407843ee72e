//! Every sentence that the bot says.

mod audit;
mod binds;
mod missed;
mod module;
mod reload;
mod report;
mod welcome;

use std::fmt::Write as _;
use std::time::Duration;

use crate::audit::Trouble;
use crate::command::role::Denied;
use crate::text::{inline_code, neutralise, without_channel_mentions};

use super::restart::{Manner, Return};
use super::ticket::{Fate, Ticket};

pub use audit::audit;
pub use binds::{
    BINDS_UNKNOWN, Bound, Listed, MEMBERSHIP_UNKNOWN, bind_any, bind_in_conversation, bind_usage,
    binds_unusable, binds_unwritten, bound, doubt, help_on_modules, help_words, map,
};
pub use missed::{denied_together, expired_together, unread};
pub use module::{
    availability_unknown, file_not_sent, files_not_sent, help_not_loaded, indicator_of_no_use,
    module_failed, no_indicator, not_loaded, not_ready, rest_as_file, text_as_file, unavailable,
};
pub use reload::{modules_not_loaded, not_reloaded, reload_usage, reload_verdict, reloaded};
pub use report::{Facts, LATELY, help, help_on, help_unknown, status, status_unknown};
pub use welcome::welcome;

/// `duration` as a person would say it: the two greatest units.
#[must_use]
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) if seconds == 0 => format!("{} ms", duration.as_millis()),
        (0, 0, 0) if seconds < 10 => format!("{:.1} s", duration.as_secs_f64()),
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// A whole number of seconds that is long enough to wait for `duration`.
fn wait(duration: Duration) -> String {
    let seconds = duration.as_millis().div_ceil(1_000);
    if seconds < 120 {
        format!("{seconds} s")
    } else {
        format!("{} min", seconds.div_ceil(60))
    }
}

/// `count` with the word that fits it.
pub(super) fn counted(count: usize, one: &str, many: &str) -> String {
    if count == 1 {
        format!("1 {one}")
    } else {
        format!("{count} {many}")
    }
}

/// So many characters of a word that somebody else chose are shown.
const LONGEST_WORD: usize = 100;

/// A word that somebody else chose, as code. It is shown in part if it is long: where a post has to be split, the end of
/// a long one would stand outside of the code, and ping whom it names.
fn quoted(word: &str) -> String {
    let mut shown: String = word.chars().take(LONGEST_WORD).collect();
    if word.chars().nth(LONGEST_WORD).is_some() {
        shown.push('…');
    }
    code(&shown)
}

/// A text that somebody else wrote, whole and as code; not even the end of a cut one pings a channel.
fn code(text: &str) -> String {
    without_channel_mentions(&inline_code(text))
}

/// The command that is asked for, as a word with a sigil.
fn command(ticket: &Ticket) -> String {
    let word = ticket.invocation.word.trim_start_matches(['@', '!']);
    quoted(&format!("@{word}"))
}

/// The asker may not; one sentence that names nothing that he may not know.
#[must_use]
pub fn denied(ticket: &Ticket, denied: Denied) -> String {
    let command = command(ticket);
    match denied {
        Denied::NotPermitted => format!("You do not have permission to use {command}."),
        Denied::Deactivated => format!("A deactivated account cannot use {command}."),
        Denied::Guest => format!("A guest account cannot use {command}."),
        Denied::Bot => format!("A bot account cannot use {command}."),
        Denied::Remote => format!("An account of another server cannot use {command}."),
        Denied::LookupFailed => {
            format!(
                "I could not ask the server who you are, so {command} was not run. Please try again."
            )
        }
    }
}

/// A call older than this is not answered in words.
pub const UNANSWERED: Duration = Duration::from_secs(24 * 60 * 60);

/// What is said of a call that is not run, if anything is.
#[must_use]
pub fn declined(ticket: &Ticket) -> Option<String> {
    let command = command(ticket);
    match ticket.fate {
        Fate::WrongChannel => Some(format!("{command} does not work in this channel.")),
        Fate::RateOver => Some(
            "That is more than I take from one person in so short a time. Please wait a moment."
                .into(),
        ),
        Fate::WasAway => Some(format!(
            "I was down when you asked for {command}, so it was not run. Please ask again."
        )),
        Fate::MissedAct => Some(format!(
            "I was down when you asked for {command}, which changes something, so it was not run. Please ask again if \
             you still want it."
        )),
        Fate::TooOld(age) if age > UNANSWERED => None,
        Fate::TooOld(age) => Some(format!(
            "I got to {command} only {} after you asked, so it was not run. Please ask again.",
            duration(age)
        )),
        Fate::Edited => Some("Edited messages are not run; post it again.".to_owned()),
        Fate::TooMany(most) => Some(format!(
            "I take at most {most} of these from one message, so {command} and what follows it there was not run."
        )),
        Fate::RateStillOver { .. } | Fate::Deleted | Fate::Run | Fate::Join => None,
    }
}

/// A restart is being made.
#[must_use]
pub fn restarting(joined: bool) -> String {
    if joined {
        return "Restarting now, as somebody else has asked already. I will say here when I am back.".to_owned();
    }
    "Restarting now. I will say here when I am back.".to_owned()
}

/// The restart cannot be prepared.
#[must_use]
pub fn restart_refused(reason: &str) -> String {
    format!(
        "I am not restarting, and go on as before: {}.",
        neutralise(reason)
    )
}

/// Why a restart is refused that is asked for before the last one has its outcome, as half a sentence.
pub const RETURN_UNRECORDED: &str = "I cannot write down that the last restart is over";

/// We are back.
#[must_use]
pub fn back(back: &Return, version: &str) -> String {
    let from = &back.marker.from_version;
    let version = if from == version {
        format!("version {version}")
    } else {
        format!("version {from} → {version}")
    };
    let mut text = match back.manner {
        Manner::Prompt => format!(
            "Back up. ✅ I was away for {}, {version}.",
            duration(back.downtime)
        ),
        _ => format!(
            "I am back, but late: the restart was asked for {} ago, {version}.",
            duration(back.downtime)
        ),
    };
    if let Some(mishap) = &back.mishap {
        // Writing to a String cannot fail.
        write!(
            text,
            " The program on disk could not be started ({}), so the old one goes on.",
            neutralise(mishap)
        )
        .ok();
    }
    if !back.interrupted.is_empty() {
        let commands = cut_off(&back.interrupted);
        write!(text, " {commands} cut off; whoever asked has been told.").ok();
    }
    if back.late > 0 {
        write!(
            text,
            " {} served late.",
            counted(back.late, "command was", "commands were")
        )
        .ok();
    }
    if back.unread > 0 {
        write!(
            text,
            " I am still reading {}.",
            counted(back.unread, "channel", "channels")
        )
        .ok();
    }
    text
}

/// So many commands that were cut off are named.
const NAMED: usize = 5;

/// `commands` with the verb that fits them, by name as far as they are few.
fn cut_off(commands: &[String]) -> String {
    let (named, more) = commands.split_at(commands.len().min(NAMED));
    let mut words: Vec<String> = named
        .iter()
        .map(|name| quoted(&format!("@{name}")))
        .collect();
    if !more.is_empty() {
        words.push(format!("{} more", more.len()));
    }
    match words.split_last() {
        Some((last, [])) => format!("{last} was"),
        Some((last, rest)) => format!("{} and {last} were", rest.join(", ")),
        None => String::new(),
    }
}

/// A call was cut off.
#[must_use]
pub fn interrupted(word: &str, is_restart: bool) -> String {
    if is_restart {
        return "I was interrupted before the restart was prepared; I am up again.".to_owned();
    }
    let command = quoted(word);
    format!(
        "I was interrupted while {command} ran. I do not know how much of it took effect; please check, and ask again."
    )
}

/// A defect of ours; whoever maintains the bot finds the reference in the log.
#[must_use]
pub fn defect(ticket: &Ticket) -> String {
    format!(
        "{} failed because of a defect of mine. Those who maintain this bot find it in its log under `{}`.",
        command(ticket),
        ticket.post.id
    )
}

/// The last restart is too young.
#[must_use]
pub fn cooldown(left: Duration) -> String {
    format!("I restarted only a moment ago. Please wait {}.", wait(left))
}

/// Too many restarts.
#[must_use]
pub fn budget(count: u32, window: Duration, left: Duration) -> String {
    format!(
        "I restart at most {count} times in {}, and that is used up. The next one is possible in {}.",
        humantime::format_duration(window),
        wait(left)
    )
}

/// There is nobody who keeps companions.
#[must_use]
pub fn no_ward() -> String {
    "I can restart only myself: I look after no other service.".to_owned()
}

/// The audit's line could not be written.
#[must_use]
pub fn audit_unwritable(ticket: &Ticket) -> String {
    format!(
        "I cannot write the audit trail, so {} was not run. The log says why.",
        command(ticket)
    )
}

/// Decisions are missing from the audit trail.
#[must_use]
pub fn audit_trouble(trouble: &Trouble) -> String {
    let lost = if trouble.lost == 1 {
        "1 decision is".to_owned()
    } else {
        format!("{} decisions are", trouble.lost)
    };
    let now = if trouble.lasting {
        "it cannot be written"
    } else {
        "it is written again"
    };
    format!(
        "{lost} missing from the audit trail, and {now}: {}",
        trouble.error
    )
}

/// The ledger could not be written.
#[must_use]
pub fn ledger_unwritable() -> String {
    "I cannot write my ledger at present, so no command is run. Those who maintain this bot find the reason in its log."
        .to_owned()
}

/// An answer that could not be posted where it belongs, within `limit` characters; a text that fills a post stays alone.
#[must_use]
pub fn undeliverable(text: &str, limit: usize) -> String {
    let explained = format!("I could not post this answer where you asked for it:\n\n{text}");
    if explained.chars().count() > limit {
        return text.to_owned();
    }
    explained
}

/// How `@audit` is used.
#[must_use]
pub fn audit_usage(most: usize) -> String {
    format!("`@audit` takes one number from 1 to {most}: how many decisions to show.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        for (seconds, words) in [
            (0.31, "310 ms"),
            (4.26, "4.3 s"),
            (42.0, "42 s"),
            (61.0, "1 min 1 s"),
            (3_660.0, "1 h 1 min"),
            (90_000.0, "1 d 1 h"),
        ] {
            assert_eq!(duration(Duration::from_secs_f64(seconds)), words);
        }
    }

    #[test]
    fn what_was_cut_off_is_named() {
        let names = |count: usize| vec!["help".to_owned(); count];
        assert_eq!(cut_off(&names(1)), "`@help` was");
        assert_eq!(cut_off(&names(3)), "`@help`, `@help` and `@help` were");
        assert!(cut_off(&names(8)).ends_with("`@help` and 3 more were"));
    }

    #[test]
    fn a_long_word_is_shown_in_part() {
        let long = format!("{}@all", "a".repeat(16_360));
        assert_eq!(quoted(&long), format!("`{}…`", "a".repeat(100)));
        assert_eq!(quoted("äb"), "`äb`");
        assert_eq!(quoted("x @all"), "`x @\u{200b}all`");
    }

    #[test]
    fn the_texts_that_are_promised_begin_as_promised() {
        assert!(restarting(false).starts_with("Restarting now"));
        assert!(restarting(true).starts_with("Restarting now"));
    }
}
