//! `matterbot ledger prune`: what is old is deleted by hand.

use std::time::Duration;

use anyhow::anyhow;

use crate::bot::StartFailure;
use crate::bot::reply::counted;
use crate::config;
use crate::ledger::{self, Forgotten, Pruned, SHORTEST_RETENTION};
use crate::lifecycle::terminal::print;

/// The arguments of `matterbot ledger prune`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Delete what is older than this, at least 7d
    #[arg(long, value_name = "AGE", default_value = "90d", value_parser = age)]
    older_than: Duration,
    /// Tell what would be deleted; changes nothing, and the bot may run
    #[arg(long)]
    dry_run: bool,
}

fn age(text: &str) -> anyhow::Result<Duration> {
    let age = humantime::parse_duration(text)?;
    if age < SHORTEST_RETENTION {
        return Err(anyhow!(
            "what is younger than {} keeps calls from running twice",
            days(SHORTEST_RETENTION)
        ));
    }
    Ok(age)
}

/// Deletes what is old, and says what.
pub(super) fn run(options: &config::Options, arguments: &Arguments) -> Result<(), StartFailure> {
    let age = arguments.older_than;
    let pruned = if arguments.dry_run {
        let Some(directory) = super::look(options)? else {
            return Ok(());
        };
        let Some(pruned) = ledger::would_prune(directory.path(), age)? else {
            super::print_no_ledger(&directory);
            return Ok(());
        };
        pruned
    } else {
        let (directory, _lock) = super::take(options)?;
        let Some(pruned) = ledger::prune(directory.path(), age)? else {
            super::print_no_ledger(&directory);
            return Ok(());
        };
        pruned
    };
    print(in_words(&pruned, age, arguments.dry_run));
    Ok(())
}

fn in_words(pruned: &Pruned, age: Duration, dry_run: bool) -> String {
    let Forgotten {
        calls,
        undeliverable,
        restarts,
        runs,
    } = pruned.forgotten;
    let verb = if dry_run { "Would delete" } else { "Deleted" };
    let age = days(age);
    let mut text = format!(
        "{verb} what is older than {age}: {}, {}, {}, {}.",
        counted(calls, "call", "calls"),
        counted(undeliverable, "undeliverable post", "undeliverable posts"),
        counted(restarts, "restart", "restarts"),
        counted(runs, "run of the bot", "runs of the bot"),
    );
    if !pruned.clock_known {
        text.push_str(
            "\nNo call may go, since the server's clock was never read: that takes a bot that was connected.",
        );
    } else if pruned.kept > 0 {
        let calls = counted(pruned.kept, "call", "calls");
        text.push_str(&format!(
            "\n{calls} of that age may not go: without an outcome, or the last of all."
        ));
    }
    if !dry_run {
        text.push_str(&size(pruned));
    }
    text
}

fn days(age: Duration) -> String {
    let days = age.as_secs() / (24 * 60 * 60);
    counted(usize::try_from(days).unwrap_or(usize::MAX), "day", "days")
}

fn size(pruned: &Pruned) -> String {
    let kib = |bytes: u64| bytes.div_ceil(1024);
    let (before, now) = (kib(pruned.size_before), kib(pruned.size));
    match &pruned.obstacle {
        Some(obstacle) => {
            format!("\nThe file could not be made smaller than its {now} KiB: {obstacle}.")
        }
        None if now < before => format!("\nThe file has {now} KiB now; it had {before}."),
        None => format!("\nThe file has {now} KiB."),
    }
}
