//! One attempt: prove the token, upgrade, read `hello`.

use tokio::time::timeout;

use super::socket::Socket;
use super::{DisconnectCause, Timing};
use crate::mattermost::api::{Api, ApiError};

/// A connection that said hello.
pub(super) struct Established {
    pub(super) socket: Socket,
    pub(super) server_version: String,
}

/// Why an attempt failed.
pub(super) enum Failure {
    /// The server does not accept the token.
    Refused {
        /// Whether it said that it is well.
        server_healthy: bool,
    },
    /// Anything else.
    Disconnected(DisconnectCause),
}

/// Makes a connection, or fails within the timeouts of its parts.
pub(super) async fn connect(api: Api, timing: Timing) -> Result<Established, Failure> {
    prove_token(&api).await?;
    let upgraded = api.upgrade().await.map_err(unreachable)?;
    let mut socket = Socket::new(upgraded).await;
    let server_version = timeout(timing.hello, socket.hello())
        .await
        .unwrap_or(Err(DisconnectCause::NoHello))
        .map_err(Failure::Disconnected)?;
    Ok(Established {
        socket,
        server_version,
    })
}

/// Asks who we are. A database that is down is answered 401 as well, so one is asked about again, and the server about its
/// health in between and after.
async fn prove_token(api: &Api) -> Result<(), Failure> {
    match api.me_once().await {
        Ok(_) => return Ok(()),
        Err(error) if error.is_unauthorized() => {}
        Err(error) => return Err(unreachable(error)),
    }
    let healthy_between = api.healthy().await;
    match api.me_once().await {
        Ok(_) => Ok(()),
        Err(error) if error.is_unauthorized() => Err(Failure::Refused {
            server_healthy: healthy_between && api.healthy().await,
        }),
        Err(error) => Err(unreachable(error)),
    }
}

fn unreachable(error: ApiError) -> Failure {
    Failure::Disconnected(DisconnectCause::Unreachable(error))
}
