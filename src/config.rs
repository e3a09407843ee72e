//! The configuration: the only place that knows YAML and our environment variables.
//!
//! Sections and keys are upstream's, and ours beside them; `config.example.yaml` explains each. What upstream starts
//! with, we start with, at most warning, but for two things that it reads dangerously: a text where a list of roles
//! belongs, and two feed maps. What it breaks on is an error here, and one reading finds all of them:
//!
//! ```text
//! bytes ──▶ text ──▶ locate: where everything stands; refuses what is no YAML, or too much of it
//!                ──▶ decode: what everything is
//!                      └──▶ a section at a time, key by key ──▶ Config + notes, each with line and column
//! ```

pub mod diagnostic;
pub mod difference;
pub mod environment;
mod feeds;
mod file;
pub mod lifecycle;
mod locate;
pub mod matterbot;
pub mod modules;
mod notes;
mod rename;
mod roles;
mod section;
mod server;
mod token;
mod tree;
mod words;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use locate::Places;
use notes::{Notes, Text};
use section::{Base, Section};
use tree::Tree;

pub use diagnostic::{Diagnostic, Invalid, Position, Severity};
pub use environment::Environment;
pub use lifecycle::{CatchUp, Lifecycle, Quota};
pub use matterbot::{FeedMode, Matterbot, Scheme, Welcome};
pub use modules::Modules;
pub use token::{CREDENTIAL, TokenSource};

pub use crate::lifecycle::supervisor::ServiceManager;
pub use crate::logging::LogTarget;

/// The options of the command line that concern the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
pub struct Options {
    /// The configuration [default: ./config.yaml, then /etc/matterbot/config.yaml]
    #[arg(long = "config", value_name = "FILE", global = true)]
    pub path: Option<PathBuf>,
    /// Take unknown and repeated keys for errors
    #[arg(long, global = true)]
    pub strict: bool,
    /// Log debug lines too
    #[arg(long, global = true)]
    pub debug: bool,
}

/// A whole configuration, checked; paths in it are absolute.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The file it was read from, absolute.
    pub file: PathBuf,
    /// The section `Matterbot`.
    pub matterbot: Matterbot,
    /// The section `Modules`.
    pub modules: Modules,
    /// The section `Lifecycle`.
    pub lifecycle: Lifecycle,
    /// Whether debug lines are logged too.
    pub debug: bool,
}

/// A configuration, and what is odd about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// To be logged once logging has started.
    pub warnings: Vec<Diagnostic>,
}

/// Where a configuration is looked for when none is named.
const CANDIDATES: [&str; 2] = ["./config.yaml", "/etc/matterbot/config.yaml"];

/// The file to read: the one asked for, else `./config.yaml`, else `/etc/matterbot/config.yaml`. Where none can be seen, one
/// that cannot be looked at may be there, and whoever reads it is told why; `sudo -u` is often typed in a closed folder.
///
/// # Errors
/// When none was asked for and neither of the two exists.
pub fn find(explicit: Option<&Path>) -> Result<PathBuf, Invalid> {
    if let Some(path) = explicit {
        return Ok(path.to_path_buf());
    }
    let seen = |path: &&&str| std::fs::symlink_metadata(path).is_ok();
    let hidden = |path: &&&str| !is_absent(Path::new(path));
    let mut candidates = CANDIDATES.iter();
    let found = candidates.find(seen);
    match found.or_else(|| CANDIDATES.iter().rev().find(hidden)) {
        Some(path) => Ok(PathBuf::from(path)),
        None => {
            let [here, system] = CANDIDATES;
            Err(Invalid::of_file(
                Path::new(here),
                format!("there is no configuration: neither {here} nor {system} exists"),
                "name one with --config FILE, or copy config.example.yaml and fill it in",
            ))
        }
    }
}

fn is_absent(path: &Path) -> bool {
    let absent = [ErrorKind::NotFound, ErrorKind::NotADirectory];
    std::fs::symlink_metadata(path).is_err_and(|error| absent.contains(&error.kind()))
}

/// Whether this user may not read the file at `path`, so that nobody can say what it holds.
#[must_use]
pub fn is_denied(path: &Path) -> bool {
    std::fs::File::open(path).is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}

/// Whether the file at `path` is the configuration of the host's service.
#[must_use]
pub fn is_of_service(path: &Path) -> bool {
    let [_, system] = CANDIDATES;
    let same = || Some(path.canonicalize().ok()? == Path::new(system).canonicalize().ok()?);
    same() == Some(true)
}

/// Reads and checks the file at `path`; with `strict`, unknown and repeated keys are errors.
///
/// # Errors
/// Everything that is wrong with it, not only the first.
pub fn load(path: &Path, environment: &Environment, strict: bool) -> Result<Loaded, Invalid> {
    let (config, diagnostics) = read_file(path, environment, strict)?;
    if diagnostics
        .iter()
        .any(|diagnostic| diagnostic.severity == Severity::Error)
    {
        Err(Invalid { diagnostics })
    } else {
        Ok(Loaded {
            config,
            warnings: diagnostics,
        })
    }
}

