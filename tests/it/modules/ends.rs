//! What becomes of calls whose module, host or bot ends.

use matterbot::module::process_tree::Processes;
use rustix::process::{Pid, Signal};
use serde_json::json;

use super::rig::{GREETED, Rig};
use crate::support::namespace::unshare;
use crate::support::program::gone;
use crate::support::scenario::Call;

#[tokio::test]
async fn a_module_that_dies_is_told_of_and_called_again() {
    let mut rig = Rig::dice().await;
    let answer = rig.answer(&rig.scenario.olga, "@dice exit").await;
    assert!(
        answer.starts_with("The module `dice` ended before it answered `@dice`."),
        "{answer}"
    );
    assert_eq!(
        rig.answer(&rig.scenario.olga, "@dice echo again").await,
        "again"
    );
    rig.scenario.finish(&mut rig.bot).await;
}

#[tokio::test]
async fn a_module_that_hangs_holds_nobody_else_and_is_ended_at_its_deadline() {
    let settings = json!({"Matterbot": {"command_timeout": 3}});
    let mut rig = Rig::new(&[("dice", json!({})), ("other", json!({}))], settings).await;
    let scenario = &rig.scenario;
    let stuck = scenario.olga.asks(&scenario.lab, "@dice hang").await;
    let processes = rig.hanging("dice").await;
    assert_eq!(
        rig.answer(&scenario.pat, "@other echo quick").await,
        "quick"
    );
    let answer = stuck.outcome().await;
    assert!(
        answer.starts_with("The module `dice` took too long"),
        "{answer}"
    );
    gone(&processes).await;
    rig.scenario.finish(&mut rig.bot).await;
}

#[tokio::test]
async fn a_restart_ends_although_a_module_hangs_and_its_asker_is_told() {
    let settings = json!({"Lifecycle": {"drain": "1s"}});
    let mut rig = Rig::new(&[("dice", json!({}))], settings).await;
    let scenario = &rig.scenario;
    let stuck = scenario.pat.asks(&scenario.lab, "@dice hang").await;
    let processes = rig.hanging("dice").await;
    let restart = scenario.admin.asks(&scenario.lab, "@restart").await;
    let back = restart.outcome().await;
    assert!(back.contains("`@dice` was cut off"), "{back}");
    let told = stuck.outcome().await;
    assert!(
        told.starts_with("I was interrupted while `@dice` ran."),
        "{told}"
    );
    gone(&processes).await;
    rig.bot.says(GREETED, 2).await;
    assert_eq!(
        rig.answer(&rig.scenario.pat, "@dice echo back").await,
        "back"
    );
    rig.scenario.finish(&mut rig.bot).await;
}

/// A module with one worker runs `first`; `second` waits for its turn.
async fn with_one_that_waits(rig: &Rig) -> (Call, Call) {
    let scenario = &rig.scenario;
    let first = scenario.pat.asks(&scenario.lab, "@dice wait first").await;
    rig.waiting("dice", 1).await;
    let second = scenario.olga.asks(&scenario.lab, "@dice wait second").await;
    // Posts are heard in order, so that her call waits by now.
    let status = scenario.admin.asks(&scenario.lab, "@status").await;
    status.outcome().await;
    (first, second)
}

#[tokio::test]
async fn a_call_that_waits_for_its_turn_when_a_drain_begins_is_the_successors() {
    let settings = json!({"Matterbot": {"command_workers": 1}});
    let mut rig = Rig::new(&[("dice", json!({}))], settings).await;
    let (first, second) = with_one_that_waits(&rig).await;
    let scenario = &rig.scenario;
    let restart = scenario.admin.asks(&scenario.lab, "@restart").await;
    rig.bot.says("restart: restarting", 1).await;
    rig.go("dice");
    assert_eq!(first.outcome().await, "waited first");
    let back = restart.outcome().await;
    assert!(!back.contains("cut off"), "{back}");
    assert_eq!(second.outcome().await, "waited second");
    assert_eq!(rig.waiting("dice", 2).await, ["first", "second"]);
    rig.scenario.finish(&mut rig.bot).await;
}

#[tokio::test]
async fn a_call_that_waits_for_its_turn_when_the_bot_is_killed_is_the_successors() {
    let settings = json!({"Matterbot": {"command_workers": 1}});
    let mut rig = Rig::new(&[("dice", json!({}))], settings).await;
    let (first, second) = with_one_that_waits(&rig).await;
    rig.bot.kill().await;
    rig.go("dice");
    rig.bot.restart_process();
    let told = first.outcome().await;
    assert!(
        told.starts_with("I was interrupted while `@dice` ran."),
        "{told}"
    );
    assert_eq!(second.outcome().await, "waited second");
    assert_eq!(rig.waiting("dice", 2).await, ["first", "second"]);
    rig.scenario.finish(&mut rig.bot).await;
}

#[tokio::test]
async fn a_word_of_several_modules_holds_no_turn_of_one_while_it_waits_for_another() {
    let modules = [
        ("busy", json!({"binds": ["@busy", "@both"]})),
        ("free", json!({"binds": ["@free", "@both"]})),
    ];
    let settings = json!({"Matterbot": {"command_workers": 1}});
    let mut rig = Rig::new(&modules, settings).await;
    let scenario = &rig.scenario;
    let busy = scenario.pat.asks(&scenario.lab, "@busy wait here").await;
    rig.waiting("busy", 1).await;
    let both = scenario.olga.asks(&scenario.lab, "@both echo both").await;
    assert_eq!(rig.answer(&scenario.admin, "@free echo free").await, "free");
    rig.go("busy");
    assert_eq!(busy.outcome().await, "waited here");
    let answers = async || {
        let answers = both.posts().await;
        (answers.len() == 2).then_some(())
    };
    scenario.olga.until("both modules answer", answers).await;
    rig.scenario.finish(&mut rig.bot).await;
}

