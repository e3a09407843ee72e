//! What a reload has changed, in words.

use std::fmt::Write as _;

use crate::bot::reload::Report;
use crate::command::{Builtin, Vocabulary};
use crate::config::difference::Counts;
use crate::config::{Diagnostic, Invalid, Severity};
use crate::text::{inline_code, neutralise};

use super::counted;

/// So many errors and warnings of a configuration are listed; `matterbot check` shows all.
const MOST_DIAGNOSTICS: usize = 10;

/// How it is typed.
#[must_use]
pub fn reload_usage(vocabulary: &Vocabulary) -> String {
    let word = vocabulary.word(Builtin::Reload);
    format!(
        "{} reloads modules and configuration; {} tells what that would change.",
        inline_code(&word),
        inline_code(&format!("{word} --dry-run"))
    )
}

/// The report; its first words say whether anything has changed.
#[must_use]
pub fn reloaded(report: &Report) -> String {
    let mut text = String::from(match (report.dry_run, report.changed.is_empty()) {
        (true, true) => "A reload would change nothing.",
        (true, false) => "A reload would change this; nothing has been changed yet.",
        (false, true) => "Reloaded: nothing has changed.",
        (false, false) => "Reloaded. ✅",
    });
    let keys = |counts| -> Vec<String> {
        let changed = report.changed.iter();
        let changed = changed.filter(|changed| changed.counts == counts);
        changed.map(|changed| inline_code(changed.key)).collect()
    };
    // Writing to a String cannot fail.
    let (now, later) = (keys(Counts::AtReload), keys(Counts::AtRestart));
    if !now.is_empty() {
        write!(text, "\n- Configuration: {}", now.join(", ")).ok();
    }
    if !later.is_empty() {
        write!(
            text,
            "\n- Counts from the next restart on: {}",
            later.join(", ")
        )
        .ok();
    }
    if let Some(trouble) = &report.token_trouble {
        write!(
            text,
            "\n- ⚠ The new token cannot be used: {}",
            neutralise(trouble)
        )
        .ok();
    }
    diagnostics(&mut text, &report.warnings);
    text
}

/// The same in one line, for the log and the supervisor.
#[must_use]
pub fn reload_verdict(report: &Report) -> String {
    if report.changed.is_empty() {
        return "Reloaded: nothing has changed".to_owned();
    }
    let keys = report.changed.iter().map(|changed| match changed.counts {
        Counts::AtReload => changed.key.to_owned(),
        Counts::AtRestart => format!("{} (from the next restart on)", changed.key),
    });
    format!("Reloaded: {}", keys.collect::<Vec<_>>().join(", "))
}

/// The configuration has errors.
#[must_use]
pub fn not_reloaded(invalid: &Invalid) -> String {
    let errors = invalid
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .count();
    let mut text = format!(
        "Nothing has been reloaded: the configuration has {}.",
        counted(errors, "error", "errors")
    );
    diagnostics(&mut text, &invalid.diagnostics);
    text
}

/// A line for each, where it stands and what it is; the file's path is of no use in a chat.
fn diagnostics(text: &mut String, diagnostics: &[Diagnostic]) {
    for diagnostic in diagnostics.iter().take(MOST_DIAGNOSTICS) {
        let place = diagnostic
            .position
            .map_or_else(String::new, |position| format!("line {}: ", position.line));
        let key = match diagnostic.key.as_str() {
            "" => String::new(),
            key => format!("{} ", inline_code(key)),
        };
        let message = neutralise(&diagnostic.message);
        write!(text, "\n- {}: {place}{key}{message}", diagnostic.severity).ok();
    }
    if let Some(more) = diagnostics.len().checked_sub(MOST_DIAGNOSTICS + 1) {
        let more = counted(more + 1, "line", "lines");
        write!(
            text,
            "\n- {more} more: `matterbot check` on the host shows all"
        )
        .ok();
    }
}
