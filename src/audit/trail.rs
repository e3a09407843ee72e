//! The file `audit.jsonl`: opened with suspicion, appended to, read from its end.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use super::entry::Entry;
use super::{AuditError, NAME};

/// How much of the file's end is read, in bytes.
const READ_AT_MOST: u64 = 1 << 20;

/// The file, open for appending and reading.
#[derive(Debug)]
pub(super) struct Trail {
    file: File,
    /// Whether the last line may lack its line break.
    torn: bool,
}

impl Trail {
    /// Opens or creates the file in `directory`.
    pub(super) fn open(directory: &Path) -> Result<Self, AuditError> {
        let path = directory.join(NAME);
        let file = ours(&path, OFlags::CREATE)?;
        Self::prepare(file, directory).map_err(|source| failed(&path, source))
    }

    /// Looks at the file in `directory`, if there is one, as one that we would write.
    pub(super) fn examine(directory: &Path) -> Result<(), AuditError> {
        match ours(&directory.join(NAME), OFlags::empty()) {
            Err(AuditError::Open { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(())
            }
            result => result.map(drop),
        }
    }

    /// Opens the file in `directory` for reading alone, whosever it is; `None` if there is none.
    pub(super) fn look(directory: &Path) -> Result<Option<Self>, AuditError> {
        let path = directory.join(NAME);
        let file = open(&path, OFlags::RDONLY);
        match file.and_then(|file| Ok((file.metadata()?.is_file(), file))) {
            Ok((true, file)) => Ok(Some(Self::of(file))),
            Ok((false, _)) => Err(AuditError::NotOurs { path }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(AuditError::Open { path, source }),
        }
    }

    /// Closes the file to others, makes its name durable, and ends a torn line.
    fn prepare(file: File, directory: &Path) -> io::Result<Self> {
        file.set_permissions(Permissions::from_mode(0o600))?;
        File::open(directory)?.sync_all()?;
        let mut trail = Self::of(file);
        let length = trail.file.metadata()?.len();
        if let Some(end) = length.checked_sub(1) {
            let mut last = [0];
            trail.file.read_exact_at(&mut last, end)?;
            trail.torn = last != *b"\n";
        }
        if trail.torn {
            trail.write("")?;
        }
        Ok(trail)
    }

    /// A trail in a file that is open for appending.
    pub(super) fn of(file: File) -> Self {
        Self { file, torn: false }
    }

    /// Appends one line.
    pub(super) fn append(&mut self, entry: &Entry) -> io::Result<()> {
        let line = entry.line()?;
        self.write(&line)
    }

    /// Writes `line`, after a line break if the last one may be torn.
    fn write(&mut self, line: &str) -> io::Result<()> {
        let line = if self.torn {
            format!("\n{line}")
        } else {
            line.to_owned()
        };
        // Until all of it is written, some of it may be.
        self.torn = true;
        self.file.write_all(line.as_bytes())?;
        self.torn = false;
        Ok(())
    }

    /// Waits until what was appended is on disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// The last `count` entries that can be read, the oldest first.
    pub(super) fn last(&self, count: usize) -> io::Result<Vec<Entry>> {
        let length = self.file.metadata()?.len();
        let start = length.saturating_sub(READ_AT_MOST);
        let mut bytes = vec![0; usize::try_from(length - start).unwrap_or(0)];
        self.file.read_exact_at(&mut bytes, start)?;
        // Of a line that began earlier only the end was read, and that is no entry.
        let lines = bytes.split(|byte| *byte == b'\n').rev();
        let mut entries: Vec<Entry> = lines
            .filter_map(|line| serde_json::from_slice(line).ok())
            .take(count)
            .collect();
        entries.reverse();
        Ok(entries)
    }
}

fn failed(path: &Path, source: io::Error) -> AuditError {
    AuditError::Open {
        path: path.to_owned(),
        source,
    }
}

/// Opens the file at `path` for writing, and makes sure that it is ours alone.
fn ours(path: &Path, create: OFlags) -> Result<File, AuditError> {
    let file = open(path, OFlags::RDWR | OFlags::APPEND | create)
        .map_err(|source| failed(path, source))?;
    let metadata = file.metadata().map_err(|source| failed(path, source))?;
    let is_ours = metadata.uid() == rustix::process::geteuid().as_raw();
    if !metadata.is_file() || !is_ours || metadata.nlink() != 1 {
        return Err(AuditError::NotOurs {
            path: path.to_owned(),
        });
    }
    Ok(file)
}

/// Opens `path` itself, and no other file through a link.
fn open(path: &Path, flags: OFlags) -> io::Result<File> {
    // Non-blocking, because opening a pipe that somebody put there could wait for ever.
    let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(
        path,
        flags,
        Mode::RUSR | Mode::WUSR,
    )?))
}

#[cfg(test)]
mod tests {
    use super::super::entry::example;
    use super::*;

    #[test]
    fn a_line_after_a_failed_write_stands_on_its_own() {
        let mut trail = Trail::of(tempfile::tempfile().unwrap());
        trail.file.write_all(b"{\"at\":17").unwrap();
        trail.torn = true;
        let entry = example();
        trail.append(&entry).unwrap();
        trail.append(&entry).unwrap();
        assert_eq!(trail.last(10).unwrap(), [entry.clone(), entry]);
    }
}
