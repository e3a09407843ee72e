//! `matterbot check`: whether the bot would start. All of it goes to standard output, what keeps it from starting first.

mod binds;
mod credential;
mod modules;
mod server;

use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use crate::audit::{Audit, AuditError};
use crate::config::{self, Config, Severity};
use crate::ledger;
use crate::lifecycle::state_directory::{Holder, StateDirectory, StateDirectoryError};
use crate::lifecycle::terminal::{print, print_error};
use crate::lifecycle::{ExitStatus, linger, marker};
use crate::tasks;
use crate::timestamp::Timestamp;

use super::reply::{counted, duration};
use super::{StartFailure, refusal};

use server::Trouble;

/// How long the server may take to answer all questions; with the rest it stays below the preflight's patience.
const SERVER_PATIENCE: Duration = Duration::from_secs(8);

const NO_LINGER: &str = "this bot is a service of your user, and ends with your last session; to let it stay: loginctl \
                         enable-linger";

const EXIT_STATUSES: &str = "\
Exit status:
  0   the bot would start; there may be warnings, and a server that is down is one
  1   no module at all could be loaded (--modules)
  1   with --strict: a module could not be loaded (--modules), or the server not be asked (--online)
  78  the bot would not start";

/// The arguments of `matterbot check`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_STATUSES)]
pub struct Arguments {
    /// Ask the server too, whether it lets the bot in and has the team, the channels and the operators
    #[arg(long)]
    online: bool,
    /// Load all command modules too, without the bot's token, and tell what is the matter with them
    #[arg(long)]
    modules: bool,
}

/// What was found, each in a line.
#[derive(Debug, Default)]
struct Findings {
    errors: Vec<String>,
    warnings: Vec<String>,
    notes: Vec<String>,
    /// Who runs with the state directory now.
    holder: Option<String>,
    server: Server,
    /// How many modules cannot be loaded.
    failed_modules: usize,
    /// Whether anything is the matter with the modules.
    odd_modules: bool,
    /// Whether no module at all could be loaded.
    no_module: bool,
}

/// What became of asking the server.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Server {
    #[default]
    NotAsked,
    Silent,
    Answered,
}

/// Checks, and reports; `for_restart`, for a bot that runs and wants to know whether it would come back. Gives 0, or 78 if
/// the bot would not start. `program` is ourselves, for the module host.
///
/// # Errors
/// The kernel gives no event queue.
pub fn run(
    options: &config::Options,
    arguments: &Arguments,
    for_restart: bool,
    program: &Path,
) -> Result<ExitStatus, StartFailure> {
    let path = config::find(options.path.as_deref()).map_err(StartFailure::configuration)?;
    let read = credential::read(&path, options.strict);
    let (config, diagnostics) = match read.loaded {
        Ok(loaded) => (Some(loaded.config), loaded.warnings),
        Err(invalid) => (None, invalid.diagnostics),
    };
    let mut findings = Findings::default();
    for diagnostic in diagnostics {
        match diagnostic.severity {
            Severity::Error => findings.errors.push(diagnostic.to_string()),
            Severity::Warning => findings.warnings.push(diagnostic.to_string()),
        }
    }
    read.without_token
        .iter()
        .for_each(|note| findings.note(note));
    if let Some(config) = config {
        let runtime = tasks::runtime()?;
        findings.state(&config, for_restart);
        let online = arguments.online && read.without_token.is_none();
        runtime.block_on(findings.ask(&config, online));
        if arguments.modules {
            runtime.block_on(findings.modules(&config, program, options.debug));
        } else {
            let missing = modules::missing(&config);
            missing.iter().for_each(|text| findings.warning(text));
            findings.binds(&config);
        }
    }
    for line in [&findings.errors, &findings.warnings, &findings.notes]
        .into_iter()
        .flatten()
    {
        print(refusal::naming(line, options));
    }
    print(findings.verdict(&path));
    Ok(match (findings.errors.is_empty(), findings.server) {
        (false, _) => ExitStatus::Configuration,
        // A bot that would come back, and wait for a server that is down, is not kept from restarting.
        (true, Server::Silent) if options.strict && !for_restart => ExitStatus::Failure,
        (true, _) if findings.no_module => ExitStatus::Failure,
        (true, _) if options.strict && findings.odd_modules => ExitStatus::Failure,
        (true, _) => ExitStatus::Success,
    })
}

