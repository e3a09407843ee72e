//! The REST client against scripted servers over real sockets: what proxies, limits and old servers do to it.

pub(crate) mod peer;

mod calls;
mod limits;
mod playground;
mod trouble;
mod trust;

use matterbot::mattermost::api::{Api, ApiError};
use matterbot::mattermost::model::{NewPost, Post};

/// Creates a post as the bot does: once the limiter allows it.
async fn create_post(api: &Api, post: &NewPost) -> Result<Post, ApiError> {
    api.create_post(api.acquire_permit().await, post).await
}
