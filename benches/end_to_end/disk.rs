//! The state directories' place: not a tmpfs, removed in the end; and what its disk takes for a synced write.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;

/// File systems whose `fdatasync` does nothing: a measure there says nothing about the bot's promise.
const MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];

/// What a commit of the ledger is compared with.
const BLOCK: [u8; 16 << 10] = [0x5a; 16 << 10];

/// A directory for one run; dropping it removes it.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
    file_system: u64,
}

impl Scratch {
    /// Makes a directory below `parent`.
    ///
    /// # Errors
    /// If it cannot be made, or lies in memory.
    pub(crate) fn make(parent: &Path) -> anyhow::Result<Self> {
        let path = parent.join(format!("end-to-end-{}", std::process::id()));
        fs::create_dir_all(&path).with_context(|| format!("making {}", path.display()))?;
        let mut scratch = Self {
            path: path.canonicalize()?,
            file_system: 0,
        };
        let status = rustix::fs::statfs(&scratch.path)
            .with_context(|| format!("asking for the file system of {}", path.display()))?;
        // The type is signed on some machines; the numbers are of 32 bits.
        #[allow(clippy::unnecessary_cast, reason = "the type differs between machines")]
        let magic = (status.f_type as u64) & 0xffff_ffff;
        scratch.file_system = magic;
        anyhow::ensure!(
            !MEMORY.contains(&magic),
            "{} lies in memory, where a sync costs nothing: name a directory on a disk with --state",
            path.display()
        );
        Ok(scratch)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file system's name, or its number.
    pub(crate) fn file_system(&self) -> String {
        match self.file_system {
            0xef53 => "ext4".to_owned(),
            0x5846_5342 => "xfs".to_owned(),
            0x9123_683e => "btrfs".to_owned(),
            0x794c_7630 => "overlayfs".to_owned(),
            0x2fc1_2fc1 => "zfs".to_owned(),
            other => format!("{other:#x}"),
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!("{} could not be removed: {error}", self.path.display());
        }
    }
}

/// A file for appended writes that are synced.
#[derive(Debug)]
pub(crate) struct Disk(File);

impl Disk {
    /// Makes the file in `directory`.
    ///
    /// # Errors
    /// The disk's.
    pub(crate) fn open(directory: &Path) -> anyhow::Result<Self> {
        let path = directory.join("syncs");
        let file = File::create(&path).with_context(|| format!("making {}", path.display()))?;
        Ok(Self(file))
    }

    /// Times two appended 16 KiB writes, each synced: what the start row and the outcome of a call cost at least.
    ///
    /// # Errors
    /// The disk's.
    pub(crate) fn two_syncs(&mut self) -> anyhow::Result<Duration> {
        let began = Instant::now();
        for _ in 0..2 {
            self.0.write_all(&BLOCK)?;
            self.0.sync_data()?;
        }
        Ok(began.elapsed())
    }
}
