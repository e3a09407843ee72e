//! The module host with modules in Python: forked from one interpreter, or with one of their own.

use std::fs;
use std::time::Duration;

use matterbot::module::protocol::{
    FailureReason, FromHost, Loading, Outcome, Response, Stage, Staged, ToHost,
};

use rustix::process::{Pid, Signal, kill_process};

use super::rig::Rig;
use crate::support::program::{gone, runs};

const MODULE: &str = include_str!("command.py");
const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(500);

/// Writes the module `name` in upstream's shape, with more lines at its end.
fn write(rig: &Rig, name: &str, version: &str, more: &str) {
    let folder = rig.path().join(name);
    fs::create_dir_all(&folder).unwrap();
    let code = MODULE.replace("VERSION = \"1\"", &format!("VERSION = \"{version}\""));
    fs::write(folder.join("command.py"), format!("{code}\n{more}\n")).unwrap();
    let defaults = format!("BINDS = ['@{name}']\nCHANS = ['any']\n");
    fs::write(folder.join("defaults.py"), defaults).unwrap();
}

async fn serving() -> Rig {
    let mut rig = Rig::new().await;
    write(&rig, "dice", "1", "");
    let staged = rig.serve(1).await;
    assert_eq!(staged.problems, [""; 0]);
    assert!(staged.python.is_some_and(|python| python.contains("(3.")));
    rig
}

#[tokio::test]
async fn a_module_of_upstream_is_called() {
    let mut rig = serving().await;
    assert_eq!(rig.ask("echo 2d6 now").await, "2d6 now");
    let first = rig.ask("pid").await;
    assert_eq!(rig.ask("pid").await, first);
    let name = fs::read_to_string(format!("/proc/{first}/comm")).unwrap();
    assert_eq!(name, "mb-dice\n");
    let id = rig.call("raise").await;
    let failure = rig.end(&id).await.unwrap_err();
    assert_eq!(failure.reason, FailureReason::Raised);
    assert!(failure.trace.contains("KeyError: 'secret'"), "{failure:?}");
    assert_eq!(rig.ask("large 5000000").await.len(), 5_000_000);
}

#[tokio::test]
async fn an_interpreter_that_is_gone_is_one_problem_for_all() {
    let mut rig = Rig::new().await;
    write(&rig, "dice", "1", "");
    write(&rig, "roll", "1", "");
    let python = rig.path().join("nope/python3");
    let order = Stage {
        generation: 1,
        folder: rig.path(),
        python: Some(python.clone()),
        workers: 1,
    };
    rig.send(&ToHost::Stage(order)).await;
    let staged = rig.staged(1).await;
    let [problem] = &staged.problems[..] else {
        panic!("{staged:?}");
    };
    let wanted = format!(
        "no module in Python was loaded: {} cannot be executed: No such file or directory",
        python.display()
    );
    assert!(problem.starts_with(&wanted), "{problem}");
    assert_eq!(staged.modules.len(), 2);
    for module in staged.modules {
        let Loading::Failure(failure) = module.loading else {
            panic!("{module:?}");
        };
        assert_eq!(failure.summary, "its interpreter does not run");
        assert_eq!(failure.trace, "");
    }
}

#[tokio::test]
async fn an_environment_without_its_interpreter_is_reported_and_the_systems_runs() {
    let mut rig = Rig::new().await;
    write(&rig, "dice", "1", "");
    let bin = rig.path().parent().unwrap().join(".venv/bin");
    fs::create_dir_all(&bin).unwrap();
    std::os::unix::fs::symlink(bin.join("python3.0"), bin.join("python")).unwrap();
    let staged = rig.serve(1).await;
    let [problem] = &staged.problems[..] else {
        panic!("{staged:?}");
    };
    assert!(
        problem.contains(".venv/bin/python leads nowhere"),
        "{problem}"
    );
    assert_eq!(rig.ask("echo now").await, "now");
}

#[tokio::test]
async fn the_environment_beside_where_a_link_leads_is_found() {
    let mut rig = Rig::new().await;
    write(&rig, "dice", "1", "");
    let checkout = rig.path().parent().unwrap().to_owned();
    let elsewhere = tempfile::tempdir().unwrap();
    let link = elsewhere.path().join("commands");
    std::os::unix::fs::symlink(rig.path(), &link).unwrap();
    let bin = checkout.join(".venv/bin");
    fs::create_dir_all(&bin).unwrap();
    std::os::unix::fs::symlink("/bin/true", bin.join("python")).unwrap();
    let stage = Stage {
        generation: 1,
        folder: link,
        python: None,
        workers: 1,
    };
    rig.send(&ToHost::Stage(stage)).await;
    let staged = rig.staged(1).await;
    let python = bin.join("python").display().to_string();
    assert!(staged.problems[0].contains(&python), "{staged:?}");
}

