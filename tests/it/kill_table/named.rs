//! The rows of the table by their names: a bot that nobody supervises is killed there, and started again by hand.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Told, is_told, picks_up};
use crate::support::bot::BotUnderTest;
use crate::support::poll;
use crate::support::scenario::{Call, Scenario, WithFaults};
use crate::support::strace::{Instant, Strace, Whom, available, processes_of, websocket_of};

/// A bot that replaces itself.
async fn serving(scenario: &Scenario) -> BotUnderTest {
    let settings = json!({"Lifecycle": {"cooldown": "0s"}});
    let bot = BotUnderTest::serving(scenario, settings).await;
    scenario
        .pat
        .asks(&scenario.lab, "@status")
        .await
        .outcome()
        .await;
    bot
}

/// A restart during which the bot is killed at `instant`; what whoever asked is owed.
async fn killed_at(whom: Whom, instant: Instant, told: Told) {
    let scenario = Scenario::start().await;
    let mut bot = serving(&scenario).await;
    let restart = killed(&scenario, &mut bot, whom, &instant).await;
    assert_eq!(Told::of(&bot.state(""), &restart), told, "{instant:?}");
    picks_up(&scenario, &mut bot, &restart, told).await;
    scenario.check_promise().await;
}

async fn killed(
    scenario: &Scenario,
    bot: &mut BotUnderTest,
    whom: Whom,
    instant: &Instant,
) -> Call {
    let strace = Strace::attach(bot.pid(), &bot.state(""), whom, Some(instant)).await;
    let restart = scenario.olga.asks(&scenario.lab, "@restart").await;
    assert_eq!(bot.exit_code().await, None, "killed at {instant:?}");
    strace.detach().await;
    restart
}

#[tokio::test]
async fn read_and_not_yet_written_down() {
    if available() {
        let row = Instant::first("pwrite64").on("ledger.db-wal");
        killed_at(Whom::Everybody, row, Told::WasDown).await;
    }
}

/// What the start of a child is called here.
async fn spawning(scenario: &Scenario) -> Instant {
    let mut bot = serving(scenario).await;
    let pid = bot.pid();
    let strace = Strace::attach(pid, &bot.state(""), Whom::Everybody, None).await;
    let restart = scenario.olga.asks(&scenario.lab, "@restart").await;
    restart.outcome().await;
    bot.kill().await;
    let log = strace.detach().await;
    let main = u32::try_from(pid.as_raw_nonzero().get()).unwrap();
    let calls = log.calls();
    let spawns = |name: &str| ["clone", "clone3", "vfork"].contains(&name);
    let mut spawned = calls
        .iter()
        .filter(|called| called.thread == main && spawns(&called.name));
    let first = spawned.next().unwrap();
    assert!(!first.arguments.contains("CLONE_THREAD"), "{first:?}");
    Instant::first(&first.name)
}

#[tokio::test]
async fn preflight_about_to_begin() {
    if available() {
        let scenario = Scenario::start().await;
        let instant = spawning(&scenario).await;
        killed_at(Whom::MainThread, instant, Told::Interrupted).await;
    }
}

#[tokio::test]
async fn preflight_under_way() {
    let scenario = Scenario::with_faults().await;
    let mut bot = serving(&scenario).await;
    let slow = json!({"kind": "slow_answer", "delay_ms": 2_500});
    let whom = json!({"path": "/api/v4/users/me"});
    scenario.fault(json!({"fault": slow, "scope": whom})).await;
    let restart = scenario.olga.asks(&scenario.lab, "@restart").await;
    let checks = async || {
        let processes = processes_of(bot.home());
        let is_check = |line: &String| line.contains(" check ");
        processes.iter().any(is_check).then_some(())
    };
    poll("the check runs", checks).await;
    bot.kill().await;
    // Nobody waits for its verdict any more, and it has nothing to leave behind.
    let nobody = async || processes_of(bot.home()).is_empty().then_some(());
    poll("the check has ended too", nobody).await;
    assert_eq!(Told::of(&bot.state(""), &restart), Told::Interrupted);
    scenario.mend().await;
    picks_up(&scenario, &mut bot, &restart, Told::Interrupted).await;
    scenario.check_promise().await;
}

