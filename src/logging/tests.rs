//! Lines into files, streams that are closed, files that are moved away.

use super::*;

#[test]
fn an_event_cannot_make_a_second_line() {
    assert_eq!(
        one_line(b"a\nb\r\t\x1b[31mc\n"),
        b"a\\nb\\r\\t\\u{1b}[31mc\n"
    );
    assert_eq!(one_line("ä €\n".as_bytes()), "ä €\n".as_bytes());
    assert_eq!(one_line("\u{9b}31m\n".as_bytes()), b"\\u{9b}31m\n");
    assert_eq!(
        one_line("a\u{202e}b\u{200b}\n".as_bytes()),
        b"a\\u{202e}b\\u{200b}\n"
    );
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
    prepare(&target, debug, None).unwrap()
}

fn read(path: &Path, logging: &Logging) -> String {
    logging.flush(Duration::from_secs(10));
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn a_line_has_time_level_module_message_and_fields() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bot.log");
    let (dispatch, logging) = to_file(&path, false);
    dispatcher::with_default(&dispatch, || {
        tracing::info!(channel = "town", "hello\nworld");
        tracing::debug!("not asked for");
    });
    let text = read(&path, &logging);
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
    let (dispatch, logging) = to_file(&path, true);
    dispatcher::with_default(&dispatch, || {
        tracing::debug!("ours");
        tracing::debug!(target: "hyper::proto", "a header, perhaps");
    });
    let text = read(&path, &logging);
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
    let log = |text: &str| {
        dispatcher::with_default(&dispatch, || tracing::info!("{text}"));
        logging.flush(Duration::from_secs(10));
    };
    log("one");
    std::fs::rename(&path, &moved).unwrap();
    log("two");
    logging.reopen().unwrap();
    log("three");
    let lines = |path| read(path, &logging).lines().count();
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
    let text = read(&moved.join("bot.log"), &logging);
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
        assert!(matches!(*logging.sink, Sink::File { .. }), "not opened");
        assert!(logging.sink.write(b"x").is_err());
        dispatcher::with_default(&dispatch, || tracing::info!("a lost line"));
        logging.flush(Duration::from_secs(10));
    }
}