impl Findings {
    fn error(&mut self, text: impl Display) {
        self.errors.push(format!("error: {text}"));
    }

    fn warning(&mut self, text: impl Display) {
        self.warnings.push(format!("warning: {text}"));
    }

    fn note(&mut self, text: impl Display) {
        self.notes.push(format!("note: {text}"));
    }

    /// All of it in a line.
    fn verdict(&self, file: &Path) -> String {
        let none_or = |count, one, many| match count {
            0 => format!("no {many}"),
            count => counted(count, one, many),
        };
        let errors = none_or(self.errors.len(), "error", "errors");
        let warnings = none_or(self.warnings.len(), "warning", "warnings");
        let verdict = match (self.errors.is_empty(), self.server) {
            (false, _) => "the bot would not start",
            (true, Server::NotAsked) => "the bot would start (--online asks the server too)",
            (true, Server::Silent) => "the bot would start, but the server could not be asked",
            (true, Server::Answered) => "the bot would start, and the server lets it in",
        };
        let without = match self.failed_modules {
            _ if self.no_module && self.errors.is_empty() => {
                ", without any module: none could be loaded".to_owned()
            }
            count if count > 0 && self.errors.is_empty() => {
                format!(", without {}", counted(count, "module", "modules"))
            }
            _ => String::new(),
        };
        let turn = match &self.holder {
            Some(who) if self.errors.is_empty() => format!(", once {who} has ended"),
            _ => String::new(),
        };
        format!(
            "{}: {errors}, {warnings}: {verdict}{without}{turn}",
            file.display()
        )
    }

    /// Asks all who can be asked at the same time: whoever waits for the verdict has little patience.
    async fn ask(&mut self, config: &Config, online: bool) {
        let server = async {
            if online {
                self.server(config).await;
            }
        };
        let (alone, ()) = tokio::join!(linger::is_missing(), server);
        if alone {
            self.warning(NO_LINGER);
        }
    }

    /// Whether the server lets us in; no module is imported.
    async fn server(&mut self, config: &Config) {
        let silent = |why: &dyn Display| {
            format!("the server could not be asked: {why} (the bot starts, and waits for it)")
        };
        self.server = Server::Answered;
        match tokio::time::timeout(SERVER_PATIENCE, server::ask(config)).await {
            Ok(Ok(oddities)) => oddities.iter().for_each(|oddity| self.warning(oddity)),
            Ok(Err(Trouble::Final(text))) => self.error(text),
            Ok(Err(Trouble::Passing(text))) => {
                self.server = Server::Silent;
                self.warning(silent(&text));
            }
            Err(_) => {
                self.server = Server::Silent;
                let patience = duration(SERVER_PATIENCE);
                self.warning(silent(&format_args!("it did not answer within {patience}")));
            }
        }
    }

    /// What the bind map says by itself.
    fn binds(&mut self, config: &Config) {
        let warnings = match binds::read(&config.matterbot.bindmap) {
            Ok(map) => binds::warnings(config, &map.unwrap_or_default()),
            Err(reason) => vec![binds::unusable(&reason)],
        };
        warnings.iter().for_each(|warning| self.warning(warning));
    }

