//! What `check --modules` finds: the command modules are loaded as the bot would load them, by a module host of its own.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::bot::modules::changes::named_as_ours;
use crate::bot::reply::{counted, duration};
use crate::command::Catalogue;
use crate::command::catalogue::{Loaded, Roster};
use crate::config::Config;
use crate::lifecycle::terminal::print_error;
use crate::module::bindmap::{self, BindMap, Difference};
use crate::module::folder;
use crate::module::protocol::{LoadFailure, Loading, Log, Stage, Staged};
use crate::module::standalone::StandaloneHost;
use crate::module::user::{self, User};

/// How long loading may take; as long as the bot's does.
const PATIENCE: Duration = Duration::from_secs(300);

/// A word of more modules than this is told with their number.
const NAMED: usize = 4;

/// The modules as they were loaded.
#[derive(Debug, Default)]
pub(super) struct Found {
    roster: Roster,
    failed: BTreeMap<String, LoadFailure>,
    problems: Vec<String>,
    python: Option<String>,
}

/// Loads all modules of `config` below a module host, which is `program`.
///
/// # Errors
/// The module host cannot be started, or does not answer.
pub(super) async fn load(config: &Config, program: &Path) -> anyhow::Result<Found> {
    let mut host = StandaloneHost::start(program, tell).context("starting the module host")?;
    let stage = Stage {
        generation: 1,
        folder: config.modules.commanddir.clone(),
        python: config.modules.python.clone(),
        workers: 1,
    };
    let staged = tokio::time::timeout(PATIENCE, host.load(stage)).await;
    host.end().await;
    match staged {
        Ok(staged) => Ok(Found::sorted(staged?)),
        Err(_) => bail!("loading takes longer than {}", duration(PATIENCE)),
    }
}

/// What `config` names and is not there, without loading anything.
pub(super) fn missing(config: &Config) -> Vec<String> {
    let modules = &config.modules;
    let is_missing = |path: &Path| {
        let error = path.metadata().err();
        error.is_some_and(|error| error.kind() == ErrorKind::NotFound)
    };
    let mut missing = Vec::new();
    let folder = modules.commanddir.as_path();
    if modules.commanddir_is_named && is_missing(folder) {
        let folder = folder.display();
        missing.push(format!(
            "there is no folder of modules {folder}, which Modules.commanddir names"
        ));
    }
    let python = modules.python.as_deref();
    // One without a slash is looked up in PATH by whoever starts it.
    let python = python.filter(|python| python.is_absolute() && is_missing(python));
    if let Some(python) = python {
        let python = python.display();
        missing.push(format!(
            "there is no interpreter {python}, which Modules.python names: no module in Python can be loaded"
        ));
    }
    missing
}

/// What modules say while they are loaded, and none of what we found.
fn tell(log: &Log) {
    if log.level != "debug" && !log.module.is_empty() {
        print_error(format_args!("{}: {}", log.module, log.text));
    }
}

impl Found {
    fn sorted(staged: Staged) -> Self {
        let mut found = Self {
            problems: staged.problems,
            python: staged.python,
            ..Self::default()
        };
        for module in staged.modules {
            match module.loading {
                Loading::Description(description) => {
                    let loaded = Loaded {
                        description,
                        generation: staged.generation,
                    };
                    found.roster.insert(module.name, loaded);
                }
                Loading::Failure(failure) => {
                    found.failed.insert(module.name, failure);
                }
            }
        }
        found
    }

    /// Whether modules are wanted, and there is none.
    pub(super) fn is_none(&self, config: &Config) -> bool {
        let is_wanted = !self.failed.is_empty()
            || config.modules.commanddir_is_named && !config.modules.commanddir.is_dir();
        self.roster.is_empty() && is_wanted
    }

    /// How many modules cannot be loaded.
    pub(super) fn failures(&self) -> usize {
        self.failed.len()
    }

    /// The traces of what cannot be loaded, by module.
    pub(super) fn traces(&self) -> impl Iterator<Item = (&str, &str)> {
        let failed = self.failed.iter();
        failed.map(|(module, failure)| (module.as_str(), failure.trace.trim_end()))
    }

