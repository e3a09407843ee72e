//! An open websocket: its frames, the count of its events, and the pings that prove its life.

use std::future::poll_fn;
use std::task::Poll;

use futures_util::{SinkExt, StreamExt};
use reqwest::Upgraded;
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::{DisconnectCause, Timing};
use crate::mattermost::event::{DecodeError, Event, Frame, ReplyError};
use crate::timestamp::Timestamp;

/// The longest message that we hold; a post that fills the server's limit of 300,000 bytes stays far below it.
const LARGEST_MESSAGE: usize = 4 << 20;
/// What is read at once; an ordinary event has about 1 KiB.
const READ_BUFFER: usize = 8 << 10;
/// A websocket that is open, as far as we know.
pub(super) struct Socket {
    stream: WebSocketStream<Upgraded>,
    /// The number that the next event should have.
    expected: u64,
    /// An event whose number was not the expected one: the gap is told first.
    held: Option<Event>,
    ping: Ping,
    /// The number of the last ping; they count from 1 on each connection.
    last_ping: u64,
}

/// Whose turn it is.
#[derive(Clone, Copy)]
enum Ping {
    /// Ours, at this instant.
    Due(Instant),
    /// The server's, until this instant.
    Unanswered(Instant),
}

/// What an open socket has to tell.
pub(super) enum Heard {
    Event(Event),
    Gap,
    Alive { server_time: Option<Timestamp> },
}

impl Socket {
    pub(super) async fn new(upgraded: Upgraded) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_message_size(Some(LARGEST_MESSAGE))
            .max_frame_size(Some(LARGEST_MESSAGE));
        Self {
            stream: WebSocketStream::from_raw_socket(upgraded, Role::Client, Some(config)).await,
            expected: 0,
            held: None,
            ping: Ping::Due(Instant::now()),
            last_ping: 0,
        }
    }

    /// Reads up to `hello`, the first event of a connection; gives the server's version.
    pub(super) async fn hello(&mut self) -> Result<String, DisconnectCause> {
        loop {
            let text = self.read().await?;
            if let Ok(Frame::Event {
                seq,
                event: Event::Hello { server_version },
            }) = Frame::decode(text.as_str())
            {
                self.expected = seq.saturating_add(1);
                self.ping = Ping::Due(Instant::now());
                return Ok(server_version);
            }
        }
    }

    /// The next thing to tell. Cancel-safe: a frame that was read is told or recorded before the next wait.
    pub(super) async fn next(&mut self, timing: &Timing) -> Result<Heard, DisconnectCause> {
        if let Some(event) = self.held.take() {
            return Ok(Heard::Event(event));
        }
        loop {
            let turn = match self.ping {
                Ping::Due(at) if at <= Instant::now() => self.send_ping(timing).await?,
                Ping::Due(at) => at,
                Ping::Unanswered(until) => until,
            };
            // Both arms only wait. Reading goes first, so that an answer that is here already counts, however late we look.
            tokio::select! {
                biased;
                text = self.read() => {
                    let text = text?;
                    if let Some(heard) = self.handle(text.as_str(), timing)? {
                        return Ok(heard);
                    }
                }
                () = sleep_until(turn) => {
                    if let Ping::Unanswered(_) = self.ping {
                        return Err(DisconnectCause::Silent);
                    }
                }
            }
        }
    }

    /// A close frame, then whatever still comes, up to the end.
    pub(super) async fn close(mut self: Box<Self>) {
        let frame = CloseFrame {
            code: CloseCode::Normal,
            reason: "".into(),
        };
        if self.stream.close(Some(frame)).await.is_ok() {
            while let Some(Ok(_)) = self.stream.next().await {}
        }
    }

    /// Sends a ping and gives the instant until which it must be answered. Cancel-safe: it is recorded as soon as it is
    /// in the write buffer, which [`Socket::read`] flushes.
    async fn send_ping(&mut self, timing: &Timing) -> Result<Instant, DisconnectCause> {
        let seq = self.last_ping + 1;
        let text = format!(r#"{{"action":"ping","seq":{seq}}}"#);
        self.stream.feed(Message::text(text)).await.map_err(lost)?;
        let until = Instant::now() + timing.ping_answer;
        self.last_ping = seq;
        self.ping = Ping::Unanswered(until);
        Ok(until)
    }

    /// The next text frame. While it waits, it writes what is buffered, the answers to the server's pings included. What can
    /// be read is read first: a connection that can no longer be written to may still hold events.
    async fn read(&mut self) -> Result<Utf8Bytes, DisconnectCause> {
        loop {
            let message = poll_fn(|context| {
                if let Poll::Ready(message) = self.stream.poll_next_unpin(context) {
                    return Poll::Ready(message);
                }
                match self.stream.poll_flush_unpin(context) {
                    Poll::Ready(Err(error)) => Poll::Ready(Some(Err(error))),
                    _ => Poll::Pending,
                }
            });
            match message.await {
                Some(Ok(Message::Text(text))) => return Ok(text),
                Some(Ok(Message::Close(frame))) => {
                    return Err(DisconnectCause::Closed {
                        code: frame.map_or(CloseCode::Status, |frame| frame.code).into(),
                    });
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(lost(error)),
                None => return Err(DisconnectCause::Lost(None)),
            }
        }
    }

    /// What a text frame tells, if anything.
    fn handle(&mut self, text: &str, timing: &Timing) -> Result<Option<Heard>, DisconnectCause> {
        match Frame::decode(text) {
            Ok(Frame::Event { seq, event }) => Ok(self.event(seq, event)),
            Ok(Frame::Reply {
                seq_reply,
                ok,
                server_time,
                error,
            }) => {
                if !self.is_answer(seq_reply) {
                    return Ok(None);
                }
                if !ok {
                    return Err(refused(error));
                }
                self.ping = Ping::Due(Instant::now() + timing.ping_every);
                Ok(Some(Heard::Alive { server_time }))
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a websocket frame cannot be read"
                );
                self.expected = match error {
                    DecodeError::Incomplete { seq, .. } => seq,
                    _ => self.expected,
                }
                .saturating_add(1);
                Ok(Some(Heard::Gap))
            }
        }
    }

    fn event(&mut self, seq: u64, event: Event) -> Option<Heard> {
        let missed = seq != self.expected;
        self.expected = seq.saturating_add(1);
        match event {
            // A second hello means that the server has begun anew.
            Event::Hello { .. } => Some(Heard::Gap),
            Event::Other { .. } => missed.then_some(Heard::Gap),
            event if missed => {
                self.held = Some(event);
                Some(Heard::Gap)
            }
            event => Some(Heard::Event(event)),
        }
    }

    fn is_answer(&self, seq_reply: Option<u64>) -> bool {
        matches!(self.ping, Ping::Unanswered(_)) && seq_reply == Some(self.last_ping)
    }
}

fn refused(error: Option<ReplyError>) -> DisconnectCause {
    DisconnectCause::PingRefused {
        id: error.map(|error| error.id).unwrap_or_default(),
    }
}

fn lost(error: Error) -> DisconnectCause {
    DisconnectCause::Lost(Some(Box::new(error)))
}
