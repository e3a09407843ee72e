//! How processes of modules come and go: forks, deaths, ends, and modules that are alone in an interpreter.

use std::path::PathBuf;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::interpreter::Interpreter;
use crate::support::playground::DEADLINE;

fn kill(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal).unwrap();
}

/// Waits until the process has ended; one that nobody has reaped yet has ended too.
fn wait_for_end(pid: u32) {
    let start = Instant::now();
    let stat = PathBuf::from(format!("/proc/{pid}/stat"));
    while let Ok(stat) = std::fs::read_to_string(&stat) {
        if stat
            .rsplit(") ")
            .next()
            .is_some_and(|state| state.starts_with('Z'))
        {
            return;
        }
        assert!(start.elapsed() < DEADLINE, "{pid} lives on");
        std::thread::yield_now();
    }
}

#[test]
fn a_module_that_dies_takes_nobody_along_and_is_had_again() {
    let mut interpreter = Interpreter::of("commands", json!({"only": ["conduct", "dice"]}));
    let mut dice = interpreter.fork("dice");
    for (what, status) in [("end", 9), ("crash", -11), ("kill", -9)] {
        let mut module = interpreter.fork("conduct");
        module.begin(&["sleep"]);
        module.begin(&[what]);
        assert_eq!(module.next(), None, "{what}");
        assert_eq!(interpreter.end_of(module.pid), status, "{what}");
        if what == "crash" {
            let (_, complained) = module.close();
            assert!(
                complained.contains("Segmentation fault") && complained.contains("in crash"),
                "{complained}"
            );
        }
    }
    assert_eq!(dice.texts(&[]).len(), 1);
    assert_eq!(interpreter.fork("conduct").text(&["sleep", "0"]), "slept");
}

#[test]
fn forks_of_one_module_draw_different_numbers() {
    let mut interpreter = Interpreter::of("commands", json!({"only": ["dice", "conduct"]}));
    let (mut one, mut other) = (interpreter.fork("dice"), interpreter.fork("dice"));
    assert_ne!(one.pid, other.pid);
    assert_ne!(one.text(&[]), other.text(&[]));
}

#[test]
fn a_channel_that_is_closed_ends_the_process_whatever_runs_in_it() {
    let mut interpreter = Interpreter::of("commands", json!({"only": ["conduct", "dice"]}));
    let mut module = interpreter.fork("conduct");
    module.begin(&["sleep"]);
    module.begin(&["spin"]);
    assert_eq!(module.text(&["refuse"]), "refused");
    let pid = module.pid;
    kill(pid, Signal::TERM);
    assert_eq!(module.text(&["sleep", "0"]), "slept");
    module.close();
    assert_eq!(interpreter.end_of(pid), 0);
}

#[test]
fn an_orphan_does_not_hold_the_channel_of_its_module() {
    let mut interpreter = Interpreter::of("commands", json!({"only": ["conduct", "dice"]}));
    let mut module = interpreter.fork("conduct");
    let orphan: u32 = module.text(&["orphan"]).parse().unwrap();
    module.begin(&["end"]);
    assert_eq!(module.next(), None);
    assert_eq!(interpreter.end_of(module.pid), 9);
    // Finding and killing it is the module host's.
    kill(orphan, Signal::KILL);
}

#[test]
fn a_signal_ends_a_module_that_does_nothing_against_it() {
    let mut interpreter = Interpreter::of("commands", json!({"only": ["conduct", "dice"]}));
    for (signal, status) in [(Signal::TERM, -15), (Signal::INT, -2), (Signal::USR1, -10)] {
        let mut module = interpreter.fork("conduct");
        module.begin(&["sleep"]);
        assert_eq!(module.text(&["sleep", "0"]), "slept");
        kill(module.pid, signal);
        assert_eq!(interpreter.end_of(module.pid), status);
    }
}

#[test]
fn all_processes_end_with_the_interpreter() {
    for how in ["kill", "close"] {
        let mut interpreter = Interpreter::of("commands", json!({"only": ["conduct", "dice"]}));
        let mut module = interpreter.fork("conduct");
        module.begin(&["spin"]);
        assert_eq!(module.text(&["refuse"]), "refused");
        let pid = module.pid;
        if how == "kill" {
            kill(interpreter.id(), Signal::KILL);
        } else {
            drop(interpreter);
        }
        wait_for_end(pid);
    }
}

#[test]
fn a_module_with_threads_is_not_forked_but_served_by_an_interpreter_of_its_own() {
    let mut shared = Interpreter::of("commands", json!({}));
    for name in ["ticker", "alone"] {
        assert!(shared.try_fork(name).is_err(), "{name}");
    }
    assert_eq!(
        shared.fork("dice").texts(&[]).len(),
        1,
        "the others are forked as ever"
    );
    let mut own = Interpreter::of("commands", json!({"only": ["ticker"]}));
    assert_eq!(own.report("ticker")["own_process"], true);
    let mut ticker = own.fork("ticker");
    assert_eq!(ticker.text(&["tock"]), "tick tock");
    let pid = ticker.pid;
    ticker.close();
    wait_for_end(pid);
    wait_for_end(own.id());
}

#[test]
fn a_module_that_wants_to_be_alone_keeps_its_state_between_calls() {
    let mut own = Interpreter::of("commands", json!({"only": ["alone"]}));
    let mut alone = own.fork("alone");
    assert_eq!([alone.text(&[]), alone.text(&[])], ["1", "2"]);
}