#[tokio::test]
async fn temporary_marker_written() {
    if available() {
        killed_at(
            Whom::Everybody,
            Instant::first("renameat"),
            Told::Interrupted,
        )
        .await;
    }
}

#[tokio::test]
async fn marker_renamed_and_not_announced() {
    if available() {
        killed_at(Whom::Everybody, Instant::nth("fsync", 2), Told::Back).await;
    }
}

/// The calls that run when it is killed are named to whoever asked for the restart, and their askers told.
#[tokio::test]
async fn draining() {
    let scenario = Scenario::with_faults().await;
    let mut bot = serving(&scenario).await;
    let cut_off = scenario
        .holds_up(&scenario.pat, Duration::from_secs(5))
        .await;
    let waiting = scenario.pat.asks(&scenario.lab, "@status").await;
    let restart = scenario.olga.asks(&scenario.lab, "@restart").await;
    bot.says("restart: restarting", 1).await;
    let joined = scenario.otto.asks(&scenario.lab, "@restart").await;
    let progress = async || (joined.posts().await.len() == 1).then_some(());
    poll("who joined is told so", progress).await;
    bot.kill().await;
    picks_up(&scenario, &mut bot, &restart, Told::Back).await;
    is_told(&bot.state(""), &joined, Told::Back).await;
    let back = restart.outcome().await;
    assert!(back.contains("`@help` was cut off"), "{back}");
    let told = cut_off.outcome().await;
    assert!(
        told.starts_with("I was interrupted while `@help` ran."),
        "{told}"
    );
    // What waited in its lane had not begun, and is served late.
    waiting.outcome().await;
    scenario.check_promise().await;
}

