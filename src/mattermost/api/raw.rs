//! What modules ask of the server through us: answers as the server writes them.

use reqwest::header::AUTHORIZATION;
use serde_json::Value;

use super::call::Call;
use super::{Api, ApiError, answer};

/// The largest file that we hold: as base64 it is a line of the modules' protocol.
const LARGEST_FILE: usize = 45 << 20;

impl Api {
    /// The answer to a GET of `path`, as it is.
    ///
    /// # Errors
    /// As any call.
    pub async fn read(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Value, ApiError> {
        self.repeat(&Call::get(path, query)).await?.decode()
    }

    /// A file's content; one attempt.
    ///
    /// # Errors
    /// 404 if there is none, 403 if we may not read it; [`ApiError::TooLarge`] beyond 45 MiB.
    pub async fn file(&self, id: &str) -> Result<Vec<u8>, ApiError> {
        let credentials = self.credentials();
        let request = self
            .client
            .get(self.url(&["files", id], &[]))
            .header(AUTHORIZATION, credentials.authorization)
            .timeout(self.timeouts.upload);
        let description = "GET /files".to_owned();
        let response = self.send(request, &description).await?;
        let token = &credentials.token;
        let answer = answer::read_within(response, description, token, LARGEST_FILE).await?;
        Ok(answer.into_body())
    }
}
