//! The server itself: its clock, its health, its limits.

use super::{Api, ApiError};
use crate::timestamp::Timestamp;

impl Api {
    /// The server's clock, to the second, as its `Date` header shows it.
    ///
    /// # Errors
    /// As any call.
    pub async fn ping(&self) -> Result<Timestamp, ApiError> {
        todo!()
    }

    /// Whether the server says that it and its database are well: one attempt, sent without the token.
    pub async fn healthy(&self) -> bool {
        todo!()
    }

    /// How many Unicode scalar values a post may have.
    ///
    /// # Errors
    /// As any call.
    pub async fn max_post_size(&self) -> Result<usize, ApiError> {
        todo!()
    }
}
