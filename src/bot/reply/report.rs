//! The longer answers: what may be run, and how the bot is doing.

use std::fmt::Write as _;
use std::time::Duration;

use crate::bot::status::{BindsTrouble, Modules, StartReason, Status};
use crate::command::table::Row;
use crate::command::{Builtin, Role, Vocabulary};
use crate::text::{inline_code, neutralise};

use super::{counted, duration, quoted};

/// What may be run here.
#[must_use]
pub fn help(rows: &[&Row], vocabulary: &Vocabulary) -> String {
    let mut text = String::from("What you may run here:\n");
    for row in rows {
        let usage = format!("{} {}", vocabulary.word(row.builtin), row.arguments);
        write!(
            text,
            "\n- {}: {}",
            inline_code(usage.trim_end()),
            row.summary
        )
        .ok();
    }
    let fixed: Vec<&Row> = rows
        .iter()
        .filter(|row| vocabulary.has_one_sigil(row.builtin))
        .copied()
        .collect();
    let words: Vec<String> = fixed
        .iter()
        .map(|row| quoted(&vocabulary.word(row.builtin)))
        .collect();
    let but = match words.as_slice() {
        [] => String::new(),
        words => format!(", but for {}", words.join(", ")),
    };
    write!(
        text,
        "\n\nA command stands first in its message; `!` does as well as `@`{but}. Each one is run at most once, and what \
         is cut off or comes too late is said."
    )
    .ok();
    text
}

/// One command explained.
#[must_use]
pub fn help_on(row: &Row, vocabulary: &Vocabulary) -> String {
    let usage = format!("{} {}", vocabulary.word(row.builtin), row.arguments);
    let who = match row.role {
        Role::Everyone => "everyone",
        Role::Operator => "operators and admins",
        Role::Admin => "admins",
    };
    format!(
        "{}: {}. For {who}.",
        inline_code(usage.trim_end()),
        row.summary
    )
}

/// No such command, or none that the asker may run.
#[must_use]
pub fn help_unknown(word: &str, suggestions: &[String], vocabulary: &Vocabulary) -> String {
    let word = quoted(word);
    if suggestions.is_empty() {
        let help = quoted(&vocabulary.word(Builtin::Help));
        return format!(
            "There is no command {word} that you can use here. {help} lists those that you can."
        );
    }
    let names: Vec<String> = suggestions.iter().map(|name| quoted(name)).collect();
    format!(
        "There is no command {word} that you can use here. Did you mean {}?",
        names.join(" or ")
    )
}

/// Starts in this time are counted.
pub const LATELY: Duration = Duration::from_secs(24 * 60 * 60);

/// What is told of the bot.
#[derive(Debug)]
pub struct Facts<'a> {
    /// What the loop counts.
    pub status: &'a Status,
    /// The command modules.
    pub modules: &'a Modules,
    /// How often the bot was started [lately](LATELY), this time included, as far as that is known.
    pub starts: Option<usize>,
    /// What it cannot write.
    pub trouble: Option<&'a str>,
}

/// How the bot is doing.
#[must_use]
pub fn status(facts: &Facts<'_>, vocabulary: &Vocabulary) -> String {
    let Facts {
        status,
        modules,
        starts,
        trouble,
    } = *facts;
    let start = match status.start {
        StartReason::Unknown => "why it was started is not known while the ledger cannot be read",
        StartReason::First => "first start",
        StartReason::Stopped => "started after a stop",
        StartReason::Restarted => "restarted on request",
        StartReason::Crashed => "started after the process before ended without a word",
    };
    let mut text = format!(
        "**matterbot** {} has been up for {} ({start}).\n\n",
        env!("CARGO_PKG_VERSION"),
        duration(status.running)
    );
    if let Some(starts) = starts {
        let often = counted(starts, "time", "times");
        writeln!(
            text,
            "- Starts: {often} in the last 24 h, restarts and this one included"
        )
        .ok();
    }
    let connection = match status.connected {
        Some(connected) => format!("connected for {}", duration(connected)),
        None => "not connected".to_owned(),
    };
    let connections = counted(status.connections as usize, "connection", "connections");
    let gaps = counted(status.gaps as usize, "gap", "gaps");
    let read = if status.read_up {
        "read afterwards"
    } else {
        "not all read yet"
    };
    writeln!(
        text,
        "- Mattermost: {connection}; since the start {connections}, and {gaps} in what I heard, {read}"
    )
    .ok();
    writeln!(
        text,
        "- Commands: {} finished since the start, {} in hand beside this one",
        status.calls_finished, status.calls_in_hand
    )
    .ok();
    text.push_str(&of_modules(modules, vocabulary));
    if let Some(last) = status.last_foreign_post {
        writeln!(
            text,
            "- ⚠ Somebody else writes with this bot's account: {}, the last one at {last}. Is another bot running on \
             the same token?",
            counted(status.foreign_posts as usize, "post", "posts"),
        )
        .ok();
    }
    if let Some(trouble) = trouble {
        writeln!(text, "- ⚠ {}", neutralise(trouble)).ok();
    }
    text.truncate(text.trim_end().len());
    text
}

/// So many modules are named.
const NAMED: usize = 5;

/// The lines about the command modules.
fn of_modules(modules: &Modules, vocabulary: &Vocabulary) -> String {
    let mut parts = Vec::new();
    if modules.absent {
        let mark = if modules.wanted { "⚠ " } else { "" };
        parts.push(format!("{mark}not loaded: there is no folder of modules"));
    } else if modules.greeted {
        parts.push(format!("{} loaded", modules.loaded));
    } else {
        parts.push(format!("not loaded yet, {} known", modules.loaded));
    }
    for (names, what) in [
        (&modules.kept, "of them with their last good code"),
        (&modules.missing, "missing"),
        (&modules.failed, "failed to load"),
    ] {
        if !names.is_empty() {
            parts.push(format!("{} {what} ({})", names.len(), named(names)));
        }
    }
    let why = match &modules.reason {
        None => String::new(),
        Some((reason, of_all)) => {
            let which = ["the commonest reason", "the reason"][usize::from(*of_all)];
            format!(
                "; {which} is {}, and the log and `matterbot check --modules` tell more",
                inline_code(reason)
            )
        }
    };
    let trouble = match modules.binds {
        BindsTrouble::None => None,
        BindsTrouble::Unchangeable => {
            Some("is damaged, so it cannot be changed; what it said before counts")
        }
        BindsTrouble::Unknown => Some("cannot be read, so no module is available anywhere"),
    };
    let trouble = trouble.map_or_else(String::new, |trouble| {
        let reload = quoted(&vocabulary.word(Builtin::Reload));
        format!("- ⚠ The list of binds {trouble}: mend it, then {reload}\n")
    });
    format!("- Modules: {}{why}\n{trouble}", parts.join(", "))
}

/// The first of `names`, and how many more there are.
fn named(names: &[String]) -> String {
    let mut words: Vec<String> = names.iter().take(NAMED).map(|name| quoted(name)).collect();
    if names.len() > NAMED {
        words.push(format!("{} more", names.len() - NAMED));
    }
    words.join(", ")
}

/// Nobody keeps what was asked about.
#[must_use]
pub fn status_unknown(name: &str) -> String {
    format!(
        "I know nothing named {}: I look after no other service, so there is only `bot`.",
        quoted(name)
    )
}
