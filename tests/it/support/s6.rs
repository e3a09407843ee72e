//! A real `s6-supervise` over the real program.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use super::program::{Home, PROGRAM, Program, command};

/// A real `s6-supervise` over one service directory.
pub(crate) struct S6 {
    directory: String,
    pub(crate) supervisor: Program,
}

impl S6 {
    /// Runs the bot of `home`.
    pub(crate) fn start(home: &Home) -> Self {
        let directory = home.path().join("service");
        fs::create_dir(&directory).unwrap();
        let script = format!(
            "#!/bin/sh\nexec '{PROGRAM}' --config '{}'\n",
            home.config().display()
        );
        write_script(&directory.join("run"), &script);
        let mut supervise = command("s6-supervise");
        supervise.arg(&directory).stdin(Stdio::null());
        Self {
            directory: directory.to_str().unwrap().to_owned(),
            supervisor: Program::start(supervise),
        }
    }

    /// An order of `s6-svc`, such as `-1` for SIGUSR1.
    pub(crate) async fn control(&self, order: &str) {
        let mut control = command("s6-svc");
        let status = control.args([order, &self.directory]).status().await;
        assert!(status.unwrap().success());
    }
}

fn write_script(path: &Path, script: &str) {
    fs::write(path, script).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
