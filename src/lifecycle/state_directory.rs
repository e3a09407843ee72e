//! The state directory: ours, writable by nobody else, and locked by the one process that serves from it.

mod disk_space;
mod file;
mod status_line;

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{Access, AtFlags, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

pub use disk_space::DiskSpace;
pub use status_line::StatusLine;

use status_line::{write_pid, written_pid};

/// How often a held lock is tried again; the kernel has no lock request with a time limit.
const LOCK_POLL: Duration = Duration::from_millis(20);

/// A directory that is ours and that nobody else can write; what lies in it is reached through its descriptor.
#[derive(Debug)]
pub struct StateDirectory {
    path: PathBuf,
    descriptor: OwnedFd,
}

/// The lock of a state directory, held until it is dropped; it does not survive an exec.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

/// Who holds the lock of a state directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// Nobody.
    Nobody,
    /// A process, and its id if it has written it already.
    Process(Option<u32>),
}

/// Why a state directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateDirectoryError {
    /// It cannot be opened, created or read.
    #[error("the state directory {} cannot be used", path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It belongs to somebody else.
    #[error("the state directory {} belongs to user id {owner}, and this process runs as user id {}: run it as the owner, \
         or name another directory in Lifecycle.state_dir, which `sudo install -d -m 0750 -o {} DIRECTORY` makes", path.display(), us(), us())]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// Its owner.
        owner: u32,
    },
    /// Others can write it.
    #[error("the state directory {} can be written by others (mode {mode:04o}): type `chmod go-w {}`", path.display(), path.display())]
    Writable {
        /// The directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file of the lock cannot be opened or written.
    #[error("{} cannot be used", path.display())]
    Lock {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// What carries the name of the lock's file is a pipe, a device or the like.
    #[error("{} is not a regular file: move it away", path.display())]
    NotRegular {
        /// The file.
        path: PathBuf,
    },
    /// Another process serves from it.
    #[error("the state directory {} is in use by {}: there can be one bot on it", path.display(), holder_in_words(*holder))]
    Locked {
        /// The directory.
        path: PathBuf,
        /// The process that holds the lock, as far as it said.
        holder: Option<u32>,
    },
}

fn us() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn holder_in_words(holder: Option<u32>) -> String {
    holder.map_or_else(
        || "another process".to_owned(),
        |pid| format!("process {pid}"),
    )
}

impl StateDirectory {
    /// The file in it that carries the lock; while the lock is held it contains the holder's process id.
    pub const LOCK: &str = "matterbot.lock";

    /// Opens `path`, creating it (0750) if only its last component is missing.
    ///
    /// # Errors
    /// It is a symbolic link, not a directory, not ours, or writable by group or others.
    pub fn open(path: &Path) -> Result<Self, StateDirectoryError> {
        match rustix::fs::mkdir(path, Mode::from_raw_mode(0o750)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(failed(path, errno)),
        }
        let directory = Self::descend(path).map_err(|errno| failed(path, errno))?;
        directory.verify()?;
        Ok(directory)
    }

    /// Opens `path` for a command that only looks, whoever runs it; `None` if it does not exist.
    ///
    /// # Errors
    /// It is a symbolic link, not a directory, or not readable for us.
    pub fn look(path: &Path) -> Result<Option<Self>, StateDirectoryError> {
        match Self::descend(path) {
            Ok(directory) => Ok(Some(directory)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(failed(path, errno)),
        }
    }

    /// Whether [`StateDirectory::open`] could make the directory at `path`, which does not exist.
    ///
    /// # Errors
    /// What it lies in does not exist, or we may not write there.
    pub fn can_be_made(path: &Path) -> Result<(), StateDirectoryError> {
        let parent = path.parent().unwrap_or(Path::new("/"));
        may_write(rustix::fs::CWD, parent).map_err(|errno| failed(path, errno))
    }

    fn descend(path: &Path) -> Result<Self, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(Self {
            path: path.to_owned(),
            descriptor: rustix::fs::open(path, flags, Mode::empty())?,
        })
    }

    /// Checks again that it is ours and that nobody else can write it.
    ///
    /// # Errors
    /// It is not, or somebody can.
    pub fn verify(&self) -> Result<(), StateDirectoryError> {
        let path = || self.path.clone();
        let status = rustix::fs::fstat(&self.descriptor).map_err(|errno| self.failed(errno))?;
        if status.st_uid != rustix::process::geteuid().as_raw() {
            return Err(StateDirectoryError::Foreign {
                path: path(),
                owner: status.st_uid,
            });
        }
        match status.st_mode & 0o7777 {
            mode if mode & 0o022 != 0 => Err(StateDirectoryError::Writable { path: path(), mode }),
            _ => Ok(()),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }

    /// Whether [`StateDirectory::lock`] could take the lock if nobody held it; changes nothing.
    ///
    /// # Errors
    /// The lock file, or the directory that it is to be made in, cannot be written.
    pub fn can_be_locked(&self) -> Result<(), StateDirectoryError> {
        match self.open_lock_file(OFlags::empty()) {
            Ok(descriptor) => return self.regular(descriptor).map(drop),
            Err(Errno::NOENT) => may_write(self.descriptor.as_fd(), Path::new(".")),
            Err(errno) => Err(errno),
        }
        .map_err(|errno| self.lock_failed(errno))
    }

    /// Takes the lock, waiting up to `wait` for a predecessor to let go. Blocks the thread.
    ///
    /// # Errors
    /// Somebody else still holds it, or the lock file cannot be opened.
    pub fn lock(&self, wait: Duration) -> Result<Lock, StateDirectoryError> {
        let opened = self.open_lock_file(OFlags::CREATE);
        let file = self.regular(opened.map_err(|errno| self.lock_failed(errno))?)?;
        let deadline = Instant::now() + wait;
        let mut told = wait.is_zero();
        while let Err(errno) = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            match errno {
                Errno::WOULDBLOCK if Instant::now() < deadline => {
                    if !std::mem::replace(&mut told, true) {
                        let (path, wait) = (self.path.display(), wait.as_secs());
                        tracing::info!(
                            "{path} is still in use: waiting up to {wait} s for that to end"
                        );
                    }
                    std::thread::sleep(LOCK_POLL);
                }
                Errno::WOULDBLOCK => {
                    let holder = written_pid(&file);
                    return Err(StateDirectoryError::Locked {
                        path: self.path.clone(),
                        holder,
                    });
                }
                Errno::INTR => {}
                errno => return Err(self.lock_failed(errno)),
            }
        }
        // Whoever looks would like to know whose it is; on a disk that is full, or must not be written, he does not learn it.
        let told = file.set_len(0).and_then(|()| write_pid(&file));
        if let Err(error) = told {
            tracing::debug!(%error, "the lock does not say whose it is");
        }
        Ok(Lock { file })
    }

    /// Says who holds the lock now.
    ///
    /// # Errors
    /// The lock file cannot be opened.
    pub fn holder(&self) -> Result<Holder, StateDirectoryError> {
        let file = match self.open_lock(OFlags::RDONLY) {
            Ok(descriptor) => self.regular(descriptor)?,
            Err(Errno::NOENT) => return Ok(Holder::Nobody),
            Err(errno) => return Err(self.lock_failed(errno)),
        };
        // A shared lock that is gone at once: it delays a process that starts just now by one poll.
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Ok(Holder::Nobody),
            Err(Errno::WOULDBLOCK) => Ok(Holder::Process(written_pid(&file))),
            Err(errno) => Err(self.lock_failed(errno)),
        }
    }

    /// Opens the file of the lock; a lock needs no writing, but its file must be there.
    fn open_lock_file(&self, create: OFlags) -> Result<OwnedFd, Errno> {
        match self.open_lock(OFlags::RDWR | create) {
            Err(Errno::ROFS) => self.open_lock(OFlags::RDONLY).map_err(|_| Errno::ROFS),
            opened => opened,
        }
    }

    fn open_lock(&self, flags: OFlags) -> Result<OwnedFd, Errno> {
        // Non-blocking, because opening a pipe that somebody put there could wait for ever.
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(0o600);
        rustix::fs::openat(&self.descriptor, Self::LOCK, flags, mode)
    }

    fn regular(&self, descriptor: OwnedFd) -> Result<File, StateDirectoryError> {
        let file = File::from(descriptor);
        match file.metadata() {
            Ok(metadata) if metadata.is_file() => Ok(file),
            Ok(_) => Err(StateDirectoryError::NotRegular {
                path: self.path.join(Self::LOCK),
            }),
            Err(error) => Err(self.lock_failed(error)),
        }
    }

    fn failed(&self, errno: Errno) -> StateDirectoryError {
        failed(&self.path, errno)
    }

    fn lock_failed(&self, source: impl Into<std::io::Error>) -> StateDirectoryError {
        StateDirectoryError::Lock {
            path: self.path.join(Self::LOCK),
            source: source.into(),
        }
    }
}

/// Whether we may make files in the directory at `path`, relative to `from`.
fn may_write(from: BorrowedFd<'_>, path: &Path) -> Result<(), Errno> {
    let (access, flags) = (Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS);
    rustix::fs::accessat(from, path, access, flags)
}

fn failed(path: &Path, errno: Errno) -> StateDirectoryError {
    StateDirectoryError::Io {
        path: path.to_owned(),
        source: errno.into(),
    }
}
