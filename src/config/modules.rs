//! The section `Modules`: where command and feed modules lie.

use std::path::PathBuf;
use std::time::Duration;

use super::environment::Environment;
use super::section::Section;

/// The section `Modules`; its `feedmap` has become `Matterbot.feedmap`.
#[derive(Debug, Clone, PartialEq)]
pub struct Modules {
    /// The folder of the command modules.
    pub commanddir: PathBuf,
    /// Whether the configuration names it, and not the one that is the default.
    pub commanddir_is_named: bool,
    /// The folder of the feed modules.
    pub moduledir: PathBuf,
    /// The interpreter of Python modules; a bare name is looked up in `PATH`. None: that of the checkout that
    /// `commanddir` is in (`.venv`), else `python3`.
    pub python: Option<PathBuf>,
    /// Where a module host listens; `None`: the bot starts one.
    pub socket: Option<PathBuf>,
    /// The pause between two rounds of the feeds.
    pub timer: Duration,
    /// How long one feed may take.
    pub timeout: Duration,
    /// How many feeds run at once.
    pub threads: usize,
}

/// Reads the section, and the feed map that it names.
pub(super) fn read(
    section: &mut Section<'_, '_>,
    environment: &Environment,
) -> (Modules, Option<PathBuf>) {
    let feedmap = section.file("feedmap");
    let default = section.relative("commands");
    let commanddir = section
        .file("commanddir")
        .unwrap_or_else(|| default.clone());
    let modules = Modules {
        commanddir_is_named: commanddir != default,
        commanddir,
        moduledir: section
            .file("moduledir")
            .unwrap_or_else(|| section.relative("modules")),
        python: python(section),
        socket: environment.modules_socket.clone(),
        timer: section.seconds("timer", 600, 1.0..=604_800.0),
        timeout: section.seconds("timeout", 60, 1.0..=86_400.0),
        threads: section.whole("threads", 8, 1..=1024) as usize,
    };
    for key in ["window", "lookback"] {
        section.dead(
            key,
            "nothing reads this key, nor does upstream; it can be removed",
        );
    }
    (modules, feedmap)
}

/// A name without a slash is a program in `PATH`, and stays as it is.
fn python(section: &mut Section<'_, '_>) -> Option<PathBuf> {
    let name = section.text("python").unwrap_or_default();
    if name.contains('/') || name.contains('\0') {
        section.file("python")
    } else {
        (!name.is_empty()).then(|| PathBuf::from(name))
    }
}
