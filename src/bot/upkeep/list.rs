//! `matterbot ledger list`: the newest calls, and what became of them.

use clap::builder::{PossibleValuesParser, TypedValueParser as _};

use super::columns::{Cut, clipped, columns};
use crate::bot::StartFailure;
use crate::bot::reply;
use crate::config;
use crate::ledger::{self, CallState, Kind, Query, Record, Survey};
use crate::lifecycle::terminal::{print, print_json, width};
use crate::text::one_line;
use crate::timestamp::Timestamp;

/// The states, as they are written.
const STATES: [&str; 6] = [
    "running",
    "done",
    "failed",
    "denied",
    "expired",
    "interrupted",
];

/// The most characters of a sentence that are shown in a table.
const LONGEST_CELL: usize = 48;

/// People and channels need no more to be told apart, and `show` has them whole.
const CUTS: [Cut; 5] = [(3, 7), (2, 7), (5, 24), (1, 8), (3, 0)];

/// The arguments of `matterbot ledger list`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// At most so many calls, 1 to 10000
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000))]
    count: u32,
    /// Only calls of this state
    #[arg(long, value_name = "STATE", value_parser = PossibleValuesParser::new(STATES).try_map(|word| state(&word)))]
    state: Option<CallState>,
    /// A JSON object a line
    #[arg(long)]
    json: bool,
}

/// The state that is written as `word`.
fn state(word: &str) -> serde_json::Result<CallState> {
    serde_json::from_value(word.into())
}

/// Prints the newest calls.
pub(super) fn run(options: &config::Options, arguments: &Arguments) -> Result<(), StartFailure> {
    let Some(directory) = super::look(options)? else {
        return Ok(());
    };
    let query = Query::Newest {
        count: arguments.count,
        state: arguments.state,
    };
    match ledger::survey(directory.path(), query)? {
        None => super::print_no_ledger(&directory),
        Some(survey) if arguments.json => {
            for record in survey.records {
                print_json(&record)?;
            }
        }
        Some(survey) => print(table(&survey, Timestamp::now(), width())),
    }
    Ok(())
}

fn table(survey: &Survey, now: Timestamp, width: usize) -> String {
    let titles = [
        "WHEN (UTC)",
        "COMMAND",
        "WHO",
        "CHANNEL",
        "POST[:CALL]",
        "STATE",
    ];
    let rows: Vec<[String; 6]> = survey.records.iter().map(row).collect();
    let mut text = match rows.as_slice() {
        [] => "There is no such call in the ledger.".to_owned(),
        rows => columns(titles, rows, &CUTS, width),
    };
    text.push_str("\n\n");
    text.push_str(&owed(survey, now));
    text
}

fn row(record: &Record) -> [String; 6] {
    [
        super::instant(record.asked_at),
        clipped(&one_line(&record.name), LONGEST_CELL),
        record.user.to_string(),
        record.channel.to_string(),
        super::which(record.post, record.ordinal),
        format!("{}{}", outcome(record), answer(record)),
    ]
}

/// The state, with the detail if that says more.
fn outcome(record: &Record) -> String {
    let state = super::word(record.state);
    match one_line(&record.detail) {
        detail if detail.is_empty() || detail == state => state,
        detail => clipped(&format!("{state}: {detail}"), LONGEST_CELL),
    }
}

/// What the asker has not seen of it.
fn answer(record: &Record) -> String {
    let outcomes = |kind: Kind| kind == Kind::Outcome;
    let waiting = record.waiting.iter().filter(|post| outcomes(post.kind));
    if let Some(post) = record.undeliverable.iter().find(|post| outcomes(post.kind)) {
        let reason = clipped(&one_line(&post.reason), LONGEST_CELL);
        return format!(", undeliverable: {reason}");
    }
    match waiting.count() {
        0 => String::new(),
        _ => ", not posted yet".to_owned(),
    }
}

/// What waits or was given up, about whatever.
fn owed(survey: &Survey, now: Timestamp) -> String {
    let waiting = match survey.waiting.oldest {
        None => "Nothing waits in the outbox".to_owned(),
        Some(oldest) => {
            let (count, age) = (survey.waiting.count, reply::duration(now.since(oldest)));
            let posts = reply::counted(count as usize, "post waits", "posts wait");
            format!("{posts} in the outbox, the oldest for {age}")
        }
    };
    let given_up = match survey.undeliverable.oldest {
        None => "nothing was undeliverable".to_owned(),
        Some(oldest) => {
            let count = survey.undeliverable.count as usize;
            let posts = reply::counted(count, "post was", "posts were");
            format!("{posts} undeliverable since {oldest}")
        }
    };
    format!("{waiting}; {given_up}.")
}
