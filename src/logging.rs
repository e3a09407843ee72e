//! Where log lines go: a file of our own, the journal, or standard output.
//!
//! An event is one line: control characters in it are escaped, so that nobody can write a second line through a
//! message. A line that cannot be written (a full disk, a closed terminal) is lost, and nothing else happens.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use anyhow::Context;
use tracing::level_filters::LevelFilter;
use tracing::{Dispatch, dispatcher, warn};
use tracing_journald::{Priority, PriorityMappings};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::SubscriberExt;

/// Where log lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogTarget {
    /// The journal if it reads our standard error, else standard output.
    Standard,
    /// A file of our own.
    File(PathBuf),
}

/// The started logging.
#[derive(Debug, Clone)]
pub struct Logging {
    sink: Arc<Sink>,
}

/// What lines are written to.
#[derive(Debug)]
enum Sink {
    /// The journal; its layer writes by itself.
    Journal,
    Stdout,
    File {
        path: PathBuf,
        file: Mutex<File>,
    },
}

/// Sends the log lines of this process to `target`; with `debug`, our debug lines too. `journal_stream` is the value of
/// the variable `JOURNAL_STREAM`, by which systemd tells whether the journal reads our standard error.
///
/// A file or journal that cannot be opened is a warning, on standard output like everything after it.
///
/// # Errors
/// When logging was started before.
pub fn start(
    target: &LogTarget,
    debug: bool,
    journal_stream: Option<&str>,
) -> anyhow::Result<Logging> {
    let (dispatch, logging) = prepare(target, debug, journal_stream);
    dispatcher::set_global_default(dispatch).context("logging was started before")?;
    Ok(logging)
}

/// What [`start`] makes the default of the process: a dispatcher that writes to `target`.
#[must_use]
pub fn prepare(
    target: &LogTarget,
    debug: bool,
    journal_stream: Option<&str>,
) -> (Dispatch, Logging) {
    let mut problem = None;
    let mut journal = None;
    let sink = match target {
        LogTarget::File(path) => match open(path) {
            Ok(file) => Sink::File {
                path: path.clone(),
                file: Mutex::new(file),
            },
            Err(error) => {
                problem = Some(format!(
                    "the log file {} cannot be opened: {error}",
                    path.display()
                ));
                Sink::Stdout
            }
        },
        LogTarget::Standard if journal_reads_stderr(journal_stream) => match journal_layer() {
            Ok(layer) => {
                journal = Some(layer);
                Sink::Journal
            }
            Err(error) => {
                problem = Some(format!("the journal cannot be reached: {error}"));
                Sink::Stdout
            }
        },
        LogTarget::Standard => Sink::Stdout,
    };
    let sink = Arc::new(sink);
    let lines = journal.is_none().then(|| {
        let sink = Arc::clone(&sink);
        tracing_subscriber::fmt::layer()
            .with_timer(Rfc3339)
            .with_ansi(false)
            .log_internal_errors(false)
            .with_writer(move || Line(Arc::clone(&sink)))
    });
    let ours = if debug {
        LevelFilter::DEBUG
    } else {
        LevelFilter::INFO
    };
    let filter = Targets::new()
        .with_default(LevelFilter::INFO)
        .with_target(env!("CARGO_CRATE_NAME"), ours);
    let dispatch = Dispatch::new(
        tracing_subscriber::registry()
            .with(filter)
            .with(journal)
            .with(lines),
    );
    if let Some(problem) = problem {
        dispatcher::with_default(&dispatch, || {
            warn!("{problem}; log lines go to standard output");
        });
    }
    (dispatch, Logging { sink })
}

impl Logging {
    /// Opens the log file anew, after it was moved away; does nothing when there is no file.
    ///
    /// # Errors
    /// When the file cannot be opened; lines still go to the old one.
    pub fn reopen(&self) -> io::Result<()> {
        if let Sink::File { path, file } = &*self.sink {
            let anew = open(path)?;
            *file.lock().unwrap_or_else(PoisonError::into_inner) = anew;
        }
        Ok(())
    }
}

/// Appends to the file at `path`, which the group may read if it is new.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o640)
        .open(path)
}

fn journal_layer() -> io::Result<tracing_journald::Layer> {
    let layer = tracing_journald::layer()?;
    // The defaults make every INFO a notice, which `journalctl` prints in bold.
    Ok(layer
        .with_field_prefix(Some("MATTERBOT".to_owned()))
        .with_priority_mappings(PriorityMappings {
            info: Priority::Informational,
            debug: Priority::Debug,
            ..PriorityMappings::new()
        }))
}

/// Whether the journal reads our standard error: `JOURNAL_STREAM` is its device and inode (systemd.exec(5)). The
/// variable alone proves nothing, as children inherit it with other streams.
fn journal_reads_stderr(journal_stream: Option<&str>) -> bool {
    let Some((device, inode)) = journal_stream.and_then(|stream| stream.split_once(':')) else {
        return false;
    };
    rustix::fs::fstat(io::stderr().as_fd())
        .is_ok_and(|stat| device.parse() == Ok(stat.st_dev) && inode.parse() == Ok(stat.st_ino))
}

/// Instants as in RFC 3339, in UTC, to the millisecond.
struct Rfc3339;

impl FormatTime for Rfc3339 {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        write!(
            writer,
            "{}",
            humantime::format_rfc3339_millis(SystemTime::now())
        )
    }
}

/// Writes one event, which comes in one piece with a line feed at its end.
struct Line(Arc<Sink>);

