//! The bot under test: the real program as a child, with a configuration and a state directory of its own.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use matterbot::tasks::Tasks;
use rustix::process::{Pid, Resource, Rlimit, Signal};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::timeout;

use super::playground::DEADLINE;
use super::poll;
use super::scenario::Scenario;
use super::upstream;

/// The line that says that commands are served.
const SERVING: &str = " serving as ";

/// The link by which it is started, as an installation would have one.
const PROGRAM: &str = "matterbot";

/// The bot as a process that can be ended and started again.
pub(crate) struct BotUnderTest {
    home: TempDir,
    child: Child,
    log: Arc<Log>,
    readers: Tasks,
}

/// What all its processes wrote.
#[derive(Default)]
struct Log {
    text: Mutex<String>,
    grown: watch::Sender<()>,
}

impl BotUnderTest {
    /// Starts the bot for `scenario`, with `overrides` merged into its configuration.
    pub(crate) fn start(scenario: &Scenario, overrides: Value) -> Self {
        let mut config = scenario.config();
        merge(&mut config, overrides);
        Self::start_with(&config.to_string())
    }

    /// Starts the bot with this text as its configuration.
    pub(crate) fn start_with(config: &str) -> Self {
        Self::start_upon(config, &[])
    }

    /// The same, with files of these names and contents in its state directory.
    fn start_upon(config: &str, files: &[(&str, &str)]) -> Self {
        let home = tempfile::tempdir().unwrap();
        write_config(&home, config);
        let state = home.path().join("state");
        fs::create_dir(&state).unwrap();
        for (name, content) in files {
            fs::write(state.join(name), content).unwrap();
        }
        symlink(env!("CARGO_BIN_EXE_matterbot"), home.path().join(PROGRAM)).unwrap();
        let (log, readers) = (Arc::new(Log::default()), Tasks::new());
        let child = spawn(command(&home, ("", &[])), &log, &readers);
        Self {
            home,
            child,
            log,
            readers,
        }
    }

    /// The same, and waits until it serves.
    pub(crate) async fn serving(scenario: &Scenario, overrides: Value) -> Self {
        let bot = Self::start(scenario, overrides);
        bot.ready(1).await;
        bot
    }

    /// The same for a bot that finds this bind map.
    pub(crate) async fn serving_binds(scenario: &Scenario, overrides: Value, map: &str) -> Self {
        let mut config = scenario.config();
        merge(&mut config, overrides);
        let bot = Self::start_upon(&config.to_string(), &[("bindmap.json", map)]);
        bot.ready(1).await;
        bot
    }

    /// Until it serves for the `time`th time, restarts and new processes counted alike.
    pub(crate) async fn ready(&self, time: usize) {
        self.says(SERVING, time).await;
    }

    /// How often it began to serve.
    pub(crate) fn starts(&self) -> usize {
        self.log().matches(SERVING).count()
    }

    /// Until `text` stands in its log so often.
    pub(crate) async fn says(&self, text: &str, times: usize) {
        self.says_within(text, times, DEADLINE).await;
    }

    /// The same for what takes longer than most.
    pub(crate) async fn says_within(&self, text: &str, times: usize, deadline: Duration) {
        let mut grown = self.log.grown.subscribe();
        let said = async {
            while self.log().matches(text).count() < times {
                grown.changed().await.unwrap();
            }
        };
        if timeout(deadline, said).await.is_err() {
            panic!("waited in vain for {text:?} in the log");
        }
    }

    /// Everything that it wrote.
    pub(crate) fn log(&self) -> String {
        self.log.text.lock().unwrap().clone()
    }

    /// A file in its state directory.
    pub(crate) fn state(&self, name: &str) -> PathBuf {
        self.home.path().join("state").join(name)
    }

    /// Holds the bind map to upstream's rules, if the bot has written it: the mode of the file is then the bot's.
    pub(crate) fn check_bind_map(&self) {
        let file = self.state("bindmap.json");
        if fs::metadata(&file).is_ok_and(|found| found.permissions().mode() & 0o7777 == 0o640) {
            upstream::bind_map(&fs::read(file).unwrap());
        }
    }

    /// Where all that is its own lies.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Takes the program away, so that nothing can be executed in place of the process.
    pub(crate) fn lose_program(&self) {
        fs::remove_file(self.home.path().join(PROGRAM)).unwrap();
    }

