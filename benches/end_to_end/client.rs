//! The process that is measured: the bot or the floor.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use matterbot::playground::Playground;
use tokio::process::{Child, Command};

/// Which program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `matterbot` as it is built for release.
    Bot,
    /// This program again, as [`crate::floor`].
    Floor,
}

/// What of the bot's configuration differs from measure to measure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    service_manager: &'static str,
    /// Lines of the section `Lifecycle`.
    lifecycle: &'static str,
    /// Whether there are modules, in `commands` beside the configuration.
    modules: bool,
}

impl Settings {
    /// For a bot that serves one user who asks more than a person would.
    pub(crate) const SERVING: Self = Self {
        service_manager: "none",
        lifecycle: "",
        modules: false,
    };

    /// The same with modules.
    pub(crate) const WITH_MODULES: Self = Self {
        modules: true,
        ..Self::SERVING
    };

    /// The same for one that is restarted again and again.
    pub(crate) const fn restarting(service_manager: &'static str) -> Self {
        Self {
            service_manager,
            lifecycle: "  cooldown: 0s\n  budget: {count: 100}\n",
            modules: false,
        }
    }
}

/// What a supervisor waits before it starts the bot again: `RestartSec=` of our unit.
const RESTART_PAUSE: Duration = Duration::from_millis(100);

/// The exit status that asks for a new start.
const RESTART: i32 = 75;

/// A running client; dropping it kills it.
#[derive(Debug)]
pub(crate) struct Client {
    command: Command,
    child: Child,
    started: Instant,
    process: PathBuf,
    output: PathBuf,
}

impl Client {
    /// Starts a client of `playground` that keeps what it keeps in `home`.
    ///
    /// # Errors
    /// If a file or the process cannot be made.
    pub(crate) fn start(kind: Kind, home: &Path, playground: &Playground) -> anyhow::Result<Self> {
        match kind {
            Kind::Bot => Self::start_bot(Settings::SERVING, home, playground),
            Kind::Floor => {
                let mut command = command(&std::env::current_exe()?);
                command
                    .arg("--floor")
                    .arg(playground.address().to_string())
                    .arg(playground.bot_token());
                Self::state(home)?;
                Self::spawn(command, home)
            }
        }
    }

    /// Starts the bot.
    ///
    /// # Errors
    /// The same.
    pub(crate) fn start_bot(
        settings: Settings,
        home: &Path,
        playground: &Playground,
    ) -> anyhow::Result<Self> {
        Self::state(home)?;
        let mut command = command(Path::new(env!("CARGO_BIN_EXE_matterbot")));
        command
            .arg("--config")
            .arg(write_config(settings, home, playground)?);
        Self::spawn(command, home)
    }

    /// The state directory in `home`, which is made if it is not there.
    ///
    /// # Errors
    /// If it cannot be made.
    pub(crate) fn state(home: &Path) -> anyhow::Result<PathBuf> {
        let state = home.join("state");
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(&state)?;
        Ok(state)
    }

    fn spawn(mut command: Command, home: &Path) -> anyhow::Result<Self> {
        let output = home.join("output");
        let file = File::create(&output)?;
        command.stdout(file.try_clone()?).stderr(file);
        let started = Instant::now();
        let child = command.spawn().context("starting the client")?;
        let number = child.id().context("the client ended at once")?;
        Ok(Self {
            command,
            child,
            started,
            process: PathBuf::from(format!("/proc/{number}")),
            output,
        })
    }

    /// Starts it again whenever it ends because it wants to be; returns only if it ends otherwise.
    ///
    /// # Errors
    /// Always.
    pub(crate) async fn supervise<T>(&mut self) -> anyhow::Result<T> {
        loop {
            self.leaves().await?;
            tokio::time::sleep(RESTART_PAUSE).await;
            self.starts_again()?;
        }
    }

    /// Until it ends because it wants to be started again.
    ///
    /// # Errors
    /// If it ends otherwise.
    pub(crate) async fn leaves(&mut self) -> anyhow::Result<()> {
        let status = self.child.wait().await?;
        anyhow::ensure!(status.code() == Some(RESTART), "the bot ended: {status}");
        Ok(())
    }

    /// Starts it again.
    ///
    /// # Errors
    /// If the process cannot be made.
    pub(crate) fn starts_again(&mut self) -> anyhow::Result<()> {
        self.child = self.command.spawn()?;
        Ok(())
    }

    /// The instant before its program was executed.
    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// What it holds in memory (`VmRSS`), in bytes.
    pub(crate) fn resident(&self) -> anyhow::Result<u64> {
        let status = fs::read_to_string(self.process.join("status"))?;
        let kibibytes: u64 = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next())
            .context("the kernel tells no VmRSS")?
            .parse()?;
        Ok(kibibytes * 1024)
    }

    /// The processor's time that it took, user and system, all threads; in the kernel's ticks of 10 ms.
    pub(crate) fn processor_time(&self) -> anyhow::Result<Duration> {
        let stat = fs::read_to_string(self.process.join("stat"))?;
        // The program's name, in parentheses, may hold anything; utime and stime are the 12th and 13th word after it.
        let (_, rest) = stat.rsplit_once(')').context("a stat without a name")?;
        let words = rest.split_whitespace().skip(11).take(2);
        let mut ticks = 0;
        for word in words {
            ticks += word.parse::<u64>()?;
        }
        Ok(Duration::from_millis(ticks * 10))
    }

    /// The end of what it wrote, for an error.
    pub(crate) fn last_words(&self) -> String {
        let text = fs::read_to_string(&self.output).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let from = lines.len().saturating_sub(5);
        lines.get(from..).unwrap_or_default().join("\n")
    }

    /// Ends it.
    pub(crate) async fn kill(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }
}

/// `program` in an environment that only says where programs are; it dies with us.
fn command(program: &Path) -> Command {
    #[expect(
        clippy::disallowed_methods,
        reason = "the child of a benchmark, with next to no environment"
    )]
    let mut command = Command::new(program);
    let path = std::env::var_os("PATH").unwrap_or_default();
    command
        .env_clear()
        .env("PATH", path)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

fn write_config(
    settings: Settings,
    home: &Path,
    playground: &Playground,
) -> anyhow::Result<PathBuf> {
    let Settings {
        service_manager,
        lifecycle,
        modules,
    } = settings;
    let modules = if modules {
        "Modules:\n  commanddir: commands\n"
    } else {
        ""
    };
    let (address, token) = (playground.address(), playground.bot_token());
    let text = format!(
        "Matterbot:\n\
         \x20 host: \"{}\"\n\
         \x20 port: {}\n\
         \x20 scheme: http\n\
         \x20 username: matter-bot\n\
         \x20 password: {token}\n\
         \x20 teamname: ops\n\
         \x20 botadmins: [system_admin]\n\
         \x20 service_manager: {service_manager}\n\
         \x20 bindmap: state/bindmap.json\n\
         \x20 feedmap: state/feedmap.json\n\
         Lifecycle:\n\
         \x20 state_dir: state\n\
         \x20 rate: {{count: 0}}\n\
         {lifecycle}{modules}",
        address.ip(),
        address.port()
    );
    let path = home.join("config.yaml");
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)?;
    file.write_all(text.as_bytes())?;
    Ok(path)
}
