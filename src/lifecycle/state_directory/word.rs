//! What stands in the lock's file while the lock is held: whose it is, and what the holder says of itself.
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

/// How many bytes behind them are for the holder's word. It is written over in place, which a disk that has become full
/// still takes.
const WORD_SIZE: usize = 1_024;

/// Where the holder of a lock says how it is, for whoever looks. It holds the lock as well.
#[derive(Debug)]
pub struct Word(File);

impl Word {
    /// Says `text`, at most a kilobyte in one line, in place of what was said before. Blocks the thread.
    ///
    /// # Errors
    /// It is too long, or the disk does not take it.
    pub fn say(&self, text: &str) -> io::Result<()> {
        let mut line = text.as_bytes().to_vec();
        if line.len() >= WORD_SIZE {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        line.resize(WORD_SIZE - 1, b' ');
        line.push(b'\n');
        self.0.write_all_at(&line, PID_SIZE as u64)
    }
}

impl Lock {
    /// Where its holder says how it is.
    ///
    /// # Errors
    /// There are no more descriptors.
    pub fn word(&self) -> io::Result<Word> {
        self.file.try_clone().map(Word)
    }
}

impl StateDirectory {
    /// What the holder of the lock said of itself last; none if it did not, or the lock's file cannot be read.
    #[must_use]
    pub fn word(&self) -> Option<String> {
        let file = self.regular(self.open_lock(OFlags::RDONLY).ok()?).ok()?;
        let mut word = [0; WORD_SIZE];
        let read = file.read_at(&mut word, PID_SIZE as u64).ok()?;
        let word = String::from_utf8_lossy(word.get(..read)?);
        let word = word.trim_end();
        (!word.is_empty()).then(|| word.to_owned())
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
