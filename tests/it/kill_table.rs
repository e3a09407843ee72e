//! `kill -9` at every instant of a restart, and the loss of power there: the real program, stopped by `strace` at a system
//! call, and started again by hand or by s6. Whoever asked is told once, and what is told is true.

mod named;
mod power;
mod supervised;
mod sweep;

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;

use matterbot::lifecycle::marker;
use rusqlite::{Connection, OptionalExtension as _};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::bot::BotUnderTest;
use crate::support::disk::{Disk, Luck};
use crate::support::poll;
use crate::support::scenario::{Call, Scenario};
use crate::support::strace::{Instant, Log, Strace, Whom, processes_of};

/// What whoever asked for the restart is told by the successor, by what the predecessor left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    WasDown,
    Interrupted,
    Back,
}

impl Told {
    fn beginning(self) -> &'static str {
        match self {
            Self::WasDown => "I was down when you asked for `@restart`",
            Self::Interrupted => {
                "I was interrupted before the restart was prepared; I am up again."
            }
            Self::Back => "Back up. ✅",
        }
    }

    /// What is owed to `restart` by a process that starts on what lies in the state directory now.
    fn of(state: &Path, restart: &Call) -> Self {
        let row = row(state, restart);
        match (state.join(marker::NAME).exists(), row.as_deref()) {
            (true, _) | (false, Some("done")) => Self::Back,
            (false, Some("running")) => Self::Interrupted,
            (false, None) => Self::WasDown,
            (false, Some(other)) => panic!("the row of the restart is {other}"),
        }
    }
}

/// The state of the call's row; looked up in a copy, because SQLite mends what it opens.
fn row(state: &Path, call: &Call) -> Option<String> {
    let copy = tempfile::tempdir().unwrap();
    for name in ["ledger.db", "ledger.db-wal"] {
        if state.join(name).exists() {
            fs::copy(state.join(name), copy.path().join(name)).unwrap();
        }
    }
    let ledger = Connection::open(copy.path().join("ledger.db")).unwrap();
    let check: String = ledger
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok");
    let query = "SELECT state FROM call WHERE post = ?";
    let post = call.post["id"].as_str().unwrap();
    ledger
        .query_row(query, [post], |row| row.get(0))
        .optional()
        .unwrap()
}

/// A bot that leaves by exit status, to be started again by hand, and that may restart as often as it likes.
fn by_hand() -> Value {
    let lifecycle = json!({"cooldown": "0s", "budget": {"count": 100, "window": "1m"}});
    json!({"Matterbot": {"service_manager": "exit"}, "Lifecycle": lifecycle})
}

/// A bot that serves, and whose ledger knows since when.
async fn serving(scenario: &Scenario) -> BotUnderTest {
    let bot = BotUnderTest::serving(scenario, by_hand()).await;
    scenario
        .pat
        .asks(&scenario.lab, "@status")
        .await
        .outcome()
        .await;
    bot
}

/// Lets the bot restart under a strace that kills it at `instant`; gives the call, and whether it was hit. With `luck`
/// the power fails at that instant too.
async fn leave(
    scenario: &Scenario,
    bot: &mut BotUnderTest,
    instant: Option<&Instant>,
    luck: Option<Luck>,
) -> (Call, Log, bool) {
    // Nothing is written between the look at the disk and the log's beginning.
    bot.signal(Signal::STOP);
    let mut disk = Disk::of(&bot.state(""));
    let strace = Strace::attach(bot.pid(), &bot.state(""), Whom::Everybody, instant).await;
    bot.signal(Signal::CONT);
    let restart = scenario.olga.asks(&scenario.lab, "@restart").await;
    let status = bot.exit_status().await;
    let killed = status.signal() == Some(Signal::KILL.as_raw());
    assert!(killed || status.code() == Some(75), "{status}");
    let log = strace.detach().await;
    if let Some(luck) = luck {
        disk.replay(&log.calls());
        disk.lose_power(luck);
    }
    (restart, log, killed)
}

/// Starts the successor under a strace that kills it at `instant`, unless it has told of its return before.
async fn come_back(
    bot: &mut BotUnderTest,
    restart: &Call,
    instant: Option<&Instant>,
    luck: Option<Luck>,
) -> (Log, bool) {
    let mut disk = Disk::of(&bot.state(""));
    let log = Log::new();
    bot.restart_process_by(&log.wrapper(&bot.state(""), instant));
    let pid = bot.pid();
    let killed = poll("it is killed, or back", async || {
        if bot.ended().is_some() {
            return Some(true);
        }
        let is_outcome = |post: &Value| post["props"]["matterbot"]["kind"] == "outcome";
        let told = restart.posts().await.iter().any(is_outcome);
        (told && !bot.state(marker::NAME).exists()).then_some(false)
    })
    .await;
    if !killed {
        bot.kill().await;
    }
    log.until_end_of(pid).await;
    if let Some(luck) = luck {
        disk.replay(&log.calls());
        disk.lose_power(luck);
    }
    (log, killed)
}

/// Starts the bot by hand and sees it keep the promise: `restart` is told once and truly, an ordinary command that was
/// asked meanwhile is served, and nothing is left behind.
async fn picks_up(scenario: &Scenario, bot: &mut BotUnderTest, restart: &Call, told: Told) {
    let meanwhile = scenario.pat.asks(&scenario.lab, "@status").await;
    bot.restart_process();
    meanwhile.outcome().await;
    is_told(&bot.state(""), restart, told).await;
    bot.terminate();
    assert_eq!(bot.exit_code().await, Some(0));
    let nobody = async || processes_of(bot.home()).is_empty().then_some(());
    poll("no process is left", nobody).await;
}

/// `restart` has one outcome, and the announcement came only if it was kept.
async fn is_told(state: &Path, restart: &Call, told: Told) {
    let text = restart.outcome().await;
    assert!(text.starts_with(told.beginning()), "{text:?}, but {told:?}");
    let nothing_left = async || leftovers(state).is_empty().then_some(());
    poll("the marker is gone", nothing_left).await;
    let posts = restart.posts().await;
    let kinds = |kind: &str| {
        posts
            .iter()
            .filter(|post| post["props"]["matterbot"]["kind"] == kind)
            .count()
    };
    assert_eq!(kinds("outcome"), 1, "{posts:?}");
    let announced = kinds("progress");
    assert!(
        announced <= usize::from(told == Told::Back),
        "{told:?} after {posts:?}"
    );
}

/// What a restart leaves in the state directory while it is under way, or when it was cut off.
fn leftovers(state: &Path) -> Vec<String> {
    let names = fs::read_dir(state).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names
        .filter(|name| name.starts_with("restart-marker"))
        .collect()
}
