//! What the command modules must see and may write of the host, by the configuration and by who owns what.

use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::config::{self, Environment};
use crate::module::user::User;

use super::layout::MARK;

/// The places that the sandbox hides (`ProtectHome=` of systemd.exec(5)).
const HOMES: [&str; 3] = ["/home", "/root", "/run/user"];

/// What is known of where the modules lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Folders {
    /// There is no configuration, or it has errors.
    Unknown,
    /// As the configuration says.
    Known(Known),
}

/// Where the modules lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The folder that holds the folder of the modules: a checkout, with its interpreter.
    pub checkout: PathBuf,
    /// Folders outside of it that its interpreter lies in or is linked from, and the sandbox hides.
    pub interpreter: Vec<PathBuf>,
    /// The folders of modules that their user may write; modules of upstream keep their state there.
    pub writable: Vec<PathBuf>,
}

impl Folders {
    /// Reads the configuration at `path`, and looks at the folders that it names.
    #[must_use]
    pub fn of_configuration(path: &Path) -> Self {
        match config::modules(path, &Environment::default()) {
            Ok((modules, _)) => Self::Known(Known::of_modules(&modules)),
            Err(_) => Self::Unknown,
        }
    }
}

impl Known {
    fn of_modules(modules: &config::Modules) -> Self {
        let folder = modules.commanddir.as_path();
        let user = User::of_host();
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut writable: Vec<PathBuf> = entries
            .map(|entry| entry.path())
            .filter(|path| path.is_dir() && user.is_some_and(|user| user.may_write(path)))
            .collect();
        writable.sort();
        let checkout = folder.parent().unwrap_or(folder).to_owned();
        let own = checkout.join(".venv/bin/python");
        let interpreter = of_interpreter(modules.python.as_ref().unwrap_or(&own), &checkout);
        Self {
            checkout,
            interpreter,
            writable,
        }
    }

    /// The text of the drop-in; none if the unit is right as it is.
    #[must_use]
    pub fn drop_in(&self) -> Option<String> {
        let Self {
            checkout,
            interpreter,
            writable,
        } = self;
        let hidden = is_hidden(checkout);
        if !hidden && writable.is_empty() && interpreter.is_empty() {
            return None;
        }
        let mut text = format!(
            "{MARK}`, which overwrites it: what the configured modules need. After a change of their folders or of \
             whose they are,\n# type it again.\n[Service]\n"
        );
        if hidden {
            text.push_str(&line("BindReadOnlyPaths", checkout));
        }
        for folder in interpreter {
            text.push_str(&line("BindReadOnlyPaths", folder));
        }
        let key = if hidden {
            "BindPaths"
        } else {
            "ReadWritePaths"
        };
        for folder in writable {
            text.push_str(&line(key, folder));
        }
        Some(text)
    }
}

/// The folders at home that hold the interpreter at `python`, each of the links that lead there, and what lies beside
/// them: a virtual environment, or an installation.
fn of_interpreter(python: &Path, checkout: &Path) -> Vec<PathBuf> {
    let mut path = python.to_owned();
    let mut found: Vec<PathBuf> = installation(&path).into_iter().collect();
    // No more links than the kernel follows.
    for _ in 0..40 {
        let Ok(target) = fs::read_link(&path) else {
            break;
        };
        path = path.parent().unwrap_or(&path).join(target);
        found.extend(installation(&path));
    }
    let end = path.canonicalize().ok();
    found.extend(end.as_deref().and_then(installation));
    found.retain(|folder| is_hidden(folder) && !folder.starts_with(checkout));
    found.sort();
    found.dedup();
    found
}

/// The folder in whose `bin` a program lies; never a whole home.
fn installation(program: &Path) -> Option<PathBuf> {
    let folder = program.parent()?.parent()?;
    let is_plain =
        folder.is_absolute() && !folder.components().any(|part| part == Component::ParentDir);
    let is_home =
        |home: &str| folder == Path::new(home) || folder.parent() == Some(Path::new(home));
    (is_plain && !HOMES.into_iter().any(is_home)).then(|| folder.to_owned())
}

fn is_hidden(path: &Path) -> bool {
    HOMES.iter().any(|home| path.starts_with(home))
}

/// A path as systemd reads it: quoted, specifiers escaped; a place that is gone is passed over.
fn line(key: &str, path: &Path) -> String {
    let path = path.display().to_string();
    let path = path
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('%', "%%");
    format!("{key}=\"-{path}\"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(checkout: &str, writable: &[&str]) -> Known {
        Known {
            checkout: PathBuf::from(checkout),
            interpreter: Vec::new(),
            writable: writable.iter().map(PathBuf::from).collect(),
        }
    }

    #[test]
    fn a_checkout_that_anybody_can_read_needs_no_drop_in() {
        assert_eq!(known("/opt/matterbot", &[]).drop_in(), None);
    }

    #[test]
    fn a_checkout_at_home_is_shown_and_folders_of_the_modules_user_can_be_written() {
        let text = known(
            "/home/ada/Matter Bot",
            &["/home/ada/Matter Bot/commands/watch"],
        )
        .drop_in()
        .unwrap();
        assert!(text.starts_with(MARK), "{text}");
        let lines = "[Service]\nBindReadOnlyPaths=\"-/home/ada/Matter Bot\"\n\
                     BindPaths=\"-/home/ada/Matter Bot/commands/watch\"\n";
        assert!(text.ends_with(lines), "{text}");
        let text = known("/opt/50%", &["/opt/50%/commands/watch"])
            .drop_in()
            .unwrap();
        let lines = "[Service]\nReadWritePaths=\"-/opt/50%%/commands/watch\"\n";
        assert!(text.ends_with(lines), "{text}");
    }

    #[test]
    fn an_interpreter_at_home_is_shown_with_its_installation_and_never_a_whole_home() {
        let shown = |python: &str| of_interpreter(Path::new(python), Path::new("/home/ada/bot"));
        let installed = "/home/ada/.local/share/python-3.13";
        let python = format!("{installed}/bin/python3");
        assert_eq!(shown(&python), [PathBuf::from(installed)]);
        for python in [
            "/home/ada/bot/.venv/bin/python",
            "/home/ada/bin/python",
            "/home/ada/python/../../bin/python",
            "/usr/bin/python3",
            "python3",
        ] {
            assert!(shown(python).is_empty(), "{python}");
        }
        let known = Known {
            interpreter: shown(&python),
            ..known("/opt/matterbot", &[])
        };
        let text = known.drop_in().unwrap();
        let line = format!("[Service]\nBindReadOnlyPaths=\"-{installed}\"\n");
        assert!(text.ends_with(&line), "{text}");
    }
}
