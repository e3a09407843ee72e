//! The bot's end of its connection with the module host, which is a child of ours or a service of its own.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::Path;
use std::process::Stdio;

use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, Command};

use super::lines::{LineError, LineReader};
use super::protocol::{FromHost, LINE_LIMIT, ToHost};
use super::trampoline;
use super::user::{self, User};

/// A connection with the module host. The host ends when both halves are dropped, and its descendants with it.
#[derive(Debug)]
pub struct Link {
    /// What the host says.
    pub receiver: Receiver,
    /// What it is told.
    pub sender: Sender,
    /// Its process, where it is a child of ours; to be waited for after the halves are dropped.
    pub child: Option<Child>,
}

/// What the host says.
#[derive(Debug)]
pub struct Receiver(LineReader<OwnedReadHalf>);

/// What it is told.
#[derive(Debug)]
pub struct Sender(OwnedWriteHalf);

/// Why the connection is of no more use.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// It is broken, or a line is too long.
    #[error("hearing from the module host")]
    Line(#[from] LineError),
    /// A line is not of the protocol.
    #[error("understanding the module host")]
    Unknown(#[source] serde_json::Error),
}

impl Link {
    /// Starts `program` as module host. Its environment is ours without the token and without a supervisor's words; it is
    /// in a process group of its own, so that a terminal's Ctrl-C reaches it through us.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn spawn(program: &Path) -> io::Result<Self> {
        Self::start(trampoline::scrubbed(program).into())
    }

    /// The same as `user`, who may have fewer rights than we: root must not run the code of modules.
    ///
    /// # Errors
    /// It cannot be started; `user` may not execute `program`, for example.
    pub fn spawn_as(program: &Path, user: User) -> io::Result<Self> {
        let mut command: Command = trampoline::scrubbed(program).into();
        command
            .uid(user.id)
            .gid(user.group)
            .env("HOME", user::HOME)
            .current_dir("/");
        Self::start(command)
    }

    fn start(mut command: Command) -> io::Result<Self> {
        let (ours, theirs) = StdUnixStream::pair()?;
        command
            .arg("module-host")
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .process_group(0);
        let child = command.spawn()?;
        ours.set_nonblocking(true)?;
        Ok(Self::over(UnixStream::from_std(ours)?, Some(child)))
    }

    /// Connects to the module host that listens at `socket`.
    ///
    /// # Errors
    /// Nobody listens there, or we may not speak with it.
    pub async fn connect(socket: &Path) -> io::Result<Self> {
        Ok(Self::over(UnixStream::connect(socket).await?, None))
    }

    fn over(stream: UnixStream, child: Option<Child>) -> Self {
        let (read, write) = stream.into_split();
        Self {
            receiver: Receiver(LineReader::new(read, LINE_LIMIT)),
            sender: Sender(write),
            child,
        }
    }
}

impl Receiver {
    /// What the host says next; `None` when it has ended. Cancel-safe.
    ///
    /// # Errors
    /// The connection is of no more use.
    pub async fn next(&mut self) -> Result<Option<FromHost>, LinkError> {
        let Some(line) = self.0.next().await? else {
            return Ok(None);
        };
        serde_json::from_slice(&line)
            .map(Some)
            .map_err(LinkError::Unknown)
    }
}

impl Sender {
    /// Tells the host. Not cancel-safe: half a line would be told.
    ///
    /// # Errors
    /// The host is gone.
    pub async fn send(&mut self, order: &ToHost) -> io::Result<()> {
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        self.0.write_all(&line).await
    }
}
