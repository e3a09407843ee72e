//! The command line: the options, the commands, and which of them mean nothing together.

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser, Subcommand};
use matterbot::bot::{check, survey, upkeep};
use matterbot::{config, install, module_host, playground, scaffold};

/// What `--help` says of a command line without a command.
const WITHOUT_COMMAND: &str = "\
Without a command the bot runs: it serves the configured team until SIGTERM or SIGINT (Ctrl-C) stops it.
To try it without a Mattermost: matterbot playground. To make it a service: matterbot install.";

/// A chat-ops bot for Mattermost: each command has exactly one outcome.
#[derive(Debug, Parser)]
#[command(version, after_help = WITHOUT_COMMAND, args_conflicts_with_subcommands = false)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) options: config::Options,
    /// The process that started us, and without which we end
    #[arg(long, value_name = "PID", hide = true, global = true)]
    pub(crate) parent: Option<u32>,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Read the configuration as the bot would, and report every error and warning
    Check(check::Arguments),
    /// Tell from the state directory whether the bot runs and serves, and how its last runs ended
    Status(survey::Arguments),
    /// Look into the ledger of calls, or mend it while the bot is down
    Ledger(upkeep::Arguments),
    /// Show the last decisions: who asked for what, and may or may not
    Audit(upkeep::trail::Arguments),
    /// Run a Mattermost-compatible server on loopback, and the bot against it
    Playground(playground::launch::Arguments),
    /// Host the command modules of a bot, which is at the other end of standard input
    #[command(hide = true)]
    ModuleHost(module_host::Arguments),
    /// Run what somebody would write in chat, without a Mattermost
    Try(module_host::trial::Arguments),
    /// Start a command module of your own
    Module(scaffold::Arguments),
    /// Make the bot a service of this host, or of this user, and say each thing done
    Install(install::InstallArguments),
    /// Take the service away; state and configuration stay
    Uninstall(install::UninstallArguments),
}

impl Arguments {
    /// Reads the command line of this process.
    ///
    /// # Errors
    /// It is wrong; or help or the version is asked for.
    pub(crate) fn of_process() -> Result<Self, clap::Error> {
        Self::try_parse()?.without_contradiction()
    }

    /// Refuses options that the command would pass over in silence.
    fn without_contradiction(self) -> Result<Self, clap::Error> {
        let only_strict = "only what says where the state directory is has to be right";
        let (why, path) = match self.command {
            Some(Command::Status(_) | Command::Ledger(_) | Command::Audit(_)) => {
                (only_strict, None)
            }
            Some(Command::Playground(_)) => (
                "the playground writes its bot's configuration itself",
                self.options.path.as_ref(),
            ),
            Some(Command::Install(_) | Command::Uninstall(_)) => (
                "the service's configuration is in its usual place",
                self.options.path.as_ref(),
            ),
            _ => return Ok(self),
        };
        let given = match (path, self.options.strict) {
            (Some(_), _) => "--config",
            (None, true) => "--strict",
            (None, false) => return Ok(self),
        };
        let text = format!("{given} means nothing here: {why}");
        Err(Self::command().error(ErrorKind::ArgumentConflict, text))
    }
}
