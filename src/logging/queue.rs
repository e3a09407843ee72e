//! Lines that wait to be written, and the thread that writes them: whoever logs never waits.
//!
//! A terminal that is held (Ctrl-S), a pipe that nobody reads or a disk that hangs blocks only the thread. What waits is
//! bounded; what comes beyond that is lost, and counted in a line of its own once lines are written again.

use std::io;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::stamped;

/// How many bytes of lines may wait; about 2,000 lines.
const MOST_WAITING: usize = 256 * 1024;

/// A buffer that has grown larger than this is given back when it is empty.
const KEPT: usize = 16 * 1024;

/// A handle to the thread; clones share it. The thread lives as long as the process.
#[derive(Debug, Clone, Default)]
pub(super) struct Queue {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    /// Something waits, or all of it was written.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Whole lines.
    lines: Vec<u8>,
    /// How many lines were lost and not yet told of.
    lost: usize,
    /// Whether lines are being written.
    writing: bool,
}

impl Queue {
    /// Starts the thread; it gives `write` some lines at a time.
    ///
    /// # Errors
    /// The kernel gives no thread.
    pub(super) fn start(
        write: impl Fn(&[u8]) -> io::Result<()> + Send + 'static,
    ) -> io::Result<Self> {
        let queue = Self::default();
        let shared = Arc::clone(&queue.shared);
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || shared.serve(write))?;
        Ok(queue)
    }

    /// Leaves `line`, which ends with a line feed, to the thread; never blocks.
    pub(super) fn push(&self, line: &[u8]) {
        let mut waiting = self.shared.lock();
        if waiting.lines.len() + line.len() > MOST_WAITING {
            waiting.lost += 1;
            return;
        }
        waiting.lines.extend_from_slice(line);
        drop(waiting);
        self.shared.changed.notify_all();
    }

    /// Waits until everything that was pushed is written, at most for `within`; says whether it is.
    pub(super) fn flush(&self, within: Duration) -> bool {
        let busy = |waiting: &mut Waiting| waiting.writing || !waiting.lines.is_empty();
        let (waiting, _) = self
            .shared
            .changed
            .wait_timeout_while(self.shared.lock(), within, busy)
            .unwrap_or_else(PoisonError::into_inner);
        !waiting.writing && waiting.lines.is_empty()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, write: impl Fn(&[u8]) -> io::Result<()>) {
        let mut lines = Vec::new();
        loop {
            let mut waiting = self
                .changed
                .wait_while(self.lock(), |waiting| waiting.lines.is_empty())
                .unwrap_or_else(PoisonError::into_inner);
            mem::swap(&mut waiting.lines, &mut lines);
            let lost = mem::take(&mut waiting.lost);
            waiting.writing = true;
            drop(waiting);
            if lost > 0 {
                lines.extend(stamped(&format!(
                    "{lost} log lines were lost, because they could not be written in time"
                )));
            }
            let failed = write(&lines).is_err();
            let mut waiting = self.lock();
            waiting.writing = false;
            if failed {
                // The note about lost lines is one of these, and no loss.
                let written = lines.iter().filter(|byte| **byte == b'\n').count();
                waiting.lost += lost + written - usize::from(lost > 0);
            }
            drop(waiting);
            self.changed.notify_all();
            lines.clear();
            if lines.capacity() > KEPT {
                lines = Vec::new();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    /// A queue whose writer waits for a permission before each write, and hands over what it writes.
    fn held() -> (Queue, mpsc::Sender<bool>, mpsc::Receiver<String>) {
        let (permit, permission) = mpsc::channel();
        let (hand_over, written) = mpsc::channel();
        let queue = Queue::start(move |lines| match permission.recv() {
            Ok(true) => {
                let text = String::from_utf8_lossy(lines).into_owned();
                hand_over.send(text).map_err(io::Error::other)
            }
            _ => Err(io::Error::from(io::ErrorKind::StorageFull)),
        });
        (queue.unwrap(), permit, written)
    }

    #[test]
    fn what_is_pushed_is_written_in_order_and_flushed() {
        let (queue, permit, written) = held();
        assert!(queue.flush(Duration::ZERO), "nothing waits");
        for line in ["a\n", "b\n", "c\n"] {
            queue.push(line.as_bytes());
            permit.send(true).unwrap();
        }
        assert!(queue.flush(PATIENCE));
        assert_eq!(written.try_iter().collect::<String>(), "a\nb\nc\n");
    }

    #[test]
    fn a_writer_that_is_held_loses_lines_and_says_how_many() {
        let (queue, permit, written) = held();
        let line = [&[b'x'; 1023][..], b"\n"].concat();
        queue.push(b"first\n");
        while !queue.shared.lock().writing {
            thread::yield_now();
        }
        let mut pushed = 0;
        while queue.shared.lock().lost < 7 {
            queue.push(&line);
            pushed += 1;
        }
        assert!(!queue.flush(Duration::from_millis(1)), "it is held");
        permit.send(true).unwrap();
        permit.send(true).unwrap();
        permit.send(true).unwrap();
        assert!(queue.flush(PATIENCE));
        let text: String = written.try_iter().collect();
        assert!(text.starts_with("first\n"), "{text}");
        assert_eq!(text.matches('x').count(), (pushed - 7) * 1023);
        assert!(text.contains(" 7 log lines were lost, "), "{text}");
    }

    #[test]
    fn lines_that_could_not_be_written_are_counted_too() {
        let (queue, permit, written) = held();
        for word in ["lost\n", "lost too\n"] {
            queue.push(word.as_bytes());
            permit.send(false).unwrap();
            assert!(queue.flush(PATIENCE));
        }
        queue.push(b"after it\n");
        permit.send(true).unwrap();
        let text = written.recv_timeout(PATIENCE).unwrap();
        assert!(text.starts_with("after it\n"), "{text}");
        assert!(text.contains(" 2 log lines were lost, "), "{text}");
    }
}
