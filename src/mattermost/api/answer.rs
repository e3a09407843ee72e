//! What a response means: a body within bounds, its decoding, or one of the errors.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use reqwest::header::{LOCATION, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::ApiError;
use crate::mattermost::limiter::Observation;
use crate::secret::Secret;

/// The longest answer that we hold: a page of 200 posts of ordinary length has less than a tenth of it.
pub(super) const LARGEST_BODY: usize = 8 << 20;
/// How many characters of a foreign answer an error quotes.
const EXCERPT: usize = 120;
/// How long to stay away after a 429 that does not say it.
const UNSAID_RETRY_AFTER: Duration = Duration::from_secs(1);
/// The longest that we stay away on the server's word.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60);

/// A successful answer.
pub(super) struct Answer {
    request: String,
    status: u16,
    body: Vec<u8>,
    token: Arc<Secret>,
}

/// The server's own errors (`model.AppError`).
#[derive(Deserialize)]
struct AppError {
    #[serde(default)]
    id: String,
    message: String,
}

impl Answer {
    /// The body as JSON.
    pub(super) fn decode<'a, T: Deserialize<'a>>(&'a self) -> Result<T, ApiError> {
        serde_json::from_slice(&self.body).map_err(|source| {
            let request = self.request.clone();
            if source.is_data() {
                return ApiError::Decode { request, source };
            }
            ApiError::NotJson {
                status: self.status,
                excerpt: excerpt(&self.body, &self.token),
                request,
            }
        })
    }

    /// The elements of a list. One that cannot be read is left out, and told of as `what`: it would stop all others for
    /// ever.
    pub(super) fn decode_each<T: DeserializeOwned>(&self, what: &str) -> Result<Vec<T>, ApiError> {
        let list: Vec<&RawValue> = self.decode()?;
        let decode = |raw: &RawValue| {
            serde_json::from_str(raw.get())
                .inspect_err(
                    |error| tracing::warn!(%error, "{what} cannot be read and is left out"),
                )
                .ok()
        };
        Ok(list.into_iter().filter_map(decode).collect())
    }

    /// The body as it is.
    pub(super) fn into_body(self) -> Vec<u8> {
        self.body
    }

    /// JSON of the right form that lacks what it is for.
    pub(super) fn unexpected(&self, what: &str) -> ApiError {
        ApiError::Decode {
            request: self.request.clone(),
            source: serde::de::Error::custom(what),
        }
    }
}

/// Reads a whole response; everything but a 2xx is an error.
pub(super) async fn read(
    response: Response,
    request: String,
    token: &Arc<Secret>,
) -> Result<Answer, ApiError> {
    read_within(response, request, token, LARGEST_BODY).await
}

/// The same of an answer that may have `limit` bytes.
pub(super) async fn read_within(
    mut response: Response,
    request: String,
    token: &Arc<Secret>,
    limit: usize,
) -> Result<Answer, ApiError> {
    let status = response.status();
    if status == StatusCode::TOO_MANY_REQUESTS {
        let retry_after = observation(&response).retry_after;
        return Err(ApiError::RateLimited {
            retry_after: retry_after.unwrap_or(UNSAID_RETRY_AFTER),
            request,
        });
    }
    if status.is_redirection() {
        return Err(ApiError::Redirected {
            target: redirection_target(&response),
            request,
        });
    }
    let body = read_body(&mut response, &request, limit).await?;
    if status.is_success() {
        return Ok(Answer {
            request,
            status: status.as_u16(),
            body,
            token: Arc::clone(token),
        });
    }
    Err(refusal(status.as_u16(), &body, request, token))
}

/// What an answer's headers say about the rate limit.
pub(super) fn observation(response: &Response) -> Observation {
    let reset = smallest_header(response, "x-ratelimit-reset").map(Duration::from_secs);
    let limited = response.status() == StatusCode::TOO_MANY_REQUESTS;
    Observation {
        remaining: smallest_header(response, "x-ratelimit-remaining")
            .map(|remaining| u32::try_from(remaining).unwrap_or(u32::MAX)),
        reset,
        retry_after: limited.then(|| {
            retry_after(response)
                .or(reset)
                .unwrap_or(UNSAID_RETRY_AFTER)
                .min(LONGEST_RETRY_AFTER)
        }),
    }
}

/// With a limit by address and by user, the server writes each of these headers twice.
fn smallest_header(response: &Response, name: &str) -> Option<u64> {
    let values = response.headers().get_all(name);
    values
        .iter()
        .filter_map(|value| value.to_str().ok()?.trim().parse().ok())
        .min()
}

/// Seconds, as Mattermost writes them, or an instant, as proxies may.
fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    Some(until.duration_since(SystemTime::now()).unwrap_or_default())
}

/// Scheme, host and port; the rest of an address may hold secrets.
fn redirection_target(response: &Response) -> String {
    let location = response.headers().get(LOCATION);
    location
        .and_then(|location| response.url().join(location.to_str().ok()?).ok())
        .map(|url| url.origin().ascii_serialization())
        .unwrap_or_default()
}

/// The whole body, of at most `limit` bytes, whatever the status.
pub(super) async fn read_body(
    response: &mut Response,
    request: &str,
    limit: usize,
) -> Result<Vec<u8>, ApiError> {
    let mut body = Vec::new();
    loop {
        let chunk = response.chunk().await;
        match chunk.map_err(|source| ApiError::transport(request.to_owned(), source))? {
            Some(chunk) if body.len() + chunk.len() > limit => {
                return Err(ApiError::TooLarge {
                    request: request.to_owned(),
                    limit,
                });
            }
            Some(chunk) => body.extend_from_slice(&chunk),
            None => return Ok(body),
        }
    }
}

fn refusal(status: u16, body: &[u8], request: String, token: &Secret) -> ApiError {
    match serde_json::from_slice::<AppError>(body) {
        Ok(error) => ApiError::Refused {
            status,
            id: without_token(&error.id, token),
            message: without_token(&error.message, token),
            request,
        },
        Err(_) => ApiError::NotJson {
            status,
            excerpt: excerpt(body, token),
            request,
        },
    }
}

/// A proxy may repeat the request's headers in its error page; the token is taken out of what we quote.
fn without_token(text: &str, token: &Secret) -> String {
    if token.is_empty() {
        return text.to_owned();
    }
    text.replace(token.expose(), "[token]")
}

/// The beginning of a body. The token is taken out first, so that no part of it stays where the text is cut.
fn excerpt(body: &[u8], token: &Secret) -> String {
    let text = without_token(&String::from_utf8_lossy(body), token);
    text.chars().take(EXCERPT).collect()
}
