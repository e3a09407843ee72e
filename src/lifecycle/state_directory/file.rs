//! The files of a state directory: read without following links, replaced as a whole.

use std::fs::File;
use std::io::{self, Read, Write};

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::StateDirectory;

impl StateDirectory {
    /// The content of the file `name`; `None` if there is none.
    ///
    /// # Errors
    /// It is a link, no regular file, larger than `limit` bytes, or cannot be read.
    pub fn read(&self, name: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
        // A pipe would make an open without NONBLOCK wait for its writer.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(self.descriptor(), name, flags, Mode::empty()) {
            Ok(descriptor) => File::from(descriptor),
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        };
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        let mut content = Vec::new();
        file.take(limit + 1).read_to_end(&mut content)?;
        if content.len() as u64 > limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(Some(content))
    }

    /// Replaces the file `name`, or makes it, with these permission bits; there is one writer. It survives a loss of
    /// power once this returns.
    ///
    /// # Errors
    /// The directory is not ours alone, or the disk does not take it. The old file is untouched, unless only the last
    /// step failed, the syncing of the directory.
    pub fn replace(&self, name: &str, mode: u32, content: &[u8]) -> io::Result<()> {
        self.verify().map_err(io::Error::other)?;
        let temporary = format!("{name}.tmp");
        // What a process left that died while it wrote.
        match rustix::fs::unlinkat(self.descriptor(), &*temporary, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno.into()),
        }
        self.put(&temporary, name, (Mode::from_raw_mode(mode), content))?;
        Ok(rustix::fs::fsync(self.descriptor())?)
    }

    /// Writes a new file `temporary`, syncs it, and gives it the name `name`; the directory is still to be synced. What
    /// cannot be finished is removed, if that is possible.
    pub(in crate::lifecycle) fn put(
        &self,
        temporary: &str,
        name: &str,
        (mode, content): (Mode, &[u8]),
    ) -> io::Result<()> {
        let directory = self.descriptor();
        let renamed = self
            .write(temporary, mode, content)
            .and_then(|()| Ok(rustix::fs::renameat(directory, temporary, directory, name)?));
        if renamed.is_err() {
            rustix::fs::unlinkat(directory, temporary, AtFlags::empty()).ok();
        }
        renamed
    }

    fn write(&self, name: &str, mode: Mode, content: &[u8]) -> io::Result<()> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(rustix::fs::openat(self.descriptor(), name, flags, mode)?);
        // The umask may have taken bits away that a reader needs.
        rustix::fs::fchmod(&file, mode)?;
        file.write_all(content)?;
        file.sync_all()
    }
}
