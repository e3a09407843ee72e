//! A step of a plan: it says what it does, and does it.

use std::fmt;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;

/// One thing that is done, or need not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It is as it should be.
    Unchanged(PathBuf),
    /// It is left alone, for this reason.
    Keep(PathBuf, &'static str),
    /// The program takes its place.
    Copy {
        /// The program that runs now.
        from: PathBuf,
        /// Its place.
        to: PathBuf,
    },
    /// A directory, with all above it.
    MakeDirectory(PathBuf, u32),
    /// A file; it replaces the one that is there, in one instant.
    Write {
        /// Where.
        path: PathBuf,
        /// What it will hold.
        text: String,
        /// Its permissions.
        mode: u32,
    },
    /// A program of the host that has to succeed.
    Run(Vec<String>),
    /// A file goes.
    Remove(PathBuf),
    /// A directory goes, with all that is in it.
    RemoveTree(PathBuf),
    /// A directory goes, if nothing is in it.
    RemoveEmpty(PathBuf),
}

impl Step {
    /// Runs `words` as a command line.
    #[must_use]
    pub fn run(words: &[&str]) -> Self {
        Self::Run(words.iter().map(ToString::to_string).collect())
    }

    /// Does it.
    ///
    /// # Errors
    /// What could not be done, and why.
    pub fn perform(&self) -> anyhow::Result<()> {
        match self {
            Self::Unchanged(_) | Self::Keep(..) => Ok(()),
            Self::Copy { from, to } => {
                let bytes =
                    fs::read(from).with_context(|| format!("reading {}", from.display()))?;
                replace(to, &bytes, 0o755)
            }
            Self::MakeDirectory(path, mode) => DirBuilder::new()
                .recursive(true)
                .mode(*mode)
                .create(path)
                .with_context(|| format!("making {}", path.display())),
            Self::Write { path, text, mode } => replace(path, text.as_bytes(), *mode),
            Self::Run(words) => run(words),
            Self::Remove(path) => gone(path, fs::remove_file(path)),
            Self::RemoveTree(path) => gone(path, fs::remove_dir_all(path)),
            Self::RemoveEmpty(path) => match fs::remove_dir(path) {
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
                result => gone(path, result),
            },
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unchanged(path) => write!(formatter, "unchanged  {}", path.display()),
            Self::Keep(path, why) => write!(formatter, "keep       {} ({why})", path.display()),
            Self::Copy { from, to } => {
                write!(
                    formatter,
                    "copy       {} to {}",
                    from.display(),
                    to.display()
                )
            }
            Self::MakeDirectory(path, mode) => {
                write!(formatter, "make       {} (mode {mode:04o})", path.display())
            }
            Self::Write { path, mode, .. } => {
                write!(formatter, "write      {} (mode {mode:04o})", path.display())
            }
            Self::Run(words) => write!(formatter, "run        {}", words.join(" ")),
            Self::Remove(path) => write!(formatter, "remove     {}", path.display()),
            Self::RemoveTree(path) => {
                write!(formatter, "remove     {} and all in it", path.display())
            }
            Self::RemoveEmpty(path) => {
                write!(formatter, "remove     {} if it is empty", path.display())
            }
        }
    }
}

/// Puts a complete file into the place of `path`; a program that runs cannot be written, but its name can be given away.
fn replace(path: &Path, bytes: &[u8], mode: u32) -> anyhow::Result<()> {
    let written = || -> io::Result<()> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut name = path.as_os_str().to_owned();
        name.push(".new");
        let scratch = PathBuf::from(name);
        gone_or_absent(fs::remove_file(&scratch))?;
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&scratch)?;
        file.write_all(bytes)?;
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        file.sync_all()?;
        fs::rename(&scratch, path)
    };
    written().with_context(|| format!("writing {}", path.display()))
}

fn gone(path: &Path, result: io::Result<()>) -> anyhow::Result<()> {
    gone_or_absent(result).with_context(|| format!("removing {}", path.display()))
}

fn gone_or_absent(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the tools of the host, run from its administrator's own command line"
)]
fn tool(program: &str) -> Command {
    Command::new(program)
}

fn run(words: &[String]) -> anyhow::Result<()> {
    let (program, arguments) = words.split_first().context("a command without a program")?;
    let line = words.join(" ");
    let status = tool(program)
        .args(arguments)
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("running `{line}`: is systemd installed?"))?;
    anyhow::ensure!(status.success(), "`{line}` ended with {status}");
    Ok(())
}

/// What a tool of the host prints, without the last line's end; nothing if there is no such tool, or it fails.
#[must_use]
pub fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = tool(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    Some(
        String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_with_its_mode_and_removed_without_complaint() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new/matterbot.service");
        let write = |text: &str, mode| Step::Write {
            path: path.clone(),
            text: text.to_owned(),
            mode,
        };
        write("first", 0o600).perform().unwrap();
        write("second", 0o644).perform().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "second");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
            0o644
        );
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        for _ in 0..2 {
            Step::Remove(path.clone()).perform().unwrap();
            Step::RemoveTree(directory.path().join("new"))
                .perform()
                .unwrap();
        }
        assert!(!path.exists());
    }

    #[test]
    fn a_tool_that_fails_is_named_with_its_status() {
        let error = Step::run(&["sh", "-c", "exit 3"]).perform().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`sh -c exit 3` ended with exit status: 3"
        );
        let error = Step::run(&["matterbot-no-such-tool"])
            .perform()
            .unwrap_err();
        assert!(
            error.to_string().contains("matterbot-no-such-tool"),
            "{error}"
        );
    }
}
