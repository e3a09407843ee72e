//! The marker: the restart request that is left for the successor.

use std::fmt;
use std::io;

use serde::{Deserialize, Serialize};

use super::state_directory::StateDirectory;
use crate::id::{ChannelId, PostId, UserId};
use crate::timestamp::Timestamp;

/// The marker's name in the state directory.
pub const NAME: &str = "restart-marker.json";

/// A restart that was announced or is about to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// The format, [`Marker::VERSION`].
    pub version: u32,
    /// What makes this restart known once it is settled.
    pub nonce: String,
    /// Who asked, the first one first.
    pub requests: Vec<Request>,
    /// Why, in words.
    pub reason: String,
    /// The version of the program that left the marker.
    pub from_version: String,
    /// The boot of the host.
    pub boot_id: String,
    /// When it was written, of our clock.
    pub written_at: Timestamp,
    /// Milliseconds from the boot to the writing (`CLOCK_BOOTTIME`).
    pub written_since_boot: u64,
}

/// One call that asks for the restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Where it was asked.
    pub channel: ChannelId,
    /// The root of the thread to answer in.
    pub root: PostId,
    /// The post that asks.
    pub post: PostId,
    /// Which call of the post it is.
    pub ordinal: u16,
    /// Who asked.
    pub user: UserId,
}

/// Why the marker could not be left or removed.
#[derive(Debug, thiserror::Error)]
#[error("{step} failed")]
pub struct MarkerError {
    step: &'static str,
    #[source]
    source: io::Error,
}

/// A marker that is not believed.
#[derive(Debug, thiserror::Error)]
#[error("the restart marker is refused: {reason}")]
pub struct Refused {
    /// What is wrong with it.
    pub reason: String,
    /// The name that it was given, or why it is still in place.
    pub renamed: Result<String, io::Error>,
}

/// What stands in the way of leaving a marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle(String);

impl fmt::Display for Obstacle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Marker {
    /// The format that this program writes, and the newest that it reads.
    pub const VERSION: u32 = 1;
}

/// Leaves `marker` for the successor, in place of an earlier one. It survives a loss of power once this returns.
///
/// # Errors
/// It could not be written; an earlier marker is untouched unless the last step, syncing the directory, failed.
pub fn leave(directory: &StateDirectory, marker: &Marker) -> Result<(), MarkerError> {
    let _ = (directory, marker);
    Err(MarkerError {
        step: "writing",
        source: io::ErrorKind::Unsupported.into(),
    })
}

/// Reads the marker that a predecessor left; `now` is of our clock.
///
/// # Errors
/// There is one that we would not have left; it was set aside under another name if possible.
pub fn read(directory: &StateDirectory, now: Timestamp) -> Result<Option<Marker>, Refused> {
    let _ = (directory, now);
    Ok(None)
}

/// Removes the marker, if there is one.
///
/// # Errors
/// It is still there, or may come back after a loss of power.
pub fn remove(directory: &StateDirectory) -> Result<(), MarkerError> {
    let _ = directory;
    Ok(())
}

/// Removes what a process left that died while it wrote a marker; returns how many files there were.
///
/// # Errors
/// The directory cannot be listed, or a file cannot be removed.
pub fn sweep(directory: &StateDirectory) -> Result<usize, MarkerError> {
    let _ = directory;
    Ok(0)
}

/// Says what stands in the way of leaving a marker now.
///
/// # Errors
/// The name is taken by something that is no marker of ours, or the directory is not ours alone any more.
pub fn obstacle(directory: &StateDirectory) -> Result<(), Obstacle> {
    let _ = directory;
    Ok(())
}