/// The state directory that the file at `path` names, whatever else is wrong with it: a command that looks into the
/// state is wanted most when the bot does not start, and by a person who has no token.
///
/// # Errors
/// The file cannot be read, or what says where the directory is is wrong.
pub fn state_directory(path: &Path, environment: &Environment) -> Result<PathBuf, Invalid> {
    let says_where = [
        "Matterbot",
        "Lifecycle",
        "Lifecycle.state_dir",
        "Matterbot.bindmap",
        "",
    ];
    let config = read_part(path, environment, &says_where)?;
    Ok(config.lifecycle.state_dir)
}

/// The section `Modules` of the file at `path`, and how long a command may take, whatever else is wrong with it: whoever
/// writes modules need not have a server.
///
/// # Errors
/// The file cannot be read, or what says where modules are is wrong.
pub fn modules(path: &Path, environment: &Environment) -> Result<(Modules, Duration), Invalid> {
    let says_where = ["Modules", "Modules.commanddir", "Modules.python", ""];
    let config = read_part(path, environment, &says_where)?;
    Ok((config.modules, config.matterbot.command_timeout))
}

/// Reads the file at `path`, of which only `keys` have to be right.
fn read_part(path: &Path, environment: &Environment, keys: &[&str]) -> Result<Config, Invalid> {
    let (config, mut diagnostics) = read_file(path, environment, false)?;
    diagnostics.retain(|diagnostic| {
        diagnostic.severity == Severity::Error && keys.contains(&diagnostic.key.as_str())
    });
    if diagnostics.is_empty() {
        Ok(config)
    } else {
        Err(Invalid { diagnostics })
    }
}

/// Reads the file at `path`, with everything that is wrong with it.
fn read_file(
    path: &Path,
    environment: &Environment,
    strict: bool,
) -> Result<(Config, Vec<Diagnostic>), Invalid> {
    let file = file::read(path)?;
    let unreadable = |error| Invalid::unreadable(path, error);
    let places = locate::locate(&file.text).map_err(unreadable)?;
    let tree = if places.any {
        tree::decode(&file.text).map_err(unreadable)?
    } else {
        Tree::Null
    };
    let mut notes = Notes::new(path, &places, strict);
    let config = read(&mut notes, &tree, &file, environment);
    Ok((config, notes.finish()))
}

/// Every key that the configuration understands, as `Section.key`, sections first.
#[must_use]
pub fn keys() -> Vec<String> {
    let (places, file) = (Places::default(), file::File::default());
    let mut notes = Notes::new(Path::new(""), &places, false);
    read(&mut notes, &Tree::Null, &file, &Environment::default());
    notes.known()
}

/// Reads every section. What cannot be used is noted, and its default stands in its place.
fn read(
    notes: &mut Notes<'_>,
    tree: &Tree,
    file: &file::File,
    environment: &Environment,
) -> Config {
    let base = Base {
        folder: file.folder(),
        home: environment.home.as_deref(),
    };
    let mut root = Section::root(notes, tree, base);
    if !matches!(tree, Tree::Section(_)) {
        root.not_sections();
    } else if root.is_missing("Matterbot") {
        root.error_at_section(
            "Matterbot",
            Text::new("this section is missing").help("copy it from config.example.yaml"),
        );
    }
    let (mut matterbot, feedmap) = root.within("Matterbot", |section| {
        matterbot::read(section, environment, file)
    });
    let (modules, other) = root.within("Modules", |section| modules::read(section, environment));
    if let Some(other) = other {
        match &feedmap {
            Some(feedmap) => compare_feedmaps(&mut root, feedmap, &other),
            None => matterbot.feedmap = other,
        }
    }
    let lifecycle = root.within("Lifecycle", |section| {
        lifecycle::read(section, environment, &matterbot.bindmap)
    });
    feeds::read(&mut root);
    let debug = root.truth("debug", false);
    root.dead(
        "AI",
        "nothing reads this section, nor does upstream's main version",
    );
    root.finish();
    Config {
        file: file.path.clone(),
        matterbot,
        modules,
        lifecycle,
        debug,
    }
}

/// Upstream's bot reads `Matterbot.feedmap`, its feed process `Modules.feedmap`; one file must hold the subscriptions.
fn compare_feedmaps(root: &mut Section<'_, '_>, feedmap: &Path, other: &Path) {
    let same = || Some(feedmap.canonicalize().ok()? == other.canonicalize().ok()?);
    if feedmap == other || same() == Some(true) {
        return;
    }
    let (feedmap, exists, other) = (feedmap.display(), other.exists(), other.display());
    let path = ["Modules".to_owned(), "feedmap".to_owned()];
    if exists {
        let text = Text::new(format!(
            "{other} exists and is not the file of Matterbot.feedmap, {feedmap}"
        ));
        let help = "both hold subscriptions: keep one of the files, and name it in Matterbot.feedmap alone";
        root.notes.value(Severity::Error, &path, text.help(help));
    } else {
        let text = Text::new(format!("is not read: Matterbot.feedmap names {feedmap}"));
        root.notes
            .value(Severity::Warning, &path, text.help("remove this key"));
    }
}
