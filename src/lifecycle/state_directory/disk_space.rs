//! How much room the disk of the state directory has: without any the bot runs nothing.

use rustix::fs::StatVfsMountFlags;

use super::{StateDirectory, StateDirectoryError};

/// How much room there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskSpace {
    /// Some.
    Available,
    /// None is left.
    Full,
    /// The file system is mounted read-only.
    ReadOnly,
}

impl StateDirectory {
    /// How much room there is for the directory's owner.
    ///
    /// # Errors
    /// The file system cannot be asked.
    pub fn disk_space(&self) -> Result<DiskSpace, StateDirectoryError> {
        let failed = |errno| self.failed(errno);
        let system = rustix::fs::fstatvfs(&self.descriptor).map_err(failed)?;
        let owner = rustix::fs::fstat(&self.descriptor).map_err(failed)?.st_uid;
        // A part of it is kept for root.
        let free = if owner == 0 {
            system.f_bfree
        } else {
            system.f_bavail
        };
        Ok(if system.f_flag.contains(StatVfsMountFlags::RDONLY) {
            DiskSpace::ReadOnly
        } else if free == 0 && system.f_blocks > 0 {
            DiskSpace::Full
        } else {
            DiskSpace::Available
        })
    }
}
