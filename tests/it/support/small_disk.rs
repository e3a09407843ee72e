//! A small file system of its own over a directory: it can be filled, really, and freed again.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;

use super::namespace::{enter, unshare};
use super::program::command;

/// A tmpfs in a mount namespace that only those see who enter it; it is gone with this.
pub(crate) struct SmallDisk {
    /// Keeps the namespace.
    holder: Child,
    directory: PathBuf,
}

impl SmallDisk {
    /// Of `kilobytes` over `directory`; none as of [`unshare`].
    pub(crate) async fn over(directory: &Path, kilobytes: u32) -> Option<Self> {
        let wrapper = unshare(&[]).await?;
        let mut unshare = command(&wrapper[0]);
        let size = format!("size={kilobytes}k,mode=0700");
        let script = "mount -t tmpfs -o \"$1\" small \"$0\" && echo mounted && exec cat";
        unshare
            .args(&wrapper[1..])
            .args(["/bin/sh", "-c", script])
            .arg(directory)
            .arg(size)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut holder = unshare.spawn().unwrap();
        let mut said = BufReader::new(holder.stdout.take().unwrap()).lines();
        let line = said.next_line().await.unwrap();
        assert_eq!(line.as_deref(), Some("mounted"));
        Some(Self {
            holder,
            directory: directory.to_owned(),
        })
    }

    /// The command that becomes another one which sees the file system.
    pub(crate) fn entrance(&self) -> Vec<String> {
        let target = self.holder.id().unwrap().to_string();
        let mut command = vec!["nsenter".to_owned(), "--target".to_owned(), target];
        command.extend(enter().iter().map(|&option| option.to_owned()));
        command.push("--".to_owned());
        command
    }

    /// A file on it, as it is seen from outside.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        let root = format!("/proc/{}/root", self.holder.id().unwrap());
        let below = self.directory.strip_prefix("/").unwrap();
        Path::new(&root).join(below).join(name)
    }

    /// Writes until the kernel says that there is no room.
    pub(crate) fn fill(&self) {
        let mut filler = File::create(self.file("filler")).unwrap();
        let full = loop {
            if let Err(error) = filler.write_all(&[0; 4_096]) {
                break error;
            }
        };
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull, "{full}");
    }

    /// Makes room again.
    pub(crate) fn free(&self) {
        fs::remove_file(self.file("filler")).unwrap();
    }
}
