//! The real program as a child of a test: a home with configuration and state, signals, log lines, its end.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::time::Duration;

use matterbot::ledger::{self, Run};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use super::playground::{DEADLINE, Server};

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_matterbot");

/// What a supervisor around the test itself would hand on.
const INHERITED: [&str; 8] = [
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "SYSTEMD_EXEC_PID",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "CREDENTIALS_DIRECTORY",
    "STATE_DIRECTORY",
];

/// A directory with the configuration and the state of a bot.
pub(crate) struct Home {
    directory: TempDir,
}

/// What the configuration says; the rest is as `matterbot playground` writes it.
pub(crate) struct Settings<'a> {
    pub(crate) host: String,
    pub(crate) scheme: &'a str,
    pub(crate) base_path: &'a str,
    pub(crate) token: &'a str,
    pub(crate) team: &'a str,
    pub(crate) service_manager: &'a str,
    /// Lines of the section `Lifecycle`.
    pub(crate) lifecycle: &'a str,
}

/// A token that no server knows.
pub(crate) const NO_TOKEN: &str = "k1h7xqnd3fyw8mgqj5s9e6ro4a";

impl<'a> Settings<'a> {
    /// For a server that is down: nothing listens on the discard port.
    pub(crate) fn alone() -> Self {
        Self {
            host: "127.0.0.1:9".to_owned(),
            scheme: "http",
            base_path: "/api/v4",
            token: NO_TOKEN,
            team: "ops",
            service_manager: "none",
            lifecycle: "",
        }
    }

    /// For `server` and its seeded bot.
    pub(crate) fn with(server: &'a Server) -> Self {
        Self {
            host: server.playground.address().to_string(),
            token: server.playground.bot_token(),
            ..Self::alone()
        }
    }
}

impl Home {
    pub(crate) fn new(settings: &Settings<'_>) -> Self {
        let home = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(home.state()).unwrap();
        fs::set_permissions(home.state(), fs::Permissions::from_mode(0o700)).unwrap();
        home.configure(settings);
        home
    }

    pub(crate) fn configure(&self, settings: &Settings<'_>) {
        let (host, port) = settings.host.rsplit_once(':').unwrap();
        let Settings {
            scheme,
            base_path,
            token,
            team,
            service_manager,
            lifecycle,
            ..
        } = settings;
        let mut text = format!(
            "Matterbot:\n  host: \"{host}\"\n  port: {port}\n  scheme: {scheme}\n  basepath: {base_path}\n  \
             password: {token}\n  teamname: {team}\n  botadmins: [system_admin]\n  \
             service_manager: {service_manager}\n"
        );
        write!(
            text,
            "Lifecycle:\n  state_dir: state\n  cooldown: 0s\n  {lifecycle}\n"
        )
        .unwrap();
        fs::write(self.config(), text).unwrap();
        fs::set_permissions(self.config(), fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path().join("config.yaml")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path().join("state")
    }

    /// The bot's runs, the latest first.
    pub(crate) fn runs(&self) -> Vec<Run> {
        let inspection = ledger::inspect(&self.state()).unwrap();
        inspection.map_or_else(Vec::new, |inspection| inspection.runs)
    }

    /// How the runs ended, the latest first.
    pub(crate) fn ends(&self) -> Vec<Option<String>> {
        self.runs().into_iter().map(|run| run.exit).collect()
    }

    /// The program with `arguments`, in an environment without a supervisor.
    pub(crate) fn command(&self, program: impl AsRef<Path>, arguments: &[&str]) -> Command {
        let mut command = command(program);
        command.arg("--config").arg(self.config()).args(arguments);
        command
    }

    /// Starts the bot.
    pub(crate) fn start(&self) -> Program {
        Program::start(self.command(PROGRAM, &[]))
    }

    /// Starts the bot as systemd does: with its own process id in the environment, and with `variables`.
    pub(crate) fn start_as_service(&self, variables: &[(&str, &str)]) -> Program {
        let mut shell = command("/bin/sh");
        let script = "export SYSTEMD_EXEC_PID=$$ WATCHDOG_PID=$$; exec \"$@\"";
        shell
            .args(["-c", script, "sh", PROGRAM, "--config"])
            .arg(self.config())
            .envs(variables.iter().copied());
        Program::start(shell)
    }

    /// Runs the program to its end.
    pub(crate) async fn output(&self, arguments: &[&str]) -> Output {
        output(self.command(PROGRAM, arguments)).await
    }
}

/// Runs `command` to its end, which must come in time: it is killed else.
pub(crate) async fn output(mut command: Command) -> Output {
    let output = command.kill_on_drop(true).output();
    tokio::time::timeout(DEADLINE, output)
        .await
        .expect("it ends in time")
        .unwrap()
}

/// Waits until `condition` holds: for what no line and no datagram tells of.
pub(crate) async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let holds = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, holds)
        .await
        .unwrap_or_else(|_| panic!("it does not come to this: {what}"));
}