#[tokio::test]
async fn close_about_to_be_sent() {
    if !available() {
        return;
    }
    let scenario = Scenario::start().await;
    let server = scenario.config()["Matterbot"].clone();
    if server["scheme"] != "http" {
        eprintln!("Passed over: what is sent to the named server cannot be read, it is encrypted.");
        return;
    }
    let mut bot = serving(&scenario).await;
    let port = server["port"].as_u64().unwrap();
    let close = Instant::first("sendto").on(&websocket_of(bot.pid(), port));
    let strace = Strace::attach(bot.pid(), &bot.state(""), Whom::Everybody, Some(&close)).await;
    let restart = scenario.olga.asks(&scenario.lab, "@restart").await;
    assert_eq!(bot.exit_code().await, None);
    let log = strace.detach().await.text();
    // A close frame of a client begins with these two bytes, masked and two bytes long.
    assert!(log.contains(r#""\210\202"#), "{log}");
    picks_up(&scenario, &mut bot, &restart, Told::Back).await;
    scenario.check_promise().await;
}

#[tokio::test]
async fn close_sent_and_about_to_be_replaced() {
    if available() {
        killed_at(Whom::MainThread, Instant::first("execve"), Told::Back).await;
    }
}

#[tokio::test]
async fn successor_before_the_lock() {
    if available() {
        killed_at(Whom::MainThread, Instant::first("flock"), Told::Back).await;
    }
}

/// The next start does the same, and the one after it.
#[tokio::test]
async fn successor_before_hello() {
    let mut scenario = WithServer::start().await;
    let mut bot = serving(&scenario.scenario).await;
    let restart = scenario.leaves(&mut bot).await;
    for time in 2..=3 {
        bot.restart_process();
        bot.says(" starting version=", time).await;
        bot.says("the next try is in", time - 1).await;
        bot.kill().await;
    }
    assert_eq!(Told::of(&bot.state(""), &restart), Told::Back);
    scenario.comes_back().await;
    picks_up(&scenario.scenario, &mut bot, &restart, Told::Back).await;
    scenario.scenario.check_promise().await;
}

/// A server that can be stopped and started again.
struct WithServer {
    scenario: Scenario,
    directory: tempfile::TempDir,
}

impl WithServer {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let scenario = Scenario::kept_in(directory.path()).await;
        Self {
            scenario,
            directory,
        }
    }

    /// Has the bot restart, kills it when the marker is there, and stops the server.
    async fn leaves(&mut self, bot: &mut BotUnderTest) -> Call {
        let restart = self
            .scenario
            .olga
            .asks(&self.scenario.lab, "@restart")
            .await;
        bot.says("restart: restarting", 1).await;
        bot.kill().await;
        self.scenario.stop_server().await;
        restart
    }

    async fn comes_back(&mut self) {
        self.scenario.start_server(self.directory.path()).await;
    }
}

#[tokio::test]
async fn notices_committed_and_the_marker_still_there() {
    if available() {
        killed_at(Whom::MainThread, Instant::first("unlinkat"), Told::Back).await;
    }
}

/// A bot that was killed when the server had its notice and it had no answer.
async fn killed_while_the_notice_is_sent(scenario: &WithFaults) -> (BotUnderTest, Call) {
    let mut bot = serving(scenario).await;
    let restart = scenario.olga.asks(&scenario.lab, "@restart").await;
    bot.says("restart: restarting", 1).await;
    bot.kill().await;
    slow_posts(scenario).await;
    bot.restart_process();
    restart.outcome().await;
    bot.kill().await;
    assert!(!outbox_is_empty(&bot));
    scenario.mend().await;
    (bot, restart)
}

/// What was visible all the time counts as sent within this time, and is not said again.
async fn is_found_within(seconds: u64, mut bot: BotUnderTest, restart: &Call) {
    bot.restart_process();
    bot.ready(3).await;
    let found = async {
        while !outbox_is_empty(&bot) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(seconds), found).await;
    found.expect("the notice is found");
    bot.terminate();
    assert_eq!(bot.exit_code().await, Some(0));
    assert_eq!(outcomes(restart).await, 1);
}

#[tokio::test]
async fn notice_sent_and_its_answer_unseen() {
    let scenario = Scenario::through_proxy().await;
    let (bot, restart) = killed_while_the_notice_is_sent(&scenario).await;
    is_found_within(20, bot, &restart).await;
    scenario.check_promise().await;
}

/// The server forgets the id of a request after a while, so the thread is read for the key, 35 s after the last
/// attempt.
#[tokio::test]
async fn notice_sent_long_ago_and_its_answer_unseen() {
    let scenario = Scenario::through_proxy().await;
    let (bot, restart) = killed_while_the_notice_is_sent(&scenario).await;
    forget_the_attempt(&bot);
    is_found_within(90, bot, &restart).await;
    scenario.check_promise().await;
}

/// Posts take effect at once and are answered later than any kill comes.
async fn slow_posts(scenario: &WithFaults) {
    let slow = json!({"kind": "slow_answer", "delay_ms": 60_000});
    let posts = json!({"posting": "/api/v4/posts"});
    scenario.fault(json!({"fault": slow, "scope": posts})).await;
}

/// Makes the attempts in the outbox so old that they are not simply made again: the thread is read for the key.
fn forget_the_attempt(bot: &BotUnderTest) {
    let ledger = rusqlite::Connection::open(bot.state("ledger.db")).unwrap();
    let minute = "UPDATE outbox SET queued_at = queued_at - 60000, first_attempt_at = first_attempt_at - 60000";
    assert_eq!(ledger.execute(minute, []).unwrap(), 1);
}

fn outbox_is_empty(bot: &BotUnderTest) -> bool {
    let ledger = bot.ledger().unwrap();
    let left: i64 = ledger
        .query_row("SELECT count(*) FROM outbox", [], |row| row.get(0))
        .unwrap();
    left == 0
}

async fn outcomes(call: &Call) -> usize {
    let posts = call.posts().await;
    let is_outcome = |post: &&Value| post["props"]["matterbot"]["kind"] == "outcome";
    posts.iter().filter(is_outcome).count()
}