    /// What a person should mend.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (module, failure) in &self.failed {
            let reason = failure.text.as_ref().unwrap_or(&failure.summary);
            reasons.entry(reason).or_default().push(module);
        }
        let failed = reasons.into_iter().map(|(summary, modules)| {
            let missing = self.missing_package(summary).unwrap_or_default();
            let which = match modules.len() {
                1 => "the module",
                _ => "the modules",
            };
            let modules = modules.join(", ");
            format!("{which} {modules} cannot be loaded: {summary}{missing}")
        });
        let ours = self.roster.keys().filter_map(|name| named_as_ours(name));
        let problems = self.problems.iter().cloned();
        problems.chain(ours).chain(failed).collect()
    }

    /// What is missing in which interpreter, if `summary` is about a package.
    fn missing_package(&self, summary: &str) -> Option<String> {
        let (_, rest) = summary.split_once("No module named '")?;
        let (name, _) = rest.split_once('\'')?;
        let (package, python) = (name.split('.').next()?, self.python.as_ref()?);
        let is_of_the_folder = package == "commands"
            || self.roster.contains_key(package)
            || self.failed.contains_key(package);
        (!is_of_the_folder).then(|| format!(" (a package that is missing in {python})"))
    }

    /// What is as it should be, or usual. `map` is the bind map, and becomes what a start would make of it.
    pub(super) fn notes(&self, config: &Config, map: Option<&mut BindMap>) -> Vec<String> {
        let mut notes = vec![self.loaded()];
        if let Some(map) = map {
            notes.extend(differences(config, self.admitted(map)));
            let catalogue = Catalogue::merge(map, Some(&self.roster));
            notes.extend(shared_words(&catalogue));
        }
        let user = User::of_host();
        notes.push(place(config, user.is_some()));
        if let Some(user) = user {
            notes.extend(unwritable(config, user));
        }
        notes
    }

    fn loaded(&self) -> String {
        let count = counted(self.roster.len(), "module was", "modules were");
        let python = match &self.python {
            Some(python) => format!(", those in Python by {python}"),
            None => String::new(),
        };
        format!("{count} loaded{python}")
    }

    fn admitted(&self, map: &mut BindMap) -> Vec<Difference> {
        let modules = self.roster.iter();
        bindmap::admit(
            map,
            modules.map(|(name, loaded)| (name.as_str(), &loaded.description)),
        )
    }
}

/// What the modules say otherwise than the bind map.
fn differences(config: &Config, differences: Vec<Difference>) -> Vec<String> {
    let file = config.matterbot.bindmap.display();
    let (new, changed): (Vec<_>, Vec<_>) = differences
        .into_iter()
        .partition(|difference| matches!(difference, Difference::New { .. }));
    let mut notes: Vec<String> = changed
        .into_iter()
        .map(|difference| format!("otherwise than {file} says, {difference}"))
        .collect();
    if !new.is_empty() {
        let new: Vec<String> = new.iter().map(enters).collect();
        let new = new.join(", ");
        notes.push(format!("{file} gets these modules at the start: {new}"));
    }
    notes
}

/// A new module, and where it is available at first.
fn enters(difference: &Difference) -> String {
    match difference {
        Difference::New { module, chans } if chans.is_empty() => format!("{module} (nowhere)"),
        Difference::New { module, chans } => format!("{module} ({})", chans.join(", ")),
        other => other.to_string(),
    }
}

/// Words that call several modules, in one sentence.
fn shared_words(catalogue: &Catalogue) -> Option<String> {
    let mut words: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for module in catalogue.modules() {
        for word in &module.binds {
            words.entry(word).or_default().push(&module.name);
        }
    }
    let shared: Vec<String> = words
        .into_iter()
        .filter(|(_, modules)| modules.len() > 1)
        .map(|(word, modules)| match modules.len() {
            count if count > NAMED => format!("{word} ({count} modules)"),
            _ => format!("{word} ({})", modules.join(", ")),
        })
        .collect();
    (!shared.is_empty()).then(|| format!("words of several modules: {}", shared.join(", ")))
}

/// Where the modules run, and what that protects.
fn place(config: &Config, has_user: bool) -> String {
    let apart = format!(
        "in a unit of their own as the user {}: the bot's token and files are protected",
        user::NAME
    );
    let beside = "as the bot's own user: its token and files are protected against accidents only";
    match (&config.modules.socket, has_user) {
        (Some(socket), _) => format!(
            "modules run where {} leads: {apart}, if `matterbot install` made it",
            socket.display()
        ),
        (None, true) => {
            format!("modules of the service run {apart}; those of a bot started by hand, {beside}")
        }
        (None, false) => format!("modules run {beside}"),
    }
}

/// The modules whose folders their user could not write, in one sentence.
fn unwritable(config: &Config, user: User) -> Option<String> {
    let found = folder::scan(&config.modules.commanddir);
    let programs = found.programs.iter();
    let programs = programs.filter_map(|(name, program)| Some((name, program.file.parent()?)));
    let python = found
        .python
        .iter()
        .map(|(name, path)| (name, path.as_path()));
    let folders: BTreeMap<&String, &Path> = programs.chain(python).collect();
    let names: Vec<&str> = folders
        .into_iter()
        .filter(|(_, path)| !user.may_write(path))
        .map(|(name, _)| name.as_str())
        .collect();
    (!names.is_empty()).then(|| {
        format!(
            "the user {} cannot write the folders of these modules, which those need that keep files there (chown, then \
             `matterbot install` again): {}",
            user::NAME,
            names.join(", ")
        )
    })
}
