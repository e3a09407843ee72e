//! The file itself: that it can be read, is of a sensible size, and is text.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::diagnostic::{Invalid, Position, Unreadable};

/// The largest file that is read, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// A file that was read. It may hold the password, so it has no `Debug`.
#[derive(Default)]
pub(super) struct File {
    /// Where it lies, absolute.
    pub(super) path: PathBuf,
    /// What it holds, without a byte order mark, its lines ended by line feeds alone.
    pub(super) text: String,
    /// Its permissions.
    pub(super) mode: u32,
    /// Who can read it beside those who should.
    pub(super) exposure: Exposure,
}

/// Who can read a file that is to be secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Exposure {
    /// Its owner, and perhaps the group that the bot runs in.
    #[default]
    Nobody,
    /// A group that is not the bot's own.
    Group,
    /// Everybody on this host.
    Everybody,
}

impl Exposure {
    /// Of a file with this metadata, to a process of the group `ours`. Root knows to whom it gives a file: `install`
    /// leaves the configuration to root and the bot's group.
    fn of(metadata: &fs::Metadata, ours: u32) -> Self {
        let trusted = metadata.gid() == ours || metadata.gid() == 0 || metadata.uid() == 0;
        match metadata.mode() {
            mode if mode & 0o007 != 0 => Self::Everybody,
            mode if mode & 0o070 != 0 && !trusted => Self::Group,
            _ => Self::Nobody,
        }
    }
}

impl File {
    /// The folder that it lies in.
    pub(super) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }
}

/// Reads the file at `path`.
pub(super) fn read(path: &Path) -> Result<File, Invalid> {
    let failed = |error: io::Error| {
        let (message, help) = match error.kind() {
            io::ErrorKind::NotFound => (
                "there is no such file".to_owned(),
                "copy config.example.yaml to this place, or name another with --config FILE",
            ),
            io::ErrorKind::PermissionDenied => (
                format!(
                    "the user with the id {} may not read this file",
                    rustix::process::geteuid().as_raw()
                ),
                "to look, type it with sudo, or as the user that runs the bot (`sudo -u USER …`); to run the bot with it, \
                 give the file to that user",
            ),
            _ => (
                format!("this file cannot be read: {error}"),
                "check the file and its disk",
            ),
        };
        Invalid::of_file(path, message, help)
    };
    let metadata = fs::metadata(path).map_err(failed)?;
    if metadata.is_dir() {
        return Err(Invalid::of_file(
            path,
            "this is a directory",
            "name the file in it, such as config.yaml",
        ));
    }
    if !metadata.is_file() {
        let help = "a restart reads it again, so it has to be a regular file";
        return Err(Invalid::of_file(path, "this is no regular file", help));
    }
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(failed)?;
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > LARGEST {
        return Err(Invalid::of_file(
            path,
            "this file is larger than 1 MiB",
            "is it the configuration?",
        ));
    }
    let text =
        String::from_utf8(bytes).map_err(|error| Invalid::unreadable(path, not_text(&error)))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    Ok(File {
        path: std::path::absolute(path).map_err(failed)?,
        text: with_line_feeds(text),
        mode: metadata.mode(),
        exposure: Exposure::of(&metadata, rustix::process::getegid().as_raw()),
    })
}

fn not_text(error: &std::string::FromUtf8Error) -> Unreadable {
    let good = error
        .as_bytes()
        .get(..error.utf8_error().valid_up_to())
        .unwrap_or_default();
    let good = with_line_feeds(&String::from_utf8_lossy(good));
    let last = good.rsplit('\n').next().unwrap_or_default();
    Unreadable {
        position: Position {
            line: good.matches('\n').count() + 1,
            column: last.chars().count() + 1,
        },
        message: "a byte stands here that is no UTF-8".to_owned(),
        help: Some("save the file as UTF-8".to_owned()),
    }
}

/// To YAML a carriage return ends a line too, but parsers count such lines differently.
fn with_line_feeds(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}
