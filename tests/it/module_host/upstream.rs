//! Modules in upstream's contract, by way of the module host: whatever one of them does, the others are served.

use std::fs;
use std::path::Path;
use std::time::Duration;

use matterbot::module::protocol::{FailureReason, Loading, Staged};

use super::rig::Rig;
use crate::python_modules::interpreter::copy_folder;
use crate::support::program::gone;

/// Long enough for a crowded machine.
const PATIENT: Duration = Duration::from_secs(60);

/// A host that serves a copy of a folder below `tests/modules`, without the modules `but`.
async fn serving(name: &str, but: &[&str]) -> (Rig, Staged) {
    let mut rig = Rig::new().await;
    copy_folder(&Path::new("tests/modules").join(name), &rig.path());
    for module in but {
        fs::remove_dir_all(rig.path().join(module)).unwrap();
    }
    let staged = rig.serve(1).await;
    (rig, staged)
}

/// Calls a module; its text, or why there is none.
async fn ask(rig: &mut Rig, module: &str, words: &str) -> Result<String, FailureReason> {
    let id = rig.call_in(1, module, words, PATIENT).await;
    rig.end(&id).await.map_err(|failure| failure.reason)
}

#[tokio::test]
async fn every_module_of_the_folder_is_served() {
    let (mut rig, staged) = serving("commands", &[]).await;
    assert_eq!(
        (staged.modules.len(), &staged.problems[..]),
        (10, &[][..]),
        "{staged:?}"
    );
    for module in &staged.modules {
        assert!(
            matches!(module.loading, Loading::Description(_)),
            "{module:?}"
        );
    }
    let siblings = "cmdutils: True\ncommand: True\nfunction: True\nname: True\nstore: True";
    for (module, words, text) in [
        ("alone", "", "1"),
        ("alone", "", "2"),
        ("conduct", "state", "1"),
        ("mixed", "", "True"),
        ("shapes", "text", "one\ntwo"),
        ("siblings", "", siblings),
        ("ticker", "tock", "tick tock"),
        ("watchlist", "incident", ""),
    ] {
        assert_eq!(
            ask(&mut rig, module, words).await.as_deref(),
            Ok(text),
            "{module} {words}"
        );
    }
    assert!(rig.hang_up().await.success());
}

#[tokio::test]
async fn a_module_that_is_stuck_delays_no_other_and_is_cut_off() {
    let (mut rig, _) = serving("commands", &[]).await;
    let pid = ask(&mut rig, "conduct", "whoami").await.unwrap();
    let mut stuck = Vec::new();
    for what in ["spin", "sleep", "stubborn_program"] {
        stuck.push(
            rig.call_in(1, "conduct", what, Duration::from_secs(3))
                .await,
        );
    }
    assert!(ask(&mut rig, "dice", "").await.is_ok());
    assert!(ask(&mut rig, "ticker", "tock").await.is_ok());
    for id in stuck {
        assert_eq!(
            rig.end(&id).await.unwrap_err().reason,
            FailureReason::Deadline
        );
    }
    assert_eq!(
        ask(&mut rig, "conduct", "sleep 0").await.as_deref(),
        Ok("slept")
    );
    gone(pid.split(' ').next().unwrap()).await;
    assert!(rig.hang_up().await.success());
}

#[tokio::test]
async fn whatever_a_module_does_its_call_has_an_outcome() {
    let (mut rig, _) = serving("commands", &[]).await;
    for (what, reason) in [
        ("leave", FailureReason::Raised),
        ("secret", FailureReason::Raised),
        ("deep", FailureReason::Raised),
        ("end", FailureReason::Died),
        ("crash", FailureReason::Died),
        ("kill", FailureReason::Died),
        ("huge", FailureReason::Malformed),
    ] {
        assert_eq!(ask(&mut rig, "conduct", what).await, Err(reason), "{what}");
    }
    for (what, text) in [
        ("prints", "printed"),
        ("logs", "logged"),
        ("flood", "flooded"),
        ("fork", "7"),
        ("fork_and_return", "parent"),
        ("threads", "True"),
        ("pool spawn", "[0, 1, 4, 9]"),
        ("refuse", "refused"),
    ] {
        assert_eq!(
            ask(&mut rig, "conduct", what).await.as_deref(),
            Ok(text),
            "{what}"
        );
    }
    assert_eq!(
        ask(&mut rig, "conduct", "table")
            .await
            .unwrap()
            .lines()
            .count(),
        100_002
    );
    assert_eq!(rig.logged("from a shell").await.0, "conduct");
    assert_eq!(rig.logged("a warning of 7").await.0, "conduct");
    let orphan = ask(&mut rig, "conduct", "orphan").await.unwrap();
    assert!(rig.hang_up().await.success());
    gone(&orphan).await;
}

#[tokio::test]
async fn a_broken_import_costs_one_module_of_the_host_too() {
    let (mut rig, staged) = serving("broken", &["hangs", "fine"]).await;
    let loaded = staged.modules.iter();
    let loaded: Vec<&str> = loaded
        .filter(|module| matches!(module.loading, Loading::Description(_)))
        .map(|module| &*module.name)
        .collect();
    assert_eq!(loaded, ["help", "helps", "noisy"], "{staged:?}");
    assert_eq!(staged.modules.len(), 16);
    assert_eq!(
        ask(&mut rig, "noisy", "")
            .await
            .map(|text| text.ends_with("SIG_DFL 0")),
        Ok(true)
    );
    assert!(rig.hang_up().await.success());
}