    /// The lines of its audit trail.
    pub(crate) fn audit(&self) -> Vec<Value> {
        let lines = fs::read_to_string(self.state("audit.jsonl")).unwrap_or_default();
        lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Until its audit trail has `count` lines: an answer can be seen before its line is on the disk, so whoever counts
    /// lines lets no kill and no full disk come between.
    pub(crate) async fn audited(&self, count: usize) {
        let lines = async || {
            let text = fs::read_to_string(self.state("audit.jsonl")).unwrap_or_default();
            (text.ends_with('\n') && text.lines().count() >= count).then_some(())
        };
        poll("the audit trail has its lines", lines).await;
    }

    /// Its ledger, for reading; none before there is one.
    pub(crate) fn ledger(&self) -> Option<rusqlite::Connection> {
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        rusqlite::Connection::open_with_flags(self.state("ledger.db"), flags).ok()
    }

    /// Up to which `last_post_at` its ledger says that `channel` was read.
    pub(crate) fn looked_at(&self, channel: &str) -> Option<i64> {
        let ledger = self.ledger()?;
        let query = "SELECT last_post_at FROM watermark WHERE channel = ?";
        ledger.query_row(query, [channel], |row| row.get(0)).ok()
    }

    /// After which post its ledger says that `channel` is to be read.
    pub(crate) fn anchor(&self, channel: &str) -> Option<String> {
        let ledger = self.ledger()?;
        let query = "SELECT anchor FROM watermark WHERE channel = ?";
        ledger.query_row(query, [channel], |row| row.get(0)).ok()?
    }

    /// Replaces its configuration; the next start reads it.
    pub(crate) fn configure(&self, scenario: &Scenario, overrides: Value) {
        let mut config = scenario.config();
        merge(&mut config, overrides);
        write_config(&self.home, &config.to_string());
    }

    pub(crate) fn config_path(&self) -> PathBuf {
        self.home.path().join("config.yaml")
    }

    pub(crate) fn pid(&self) -> Pid {
        let pid = self.child.id().expect("it has ended");
        Pid::from_raw(i32::try_from(pid).unwrap()).unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        rustix::process::kill_process(self.pid(), signal).unwrap();
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// SIGKILL, and waits for the end.
    pub(crate) async fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.exit_status().await;
    }

    /// Waits for its end.
    pub(crate) async fn exit_status(&mut self) -> ExitStatus {
        let ended = timeout(DEADLINE, self.child.wait()).await;
        ended.expect("it does not end").unwrap()
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Until all that was written before its end has been read.
    pub(crate) async fn all_said(&self) {
        assert!(self.readers.drain(DEADLINE).await, "its output has no end");
    }

    pub(crate) async fn exit_code(&mut self) -> Option<i32> {
        self.exit_status().await.code()
    }

    /// Starts a new process after the old one has ended.
    pub(crate) fn restart_process(&mut self) {
        self.restart_process_by(&[]);
    }

    /// The same by the command `wrapper`, which is to become the bot.
    pub(crate) fn restart_process_by(&mut self, wrapper: &[String]) {
        self.child = spawn(command(&self.home, ("", wrapper)), &self.log, &self.readers);
    }

    /// The same on a disk that is full from the beginning; see [`BotUnderTest::limit_files`].
    pub(crate) fn restart_process_without_room(&mut self) {
        let first = "ulimit -S -f 0;";
        self.child = spawn(command(&self.home, (first, &[])), &self.log, &self.readers);
    }

    /// Starts another bot on the same configuration and state.
    pub(crate) fn rival(&self) -> Child {
        command(&self.home, ("", &[])).spawn().unwrap()
    }

    /// Lets no file of the bot grow beyond `size` bytes: a disk that is full. Without a size there is room again.
    pub(crate) fn limit_files(&self, size: Option<u64>) {
        let limit = Rlimit {
            current: size,
            maximum: None,
        };
        rustix::process::prlimit(Some(self.pid()), Resource::Fsize, limit).unwrap();
    }
}

impl Drop for BotUnderTest {
    fn drop(&mut self) {
        let log = self.log();
        if std::thread::panicking() {
            eprintln!("The bot's log:\n{log}");
        } else {
            assert!(!log.contains("panicked"), "{log}");
        }
    }
}

fn write_config(home: &TempDir, text: &str) {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(home.path().join("config.yaml"))
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// The program, dropped and killed together. A file that grows beyond its limit is an error to it, as on a full disk,
/// and not a signal. The shell does `first` before, and `wrapper` is to become the bot.
fn command(home: &TempDir, (first, wrapper): (&str, &[String])) -> Command {
    #[expect(clippy::disallowed_methods, reason = "a test starts the program")]
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!(r#"{first} trap "" XFSZ; exec "$@""#), "sh"])
        .args(wrapper)
        .arg(home.path().join(PROGRAM))
        .arg("--config")
        .arg(home.path().join("config.yaml"))
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    for name in ["PATH", "SSL_CERT_FILE", "SSL_CERT_DIR"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

fn spawn(mut command: Command, log: &Arc<Log>, readers: &Tasks) -> Child {
    let mut child = command.spawn().unwrap();
    readers.spawn(read(child.stdout.take().unwrap(), Arc::clone(log)));
    readers.spawn(read(child.stderr.take().unwrap(), Arc::clone(log)));
    child
}

async fn read(stream: impl AsyncRead + Unpin, log: Arc<Log>) {
    let mut lines = BufReader::new(stream).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let mut text = log.text.lock().unwrap();
        text.push_str(&line);
        text.push('\n');
        drop(text);
        log.grown.send_replace(());
    }
}

/// Puts `changes` over `value`, key by key.
fn merge(value: &mut Value, changes: Value) {
    match (value, changes) {
        (Value::Object(value), Value::Object(changes)) => {
            for (key, change) in changes {
                merge(value.entry(key).or_insert(Value::Null), change);
            }
        }
        (value, changes) => *value = changes,
    }
}
