//! The section `Modules`: where command and feed modules lie.

use std::path::PathBuf;
use std::time::Duration;

/// The section `Modules`; its `feedmap` has become `Matterbot.feedmap`.
#[derive(Debug, Clone, PartialEq)]
pub struct Modules {
    /// The folder of the command modules.
    pub commanddir: PathBuf,
    /// The folder of the feed modules.
    pub moduledir: PathBuf,
    /// The interpreter of Python modules; a bare name is looked up in `PATH`.
    pub python: PathBuf,
    /// The pause between two rounds of the feeds.
    pub timer: Duration,
    /// How long one feed may take.
    pub timeout: Duration,
    /// How many feeds run at once.
    pub threads: usize,
}