impl Write for Line {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let line = one_line(event);
        match &*self.0 {
            Sink::Journal => {}
            Sink::Stdout => io::stdout().lock().write_all(&line)?,
            Sink::File { file, .. } => file
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .write_all(&line)?,
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Escapes every control character but the line feed at the end; terminals understand others than line feeds, too.
fn one_line(event: &[u8]) -> Vec<u8> {
    let event = event.strip_suffix(b"\n").unwrap_or(event);
    let text = String::from_utf8_lossy(event);
    let mut line = Vec::with_capacity(event.len() + 1);
    let mut encoded = [0; 4];
    for character in text.chars() {
        match character {
            control if control.is_control() => {
                line.extend(control.escape_default().to_string().into_bytes())
            }
            other => line.extend(other.encode_utf8(&mut encoded).as_bytes()),
        }
    }
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_cannot_make_a_second_line() {
        assert_eq!(
            one_line(b"a\nb\r\t\x1b[31mc\n"),
            b"a\\nb\\r\\t\\u{1b}[31mc\n"
        );
        assert_eq!(one_line("ä €\n".as_bytes()), "ä €\n".as_bytes());
        assert_eq!(one_line("\u{9b}31m\n".as_bytes()), b"\\u{9b}31m\n");
    }

    #[test]
    fn only_the_stream_that_is_our_stderr_is_the_journal() {
        let with = |stream: Option<String>| journal_reads_stderr(stream.as_deref());
        let stat = rustix::fs::fstat(io::stderr().as_fd()).unwrap();
        assert!(with(Some(format!("{}:{}", stat.st_dev, stat.st_ino))));
        assert!(!with(Some(format!("{}:{}", stat.st_dev, stat.st_ino + 1))));
        for other in ["", ":", "1", "a:b", "1:2:3"] {
            assert!(!with(Some(other.to_owned())), "{other}");
        }
        assert!(!with(None));
    }

    fn to_file(path: &Path, debug: bool) -> (Dispatch, Logging) {
        let target = LogTarget::File(path.to_path_buf());
        prepare(&target, debug, None)
    }

    #[test]
    fn a_line_has_time_level_module_message_and_fields() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bot.log");
        let (dispatch, _logging) = to_file(&path, false);
        dispatcher::with_default(&dispatch, || {
            tracing::info!(channel = "town", "hello\nworld");
            tracing::debug!("not asked for");
        });
        let text = std::fs::read_to_string(&path).unwrap();
        let (time, rest) = text.split_once(' ').unwrap();
        assert!(humantime::parse_rfc3339(time).is_ok(), "{time}");
        assert_eq!(
            rest,
            " INFO matterbot::logging::tests: hello\\nworld channel=\"town\"\n"
        );
    }

    #[test]
    fn debug_lines_are_ours_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bot.log");
        let (dispatch, _logging) = to_file(&path, true);
        dispatcher::with_default(&dispatch, || {
            tracing::debug!("ours");
            tracing::debug!(target: "hyper::proto", "a header, perhaps");
        });
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.ends_with("DEBUG matterbot::logging::tests: ours\n"),
            "{text}"
        );
        assert_eq!(text.lines().count(), 1);
    }

    #[test]
    fn a_file_that_was_moved_away_is_opened_anew() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (
            folder.path().join("bot.log"),
            folder.path().join("bot.log.1"),
        );
        let (dispatch, logging) = to_file(&path, false);
        let log = |text: &str| dispatcher::with_default(&dispatch, || tracing::info!("{text}"));
        log("one");
        std::fs::rename(&path, &moved).unwrap();
        log("two");
        logging.reopen().unwrap();
        log("three");
        let lines = |path| std::fs::read_to_string(path).unwrap().lines().count();
        assert_eq!((lines(&moved), lines(&path)), (2, 1));
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o137, 0, "{mode:o}");
    }

    #[test]
    fn a_file_that_cannot_be_opened_anew_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("logs");
        std::fs::create_dir(&inner).unwrap();
        let (dispatch, logging) = to_file(&inner.join("bot.log"), false);
        let moved = folder.path().join("moved");
        std::fs::rename(&inner, &moved).unwrap();
        assert!(logging.reopen().is_err());
        dispatcher::with_default(&dispatch, || tracing::info!("still here"));
        let text = std::fs::read_to_string(moved.join("bot.log")).unwrap();
        assert!(text.contains("still here"));
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_a_warning() {
        let folder = tempfile::tempdir().unwrap();
        let (dispatch, logging) = to_file(folder.path(), false);
        assert!(matches!(*logging.sink, Sink::Stdout));
        dispatcher::with_default(&dispatch, || tracing::info!("to standard output"));
        logging.reopen().unwrap();
    }

    #[test]
    fn a_closed_pipe_and_a_full_disk_lose_lines_and_nothing_else() {
        use std::os::fd::AsRawFd;
        let (reader, writer) = io::pipe().unwrap();
        let pipe = PathBuf::from(format!("/proc/self/fd/{}", writer.as_raw_fd()));
        let both = [
            to_file(&pipe, false),
            to_file(Path::new("/dev/full"), false),
        ];
        drop(reader);
        let error = (&writer).write(b"x").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        for (dispatch, logging) in both {
            let Sink::File { file, .. } = &*logging.sink else {
                panic!("not opened");
            };
            assert!(file.lock().unwrap().write_all(b"x").is_err());
            dispatcher::with_default(&dispatch, || tracing::info!("a lost line"));
        }
    }
}
