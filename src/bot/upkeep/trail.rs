//! `matterbot audit`: the last decisions, from the audit trail.

use super::columns::{Cut, clipped, columns};
use crate::audit::{self, Entry};
use crate::bot::StartFailure;
use crate::config;
use crate::lifecycle::ExitStatus;
use crate::lifecycle::terminal::{print, print_json, width};
use crate::text::one_line;

/// The most characters of a text that are shown in a table.
const LONGEST_CELL: usize = 48;

/// The post leads to everything else.
const CUTS: [Cut; 5] = [(4, 7), (3, 7), (4, 0), (2, 16), (1, 20)];

/// The arguments of `matterbot audit`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// At most so many decisions, 1 to 10000
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=10_000))]
    count: u16,
    /// A JSON object a line, as in the file
    #[arg(long)]
    json: bool,
}

/// Prints the last decisions, the oldest of them first; the bot may run.
///
/// # Errors
/// The configuration or the trail cannot be read.
pub fn run(options: &config::Options, arguments: &Arguments) -> Result<ExitStatus, StartFailure> {
    show(options, arguments)
        .map(|()| ExitStatus::Success)
        .map_err(super::who_may)
}

fn show(options: &config::Options, arguments: &Arguments) -> Result<(), StartFailure> {
    let Some(directory) = super::look(options)? else {
        return Ok(());
    };
    let entries = audit::tail(directory.path(), arguments.count.into())?;
    if arguments.json {
        for entry in &entries {
            print_json(entry)?;
        }
    } else if entries.is_empty() {
        print("No decision has been recorded yet.");
    } else {
        let titles = [
            "WHEN (UTC)",
            "VERDICT",
            "COMMAND",
            "WHO",
            "CHANNEL",
            "POST[:CALL]",
        ];
        let rows: Vec<[String; 6]> = entries.iter().map(row).collect();
        print(columns(titles, &rows, &CUTS, width()));
    }
    Ok(())
}

fn row(entry: &Entry) -> [String; 6] {
    let cell = |text: &str| clipped(&one_line(text), LONGEST_CELL);
    [
        super::instant(entry.at),
        cell(&verdict(entry)),
        cell(&entry.command),
        entry.user.to_string(),
        entry.channel.to_string(),
        super::which(entry.post, entry.ordinal),
    ]
}

/// What was decided, why, and what became of it.
fn verdict(entry: &Entry) -> String {
    let texts = [&entry.reason, &entry.outcome].into_iter().flatten();
    let more: Vec<&str> = texts.map(String::as_str).collect();
    match more.as_slice() {
        [] => super::word(entry.verdict),
        more => format!("{}: {}", super::word(entry.verdict), more.join(", ")),
    }
}
