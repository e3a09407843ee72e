//! The power fails at every call that makes something last: what had been synced is all that is left, or that and a
//! part of the rest.

use futures_util::future::join_all;

use super::{Told, come_back, leave, picks_up, serving};
use crate::support::disk::Luck;
use crate::support::scenario::Scenario;
use crate::support::strace::{Instant, Log, available};

/// What lies between two syncs is lost as a whole or in part, so these are the instants that differ.
const CALLS: [&str; 5] = ["fsync", "fdatasync", "renameat", "unlink", "unlinkat"];

/// Nothing unsynced survives; then twice a part of it.
const LUCK: [Luck; 3] = [Luck::None, Luck::Some(20_261_121), Luck::Some(7)];

fn instants(log: &Log) -> Vec<Instant> {
    CALLS
        .iter()
        .flat_map(|call| log.instants(call, None))
        .collect()
}

#[tokio::test]
async fn the_power_fails_before_the_predecessor_has_left() {
    if !available() {
        return;
    }
    let scenario = Scenario::start().await;
    let mut bot = serving(&scenario).await;
    let (restart, log, _) = leave(&scenario, &mut bot, None, None).await;
    picks_up(&scenario, &mut bot, &restart, Told::Back).await;
    let instants = instants(&log);
    assert!(instants.len() > 8, "{instants:?}");
    let lane = async |luck: Luck| {
        let scenario = Scenario::start().await;
        for instant in &instants {
            eprintln!("{instant:?} {luck:?}");
            let mut bot = serving(&scenario).await;
            let (restart, ..) = leave(&scenario, &mut bot, Some(instant), Some(luck)).await;
            let told = Told::of(&bot.state(""), &restart);
            picks_up(&scenario, &mut bot, &restart, told).await;
        }
        scenario.check_promise().await;
    };
    join_all(LUCK.map(lane)).await;
}

#[tokio::test]
async fn the_power_fails_before_the_successor_has_told() {
    if !available() {
        return;
    }
    let scenario = Scenario::start().await;
    let mut bot = serving(&scenario).await;
    let (restart, ..) = leave(&scenario, &mut bot, None, None).await;
    let (log, _) = come_back(&mut bot, &restart, None, None).await;
    picks_up(&scenario, &mut bot, &restart, Told::Back).await;
    let instants = instants(&log);
    assert!(instants.len() > 4, "{instants:?}");
    let lane = async |luck: Luck| {
        let scenario = Scenario::start().await;
        for instant in &instants {
            eprintln!("{instant:?} {luck:?}");
            let mut bot = serving(&scenario).await;
            let (restart, ..) = leave(&scenario, &mut bot, None, None).await;
            come_back(&mut bot, &restart, Some(instant), Some(luck)).await;
            picks_up(&scenario, &mut bot, &restart, Told::Back).await;
        }
        scenario.check_promise().await;
    };
    join_all(LUCK.map(lane)).await;
}

/// The one that the table names: what was renamed and not synced is lost, and nobody was told that it was there.
#[tokio::test]
async fn a_marker_whose_directory_was_not_synced_is_lost() {
    if !available() {
        return;
    }
    let scenario = Scenario::start().await;
    let mut bot = serving(&scenario).await;
    let directory_sync = Instant::nth("fsync", 2);
    let (restart, log, killed) =
        leave(&scenario, &mut bot, Some(&directory_sync), Some(Luck::None)).await;
    assert!(killed);
    let renamed = |name: &str| name == "renameat";
    assert!(log.calls().iter().any(|called| renamed(&called.name)));
    assert_eq!(Told::of(&bot.state(""), &restart), Told::Interrupted);
    picks_up(&scenario, &mut bot, &restart, Told::Interrupted).await;
    scenario.check_promise().await;
}
