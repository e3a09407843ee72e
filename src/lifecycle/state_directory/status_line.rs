//! What stands in the lock's file while the lock is held: whose it is, and what the holder tells of itself.
//!
//! Both are written in place and never synced: nobody needs them once the holder is gone.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;

use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use super::{Lock, StateDirectory};

/// How many bytes are for the process id.
const PID_SIZE: usize = 16;

/// How many bytes behind them are for the holder's status line. It is written over in place, which a disk that has
/// become full still takes.
const LINE_SIZE: usize = 1_024;

/// Where the holder of a lock tells how it is, for whoever looks. It holds the lock as well.
#[derive(Debug)]
pub struct StatusLine(File);

impl StatusLine {
    /// Writes `text`, at most a kilobyte in one line, in place of what was written before. Blocks the thread.
    ///
    /// # Errors
    /// It is too long, or the disk does not take it.
    pub fn write(&self, text: &str) -> io::Result<()> {
        let mut line = text.as_bytes().to_vec();
        if line.len() >= LINE_SIZE {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        line.resize(LINE_SIZE - 1, b' ');
        line.push(b'\n');
        self.0.write_all_at(&line, PID_SIZE as u64)
    }
}

impl Lock {
    /// Where its holder tells how it is.
    ///
    /// # Errors
    /// There are no more descriptors.
    pub fn status_line(&self) -> io::Result<StatusLine> {
        self.file.try_clone().map(StatusLine)
    }
}

impl StateDirectory {
    /// What the holder of the lock told of itself last; `None` if it did not, or the lock's file cannot be read.
    #[must_use]
    pub fn status_line(&self) -> Option<String> {
        let file = self.regular(self.open_lock(OFlags::RDONLY).ok()?).ok()?;
        let mut line = [0; LINE_SIZE];
        let read = file.read_at(&mut line, PID_SIZE as u64).ok()?;
        let line = String::from_utf8_lossy(line.get(..read)?);
        let line = line.trim_end();
        (!line.is_empty()).then(|| line.to_owned())
    }
}

/// The process id in a lock file, if one can be read and is that of a process: a holder that could not write its own left
/// that of an earlier one.
pub(super) fn written_pid(file: &File) -> Option<u32> {
    let mut text = [0; PID_SIZE];
    let read = file.read_at(&mut text, 0).ok()?;
    let text = str::from_utf8(text.get(..read)?).ok()?;
    let pid: i32 = text.trim_end().parse().ok()?;
    match test_kill_process(Pid::from_raw(pid)?) {
        Err(Errno::SRCH) => None,
        _ => u32::try_from(pid).ok(),
    }
}

/// Writes ours to a lock file that is empty.
pub(super) fn write_pid(mut file: &File) -> io::Result<()> {
    let width = PID_SIZE - 1;
    let line = format!("{:<width$}\n", std::process::id());
    file.write_all(line.as_bytes())
}
