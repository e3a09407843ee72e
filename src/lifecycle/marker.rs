//! The marker: the restart request that is left for the successor.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::time::Duration;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use rustix::time::ClockId;
use serde::{Deserialize, Serialize};

use super::state_directory::StateDirectory;
use crate::id::{ChannelId, PostId, UserId, random_token};
use crate::timestamp::Timestamp;

/// The marker's name in the state directory.
pub const NAME: &str = "restart-marker.json";

/// How the name of a marker begins that is not finished.
const TEMPORARY: &str = "restart-marker.tmp-";

const MODE: Mode = Mode::from_raw_mode(0o600);

/// Bytes; a marker with a hundred requests takes a quarter of it.
const SIZE_LIMIT: usize = 64 * 1024;

/// How far ahead of our clock a marker may be: a clock that was set back by more is a reason to ask a person.
const FUTURE_LIMIT: Duration = Duration::from_secs(15 * 60);

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
    /// The format that this program writes, and the only one that it reads.
    pub const VERSION: u32 = 1;

    /// How long ago the marker was written, by the boot clock if the host still is in boot `boot_id`.
    #[must_use]
    pub fn age(&self, now: Timestamp, boot_id: &str, since_boot: Duration) -> Duration {
        if self.boot_id == boot_id {
            since_boot.saturating_sub(Duration::from_millis(self.written_since_boot))
        } else {
            now.since(self.written_at)
        }
    }
}

/// Leaves `marker` for the successor, in place of an earlier one. It survives a loss of power once this returns.
///
/// # Errors
/// It was not left. An earlier marker is untouched, unless the last step failed, the syncing of the directory: then
/// there is none.
pub fn leave(directory: &StateDirectory, marker: &Marker) -> Result<(), MarkerError> {
    directory
        .verify()
        .map_err(|error| failed("checking the state directory")(io::Error::other(error)))?;
    let json = serde_json::to_vec_pretty(marker)
        .map_err(|error| failed("encoding the restart marker")(error.into()))?;
    if json.len() > SIZE_LIMIT {
        return Err(failed("writing the restart marker")(
            io::ErrorKind::FileTooLarge.into(),
        ));
    }
    let temporary = format!("{TEMPORARY}{}", random_token());
    // What cannot be removed now is swept by the successor.
    directory
        .put(&temporary, NAME, (MODE, &json))
        .map_err(failed("writing the restart marker"))?;
    rustix::fs::fsync(directory.descriptor()).map_err(|errno| {
        rustix::fs::unlinkat(directory.descriptor(), NAME, AtFlags::empty()).ok();
        failed("syncing the state directory")(errno.into())
    })
}

/// Reads the marker that a predecessor left; `now` is of our clock.
///
/// # Errors
/// There is one that we would not have left; it was set aside under another name if possible.
pub fn read(directory: &StateDirectory, now: Timestamp) -> Result<Option<Marker>, Refused> {
    let reason = match examine(directory, now) {
        Ok(marker) => return Ok(marker),
        Err(reason) => reason,
    };
    let name = format!("restart-marker.refused-{now}");
    let renamed =
        rustix::fs::renameat(directory.descriptor(), NAME, directory.descriptor(), &*name)
            .and_then(|()| rustix::fs::fsync(directory.descriptor()));
    Err(Refused {
        reason,
        renamed: renamed.map(|()| name).map_err(io::Error::from),
    })
}

/// Reads and checks the marker; why it is not believed.
fn examine(directory: &StateDirectory, now: Timestamp) -> Result<Option<Marker>, String> {
    // A pipe would make an open without NONBLOCK wait for its writer.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::openat(directory.descriptor(), NAME, flags, Mode::empty()) {
        Ok(descriptor) => File::from(descriptor),
        Err(Errno::NOENT) => return Ok(None),
        Err(Errno::LOOP) => return Err("it is a symbolic link".to_owned()),
        Err(errno) => return Err(format!("it cannot be opened: {errno}")),
    };
    let status =
        rustix::fs::fstat(&file).map_err(|errno| format!("it cannot be examined: {errno}"))?;
    // The directory was found to be ours when it was opened, but for a command that only looks.
    let owner = rustix::fs::fstat(directory.descriptor())
        .map_err(|errno| format!("its directory cannot be examined: {errno}"))?
        .st_uid;
    check_status(&status, owner)?;
    let mut json = Vec::new();
    file.take(SIZE_LIMIT as u64 + 1)
        .read_to_end(&mut json)
        .map_err(|error| format!("it cannot be read: {error}"))?;
    if json.len() > SIZE_LIMIT {
        return Err("it is too large".to_owned());
    }
    parse(&json, now).map(Some)
}

fn check_status(status: &Stat, owner: u32) -> Result<(), String> {
    if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
        return Err("it is not a regular file".to_owned());
    }
    if status.st_uid != owner {
        return Err(format!("it belongs to user id {}", status.st_uid));
    }
    if status.st_mode & 0o7777 != MODE.as_raw_mode() {
        return Err(format!(
            "its mode is {:04o}, not 0600",
            status.st_mode & 0o7777
        ));
    }
    if status.st_nlink != 1 {
        return Err(format!("it has {} names", status.st_nlink));
    }
    if u64::try_from(status.st_size).map_or(true, |size| size > SIZE_LIMIT as u64) {
        return Err("it is too large".to_owned());
    }
    Ok(())
}

