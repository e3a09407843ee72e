//! Tests of `config`: a file in, diagnostics out.

mod accepted;
mod example;
mod refused;
mod robust;
mod roles;
mod token;

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use matterbot::config::{self, Config, Environment, Invalid, Loaded};

/// The least that loads without a word; what a test adds stands in the section `Matterbot`, from line 6 on.
const LEAST: &str = "\
Matterbot:
  host: chat.example.org
  password: k4yk4yk4yk4yk4yk4yk4yk4yk4
  teamname: team
  botadmins: [system_admin]
";

/// A folder with a `config.yaml`, readable by its owner alone.
struct Folder(tempfile::TempDir);

impl Folder {
    fn with(yaml: impl AsRef<[u8]>) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        std::fs::write(folder.path("config.yaml"), yaml).unwrap();
        folder.set_mode(0o600);
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn set_mode(&self, mode: u32) {
        std::fs::set_permissions(self.path("config.yaml"), PermissionsExt::from_mode(mode))
            .unwrap();
    }

    fn load(&self, environment: &Environment, strict: bool) -> Result<Loaded, Invalid> {
        config::load(&self.path("config.yaml"), environment, strict)
    }

    /// The diagnostics, a line each, without the folder's name.
    fn diagnose(&self, environment: &Environment, strict: bool) -> String {
        let diagnostics = match self.load(environment, strict) {
            Ok(loaded) => loaded.warnings,
            Err(invalid) => invalid.diagnostics,
        };
        let lines: Vec<_> = diagnostics.iter().map(ToString::to_string).collect();
        lines
            .join("\n")
            .replace(&format!("{}/", self.0.path().display()), "")
    }
}

/// What is said about a whole file.
fn diagnose(yaml: &str) -> String {
    Folder::with(yaml).diagnose(&Environment::default(), false)
}

/// What is said about these lines, added to the least.
fn diagnose_added(lines: &str) -> String {
    diagnose(&format!("{LEAST}{lines}"))
}

/// The configuration of a whole file that loads without a word.
fn load(yaml: &str) -> Config {
    let loaded = Folder::with(yaml)
        .load(&Environment::default(), true)
        .unwrap();
    assert_eq!(loaded.warnings, []);
    loaded.config
}

/// The configuration with these lines added to the least.
fn load_added(lines: &str) -> Config {
    load(&format!("{LEAST}{lines}"))
}
