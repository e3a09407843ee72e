//! The websocket's upgrade, as a request like the others: same TLS, same proxy, same limiter.

use reqwest::header::{
    AUTHORIZATION, CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use reqwest::{Response, StatusCode, Upgraded};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{Api, ApiError, answer};

const DESCRIPTION: &str = "GET /websocket";

impl Api {
    /// Opens the websocket: one attempt. That it is upgraded does not mean that the token is good.
    ///
    /// # Errors
    /// As any call; [`ApiError::NotUpgraded`] if a proxy in between does not know websockets.
    pub(in crate::mattermost) async fn upgrade(&self) -> Result<Upgraded, ApiError> {
        let key = generate_key();
        let credentials = self.credentials();
        let request = self
            .client
            .get(self.url(&["websocket"], &[]))
            .header(AUTHORIZATION, credentials.authorization)
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "websocket")
            .header(SEC_WEBSOCKET_VERSION, "13")
            .header(SEC_WEBSOCKET_KEY, &key);
        let response = self.send(request, DESCRIPTION).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            // Any other answer is read for its error; a success is one too, of something that is no Mattermost.
            answer::read(response, DESCRIPTION.to_owned(), &credentials.token).await?;
            return Err(not_upgraded("it was answered as an ordinary request"));
        }
        check_handshake(&response, &key)?;
        let upgraded = response.upgrade().await;
        upgraded.map_err(|source| ApiError::transport(DESCRIPTION.to_owned(), source))
    }
}

/// RFC 6455, section 4.1: what the client must check.
fn check_handshake(response: &Response, key: &str) -> Result<(), ApiError> {
    let header = |name| {
        response
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("")
    };
    if !header(UPGRADE).eq_ignore_ascii_case("websocket") {
        return Err(not_upgraded("it was upgraded to something else"));
    }
    if header(SEC_WEBSOCKET_ACCEPT) != derive_accept_key(key.as_bytes()) {
        return Err(not_upgraded("its key was not accepted"));
    }
    Ok(())
}

fn not_upgraded(reason: &'static str) -> ApiError {
    ApiError::NotUpgraded {
        request: DESCRIPTION.to_owned(),
        reason,
    }
}