/// Whether the process runs; one that has ended and was not waited for does not.
pub(crate) fn runs(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| {
        let (_, rest) = stat.rsplit_once(") ").unwrap();
        !rest.starts_with(['Z', 'X'])
    })
}

/// Waits until none of these processes runs.
pub(crate) async fn gone(pids: &str) {
    let all = pids.split_whitespace();
    let what = format!("none of {pids} runs");
    eventually(&what, || !all.clone().any(runs)).await;
}

/// Whether `program` is installed, of the Debian package `package`; where `CI` is set it has to be.
pub(crate) fn needs(program: &str, package: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap();
    if std::env::split_paths(&path).any(|folder| folder.join(program).is_file()) {
        return true;
    }
    let missing = format!("{program} is not installed: apt-get install {package}");
    assert!(std::env::var_os("CI").is_none(), "{missing}");
    eprintln!("not run: {missing}");
    false
}

/// A command that dies with the test and inherits no supervisor.
pub(crate) fn command(program: impl AsRef<Path>) -> Command {
    #[expect(clippy::disallowed_methods, reason = "a test starts the real program")]
    let mut command = Command::new(program.as_ref());
    for variable in INHERITED {
        command.env_remove(variable);
    }
    command.kill_on_drop(true);
    command
}

/// A bot that runs.
pub(crate) struct Program {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    seen: Vec<String>,
}

impl Program {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self {
            child,
            lines,
            seen: Vec::new(),
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.id()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    /// The next log line that contains `words`.
    pub(crate) async fn line(&mut self, words: &str) -> String {
        self.line_within(words, DEADLINE).await
    }

    pub(crate) async fn line_within(&mut self, words: &str, deadline: Duration) -> String {
        let found = tokio::time::timeout(deadline, async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                let found = line.contains(words);
                self.seen.push(line.clone());
                if found {
                    return Some(line);
                }
            }
            None
        });
        match found.await {
            Ok(Some(line)) => line,
            _ => panic!("no line with {words:?} in:\n{}", self.seen.join("\n")),
        }
    }

    /// All lines that were read so far.
    pub(crate) fn seen(&self) -> &[String] {
        &self.seen
    }

    /// How it ends.
    pub(crate) async fn end(&mut self) -> ExitStatus {
        let drain = async {
            while let Ok(Some(line)) = self.lines.next_line().await {
                self.seen.push(line)
            }
        };
        let ended =
            tokio::time::timeout(DEADLINE, async { tokio::join!(drain, self.child.wait()).1 });
        match ended.await {
            Ok(status) => status.unwrap(),
            Err(_) => panic!("it does not end:\n{}", self.seen.join("\n")),
        }
    }

    /// Closes our end of its standard output.
    pub(crate) fn stop_reading(self) -> Child {
        self.child
    }

    /// Ends it as a person would.
    pub(crate) async fn stop(mut self) {
        self.signal(Signal::TERM);
        let status = self.end().await;
        assert_eq!(status.code(), Some(0), "{:?}", self.seen);
    }
}
