//! `matterbot ledger show`: everything that is known of one call.

use std::fmt::Write as _;
use std::str::FromStr;

use anyhow::anyhow;

use crate::bot::StartFailure;
use crate::config;
use crate::id::{InvalidId, PostId};
use crate::ledger::{self, Query, Record, Undeliverable, Waiting};
use crate::lifecycle::terminal::{print, print_json};
use crate::text::one_line;
use crate::timestamp::Timestamp;

/// The arguments of `matterbot ledger show`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The post that asked, and the place of the command's word in the message, counted over its words from 0; without a
    /// place all calls of the post
    #[arg(value_name = "POST[:CALL]")]
    which: Which,
    /// A JSON object a line
    #[arg(long)]
    json: bool,
}

/// Which calls are to be shown.
#[derive(Debug, Clone, Copy)]
struct Which(PostId, Option<u16>);

/// What stands for a call is none.
#[derive(Debug, thiserror::Error)]
enum NotACall {
    #[error("{0}")]
    Post(InvalidId),
    #[error("{0:?} is not the number of a call")]
    Number(String),
}

impl FromStr for Which {
    type Err = NotACall;

    fn from_str(text: &str) -> Result<Self, NotACall> {
        let (post, number) = match text.split_once(':') {
            Some((post, number)) => (post, Some(number)),
            None => (text, None),
        };
        let number = number
            .map(|number| {
                number
                    .parse()
                    .map_err(|_| NotACall::Number(number.to_owned()))
            })
            .transpose()?;
        Ok(Self(post.parse().map_err(NotACall::Post)?, number))
    }
}

/// Prints the calls that were asked for.
pub(super) fn run(options: &config::Options, arguments: &Arguments) -> Result<(), StartFailure> {
    let Some(directory) = super::look(options)? else {
        return Ok(());
    };
    let Which(post, number) = arguments.which;
    let Some(survey) = ledger::survey(directory.path(), Query::OfPost(post, number))? else {
        super::print_no_ledger(&directory);
        return Ok(());
    };
    if survey.records.is_empty() {
        let what = number.map_or_else(|| post.to_string(), |number| format!("{post}:{number}"));
        return Err(anyhow!(
            "the ledger has no call of {what}: it was none, it waits for its turn, or it is forgotten"
        )
        .into());
    }
    for record in &survey.records {
        if arguments.json {
            print_json(record)?;
        } else {
            print(in_words(record));
        }
    }
    Ok(())
}

fn in_words(record: &Record) -> String {
    let mut text = format!(
        "{}:{} {}\n",
        record.post,
        record.ordinal,
        one_line(&record.name)
    );
    let mut line = |name: &str, value: String| {
        writeln!(text, "  {name:<14} {value}").ok();
    };
    line("state", super::word(record.state));
    line("detail", one_line(&record.detail));
    line("asked", format!("{} by {}", record.asked_at, record.user));
    line(
        "channel",
        format!("{}, thread {}", record.channel, record.root),
    );
    line("first row", record.recorded_at.to_string());
    line("outcome", instant(record.settled_at));
    line(
        "answer",
        record
            .answer
            .map_or("none".to_owned(), |post| post.to_string()),
    );
    for each in record.text.as_deref().unwrap_or_default().lines() {
        line("text", one_line(each));
    }
    line(
        "plan",
        record
            .plan
            .as_ref()
            .map(|plan| one_line(&plan.to_string()))
            .unwrap_or_default(),
    );
    for post in &record.waiting {
        line("waits", waits(post));
        for each in post.text.as_deref().unwrap_or_default().lines() {
            line("", format!("| {}", one_line(each)));
        }
    }
    for post in &record.undeliverable {
        line("undeliverable", given_up(post));
        for each in post.text.as_deref().unwrap_or_default().lines() {
            line("", format!("| {}", one_line(each)));
        }
    }
    text
}

fn instant(instant: Option<Timestamp>) -> String {
    instant.map_or("none".to_owned(), |instant| instant.to_string())
}

fn waits(post: &Waiting) -> String {
    let file = match &post.attachment {
        Some(name) => format!(", with the file {}", one_line(name)),
        None => String::new(),
    };
    format!(
        "{} {} of {} since {}{file}; first attempt {}, end of the last {}",
        super::word(post.kind),
        post.part,
        post.parts,
        post.queued_at,
        instant(post.first_attempt_at),
        instant(post.last_attempt_ended_at),
    )
}

fn given_up(post: &Undeliverable) -> String {
    let (part, parts, at) = (post.part, post.parts, post.at);
    let reason = one_line(&post.reason);
    format!(
        "{} {part} of {parts}, given up at {at}: {reason}",
        super::word(post.kind)
    )
}
