//! One request: the limiter, the attempt, and the attempts after it.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Method, RequestBuilder, Response, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::answer::{self, Answer};
use super::{Api, ApiError};
use crate::backoff::Backoff;

/// How often a call that may be repeated is sent at most.
const ATTEMPTS: u32 = 4;
/// The ceiling of the waits between attempts, in steps of the first one.
const LONGEST_RETRY_STEP: u32 = 16;

/// A request that can be sent more than once.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    pub(super) path: &'a [&'a str],
    pub(super) query: &'a [(&'a str, &'a str)],
    /// JSON.
    pub(super) body: Option<Vec<u8>>,
}

/// The limiter's permission for one request; unused, it is lost.
#[derive(Debug)]
pub struct Permit(());

impl<'a> Call<'a> {
    pub(super) fn get(path: &'a [&'a str], query: &'a [(&'a str, &'a str)]) -> Self {
        Self {
            method: Method::GET,
            path,
            query,
            body: None,
        }
    }

    pub(super) fn post(
        path: &'a [&'a str],
        body: &(impl Serialize + ?Sized),
    ) -> Result<Self, ApiError> {
        let call = Self {
            method: Method::POST,
            path,
            query: &[],
            body: None,
        };
        let body = serde_json::to_vec(body).map_err(|source| ApiError::Decode {
            request: call.description(),
            source,
        })?;
        Ok(Self {
            body: Some(body),
            ..call
        })
    }

    /// The method and the path, for errors; a query is left out.
    pub(super) fn description(&self) -> String {
        format!("{} /{}", self.method, self.path.join("/"))
    }
}

impl Api {
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, ApiError> {
        self.repeat(&Call::get(path, query)).await?.decode()
    }

    pub(super) async fn post_idempotent<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &(impl Serialize + ?Sized),
    ) -> Result<T, ApiError> {
        self.repeat(&Call::post(path, body)?).await?.decode()
    }

    /// Sends a call until it is answered, refused, or has been tried often or long enough.
    pub(super) async fn repeat(&self, call: &Call<'_>) -> Result<Answer, ApiError> {
        let step = self.timeouts.retry_step;
        let mut backoff = Backoff::new(step, step * LONGEST_RETRY_STEP, fastrand::u64(..));
        let started = Instant::now();
        let mut attempt = 1;
        loop {
            let error = match self.once(call, self.timeouts.answer).await {
                Err(error) if error.is_retryable() && attempt < ATTEMPTS => error,
                result => return result,
            };
            // After a 429 the limiter lets nothing through until the server allows it; the rest spreads our calls.
            let limited = match error {
                ApiError::RateLimited { retry_after, .. } => retry_after,
                _ => Duration::ZERO,
            };
            let wait = backoff.next_delay();
            if started.elapsed() + limited + wait > self.timeouts.all_attempts {
                return Err(error);
            }
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }

    /// One attempt, once the limiter allows it.
    pub(super) async fn once(
        &self,
        call: &Call<'_>,
        timeout: Duration,
    ) -> Result<Answer, ApiError> {
        let permit = self.acquire_permit().await;
        self.once_with(permit, call, timeout).await
    }

    /// One attempt, at once.
    pub(super) async fn once_with(
        &self,
        permit: Permit,
        call: &Call<'_>,
        timeout: Duration,
    ) -> Result<Answer, ApiError> {
        let credentials = self.credentials();
        let mut request = self
            .client
            .request(call.method.clone(), self.url(call.path, call.query))
            .header(AUTHORIZATION, credentials.authorization)
            .timeout(timeout);
        if let Some(body) = &call.body {
            request = request
                .header(CONTENT_TYPE, "application/json")
                .body(body.clone());
        }
        let description = call.description();
        let answer = match self.send_with(permit, request, &description).await {
            Ok(response) => answer::read(response, description, &credentials.token).await,
            Err(error) => Err(error),
        };
        if let Err(error) = &answer
            && error.may_be_trouble()
        {
            self.failures.send_replace(error.to_string());
        }
        answer
    }

    /// Sends a request once the limiter allows it, and lets the limiter see the answer's headers.
    pub(super) async fn send(
        &self,
        request: RequestBuilder,
        description: &str,
    ) -> Result<Response, ApiError> {
        let permit = self.acquire_permit().await;
        self.send_with(permit, request, description).await
    }

    /// Waits until the limiter allows a request, for a caller who must know when its bytes go.
    pub async fn acquire_permit(&self) -> Permit {
        self.limiter.acquire(self.share).await;
        Permit(())
    }

    async fn send_with(
        &self,
        _permit: Permit,
        request: RequestBuilder,
        description: &str,
    ) -> Result<Response, ApiError> {
        let response = request
            .send()
            .await
            .map_err(|source| ApiError::transport(description.to_owned(), source))?;
        self.limiter.observe(answer::observation(&response));
        Ok(response)
    }

    pub(super) fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = (*self.base).clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }
}
