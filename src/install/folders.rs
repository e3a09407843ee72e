//! What the command modules must see and may write of the host, by the configuration and by who owns what.

use std::fs;
use std::path::{Path, PathBuf};

use crate::config::{self, Environment};
use crate::module::user::User;
use crate::secret::Secret;

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
    /// The folders of modules that their user may write; modules of upstream keep their state there.
    pub writable: Vec<PathBuf>,
}

impl Folders {
    /// Reads the configuration at `path`, and looks at the folders that it names.
    #[must_use]
    pub fn of_configuration(path: &Path) -> Self {
        // The service gets its token from elsewhere; what it is does not matter here.
        let environment = Environment {
            token: Some(Secret::new("unknown")),
            ..Environment::default()
        };
        match config::load(path, &environment, false) {
            Ok(loaded) => Self::Known(Known::of_folder(&loaded.config.modules.commanddir)),
            Err(_) => Self::Unknown,
        }
    }
}

impl Known {
    fn of_folder(folder: &Path) -> Self {
        let user = User::of_host();
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut writable: Vec<PathBuf> = entries
            .map(|entry| entry.path())
            .filter(|path| path.is_dir() && user.is_some_and(|user| user.may_write(path)))
            .collect();
        writable.sort();
        Self {
            checkout: folder.parent().unwrap_or(folder).to_owned(),
            writable,
        }
    }

    /// The text of the drop-in; none if the unit is right as it is.
    #[must_use]
    pub fn drop_in(&self) -> Option<String> {
        let Self { checkout, writable } = self;
        let hidden = HOMES.iter().any(|home| checkout.starts_with(home));
        if !hidden && writable.is_empty() {
            return None;
        }
        let mut text = format!(
            "{MARK}`, which overwrites it: what the configured modules need. After a change of their folders or of \
             whose they are,\n# type it again.\n[Service]\n"
        );
        if hidden {
            text.push_str(&line("BindReadOnlyPaths", checkout));
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
}