#[tokio::test]
async fn prints_of_modules_and_their_children_are_logged() {
    let mut rig = serving().await;
    assert_eq!(rig.ask("print").await, "printed");
    for words in ["a stray print", "to standard error", "from a child"] {
        assert_eq!(
            rig.logged(words).await,
            ("dice".to_owned(), words.to_owned())
        );
    }
}

#[tokio::test]
async fn requests_of_a_fork_are_answered() {
    let mut rig = serving().await;
    let call = rig.call("request me").await;
    let request = rig
        .find(|said| match said {
            FromHost::Request(request) => Some(request.clone()),
            _ => None,
        })
        .await;
    assert_eq!(
        (&*request.module, &*request.method),
        ("dice", "users.get_user")
    );
    let outcome = Outcome::Result(serde_json::json!({"username": "bot"}));
    let id = request.id;
    rig.send(&ToHost::Response(Response { id, outcome })).await;
    assert_eq!(rig.end(&call).await.unwrap(), "bot");
}

#[tokio::test]
async fn a_fork_that_dies_or_hangs_costs_its_calls_alone() {
    let mut rig = serving().await;
    for words in ["exit 0", "exit 7", "kill"] {
        assert_eq!(rig.fails(words).await, FailureReason::Died, "{words}");
        assert_eq!(rig.ask("echo on").await, "on", "{words}");
    }
    for words in ["hang", "spin"] {
        let before = rig.ask("pid").await;
        let id = rig.call_in(1, "dice", words, SHORT).await;
        let failure = rig.end(&id).await.unwrap_err();
        assert_eq!(failure.reason, FailureReason::Deadline, "{words}");
        assert_ne!(rig.ask("pid").await, before);
        gone(&before).await;
    }
}

#[tokio::test]
async fn nothing_that_a_fork_started_outlives_it() {
    let mut rig = serving().await;
    assert_eq!(rig.ask("leave").await, "left");
    let left = rig.note("left").await;
    assert!(left.split_whitespace().all(runs), "{left}");
    assert_eq!(rig.fails("kill").await, FailureReason::Died);
    gone(&left).await;
}

#[tokio::test]
async fn nothing_outlives_the_connection() {
    let mut rig = serving().await;
    assert_eq!(rig.ask("leave").await, "left");
    let left = rig.note("left").await;
    rig.call("spin").await;
    rig.note("hanging").await;
    assert_eq!(rig.hang_up().await.code(), Some(0));
    assert!(!left.split_whitespace().any(runs), "{left}");
}

#[tokio::test]
async fn forks_do_not_outlive_a_host_that_is_killed() {
    let mut rig = serving().await;
    rig.call("spin").await;
    let fork = rig.note("hanging").await;
    let mut host = rig.link.child.take().unwrap();
    host.kill().await.unwrap();
    gone(&fork).await;
}

#[tokio::test]
async fn a_fork_goes_on_in_the_old_code_until_its_calls_end() {
    let mut rig = serving().await;
    let old = rig.ask("pid").await;
    let running = rig.call("wait go").await;
    write(&rig, "dice", "two", "");
    rig.serve(2).await;
    let new = rig.call_in(2, "dice", "version", LONG).await;
    assert_eq!(rig.end(&new).await.unwrap(), "two");
    rig.release("go");
    assert_eq!(rig.end(&running).await.unwrap(), "waited");
    gone(&old).await;
    assert_eq!(rig.fails("version").await, FailureReason::Unknown);
}

#[tokio::test]
async fn what_has_not_changed_is_not_restarted() {
    let mut rig = serving().await;
    let before = rig.ask("pid").await;
    rig.serve(2).await;
    let id = rig.call_in(2, "dice", "pid", LONG).await;
    assert_eq!(rig.end(&id).await.unwrap(), before);
}

#[tokio::test]
async fn a_module_that_cannot_be_forked_has_an_interpreter_of_its_own() {
    let mut rig = Rig::new().await;
    write(&rig, "dice", "1", "OWN_PROCESS = True");
    write(&rig, "other", "1", "");
    rig.serve(1).await;
    let first = rig.ask("pid").await;
    assert_eq!(rig.ask("echo on").await, "on");
    assert_eq!(rig.fails("kill").await, FailureReason::Died);
    assert_ne!(rig.ask("pid").await, first);
    let second = rig.ask("pid").await;
    let id = rig.call_in(1, "dice", "hang", SHORT).await;
    assert_eq!(
        rig.end(&id).await.unwrap_err().reason,
        FailureReason::Deadline
    );
    gone(&second).await;
    let id = rig.call_in(1, "other", "echo as well", LONG).await;
    assert_eq!(rig.end(&id).await.unwrap(), "as well");
}

