//! Who brings us back: the real program in a shell, below inherited variables, and below a real s6.

use rustix::process::Signal;

use crate::support::notify::NotifySocket;
use crate::support::playground::DEADLINE;
use crate::support::program::{Home, PROGRAM, Program, Settings, needs};
use crate::support::s6::S6;

fn home(service_manager: &str) -> Home {
    Home::new(&Settings {
        service_manager,
        ..Settings::alone()
    })
}

/// A bot that serves as far as it can without a server.
async fn started(mut program: Program) -> Program {
    program.line("the next try is in").await;
    program
}

/// Asks for a restart and sees the same process come back by itself.
async fn replaces_itself(home: &Home, mut program: Program) -> Program {
    let id = program.id();
    program.signal(Signal::USR1);
    program.line("this process replaces itself").await;
    program.line("starting version=").await;
    program.line("the next try is in").await;
    assert_eq!(home.ends(), [None, Some("reexec".to_owned())]);
    let runs = home.runs();
    assert_eq!((runs[0].pid, runs[1].pid), (id, id));
    program
}

#[tokio::test]
async fn without_a_supervisor_the_process_replaces_itself() {
    for manager in ["none", "auto"] {
        let home = home(manager);
        let program = started(home.start()).await;
        replaces_itself(&home, program).await.stop().await;
    }
}

#[tokio::test]
async fn inherited_variables_prove_nothing() {
    let home = home("auto");
    let mut socket = NotifySocket::bind(home.path());
    let mut command = home.command(PROGRAM, &[]);
    command
        .env("NOTIFY_SOCKET", socket.path())
        .env("INVOCATION_ID", "0123456789abcdef0123456789abcdef")
        .env("SYSTEMD_EXEC_PID", std::process::id().to_string())
        .env("WATCHDOG_USEC", "100000");
    let program = started(Program::start(command)).await;
    replaces_itself(&home, program).await.stop().await;
    assert!(
        socket.told().is_empty(),
        "it speaks for another process: {:?}",
        socket.told()
    );
}

#[tokio::test]
async fn the_operators_word_is_enough() {
    let home = home("exit");
    let mut program = started(home.start()).await;
    program.signal(Signal::USR1);
    assert_eq!(program.end().await.code(), Some(75));
    assert_eq!(home.ends(), [Some("restart".to_owned())]);
    assert!(home.state().join("restart-marker.json").exists());
}

#[tokio::test]
async fn a_supervisor_that_is_named_and_not_there_is_a_contradiction() {
    for manager in ["systemd", "s6"] {
        let home = home(manager);
        let mut program = started(home.start()).await;
        program.signal(Signal::USR1);
        let line = program.line("the restart is refused").await;
        let reason = format!("service_manager is {manager}, but");
        assert!(line.contains(&reason), "{line}");
        assert!(!home.state().join("restart-marker.json").exists());
        assert_eq!(home.ends(), [None], "it goes on");
        program.stop().await;
    }
}

#[tokio::test]
async fn a_manager_that_cannot_be_asked_proves_nothing() {
    let home = home("systemd");
    // There may be a system bus on this host; whoever answers there knows nothing of this process.
    let nobody = format!("unix:path={}/nobody", home.path().display());
    let service = home.start_as_service(&[("DBUS_SYSTEM_BUS_ADDRESS", &nobody)]);
    let program = started(service).await;
    replaces_itself(&home, program).await.stop().await;
}

#[tokio::test]
async fn s6_brings_us_back() {
    if !needs("s6-supervise", "s6") {
        return;
    }
    let home = home("auto");
    let mut s6 = S6::start(&home);
    s6.supervisor.line("the next try is in").await;
    s6.control("-1").await;
    s6.supervisor.line("s6 brings us back").await;
    s6.supervisor.line("starting version=").await;
    s6.supervisor.line("the next try is in").await;
    let runs = home.runs();
    assert_eq!(home.ends(), [None, Some("restart".to_owned())]);
    assert_ne!(runs[0].pid, runs[1].pid);
    // SIGTERM to the supervisor brings its service down first.
    s6.supervisor.signal(Signal::TERM);
    let ended = tokio::time::timeout(DEADLINE, s6.supervisor.end()).await;
    assert!(ended.unwrap().success());
    assert_eq!(home.ends()[0].as_deref(), Some("stop"));
}
