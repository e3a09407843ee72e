//! What a supervisor is told, on a real socket, by the real program.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::notify::NotifySocket;
use crate::support::playground::Server;
use crate::support::program::{Home, NO_TOKEN, Program, Settings};

/// A home, its supervisor's ear, and the bot below it.
struct Service {
    home: Home,
    socket: NotifySocket,
    program: Program,
}

fn service(settings: &Settings<'_>) -> Service {
    let home = Home::new(settings);
    let socket = NotifySocket::bind(home.path());
    let variables = [
        ("NOTIFY_SOCKET", socket.path()),
        ("WATCHDOG_USEC", "400000"),
    ];
    let program = home.start_as_service(&variables);
    Service {
        home,
        socket,
        program,
    }
}

fn says(told: &[String], assignment: &str) -> bool {
    told.iter().any(|line| line == assignment)
}

#[tokio::test]
async fn ready_at_hello_then_alive_then_stopping() {
    let server = Server::start().await;
    let mut service = service(&Settings::with(&server));
    service.socket.until("STATUS=Connected").await;
    service.socket.until("READY=1").await;
    for _ in 0..3 {
        service.socket.until("WATCHDOG=1").await;
    }
    assert!(!says(service.socket.told(), "STOPPING=1"));
    service.program.signal(Signal::TERM);
    service.socket.until("STOPPING=1").await;
    assert_eq!(service.program.end().await.code(), Some(0));
    let run = &service.home.runs()[0];
    assert!(run.ready_at.is_some(), "{run:?}");
    assert!(
        says(service.socket.told(), "EXTEND_TIMEOUT_USEC=30000000"),
        "a drain of 20 s, and the end after it: {:?}",
        service.socket.told()
    );
}

#[tokio::test]
async fn before_an_exec_nothing_says_that_the_service_stops() {
    let server = Server::start().await;
    let mut service = service(&Settings::with(&server));
    service.socket.until("READY=1").await;
    service.socket.forget();
    service.program.signal(Signal::USR1);
    service
        .socket
        .until("STATUS=Restarting in the same process")
        .await;
    service.socket.until("READY=1").await;
    service.socket.until("WATCHDOG=1").await;
    assert!(
        !says(service.socket.told(), "STOPPING=1"),
        "systemd kills who says so and stays: {:?}",
        service.socket.told()
    );
    service.program.stop().await;
}

#[tokio::test]
async fn before_an_end_with_75_the_service_says_that_it_stops() {
    let server = Server::start().await;
    let mut service = service(&Settings {
        service_manager: "exit",
        ..Settings::with(&server)
    });
    service.socket.until("READY=1").await;
    service.program.signal(Signal::USR1);
    service.socket.until("STOPPING=1").await;
    assert_eq!(service.program.end().await.code(), Some(75));
}

#[tokio::test]
async fn a_server_that_is_down_is_no_failure() {
    let begun = Instant::now();
    let mut service = service(&Settings::alone());
    service.socket.until("STATUS=Not connected").await;
    service
        .socket
        .until_within("READY=1", Duration::from_secs(90))
        .await;
    assert!(
        begun.elapsed() >= Duration::from_secs(20),
        "{:?}",
        begun.elapsed()
    );
    service.program.stop().await;
}

#[tokio::test]
async fn a_refused_token_is_a_start_that_takes_longer_until_the_token_is_mended() {
    let server = Server::start().await;
    let mut service = service(&Settings {
        token: NO_TOKEN,
        ..Settings::with(&server)
    });
    service.socket.until("EXTEND_TIMEOUT_USEC=").await;
    let told = service.socket.told();
    assert!(!says(told, "READY=1"));
    let status = told.iter().rfind(|line| line.starts_with("STATUS="));
    let words = "STATUS=Not connected: the server refuses the token (Matterbot.password)";
    assert!(status.unwrap().starts_with(words), "{status:?}");
    service.home.configure(&Settings::with(&server));
    service.program.signal(Signal::HUP);
    service.socket.until("STATUS=The token has changed").await;
    service.socket.until("READY=1").await;
    service.program.stop().await;
}
