//! A module host for one use, without a bot: what `matterbot try` and `matterbot check --modules` load modules with.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::link::{Link, LinkError};
use super::protocol::{FromHost, Log, Outcome, Response, Stage, Staged, ToHost};
use super::user::{self, User};

/// How long the module host may take to end after its last answer.
const ENDING: Duration = Duration::from_secs(5);

/// A module host that nobody else uses.
#[derive(Debug)]
pub struct StandaloneHost {
    link: Link,
    /// Gets what is meant for the log.
    hear: fn(&Log),
}

/// Why the module host is of no more use.
#[derive(Debug, thiserror::Error)]
pub enum StandaloneError {
    /// It cannot be understood.
    #[error("hearing the module host")]
    Unheard(#[from] LinkError),
    /// It does not listen.
    #[error("telling the module host")]
    Untold(#[from] io::Error),
    /// It is gone.
    #[error("the module host has ended")]
    Ended,
}

impl StandaloneHost {
    /// Takes over `link`; `hear` gets what the modules and their host log.
    #[must_use]
    pub fn new(link: Link, hear: fn(&Log)) -> Self {
        Self { link, hear }
    }

    /// Starts `program` as a module host. As root it is the modules' own user who runs it, where there is one: their code
    /// must not get root's rights.
    ///
    /// # Errors
    /// It cannot be started, by that user for example.
    pub fn start(program: &Path, hear: fn(&Log)) -> io::Result<Self> {
        let user = User::of_host().filter(|_| rustix::process::geteuid().is_root());
        let link = match user {
            Some(user) => Link::spawn_as(program, user).map_err(|error| {
                io::Error::new(error.kind(), format!("as {}: {error}", user::NAME))
            }),
            None => Link::spawn(program),
        };
        Ok(Self::new(link?, hear))
    }

    /// Loads the modules, and gives what came of it.
    ///
    /// # Errors
    /// The module host is of no more use.
    pub async fn load(&mut self, stage: Stage) -> Result<Staged, StandaloneError> {
        self.order(&ToHost::Stage(stage)).await?;
        loop {
            if let FromHost::Staged(staged) = self.next().await? {
                return Ok(staged);
            }
        }
    }

    /// Tells the host.
    ///
    /// # Errors
    /// The module host is of no more use.
    pub async fn order(&mut self, order: &ToHost) -> Result<(), StandaloneError> {
        Ok(self.link.sender.send(order).await?)
    }

    /// What the host says next; on the way logs are handed on, and requests refused, since there is no server.
    ///
    /// # Errors
    /// The module host is of no more use.
    pub async fn next(&mut self) -> Result<FromHost, StandaloneError> {
        loop {
            let said = self.link.receiver.next().await?;
            match said.ok_or(StandaloneError::Ended)? {
                FromHost::Log(log) => (self.hear)(&log),
                FromHost::Request(request) => {
                    let why = format!("{}: there is no server here", request.method);
                    let response = Response {
                        id: request.id,
                        outcome: Outcome::Error(why),
                    };
                    self.order(&ToHost::Response(response)).await?;
                }
                said => return Ok(said),
            }
        }
    }

    /// Hangs up, and waits for the host, so that nothing runs any more; says whether it has ended in time.
    pub async fn end(self) -> bool {
        let Link {
            receiver,
            sender,
            child,
        } = self.link;
        drop((receiver, sender));
        match child {
            Some(mut child) => tokio::time::timeout(ENDING, child.wait()).await.is_ok(),
            None => true,
        }
    }
}
