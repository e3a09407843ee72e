//! The same below a real s6: the bot is killed at an instant, and nobody lifts a hand.

use rustix::process::{Pid, Signal};

use super::{Told, is_told};
use crate::support::playground::DEADLINE;
use crate::support::program::{Home, Settings, eventually, needs};
use crate::support::s6::S6;
use crate::support::scenario::{Call, Scenario};
use crate::support::strace::{Instant, Strace, Whom, available, processes_of};

/// A bot below s6, for `scenario`.
struct Supervised {
    scenario: Scenario,
    home: Home,
    s6: S6,
}

impl Supervised {
    async fn serving() -> Self {
        let scenario = Scenario::start().await;
        let config = scenario.config();
        let matterbot = &config["Matterbot"];
        let home = Home::new(&Settings {
            host: format!(
                "{}:{}",
                matterbot["host"].as_str().unwrap(),
                matterbot["port"]
            ),
            scheme: matterbot["scheme"].as_str().unwrap(),
            base_path: matterbot["basepath"].as_str().unwrap(),
            token: &scenario.bot.token,
            team: &scenario.team_name,
            service_manager: "auto",
            ..Settings::alone()
        });
        let mut s6 = S6::start(&home);
        s6.supervisor.line("serving").await;
        scenario
            .pat
            .asks(&scenario.lab, "@status")
            .await
            .outcome()
            .await;
        Self { scenario, home, s6 }
    }

    fn bot(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.home.runs()[0].pid).unwrap()).unwrap()
    }

    /// A restart during which `pid`, or a child of it, is killed at `instant`.
    async fn killed(&self, pid: Pid, whom: Whom, instant: &Instant) -> Call {
        let strace = Strace::attach(pid, &self.home.state(), whom, Some(instant)).await;
        let restart = self
            .scenario
            .admin
            .asks(&self.scenario.lab, "@restart")
            .await;
        strace.until_killed().await;
        strace.detach().await;
        restart
    }

    /// What was asked is told once, and the service goes on until it is brought down.
    async fn goes_on(mut self, restart: &Call, told: Told) {
        let meanwhile = self.scenario.pat.asks(&self.scenario.lab, "@status").await;
        is_told(&self.home.state(), restart, told).await;
        meanwhile.outcome().await;
        self.s6.supervisor.signal(Signal::TERM);
        let ended = tokio::time::timeout(DEADLINE, self.s6.supervisor.end()).await;
        assert!(ended.unwrap().success());
        assert_eq!(self.home.ends()[0].as_deref(), Some("stop"));
        eventually("no process is left", || {
            processes_of(self.home.path()).is_empty()
        })
        .await;
        self.scenario.check_promise().await;
    }
}

fn possible() -> bool {
    available() && needs("s6-supervise", "s6")
}

/// The bot itself is killed at `instant`.
async fn killed_at(whom: Whom, instant: Instant, told: Told) {
    if possible() {
        let supervised = Supervised::serving().await;
        let restart = supervised.killed(supervised.bot(), whom, &instant).await;
        supervised.goes_on(&restart, told).await;
    }
}

#[tokio::test]
async fn read_and_not_yet_written_down() {
    let row = Instant::first("pwrite64").on("ledger.db-wal");
    killed_at(Whom::Everybody, row, Told::WasDown).await;
}

#[tokio::test]
async fn temporary_marker_written() {
    killed_at(
        Whom::Everybody,
        Instant::first("renameat"),
        Told::Interrupted,
    )
    .await;
}

#[tokio::test]
async fn marker_renamed_and_not_announced() {
    killed_at(Whom::Everybody, Instant::nth("fsync", 2), Told::Back).await;
}

#[tokio::test]
async fn about_to_leave() {
    killed_at(Whom::MainThread, Instant::first("exit_group"), Told::Back).await;
}

/// The successor is a child of s6, whom the strace looks at until somebody was killed.
async fn successor_killed_at(instant: Instant) {
    if possible() {
        let supervised = Supervised::serving().await;
        let supervisor =
            Pid::from_raw(i32::try_from(supervised.s6.supervisor.id()).unwrap()).unwrap();
        let restart = supervised
            .killed(supervisor, Whom::Everybody, &instant)
            .await;
        supervised.goes_on(&restart, Told::Back).await;
    }
}

#[tokio::test]
async fn successor_before_the_lock() {
    successor_killed_at(Instant::first("flock").on("matterbot.lock")).await;
}

#[tokio::test]
async fn notices_committed_and_the_marker_still_there() {
    successor_killed_at(Instant::first("unlinkat")).await;
}
