//! What the figures were measured on.

use std::fmt;
use std::fs;
use std::process::Command;

use serde::Serialize;

use crate::disk::Scratch;

/// The machine, the place of the state, and the sources.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Machine {
    processor: String,
    cores: usize,
    kernel: String,
    /// One-minute load average before the run: what else the machine does.
    load: String,
    state: String,
    file_system: String,
    revision: String,
}

impl Machine {
    pub(crate) fn look(scratch: &Scratch) -> anyhow::Result<Self> {
        let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let processor = processor
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Ok(Self {
            processor: processor
                .map_or("an unnamed processor", |(_, name)| name)
                .to_owned(),
            cores: std::thread::available_parallelism()?.get(),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
                .unwrap_or_default()
                .trim()
                .to_owned(),
            load: load
                .split_whitespace()
                .next()
                .unwrap_or("unknown")
                .to_owned(),
            state: scratch.path().display().to_string(),
            file_system: scratch.file_system(),
            revision: revision(),
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}, {} cores, load {} before the run; Linux {}; state in {} ({}); revision {}",
            self.processor,
            self.cores,
            self.load,
            self.kernel,
            self.state,
            self.file_system,
            self.revision
        )
    }
}

/// The commit that is checked out, and whether something was changed since.
fn revision() -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "a benchmark asks git which sources it measures"
    )]
    let mut git = Command::new("git");
    let described = git
        .args(["describe", "--always", "--dirty", "--exclude=*"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    described
        .ok()
        .filter(|output| output.status.success())
        .map_or_else(
            || "unknown".to_owned(),
            |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        )
}
