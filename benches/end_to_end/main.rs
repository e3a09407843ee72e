//! The bot against a floor client, end to end: `cargo bench --bench end_to_end`.
//!
//! ```text
//!  this process: playground and askers          a child process
//!  POST /posts "@status" ──▶ playground ──posted──▶ bot, or floor
//!  posted ◀───────────────── playground ◀──POST /posts── answer
//! ```
//!
//! The floor ([`floor`]) is the least code on the bot's own libraries that answers one command. Each of a few rounds
//! starts both, one after the other, each with a server and a directory of its own ([`session`]), and times between the
//! commands what the disk takes ([`disk`]). Then the bot alone is restarted ([`restart`]) and asked with a large ledger
//! ([`large_ledger`]), and the requests of a start are counted ([`few_requests`]); then the module host with a hundred
//! modules ([`modules`]). Targets are reported, never asserted ([`report`]).

mod asker;
mod chatter;
mod client;
mod disk;
mod few_requests;
mod floor;
mod large_ledger;
mod machine;
mod modules;
mod report;
mod restart;
mod samples;
mod session;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;

use client::Kind;
use disk::Scratch;
use large_ledger::Size;
use machine::Machine;
use report::{Alone, Report, Round};
use restart::RESTARTS;
use session::Extent;

/// How often each kind of restart is made; in brief, once.
const RESTARTS_EACH: usize = 15;

/// No round may take longer.
const ROUND_AT_MOST: Duration = Duration::from_secs(300);

/// The bot against a floor client, end to end.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many rounds: the bot and the floor once in each
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=20))]
    rounds: u32,
    /// Where the state directories are made; not on a tmpfs
    #[arg(long, value_name = "DIR", default_value = env!("CARGO_TARGET_TMPDIR"))]
    state: PathBuf,
    /// Print JSON lines instead of a table
    #[arg(long)]
    json: bool,
    /// Ask and chatter less: to see that it works, not to measure
    #[arg(long)]
    brief: bool,
    /// What `cargo bench` passes, and `cargo test` does not
    #[arg(long, hide = true)]
    bench: bool,
    /// Be the floor client of the server at this address, with the token
    #[arg(long, hide = true, num_args = 2, value_names = ["ADDRESS", "TOKEN"])]
    floor: Option<Vec<String>>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some([address, token]) = arguments.floor.as_deref() {
        return exit(floor::run(address, token));
    }
    if !arguments.bench {
        println!("nothing is measured without `cargo bench --bench end_to_end`");
        return ExitCode::SUCCESS;
    }
    exit(measure(&arguments))
}

fn exit(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("end_to_end: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> anyhow::Result<()> {
    let scratch = Scratch::make(&arguments.state)?;
    let machine = Machine::look(&scratch)?;
    eprintln!("{machine}");
    let extent = if arguments.brief {
        Extent::BRIEF
    } else {
        Extent::FULL
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let measured = async {
        let rounds = all(arguments.rounds, extent, scratch.path()).await?;
        let alone = alone(arguments.brief, scratch.path()).await?;
        anyhow::Ok((rounds, alone))
    };
    let (rounds, alone) = runtime.block_on(async {
        // Whatever ends the waiting, the children are killed when they are dropped.
        tokio::select! {
            measured = measured => measured,
            _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted"),
        }
    })?;
    let report = Report::new(machine, rounds, &alone);
    if arguments.json {
        print!("{}", report.json_lines()?);
    } else {
        print!("{}", report.table());
    }
    Ok(())
}

async fn all(count: u32, extent: Extent, directory: &Path) -> anyhow::Result<Vec<Round>> {
    let mut rounds = Vec::new();
    for number in 1..=count {
        let round = tokio::time::timeout(ROUND_AT_MOST, round(number, extent, directory));
        let round = round
            .await
            .context("the round took too long")
            .flatten()
            .with_context(|| format!("round {number}"))?;
        eprintln!("round {number} of {count}: {round}");
        rounds.push(round);
    }
    Ok(rounds)
}

/// What is measured of the bot alone, each once.
async fn alone(brief: bool, directory: &Path) -> anyhow::Result<Alone> {
    let count = if brief { 1 } else { RESTARTS_EACH };
    let mut restarts = Vec::new();
    for (number, restart) in (1..).zip(RESTARTS) {
        eprintln!("restart by {}", restart.name);
        let home = directory.join(format!("restart-{number}"));
        restarts.push((restart, restart::run(restart, count, &home).await?));
    }
    eprintln!("a start with 300 channels, 3 of them changed");
    let requests = few_requests::run(&directory.join("few-requests")).await?;
    let size = if brief { Size::BRIEF } else { Size::FULL };
    eprintln!("a ledger of {} rows", size.rows);
    let ledgers = large_ledger::run(size, directory).await?;
    let extent = if brief {
        modules::Extent::BRIEF
    } else {
        modules::Extent::FULL
    };
    eprintln!("{} modules in Python", extent.modules);
    let modules = modules::run(extent, &directory.join("modules")).await?;
    Ok(Alone {
        restarts,
        requests,
        ledgers,
        modules,
    })
}

/// Who goes first changes, so that a machine that warms up or fills up favours nobody.
async fn round(number: u32, extent: Extent, directory: &Path) -> anyhow::Result<Round> {
    let kinds = if number.is_multiple_of(2) {
        [Kind::Floor, Kind::Bot]
    } else {
        [Kind::Bot, Kind::Floor]
    };
    let home = |kind| directory.join(format!("{number}-{kind:?}"));
    let first = session::run(kinds[0], extent, &home(kinds[0])).await?;
    let second = session::run(kinds[1], extent, &home(kinds[1])).await?;
    Ok(match kinds[0] {
        Kind::Bot => Round {
            bot: first,
            floor: second,
        },
        Kind::Floor => Round {
            bot: second,
            floor: first,
        },
    })
}
