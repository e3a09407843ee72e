//! What becomes of calls whose module, host or bot ends.

use matterbot::module::process_tree::Processes;
use rustix::process::{Pid, Signal};
use serde_json::json;

use super::rig::{GREETED, Rig};
use crate::support::namespace::unshare;
use crate::support::program::gone;

#[tokio::test]
async fn a_module_that_dies_is_told_of_and_called_again() {
    let mut rig = Rig::dice().await;
    let answer = rig.answer(&rig.scenario.olga, "@dice exit").await;
    assert!(
        answer.starts_with("The module `dice` ended before it answered at `@dice`."),
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

#[tokio::test]
async fn a_host_that_is_killed_is_replaced_and_leaves_nothing() {
    let mut rig = Rig::dice().await;
    let scenario = &rig.scenario;
    let stuck = scenario.pat.asks(&scenario.lab, "@dice hang").await;
    let processes = rig.hanging("dice").await;
    rig.kill_host();
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
