//! The audit trail in words: the file has codes for programs, the chat has sentences for people.

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::audit::{Entry, Verdict};
use crate::id::UserId;
use crate::text::{inline_code, neutralise};

use super::quoted;

/// The last decisions; whoever has no name in `names` is shown by the identifier.
#[must_use]
pub fn audit(entries: &[Entry], names: &HashMap<UserId, String>) -> String {
    if entries.is_empty() {
        return "No decision has been recorded yet.".to_owned();
    }
    let mut text =
        String::from("| When (UTC) | Who | Command | Decision | Outcome |\n|:-|:-|:-|:-|:-|\n");
    for entry in entries {
        let who = names.get(&entry.user).map_or_else(
            || quoted(&entry.user.to_string()),
            // As code it pings nobody.
            |name| inline_code(&format!("@{name}")),
        );
        let cells = [
            when(entry),
            who,
            command(entry),
            decision(entry),
            outcome(entry),
        ];
        let cells = cells.map(|cell| cell.replace('|', "/"));
        // Writing to a String cannot fail.
        writeln!(text, "| {} |", cells.join(" | ")).ok();
    }
    text
}

/// The time to the second.
fn when(entry: &Entry) -> String {
    let time = entry.at.to_string().replace('T', " ");
    time.trim_end_matches('Z').to_owned()
}

/// The command as it was typed.
fn command(entry: &Entry) -> String {
    if entry.command.starts_with(['@', '!']) {
        quoted(&entry.command)
    } else {
        quoted(&format!("@{}", entry.command))
    }
}

/// What was decided, and why.
fn decision(entry: &Entry) -> String {
    let verdict = match entry.verdict {
        Verdict::Allowed => "allowed",
        Verdict::Denied => "denied",
        Verdict::Limited => "limited",
        Verdict::Expired => "expired",
        Verdict::Interrupted => "interrupted",
    };
    match entry.reason.as_deref() {
        Some(code) => format!("{verdict}: {}", reason(code)),
        None => verdict.to_owned(),
    }
}

/// The reason behind a code of the trail; one that a newer version has written is shown as it is.
fn reason(code: &str) -> String {
    let words = match code {
        "not_permitted" => "no permission",
        "deactivated" => "the account is deactivated",
        "guest" => "a guest account",
        "bot" => "a bot account",
        "remote" => "an account of another server",
        "lookup_failed" => "the account could not be looked up",
        "cooldown" => "too soon after the last restart",
        "budget" => "too many restarts",
        "no_ward" => "only the bot itself can be restarted",
        "channel" => "not in this channel",
        "rate" => "too many commands in a short time",
        "away" => "could not be served when it was asked",
        "age" => "too old when it was read",
        "deleted" => "the message was deleted",
        "edited" => "the message was edited",
        other => return neutralise(other),
    };
    words.to_owned()
}

/// What became of it.
fn outcome(entry: &Entry) -> String {
    match (entry.outcome.as_deref(), entry.verdict) {
        (Some("restarting"), _) => "restart begun".to_owned(),
        (Some(outcome), _) => neutralise(outcome),
        (None, Verdict::Allowed) => String::new(),
        (None, Verdict::Interrupted) => "cut off when the bot's process ended".to_owned(),
        (None, _) => "not run".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use crate::command::role::Denied;
    use crate::id::{ChannelId, PostId};
    use crate::timestamp::Timestamp;

    use super::*;

    fn entry(verdict: Verdict, reason: Option<&str>, outcome: Option<&str>) -> Entry {
        Entry {
            at: Timestamp(1_700_000_000_123),
            post: PostId::random(),
            ordinal: 0,
            channel: ChannelId::random(),
            user: UserId::random(),
            command: "@restart".to_owned(),
            module: None,
            verdict,
            reason: reason.map(str::to_owned),
            outcome: outcome.map(str::to_owned),
        }
    }

    #[test]
    fn a_row_reads_well() {
        let denied = entry(Verdict::Denied, Some("not_permitted"), None);
        let names = HashMap::from([(denied.user, "pat".to_owned())]);
        assert_eq!(
            audit(&[denied], &names).lines().nth(2),
            Some("| 2023-11-14 22:13:20 | `@pat` | `@restart` | denied: no permission | not run |")
        );
        let allowed = entry(Verdict::Allowed, None, Some("restarting"));
        let id = allowed.user;
        assert_eq!(
            audit(&[allowed], &HashMap::new()).lines().nth(2),
            Some(
                format!("| 2023-11-14 22:13:20 | `{id}` | `@restart` | allowed | restart begun |")
                    .as_str()
            )
        );
    }

    #[test]
    fn every_denial_has_words() {
        for denied in [
            Denied::NotPermitted,
            Denied::Deactivated,
            Denied::Guest,
            Denied::Bot,
            Denied::Remote,
            Denied::LookupFailed,
        ] {
            assert!(reason(denied.code()).contains(' '), "{denied:?}");
        }
        assert_eq!(reason("`new`"), "'new'");
    }

    #[test]
    fn no_text_makes_a_cell() {
        let mut odd = entry(Verdict::Expired, Some("a|b"), Some("c|d\n| e"));
        odd.command = "@restart | `x`\n|".to_owned();
        let shown = audit(&[odd], &HashMap::new());
        assert_eq!(shown.lines().count(), 3);
        assert_eq!(
            shown.lines().last().unwrap().matches('|').count(),
            6,
            "{shown}"
        );
    }
}
