//! The section `Lifecycle`: where operators may act, how a restart goes, and what is caught up after it.

use std::ffi::OsStr;
use std::ops::RangeInclusive;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::diagnostic::Severity;
use super::environment::Environment;
use super::notes::{Text, shown_text};
use super::section::Section;

/// The section `Lifecycle`.
#[derive(Debug, Clone, PartialEq)]
pub struct Lifecycle {
    /// Ids or names of the channels where operator and admin commands run; empty: everywhere.
    pub channels: Vec<String>,
    /// The state directory: this key, else `STATE_DIRECTORY`, else the folder of the bind map.
    pub state_dir: PathBuf,
    /// How long running calls may go on when the bot stops.
    pub drain: Duration,
    /// The shortest time between two restarts.
    pub cooldown: Duration,
    /// How many restarts are allowed in a time.
    pub budget: Quota,
    /// How many commands one user may give in a time; a count of zero is no limit.
    pub rate: Quota,
    /// After which time the bot says that it is back late.
    pub notice_expiry: Duration,
    /// What is caught up after a gap.
    pub catch_up: CatchUp,
    /// After which time a running call gets its reaction.
    pub ack_after: Duration,
}

/// At most this many in this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// How many.
    pub count: u32,
    /// In which time.
    pub window: Duration,
}

/// What is caught up after a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CatchUp {
    /// Older commands expire.
    pub max_age: Duration,
    /// More posts than that in a channel are only counted.
    pub max_posts: u32,
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Reads the section; without any directory of its own the state lies beside `bindmap`.
pub(super) fn read(
    section: &mut Section<'_, '_>,
    environment: &Environment,
    bindmap: &Path,
) -> Lifecycle {
    Lifecycle {
        channels: channels(section),
        state_dir: section
            .file("state_dir")
            .or_else(|| first_state_directory(environment))
            .unwrap_or_else(|| bindmap.parent().unwrap_or(Path::new("/")).to_path_buf()),
        drain: section.duration("drain", SECOND * 20, Duration::ZERO..=MINUTE * 10),
        cooldown: section.duration("cooldown", SECOND * 10, Duration::ZERO..=HOUR),
        budget: quota(
            section,
            "budget",
            Quota {
                count: 3,
                window: MINUTE * 5,
            },
            1..=100,
        ),
        rate: quota(
            section,
            "rate",
            Quota {
                count: 60,
                window: SECOND * 10,
            },
            0..=100_000,
        ),
        notice_expiry: section.duration("notice_expiry", MINUTE * 10, SECOND..=DAY),
        catch_up: section.within("catch_up", |section| CatchUp {
            max_age: section.duration("max_age", MINUTE * 10, SECOND..=DAY),
            max_posts: section.whole("max_posts", 2000, 1..=100_000),
        }),
        ack_after: section.duration("ack_after", SECOND, Duration::ZERO..=MINUTE),
    }
}

/// Ids and names of channels; both are written in small letters, digits, `-` and `_`.
fn channels(section: &mut Section<'_, '_>) -> Vec<String> {
    let channels = section.list("channels").unwrap_or_default();
    let fits = |character: char| {
        character.is_ascii_lowercase() || character.is_ascii_digit() || "-_".contains(character)
    };
    for (index, channel) in channels.iter().enumerate() {
        if !channel.chars().all(fits) {
            let path = section.item_path("channels", index);
            let text = Text::new(format!(
                "is neither the name nor the id of a channel: {}",
                shown_text(channel)
            ));
            let help = "write the name as in the channel's URL, in lower case and without ~, not its title";
            section.notes.value(Severity::Error, &path, text.help(help));
        }
    }
    channels
}

fn quota(
    section: &mut Section<'_, '_>,
    key: &str,
    default: Quota,
    counts: RangeInclusive<u32>,
) -> Quota {
    section.within(key, |section| Quota {
        count: section.whole("count", default.count, counts),
        window: section.duration("window", default.window, SECOND..=DAY),
    })
}

/// systemd separates the directories of a unit by colons; the first is ours.
fn first_state_directory(environment: &Environment) -> Option<PathBuf> {
    let all = environment.state_directory.as_ref()?;
    let first = all.as_bytes().split(|byte| *byte == b':').next()?;
    let first = PathBuf::from(OsStr::from_bytes(first));
    first.is_absolute().then_some(first)
}
