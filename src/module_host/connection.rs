//! The connection with the bot: where it comes from, what is read from it and written to it.

use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::net::{UnixListener as StdListener, UnixStream as StdStream};
use std::sync::Arc;

use rustix::net::AddressFamily;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::net::unix::OwnedReadHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::module::lines::LineReader;
use crate::module::protocol::LINE_LIMIT;
use crate::tasks::Tasks;

use super::event::Event;
use super::module_line;

/// How many bytes of modules may wait for the bot, or for the loop; a module that says more waits until there is room.
const ROOM: u32 = 64 * 1024 * 1024;

/// What the shortest line takes of it: a line costs more than its bytes.
const LEAST_ROOM: u32 = 256;

/// A line on its way out, with the room that it takes.
type Outgoing = (Vec<u8>, Option<OwnedSemaphorePermit>);

/// Where lines are written, one after the other, by a task of its own. Once it is dropped and all is written, the other
/// side reads the end.
#[derive(Debug)]
pub(super) struct LineWriter(mpsc::UnboundedSender<Outgoing>);

/// The room for what modules say; clones share it.
#[derive(Debug, Clone)]
pub(super) struct Room(Arc<Semaphore>);

/// The connection that standard input is, or the first one of the listening socket that it is.
///
/// # Errors
/// It is no unix stream socket.
pub(super) async fn of_standard_input() -> io::Result<UnixStream> {
    let input = io::stdin();
    if rustix::net::sockopt::socket_domain(input.as_fd())? != AddressFamily::UNIX {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let ours = input.as_fd().try_clone_to_owned()?;
    if rustix::net::sockopt::socket_acceptconn(&ours)? {
        let listener = StdListener::from(ours);
        listener.set_nonblocking(true)?;
        let (stream, _) = UnixListener::from_std(listener)?.accept().await?;
        return Ok(stream);
    }
    let stream = StdStream::from(ours);
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream)
}

/// Tells what the bot says, to its end, when `listening` is dropped.
pub(super) async fn listen(
    bot: OwnedReadHalf,
    events: mpsc::UnboundedSender<Event>,
    listening: oneshot::Sender<()>,
) {
    let mut lines = LineReader::new(bot, LINE_LIMIT);
    while let Ok(Some(line)) = lines.next().await {
        let event = if module_line::is_response(&line) {
            module_line::response(&line).map(|(process, line)| Event::Response(process, line))
        } else {
            match serde_json::from_slice(&line) {
                Ok(order) => Some(Event::Order(Box::new(order))),
                Err(error) => {
                    let text = format!("an order of the bot was not understood: {error}");
                    Some(Event::NotUnderstood(text))
                }
            }
        };
        if let Some(event) = event
            && events.send(event).is_err()
        {
            return;
        }
    }
    drop(listening);
}

impl LineWriter {
    /// Writes to `stream`; what cannot be written is lost, as whoever reads is gone.
    pub(super) fn new(tasks: &Tasks, mut stream: impl AsyncWrite + Unpin + Send + 'static) -> Self {
        let (sender, mut lines) = mpsc::unbounded_channel::<Outgoing>();
        drop(tasks.spawn(async move {
            while let Some((mut line, room)) = lines.recv().await {
                line.push(b'\n');
                if stream.write_all(&line).await.is_err() {
                    return;
                }
                drop(room);
            }
        }));
        Self(sender)
    }

    /// Writes `line`, which is given without its line feed.
    pub(super) fn send(&self, line: Vec<u8>, room: Option<OwnedSemaphorePermit>) {
        // Nobody reads any more: the end is told elsewhere.
        self.0.send((line, room)).ok();
    }
}

impl Room {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(ROOM as usize)))
    }

    /// Waits until there is room for a line of `length` bytes.
    pub(super) async fn take(&self, length: usize) -> Option<OwnedSemaphorePermit> {
        let length = u32::try_from(length)
            .unwrap_or(ROOM)
            .clamp(LEAST_ROOM, ROOM);
        Arc::clone(&self.0).acquire_many_owned(length).await.ok()
    }
}
