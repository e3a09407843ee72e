//! The server itself: its health, its limits.

use serde::Deserialize;

use super::{Api, ApiError, answer};

/// The length of a post that every server accepts (`model.PostMessageMaxRunesV1`).
const SMALLEST_MAX_POST_SIZE: usize = 4_000;

/// How the server says that something is well (`model.StatusOk`).
const WELL: &str = "OK";

/// What we read of the server's health; its status is 500 if only the file store is ill.
#[derive(Deserialize)]
struct Health {
    #[serde(default)]
    status: String,
    #[serde(default)]
    database_status: Option<String>,
}

/// What we read of the client configuration; all its values are texts.
#[derive(Deserialize)]
struct ClientConfig {
    #[serde(rename = "MaxPostSize", default)]
    max_post_size: String,
}

impl Api {
    /// Whether the server says that its database is well, whatever else is ill: one attempt, sent without the token.
    pub async fn healthy(&self) -> bool {
        let url = self.url(&["system", "ping"], &[("get_server_status", "true")]);
        let description = "GET /system/ping";
        let Ok(mut response) = self.send(self.client.get(url), description).await else {
            return false;
        };
        let Ok(body) = answer::read_body(&mut response, description, answer::LARGEST_BODY).await
        else {
            return false;
        };
        let Ok(health) = serde_json::from_slice::<Health>(&body) else {
            return false;
        };
        match health.database_status {
            Some(status) => status == WELL,
            None => response.status().is_success() && health.status == WELL,
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
