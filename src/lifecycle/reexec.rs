//! Starting anew in the same process: the command line is remembered at start, and executed when the runtime is gone.

use std::convert::Infallible;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The command line of this process and the directory it was started in.
///
/// The program's path is made absolute but its symbolic links are **not** resolved: after an upgrade that moves a
/// `current` link, the link leads to the new release. `/proc/self/exe` would name the old file, "(deleted)".
#[derive(Debug, Clone)]
pub struct Origin {
    program: PathBuf,
    arguments: Vec<OsString>,
    directory: PathBuf,
}

impl Origin {
    /// Remembers how this process was started; to be called first in `main`.
    ///
    /// # Errors
    /// Where the current directory is gone, or a bare program name is in none of the directories of `PATH`.
    pub fn remember() -> io::Result<Self> {
        let directory = std::env::current_dir()?;
        let mut arguments = std::env::args_os();
        let name = arguments
            .next()
            .map_or_else(std::env::current_exe, |name| Ok(PathBuf::from(name)))?;
        let search = std::env::var_os("PATH").unwrap_or_default();
        let program = locate(&name, &directory, std::env::split_paths(&search))?;
        Ok(Self {
            program,
            arguments: arguments.collect(),
            directory,
        })
    }

    /// The program's absolute path as it was called, links unresolved.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Replaces this process (`execve(2)`): same pid, same terminal, same environment.
    ///
    /// Descriptors are closed by the kernel, since the standard library opens them close-on-exec. The caller has
    /// reaped its children, closed its connections and dropped the runtime.
    ///
    /// # Errors
    /// Returns only when the program could not be executed; the process is then unchanged.
    pub fn exec(&self) -> Result<Infallible, io::Error> {
        Err(self.command().exec())
    }

    /// The command line, to be executed in our place, or by a child that tries it out.
    pub(super) fn command(&self) -> Command {
        #[expect(
            clippy::disallowed_methods,
            reason = "it is ourselves, with our own environment"
        )]
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(&self.directory);
        command
    }
}

/// Finds `name` as `execvp(3)` would: with a slash relative to `directory`, without one in `search`.
fn locate(
    name: &Path,
    directory: &Path,
    mut search: impl Iterator<Item = PathBuf>,
) -> io::Result<PathBuf> {
    if name.components().count() > 1 || name.is_absolute() {
        return Ok(directory.join(name));
    }
    search
        .find_map(|folder| {
            Some(directory.join(folder).join(name)).filter(|candidate| candidate.is_file())
        })
        .or_else(|| std::env::current_exe().ok())
        .ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::NotFound,
                format!("{} is not in PATH", name.display()),
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_made_absolute_and_its_links_are_kept() {
        let releases = tempfile::tempdir().unwrap();
        let release = releases.path().join("1.0");
        std::fs::create_dir(&release).unwrap();
        std::fs::write(release.join("bot"), "").unwrap();
        std::os::unix::fs::symlink(&release, releases.path().join("current")).unwrap();
        let found = locate(
            Path::new("current/bot"),
            releases.path(),
            std::iter::empty(),
        )
        .unwrap();
        assert_eq!(found, releases.path().join("current/bot"));
    }

    #[test]
    fn a_bare_name_is_searched() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("bot"), "").unwrap();
        let search = [PathBuf::from("/nonexistent"), folder.path().to_owned()].into_iter();
        assert_eq!(
            locate(Path::new("bot"), Path::new("/"), search).unwrap(),
            folder.path().join("bot")
        );
    }
}
