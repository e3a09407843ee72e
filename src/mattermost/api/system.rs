//! The server itself: its health, its limits.

use serde::Deserialize;

use super::{Api, ApiError, answer};

/// The length of a post that every server accepts (`model.PostMessageMaxRunesV1`).
const SMALLEST_MAX_POST_SIZE: usize = 4_000;

/// What we read of the client configuration; all its values are texts.
#[derive(Deserialize)]
struct ClientConfig {
    #[serde(rename = "MaxPostSize", default)]
    max_post_size: String,
}

impl Api {
    /// Whether the server says that it and its database are well: one attempt, sent without the token.
    pub async fn healthy(&self) -> bool {
        let url = self.url(&["system", "ping"], &[("get_server_status", "true")]);
        let description = "GET /system/ping";
        match self.send(self.client.get(url), description).await {
            Ok(response) => {
                answer::read(response, description.to_owned(), &self.credentials().token)
                    .await
                    .is_ok()
            }
            Err(_) => false,
        }
    }

    /// How many Unicode scalar values a post may have; 4,000 if the server does not say.
    ///
    /// # Errors
    /// As any call.
    pub async fn max_post_size(&self) -> Result<usize, ApiError> {
        let config: ClientConfig = self
            .get(&["config", "client"], &[("format", "old")])
            .await?;
        Ok(config
            .max_post_size
            .parse()
            .unwrap_or(SMALLEST_MAX_POST_SIZE))
    }
}
