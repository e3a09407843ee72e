//! `logcmd`: a line of the log for every command, with who asked, where, which, and what was decided. Of a message only
//! the command is shown, and its parameters only with `logcmdparams`.

use std::fmt::Display;
use std::sync::Arc;

use crate::audit::{Entry, Verdict};
use crate::config::Matterbot;

use super::context::Context;

impl Context {
    /// Appends `entry` to the audit trail, and tells the log of it if it is to have a line for every command.
    pub fn decided(&self, entry: Entry) {
        self.log_command(&entry);
        self.audit.record(entry);
    }

    /// The log's line about the command of `entry`, if it is to have one.
    pub fn log_command(&self, entry: &Entry) {
        let settings = self.settings();
        let matterbot = &settings.config.matterbot;
        if matterbot.logcmd {
            let user = of(self.names.user(entry.user), entry.user);
            let channel = of(self.names.channel(entry.channel), entry.channel);
            let line = line(matterbot, entry, &format!("{user} in channel {channel}"));
            tracing::info!("{line}");
        }
    }
}

/// A name with the identifier, as far as the name was heard: nobody is asked for it.
fn of(name: Option<Arc<str>>, id: impl Display) -> String {
    match name {
        Some(name) => format!("{name} ({id})"),
        None => id.to_string(),
    }
}

fn line(matterbot: &Matterbot, entry: &Entry, who: &str) -> String {
    let command = if matterbot.logcmdparams {
        entry.command.as_str()
    } else {
        entry.command.split_whitespace().next().unwrap_or_default()
    };
    let verdict = match entry.verdict {
        Verdict::Allowed => "allowed",
        Verdict::Denied => "denied",
        Verdict::Limited => "limited",
        Verdict::Expired => "expired",
        Verdict::Interrupted => "interrupted",
    };
    let details: Vec<&str> = [&entry.reason, &entry.outcome]
        .into_iter()
        .filter_map(|detail| detail.as_deref())
        // The trail says what is begun; here that has a line of its own, once it is.
        .map(|detail| match detail {
            "restarting" => "to be prepared",
            other => other,
        })
        .collect();
    let details = if details.is_empty() {
        String::new()
    } else {
        format!(" ({})", details.join(", "))
    };
    format!("command {command} of user {who}: {verdict}{details}")
}
