//! One request and its retries.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Api, ApiError};

impl Api {
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, ApiError> {
        todo!("{path:?} {query:?}")
    }

    pub(super) async fn post_idempotent<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &(impl Serialize + ?Sized),
    ) -> Result<T, ApiError> {
        todo!("{path:?}")
    }
}
