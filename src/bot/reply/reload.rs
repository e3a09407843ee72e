//! What a reload has changed, in words.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::bot::modules::changes::Failed;
use crate::bot::reload::Report;
use crate::command::{Builtin, Vocabulary};
use crate::config::difference::Counts;
use crate::config::{Diagnostic, Invalid, Severity};
use crate::text::{inline_code, neutralise};

use super::{code, counted, quoted};

/// So many errors and warnings of a configuration are listed; `matterbot check` shows all.
const MOST_DIAGNOSTICS: usize = 10;

/// So many names stand in one line.
const MOST_NAMES: usize = 20;

/// How it is typed.
#[must_use]
pub fn reload_usage(vocabulary: &Vocabulary) -> String {
    let word = vocabulary.word(Builtin::Reload);
    format!(
        "{} reloads modules and configuration; {} tells what that would change.",
        quoted(&word),
        inline_code(&format!("{word} --dry-run"))
    )
}

/// The report; its first words say whether anything has changed.
#[must_use]
pub fn reloaded(report: &Report, vocabulary: &Vocabulary) -> String {
    let mut text = first_words(report);
    let keys = |counts| -> Vec<String> {
        let changed = report.changed.iter();
        let changed = changed.filter(|changed| changed.counts == counts);
        changed.map(|changed| quoted(changed.key)).collect()
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
    modules(&mut text, report, &vocabulary.word(Builtin::Bind));
    diagnostics(&mut text, &report.warnings);
    text
}

/// Whether anything has changed, and the worst of what is the matter.
fn first_words(report: &Report) -> String {
    let but = match (report.dry_run, report.is_silent()) {
        (true, true) => return "A reload would change nothing.".to_owned(),
        (true, false) => {
            return "A reload would change this; nothing has been changed yet.".to_owned();
        }
        (false, true) => return "Reloaded: nothing has changed.".to_owned(),
        _ if report.modules.binds.is_some() => "the list of binds is as it was".to_owned(),
        _ if report.no_folder.is_some() => "no module is there".to_owned(),
        _ if report.no_host.is_some() => "the modules could not be loaded".to_owned(),
        _ if !report.modules.failed.is_empty() => {
            let count = counted(report.modules.failed.len(), "module", "modules");
            format!("{count} failed")
        }
        _ => return "Reloaded. ✅".to_owned(),
    };
    format!("Reloaded, but {but}. ⚠")
}

/// What it means for the modules, a line for each kind of change; `bind` is the word that binds them.
fn modules(text: &mut String, report: &Report, bind: &str) {
    let changes = &report.modules;
    if report.new_folder {
        text.push_str("\n- There is a folder of modules now; `@status` tells when they are loaded");
    }
    if let Some(trouble) = &report.no_folder {
        write!(text, "\n- ⚠ No module is loaded: {}", neutralise(trouble)).ok();
    }
    if let Some(trouble) = &report.no_host {
        let trouble = neutralise(trouble);
        write!(
            text,
            "\n- ⚠ The modules could not be loaded: {trouble}; they are as soon as that is over"
        )
        .ok();
    }
    for (what, names) in [
        ("added", &changes.added),
        ("changed", &changes.changed),
        ("removed", &changes.removed),
    ] {
        if !names.is_empty() {
            let count = counted(names.len(), "module", "modules");
            write!(text, "\n- {count} {what}: {}", listed(names)).ok();
        }
    }
    for (old, new) in &changes.renamed {
        let (old, new, bind) = (quoted(old), quoted(new), quoted(bind));
        write!(
            text,
            "\n- {old} seems to be {new} now: its channels stay with the old name, so {bind} the new one where it is \
             to be"
        )
        .ok();
    }
    failures(text, &changes.failed);
    if let Some(reference) = &changes.reference {
        write!(
            text,
            "\n- The log tells more of what could not be loaded, under `{reference}`"
        )
        .ok();
    }
    for (word, modules) in &changes.shared {
        write!(
            text,
            "\n- {} calls several modules now: {}",
            quoted(word),
            listed(modules)
        )
        .ok();
    }
    if let Some(python) = &changes.python {
        write!(text, "\n- The interpreter is {} now", quoted(python)).ok();
    }
    for difference in &changes.differences {
        write!(
            text,
            "\n- Bind map: {}",
            neutralise(&difference.to_string())
        )
        .ok();
    }
    for problem in changes.problems.iter().chain(&changes.binds) {
        write!(text, "\n- ⚠ {}", neutralise(problem)).ok();
    }
}

/// What could not be loaded, a line for each reason.
fn failures(text: &mut String, failed: &[Failed]) {
    let mut reasons: BTreeMap<(&str, usize), Vec<String>> = BTreeMap::new();
    for each in failed {
        let fate = usize::from(each.kept) + 2 * usize::from(each.lost);
        let reason = reasons.entry((&each.summary, fate)).or_default();
        reason.push(each.name.clone());
    }
    for ((summary, fate), names) in reasons {
        let summary = code(summary);
        match &names[..] {
            [name] => {
                let fates = [
                    "",
                    "; its last good code goes on",
                    "; no good code of it is left",
                ];
                let fate = fates.get(fate).unwrap_or(&"");
                let name = quoted(name);
                write!(text, "\n- ⚠ {name} could not be loaded: {summary}{fate}").ok();
            }
            _ => {
                let fates = [
                    "",
                    "; their last good code goes on",
                    "; no good code of them is left",
                ];
                let fate = fates.get(fate).unwrap_or(&"");
                let (count, names) = (names.len(), listed(&names));
                write!(
                    text,
                    "\n- ⚠ {count} modules could not be loaded for this reason: {summary}: {names}{fate}"
                )
                .ok();
            }
        }
    }
}

/// Names, as many as fit into a line.
fn listed(names: &[String]) -> String {
    let shown: Vec<String> = names
        .iter()
        .take(MOST_NAMES)
        .map(|name| quoted(name))
        .collect();
    let mut text = shown.join(", ");
    if names.len() > MOST_NAMES {
        write!(text, " and {} more", names.len() - MOST_NAMES).ok();
    }
    text
}

/// The modules cannot be loaded, for this reason.
#[must_use]
pub fn modules_not_loaded(reason: &str) -> String {
    format!("Nothing has been reloaded: {}.", neutralise(reason))
}

/// The same in one line, for the log and the supervisor.
#[must_use]
pub fn reload_verdict(report: &Report) -> String {
    if report.is_silent() {
        return "Reloaded: nothing has changed".to_owned();
    }
    let keys = report.changed.iter().map(|changed| match changed.counts {
        Counts::AtReload => changed.key.to_owned(),
        Counts::AtRestart => format!("{} (from the next restart on)", changed.key),
    });
    let modules = &report.modules;
    let counts = [
        ("added", modules.added.len()),
        ("changed", modules.changed.len()),
        ("removed", modules.removed.len()),
        ("failed", modules.failed.len()),
    ];
    let counts = counts
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(what, count)| format!("{} {what}", counted(count, "module", "modules")));
    let binds = modules.binds.iter();
    let binds = binds.map(|_| "the list of binds is as it was".to_owned());
    let folder = report.no_folder.iter().chain(&report.no_host).cloned();
    format!(
        "Reloaded: {}",
        keys.chain(counts)
            .chain(binds)
            .chain(folder)
            .collect::<Vec<_>>()
            .join(", ")
    )
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

/// A line for each, errors first, where it stands, what it is and what to do; the file's path is of no use in a chat.
fn diagnostics(text: &mut String, diagnostics: &[Diagnostic]) {
    let mut sorted: Vec<&Diagnostic> = diagnostics.iter().collect();
    sorted.sort_by_key(|diagnostic| diagnostic.severity != Severity::Error);
    for diagnostic in sorted.into_iter().take(MOST_DIAGNOSTICS) {
        let place = diagnostic
            .position
            .map_or_else(String::new, |position| format!("line {}: ", position.line));
        let key = match diagnostic.key.as_str() {
            "" => String::new(),
            key => format!("{} ", quoted(key)),
        };
        let message = neutralise(&diagnostic.message);
        let help = diagnostic.help.as_deref().map(neutralise);
        let help = help.map_or_else(String::new, |help| format!(" ({help})"));
        write!(
            text,
            "\n- {}: {place}{key}{message}{help}",
            diagnostic.severity
        )
        .ok();
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

#[cfg(test)]
mod tests {
    use crate::config::Position;

    use super::*;

    #[test]
    fn errors_come_first_and_say_what_to_do() {
        let diagnostic = |severity, line, help: Option<&str>| Diagnostic {
            severity,
            file: "/etc/bot.yaml".into(),
            position: Some(Position { line, column: 1 }),
            key: "Matterbot.port".to_owned(),
            message: "is odd".to_owned(),
            help: help.map(str::to_owned),
        };
        let mut all: Vec<Diagnostic> = (1..=10)
            .map(|line| diagnostic(Severity::Warning, line, None))
            .collect();
        all.push(diagnostic(Severity::Error, 11, Some("ask @all")));
        let text = not_reloaded(&Invalid { diagnostics: all });
        assert!(
            text.contains(
                "1 error.\n- error: line 11: `Matterbot.port` is odd (ask @\u{200b}all)\n- warning: line 1: "
            ),
            "{text}"
        );
    }

    #[test]
    fn modules_that_fail_for_one_reason_share_a_line() {
        let failed = |name: &str, summary: &str| Failed {
            name: name.to_owned(),
            summary: summary.to_owned(),
            text: None,
            trace: String::new(),
            kept: true,
            lost: false,
        };
        let gone = "its interpreter does not run";
        let mut text = String::new();
        failures(
            &mut text,
            &[
                failed("dice", gone),
                failed("geo", "KeyError"),
                failed("roll", gone),
            ],
        );
        assert_eq!(
            text,
            "\n- ⚠ `geo` could not be loaded: `KeyError`; its last good code goes on\
             \n- ⚠ 2 modules could not be loaded for this reason: `its interpreter does not run`: `dice`, `roll`; \
             their last good code goes on"
        );
    }
}
