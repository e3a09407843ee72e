//! Where log lines go: a file of our own, the journal, or standard output.
//!
//! An event is one line: control characters in it are escaped, so that nobody can write a second line through a
//! message. Whoever logs to a file or to standard output never waits: a thread of our own writes, and a line that it cannot
//! write (a full disk, a terminal that is held or closed) is lost and counted, and nothing else happens.
//!
//! The journal is sent each line by whoever logs, over a datagram socket. Journald reads it at once; while it hangs or is
//! being started again and the queue of the socket is full, they wait for it, which the watchdog of the unit limits. A
//! line that it does not take is lost without a word.

mod queue;
#[cfg(test)]
mod tests;

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::Context;
use tracing::level_filters::LevelFilter;
use tracing::{Dispatch, dispatcher, warn};
use tracing_journald::{Priority, PriorityMappings};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::SubscriberExt;

use queue::Queue;

use crate::text::is_invisible;

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
    /// What waits for the sink.
    queue: Queue,
}

/// What lines are written to.
#[derive(Debug)]
enum Sink {
    /// The journal; its layer writes by itself.
    Journal,
    Stdout,
    File {
        path: PathBuf,
        /// Held only to change it, never while it is written.
        file: Mutex<Arc<File>>,
    },
}

/// Sends the log lines of this process to `target`; with `debug`, our debug lines too. `journal_stream` is the value of
/// the variable `JOURNAL_STREAM`, by which systemd tells whether the journal reads our standard error.
///
/// A file or journal that cannot be opened is a warning, on standard output like everything after it.
///
/// # Errors
/// When logging was started before, or the kernel gives no thread.
pub fn start(
    target: &LogTarget,
    debug: bool,
    journal_stream: Option<&str>,
) -> anyhow::Result<Logging> {
    let (dispatch, logging) = prepare(target, debug, journal_stream)?;
    dispatcher::set_global_default(dispatch).context("logging was started before")?;
    Ok(logging)
}

/// What [`start`] makes the default of the process: a dispatcher that writes to `target`.
///
/// # Errors
/// When the kernel gives no thread.
pub fn prepare(
    target: &LogTarget,
    debug: bool,
    journal_stream: Option<&str>,
) -> anyhow::Result<(Dispatch, Logging)> {
    let mut problem = None;
    let mut journal = None;
    let sink = match target {
        LogTarget::File(path) => match open(path) {
            Ok(file) => Sink::File {
                path: path.clone(),
                file: Mutex::new(Arc::new(file)),
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
    let writer = Arc::clone(&sink);
    let queue =
        Queue::start(move |lines| writer.write(lines)).context("starting the thread of the log")?;
    let lines = journal.is_none().then(|| {
        let queue = queue.clone();
        tracing_subscriber::fmt::layer()
            .with_timer(Rfc3339)
            .with_ansi(false)
            .log_internal_errors(false)
            .with_writer(move || Line(queue.clone()))
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
    Ok((dispatch, Logging { sink, queue }))
}

impl Logging {
    /// Opens the log file anew, after it was moved away; does nothing when there is no file.
    ///
    /// # Errors
    /// When the file cannot be opened; lines still go to the old one.
    pub fn reopen(&self) -> io::Result<()> {
        if let Sink::File { path, file } = &*self.sink {
            let anew = Arc::new(open(path)?);
            *file.lock().unwrap_or_else(PoisonError::into_inner) = anew;
        }
        Ok(())
    }

    /// Waits until every line is written, at most for `within`: before the process ends or is replaced.
    pub fn flush(&self, within: Duration) {
        self.queue.flush(within);
    }

    /// Whether a line of the log is seen where standard error leads, so that whoever reads that needs no second one.
    #[must_use]
    pub fn reaches_stderr(&self) -> bool {
        match &*self.sink {
            Sink::Journal => true,
            Sink::File { .. } => false,
            Sink::Stdout => {
                let stat = |stream: BorrowedFd<'_>| rustix::fs::fstat(stream).ok();
                match (stat(io::stdout().as_fd()), stat(io::stderr().as_fd())) {
                    (Some(out), Some(err)) => (out.st_dev, out.st_ino) == (err.st_dev, err.st_ino),
                    _ => false,
                }
            }
        }
    }
}

impl Sink {
    /// Writes whole lines; blocks for as long as the other side does.
    fn write(&self, lines: &[u8]) -> io::Result<()> {
        match self {
            Self::Journal => Ok(()),
            Self::Stdout => io::stdout().lock().write_all(lines),
            Self::File { file, .. } => {
                let file = Arc::clone(&file.lock().unwrap_or_else(PoisonError::into_inner));
                (&*file).write_all(lines)
            }
        }
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

/// A warning of our own, in the form of the others.
fn stamped(text: &str) -> Vec<u8> {
    let now = humantime::format_rfc3339_millis(SystemTime::now());
    format!("{now}  WARN {}: {text}\n", module_path!()).into_bytes()
}

/// Takes one event, which comes in one piece with a line feed at its end.
struct Line(Queue);

impl Write for Line {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        self.0.push(&one_line(event));
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Escapes every control character but the line feed at the end, and what changes how others are shown: whoever reads
/// the log sees what was said, and no terminal obeys it.
fn one_line(event: &[u8]) -> Vec<u8> {
    let event = event.strip_suffix(b"\n").unwrap_or(event);
    let text = String::from_utf8_lossy(event);
    let mut line = Vec::with_capacity(event.len() + 1);
    let mut encoded = [0; 4];
    for character in text.chars() {
        match character {
            control if control.is_control() || is_invisible(control) => {
                line.extend(control.escape_default().to_string().into_bytes())
            }
            other => line.extend(other.encode_utf8(&mut encoded).as_bytes()),
        }
    }
    line.push(b'\n');
    line
}