#[tokio::test]
async fn a_module_with_its_own_interpreter_keeps_its_code_as_long_as_that_lives() {
    let mut rig = Rig::new().await;
    let own = "OWN_PROCESS = True";
    write(&rig, "dice", "1", own);
    rig.serve(1).await;
    write(&rig, "dice", "2", "import no_such_module");
    let nothing_is_left = |staged: Staged| match staged.modules.into_iter().next().unwrap().loading
    {
        Loading::Failure(failure) => failure.nothing_is_left,
        Loading::Description(_) => panic!("it is broken"),
    };
    assert!(!nothing_is_left(rig.stage(2).await));
    assert_eq!(rig.ask("version").await, "1");
    assert_eq!(rig.fails("kill").await, FailureReason::Died);
    assert!(nothing_is_left(rig.stage(3).await));
    // Only what is imported where threads would follow shows that it cannot be.
    let alone = "import sys\nif len([name for name in sys.modules if name.endswith('.command')]) == 1:\n    raise KeyError('secret')";
    write(&rig, "dice", "4", &format!("{own}\n{alone}"));
    write(&rig, "also", "1", "");
    let staged = rig.stage(4).await;
    let dice = &staged.modules[1];
    let Loading::Failure(failure) = &dice.loading else {
        panic!("{dice:?}");
    };
    assert_eq!(failure.summary, "KeyError");
    assert!(failure.trace.contains("'secret'"), "{failure:?}");
}

#[tokio::test]
async fn one_broken_import_costs_one_module() {
    let mut rig = Rig::new().await;
    write(&rig, "dice", "1", "");
    write(&rig, "broken", "1", "import no_such_module");
    write(&rig, "deadly", "1", "os.kill(os.getpid(), signal.SIGKILL)");
    rig.program("dice2", "#!/bin/sh\nexit 1\n");
    let staged = rig.serve(1).await;
    let failed: Vec<&str> = staged
        .modules
        .iter()
        .filter(|module| matches!(module.loading, Loading::Failure(_)))
        .map(|module| &*module.name)
        .collect();
    assert_eq!(failed, ["broken", "deadly", "dice2"]);
    assert_eq!(rig.ask("echo on").await, "on");
}

#[tokio::test]
async fn an_interpreter_that_is_none_is_told() {
    for (python, why) in [
        ("/no/such/python", "cannot be executed"),
        ("/bin/true", "ended"),
    ] {
        let mut rig = Rig::new().await;
        write(&rig, "dice", "1", "");
        let stage = Stage {
            generation: 1,
            folder: rig.path(),
            python: Some(python.into()),
            workers: 4,
        };
        rig.send(&ToHost::Stage(stage)).await;
        let staged = rig.staged(1).await;
        let problem = &staged.problems[0];
        assert!(problem.contains(python), "{problem}");
        assert!(problem.contains(why), "{problem}");
        assert!(
            matches!(staged.modules[0].loading, Loading::Failure(_)),
            "{staged:?}"
        );
    }
}

/// Nobody has to ask for a reload when the interpreter dies.
#[tokio::test]
async fn modules_outlive_their_interpreter() {
    let mut rig = serving().await;
    let before = rig.ask("pid").await;
    let call = rig.call("hang").await;
    rig.note("hanging").await;
    // The fork's parent is the importer, whose parent is the keeper, which the host has started.
    let importer = parent(&before);
    let keeper = parent(&importer);
    kill_process(
        Pid::from_raw(keeper.parse().unwrap()).unwrap(),
        Signal::KILL,
    )
    .unwrap();
    let failure = rig.end(&call).await.unwrap_err();
    assert_eq!(failure.reason, FailureReason::Died);
    gone(&format!("{before} {importer} {keeper}")).await;
    assert_eq!(rig.ask("echo on").await, "on");
}

fn parent(pid: &str) -> String {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    rest.split(' ').nth(1).unwrap().to_owned()
}

/// Ten swaps under calls: each call is answered once, by the code of the generation that it names.
#[tokio::test]
async fn no_call_is_lost_in_ten_swaps() {
    let mut rig = serving().await;
    let mut calls = Vec::new();
    for generation in 2..=11_u64 {
        let before = generation - 1;
        write(&rig, "dice", &generation.to_string(), "");
        rig.order_stage(generation).await;
        for _ in 0..3 {
            let id = rig.call_in(before, "dice", "version", LONG).await;
            calls.push((id, before.to_string()));
        }
        rig.staged(generation).await;
        let id = rig.call_in(before, "dice", "version", LONG).await;
        calls.push((id, before.to_string()));
        let generations = [("dice".to_owned(), generation)].into();
        rig.send(&ToHost::Serve { generations }).await;
    }
    for (id, version) in calls {
        assert_eq!(rig.end(&id).await.unwrap(), version, "{id}");
    }
}