    /// The modules as they are loaded, and what the bind map says of them.
    async fn modules(&mut self, config: &Config, program: &Path, debug: bool) {
        let found = match modules::load(config, program).await {
            Ok(found) => found,
            Err(error) => {
                self.odd_modules = true;
                self.no_module = true;
                self.warning(format_args!("no module could be loaded: {error:#}"));
                return self.binds(config);
            }
        };
        let warnings = found.warnings();
        self.odd_modules = !warnings.is_empty();
        self.failed_modules = found.failures();
        self.no_module = found.is_none(config);
        warnings.iter().for_each(|warning| self.warning(warning));
        for (module, trace) in found.traces().filter(|_| debug) {
            print_error(format_args!("{module}: {trace}"));
        }
        let mut map = binds::read(&config.matterbot.bindmap).map(Option::unwrap_or_default);
        for note in found.notes(config, map.as_mut().ok()) {
            self.note(note);
        }
        // Words that the modules have now count, and no longer those of the file.
        match map {
            Ok(map) => {
                let warnings = binds::warnings(config, &map);
                warnings.iter().for_each(|warning| self.warning(warning));
            }
            Err(reason) => self.warning(binds::unusable(&reason)),
        }
    }

    /// Who uses the state directory now, which is no mistake.
    fn holder(&mut self, directory: &StateDirectory) -> Result<(), StartFailure> {
        if let Holder::Process(pid) = directory.holder().map_err(refusal::directory)? {
            let who = pid.map_or("another process".to_owned(), |pid| format!("process {pid}"));
            self.note(format_args!(
                "{who} runs with this state directory: a second bot on it waits 10 s for the end of the first, then gives \
                 up"
            ));
            self.holder = Some(who);
        }
        Ok(())
    }

    /// The state directory and what lies in it, as far as they exist: what a start would stumble over.
    fn state(&mut self, config: &Config, for_restart: bool) {
        if let Err(StartFailure { error, .. }) = self.look(&config.lifecycle.state_dir, for_restart)
        {
            self.error(format_args!("{error:#}"));
        }
    }

    fn look(&mut self, path: &Path, for_restart: bool) -> Result<(), StartFailure> {
        let Some(directory) = StateDirectory::look(path).map_err(refusal::directory)? else {
            StateDirectory::can_be_made(path).map_err(refusal::directory)?;
            self.warning(format_args!(
                "the state directory {} does not exist yet; the bot makes it",
                path.display()
            ));
            return Ok(());
        };
        match directory.verify() {
            Err(StateDirectoryError::Foreign { owner, .. })
                if rustix::process::geteuid().is_root() =>
            {
                self.warning(format_args!(
                    "the state directory {} belongs to user id {owner}, which is right if the bot runs as that user; \
                     what lies in it was not looked at",
                    path.display()
                ));
                return Ok(());
            }
            verified => verified.map_err(refusal::directory)?,
        }
        directory.can_be_locked().map_err(refusal::directory)?;
        if !for_restart {
            self.holder(&directory)?;
        }
        if let Err(reason) = marker::peek(&directory, Timestamp::now()) {
            self.warning(format_args!(
                "the restart marker in {} will be set aside by the next start, and no restart is announced for it: {reason}",
                path.display()
            ));
        }
        match Audit::check(directory.path()) {
            Err(AuditError::Open { path, source }) if ledger::wants_room(&source) => {
                self.warning(format_args!(
                    "{} cannot be written at present ({source}); the bot starts, and runs nothing until it can",
                    path.display()
                ));
            }
            checked => checked.map_err(refusal::audit)?,
        }
        ledger::check(directory.path()).map_err(refusal::ledger)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_verdict() {
        let mut findings = Findings::default();
        let says = |findings: &Findings| findings.verdict(Path::new("c.yaml"));
        assert_eq!(
            says(&findings),
            "c.yaml: no errors, no warnings: the bot would start (--online asks the server too)"
        );
        findings.server = Server::Answered;
        findings.warning("odd");
        assert_eq!(
            says(&findings),
            "c.yaml: no errors, 1 warning: the bot would start, and the server lets it in"
        );
        findings.holder = Some("process 7".to_owned());
        assert!(says(&findings).ends_with(", and the server lets it in, once process 7 has ended"));
        findings.error("wrong");
        findings.warning("odd");
        assert_eq!(
            says(&findings),
            "c.yaml: 1 error, 2 warnings: the bot would not start"
        );
    }
}
