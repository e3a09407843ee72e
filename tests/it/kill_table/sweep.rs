//! Killed at every call that changes the state directory: found in a record of a restart, and met again one by one.

use futures_util::future::join_all;

use super::{Told, come_back, leave, picks_up, serving};
use crate::support::scenario::Scenario;
use crate::support::strace::{Instant, Log, available};

/// Bots that are killed at the same time, each on a server of its own.
const LANES: usize = 3;

/// Which calls: each file's own, so that another file's do not change the numbers.
const CALLS: [(&str, Option<&str>); 13] = [
    ("fchmod", None),
    ("fsync", None),
    ("fdatasync", None),
    ("ftruncate", None),
    ("renameat", None),
    ("unlink", None),
    ("unlinkat", None),
    ("flock", None),
    ("pwrite64", Some("ledger.db")),
    ("pwrite64", Some("ledger.db-wal")),
    ("fdatasync", Some("audit.jsonl")),
    ("write", Some("audit.jsonl")),
    ("write", Some("matterbot.lock")),
];

/// A commit writes pages one after the other, and a kill between two of them is like one before the first.
const PAGES: usize = 3;

fn instants(log: &Log) -> Vec<Instant> {
    let mut instants = Vec::new();
    for (call, file) in CALLS {
        let stride = if call == "pwrite64" { PAGES } else { 1 };
        instants.extend(log.instants(call, file).into_iter().step_by(stride));
    }
    instants
}

/// Most numbers are met again; a commit that took two calls together in the record makes one of them late.
fn assert_met(hits: usize, of: usize) {
    assert!(hits * 10 >= of * 8, "only {hits} of {of} instants were met");
}

#[tokio::test]
async fn the_predecessor_is_killed_at_every_change() {
    if !available() {
        return;
    }
    let scenario = Scenario::start().await;
    let mut bot = serving(&scenario).await;
    let (restart, log, _) = leave(&scenario, &mut bot, None, None).await;
    picks_up(&scenario, &mut bot, &restart, Told::Back).await;
    let instants = instants(&log);
    let lane = async |first: usize| {
        let scenario = Scenario::start().await;
        let mut hits = 0;
        for instant in instants.iter().skip(first).step_by(LANES) {
            eprintln!("{instant:?}");
            let mut bot = serving(&scenario).await;
            let (restart, _, killed) = leave(&scenario, &mut bot, Some(instant), None).await;
            let told = Told::of(&bot.state(""), &restart);
            picks_up(&scenario, &mut bot, &restart, told).await;
            hits += usize::from(killed);
        }
        scenario.check_promise().await;
        hits
    };
    let hits = join_all((0..LANES).map(lane)).await;
    assert_met(hits.iter().sum(), instants.len());
}

#[tokio::test]
async fn the_successor_is_killed_at_every_change() {
    if !available() {
        return;
    }
    let scenario = Scenario::start().await;
    let mut bot = serving(&scenario).await;
    let (restart, ..) = leave(&scenario, &mut bot, None, None).await;
    let (log, _) = come_back(&mut bot, &restart, None, None).await;
    picks_up(&scenario, &mut bot, &restart, Told::Back).await;
    let instants = instants(&log);
    let lane = async |first: usize| {
        let scenario = Scenario::start().await;
        let mut hits = 0;
        for instant in instants.iter().skip(first).step_by(LANES) {
            eprintln!("{instant:?}");
            let mut bot = serving(&scenario).await;
            let restart = scenario.olga.asks(&scenario.lab, "@restart").await;
            assert_eq!(bot.exit_code().await, Some(75));
            let (_, killed) = come_back(&mut bot, &restart, Some(instant), None).await;
            picks_up(&scenario, &mut bot, &restart, Told::Back).await;
            hits += usize::from(killed);
        }
        scenario.check_promise().await;
        hits
    };
    let hits = join_all((0..LANES).map(lane)).await;
    assert_met(hits.iter().sum(), instants.len());
}