/// Understands the content of a marker; why it is not believed.
fn parse(json: &[u8], now: Timestamp) -> Result<Marker, String> {
    /// What every version has.
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let damaged = |error: serde_json::Error| format!("it is damaged: {error}");
    let Versioned { version } = serde_json::from_slice(json).map_err(damaged)?;
    if version != Marker::VERSION {
        return Err(format!(
            "it has version {version}, and this program knows only version {}",
            Marker::VERSION
        ));
    }
    let marker: Marker = serde_json::from_slice(json).map_err(damaged)?;
    if marker.written_at > now.plus(FUTURE_LIMIT) {
        return Err(format!(
            "it was written in the future, at {}",
            marker.written_at
        ));
    }
    Ok(marker)
}

/// Removes the marker, if there is one.
///
/// # Errors
/// It is still there, or may come back after a loss of power.
pub fn remove(directory: &StateDirectory) -> Result<(), MarkerError> {
    match rustix::fs::unlinkat(directory.descriptor(), NAME, AtFlags::empty()) {
        Err(Errno::NOENT) => Ok(()),
        removed => removed
            .and_then(|()| rustix::fs::fsync(directory.descriptor()))
            .map_err(|errno| failed("removing the restart marker")(errno.into())),
    }
}

/// Removes what a process left that died while it wrote a marker; returns how many files there were. A directory of such
/// a name is nothing that we left, and is in nobody's way.
///
/// The caller holds the lock of the state directory: a file of a process that still writes would be removed too.
///
/// # Errors
/// The directory cannot be listed, or a file cannot be removed.
pub fn sweep(directory: &StateDirectory) -> Result<usize, MarkerError> {
    let failed = |errno: Errno| failed("sweeping the state directory")(errno.into());
    let mut swept = 0;
    for entry in Dir::read_from(directory.descriptor()).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry
            .file_name()
            .to_bytes()
            .starts_with(TEMPORARY.as_bytes())
        {
            match rustix::fs::unlinkat(directory.descriptor(), entry.file_name(), AtFlags::empty())
            {
                Ok(()) => swept += 1,
                Err(Errno::ISDIR) => {}
                Err(errno) => return Err(failed(errno)),
            }
        }
    }
    Ok(swept)
}

/// Reads the marker that lies there, and leaves it as it is; `now` is of our clock.
///
/// # Errors
/// Why it would not be believed.
pub fn peek(directory: &StateDirectory, now: Timestamp) -> Result<Option<Marker>, String> {
    examine(directory, now)
}

/// Says what stands in the way of leaving a marker now: what `@restart` is refused for.
///
/// # Errors
/// The name is taken by something that is no marker of ours, or the directory is not ours alone any more.
pub fn obstacle(directory: &StateDirectory, now: Timestamp) -> Result<(), Obstacle> {
    directory
        .verify()
        .map_err(|error| Obstacle(error.to_string()))?;
    let path = directory.path().join(NAME);
    match examine(directory, now) {
        Ok(_) => Ok(()),
        Err(reason) => Err(Obstacle(format!(
            "{} is in the way ({reason}): move it away",
            path.display()
        ))),
    }
}

/// The identity of this boot of the host, in 32 hexadecimal digits: `/proc/sys/kernel/random/boot_id`, or what the unit
/// gives in its place (`Environment=MATTERBOT_BOOT_ID=%b`), since its sandbox hides that file (`ProcSubset=pid`).
///
/// # Errors
/// The kernel does not tell, and the unit does not either.
pub fn boot_id() -> io::Result<String> {
    let told = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .or_else(|error| std::env::var("MATTERBOT_BOOT_ID").map_err(|_| error))?;
    Ok(told.chars().filter(char::is_ascii_hexdigit).collect())
}

/// The time since the host was booted, its sleep included; no change of the clock moves it.
#[must_use]
pub fn since_boot() -> Duration {
    let time = rustix::time::clock_gettime(ClockId::Boottime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

fn failed(step: &'static str) -> impl Fn(io::Error) -> MarkerError {
    move |source| MarkerError { step, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marker() -> Marker {
        Marker {
            version: Marker::VERSION,
            nonce: "n".to_owned(),
            requests: Vec::new(),
            reason: String::new(),
            from_version: "1.0.0".to_owned(),
            boot_id: "a".to_owned(),
            written_at: Timestamp(1_000_000),
            written_since_boot: 5_000,
        }
    }

    #[test]
    fn age_is_measured_by_the_boot_clock_within_a_boot() {
        let (now, since_boot) = (Timestamp(9_000_000), Duration::from_secs(7));
        assert_eq!(marker().age(now, "a", since_boot), Duration::from_secs(2));
        assert_eq!(
            marker().age(now, "b", since_boot),
            Duration::from_secs(8_000)
        );
    }

    #[test]
    fn a_marker_may_be_a_little_ahead_of_our_clock() {
        let json = serde_json::to_vec(&marker()).unwrap();
        assert_eq!(
            parse(&json, Timestamp(1_000_000).minus(FUTURE_LIMIT)),
            Ok(marker())
        );
        assert!(
            parse(&json, Timestamp(999_999).minus(FUTURE_LIMIT))
                .unwrap_err()
                .contains("future")
        );
    }
}