#[tokio::test]
async fn a_host_that_is_killed_is_replaced_and_leaves_nothing() {
    let mut rig = Rig::dice().await;
    let scenario = &rig.scenario;
    let stuck = scenario.pat.asks(&scenario.lab, "@dice hang").await;
    let processes = rig.hanging("dice").await;
    rig.signal_host(Signal::KILL);
    let told = stuck.outcome().await;
    assert!(
        told.starts_with("The module `dice` ended before it answered"),
        "{told}"
    );
    gone(&processes).await;
    rig.bot.says(GREETED, 2).await;
    assert_eq!(rig.answer(&scenario.pat, "@dice echo back").await, "back");
    rig.scenario.finish(&mut rig.bot).await;
}

#[tokio::test]
async fn a_host_that_hangs_is_replaced_and_leaves_nothing() {
    let settings = json!({"Matterbot": {"command_timeout": 1}});
    let mut rig = Rig::new(&[("dice", json!({}))], settings).await;
    let scenario = &rig.scenario;
    let stuck = scenario.pat.asks(&scenario.lab, "@dice hang").await;
    let processes = rig.hanging("dice").await;
    let host = rig.signal_host(Signal::STOP);
    let told = stuck.outcome().await;
    assert!(
        told.starts_with("The module `dice` took too long to answer `@dice`"),
        "{told}"
    );
    rig.bot.says("the module host hangs; another", 1).await;
    gone(&host).await;
    gone(&processes).await;
    rig.bot.says(GREETED, 2).await;
    assert_eq!(rig.answer(&scenario.pat, "@dice echo back").await, "back");
    rig.scenario.finish(&mut rig.bot).await;
}

#[tokio::test]
async fn a_reload_does_not_wait_for_a_host_that_hangs() {
    let mut rig = Rig::dice().await;
    let scenario = &rig.scenario;
    let host = rig.signal_host(Signal::STOP);
    let report = rig.answer(&scenario.admin, "@reload").await;
    assert!(
        report.ends_with(
            "not be loaded: the module host does not answer; they are as soon as that is over"
        ),
        "{report}"
    );
    gone(&host).await;
    rig.bot.says(GREETED, 2).await;
    assert_eq!(rig.answer(&scenario.pat, "@dice echo back").await, "back");
    rig.scenario.finish(&mut rig.bot).await;
}

#[tokio::test]
async fn a_bot_that_is_killed_takes_its_modules_along() {
    let mut rig = Rig::dice().await;
    let stuck = rig.scenario.pat.asks(&rig.scenario.lab, "@dice hang").await;
    let processes = rig.hanging("dice").await;
    rig.bot.kill().await;
    gone(&processes).await;
    rig.bot.restart_process();
    let told = stuck.outcome().await;
    assert!(
        told.starts_with("I was interrupted while `@dice` ran."),
        "{told}"
    );
    rig.scenario.finish(&mut rig.bot).await;
}

#[tokio::test]
async fn a_missed_call_that_changes_something_expires_though_its_module_is_still_being_loaded() {
    let hello = json!({"risk": "act", "after": 2});
    let modules = [("mail", hello), ("dice", json!({}))];
    let mut rig = Rig::new(&modules, json!({})).await;
    let scenario = &rig.scenario;
    let (olga, lab) = (&scenario.olga, &scenario.lab);
    assert_eq!(rig.answer(olga, "@mail echo sent").await, "sent");
    rig.bot.kill().await;
    let act = olga.asks(lab, "@mail echo again").await;
    let read = scenario.pat.asks(lab, "@dice echo late").await;
    rig.bot.restart_process();
    let expired = act.outcome().await;
    assert!(
        expired.starts_with("I was down when you asked for `@mail`, which changes something"),
        "{expired}"
    );
    assert_eq!(read.outcome().await, "late");
    rig.scenario.finish(&mut rig.bot).await;
}

#[tokio::test]
async fn a_bot_whose_session_began_in_an_outer_pid_namespace_ends_in_order() {
    let Some(wrapper) = unshare(&["--pid", "--fork", "--kill-child", "--mount-proc"]).await else {
        return;
    };
    let mut rig = Rig::dice().await;
    rig.bot.terminate();
    rig.bot.exit_status().await;
    rig.bot.restart_process_by(&wrapper);
    rig.bot.ready(2).await;
    rig.bot.says(GREETED, 2).await;
    let scenario = &rig.scenario;
    assert_eq!(rig.answer(&scenario.pat, "@dice echo one").await, "one");
    // What the test started only waits for the bot, which is the first process of its namespace.
    let outer = rig.bot.pid().as_raw_nonzero().get().unsigned_abs();
    let inner = Processes::read().children(outer).next().expect("it runs");
    let inner = Pid::from_raw(i32::try_from(inner.pid).unwrap()).unwrap();
    rustix::process::kill_process(inner, Signal::TERM).unwrap();
    assert_eq!(rig.bot.exit_code().await, Some(0));
    rig.bot.all_said().await;
    assert!(!rig.bot.log().contains("panicked"), "{}", rig.bot.log());
}
