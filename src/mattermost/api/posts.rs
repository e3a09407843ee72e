//! Posts, reactions and files.

use super::{Api, ApiError};
use crate::id::{ChannelId, PostId, UserId};
use crate::mattermost::model::{NewPost, Post, PostPage};

impl Api {
    /// The posts of a channel that are newer than `anchor`, the oldest page of them; deleted posts are left out.
    ///
    /// The server compares `create_at` strictly, so what shares the anchor's millisecond is skipped. An anchor that the
    /// server no longer has gives an empty page without an error. At most `per_page` posts, which the server caps at 200;
    /// a page that would be too large for us is read in a smaller one, still said to be full.
    ///
    /// # Errors
    /// 403 or 404 if we may not read the channel.
    pub async fn posts_after(
        &self,
        channel: ChannelId,
        anchor: PostId,
        per_page: u16,
    ) -> Result<PostPage, ApiError> {
        todo!("{channel} {anchor} {per_page}")
    }

    /// The newest posts of a channel; page 0 ends with the newest. Deleted posts are left out.
    ///
    /// # Errors
    /// 403 or 404 if we may not read the channel.
    pub async fn latest_posts(
        &self,
        channel: ChannelId,
        page: u32,
        per_page: u16,
    ) -> Result<PostPage, ApiError> {
        todo!("{channel} {page} {per_page}")
    }

    /// A post.
    ///
    /// # Errors
    /// 404 if there is none, or if it was deleted; 403 if we may not read it.
    pub async fn post(&self, id: PostId) -> Result<Post, ApiError> {
        self.get(&["posts", id.as_str()], &[]).await
    }

    /// The whole thread that `id` belongs to, the root included, the oldest first.
    ///
    /// # Errors
    /// 404 if there is no such post, or if it was deleted; 403 if we may not read it.
    pub async fn thread(&self, id: PostId) -> Result<Vec<Post>, ApiError> {
        todo!("{id}")
    }

    /// Creates a post: one attempt, once the limiter allows it. Whether it exists after an error that
    /// [`is_retryable`](ApiError::is_retryable) is not known.
    ///
    /// # Errors
    /// As any call; 500 `api.post.deduplicate_create_post.pending` if another request with the same key is under way.
    pub async fn create_post(&self, post: &NewPost) -> Result<Post, ApiError> {
        todo!("{post:?}")
    }

    /// Reacts to a post as `user`, who must be us; doing so again changes nothing.
    ///
    /// # Errors
    /// As any call; 404 for an emoji that the server does not have.
    pub async fn react(&self, user: UserId, post: PostId, emoji: &str) -> Result<(), ApiError> {
        todo!("{user} {post} {emoji}")
    }

    /// Takes our reaction back; taking back what is not there changes nothing.
    ///
    /// # Errors
    /// As any call.
    pub async fn unreact(&self, user: UserId, post: PostId, emoji: &str) -> Result<(), ApiError> {
        todo!("{user} {post} {emoji}")
    }

    /// Uploads a file for a post in `channel`: one attempt. Gives the file's identifier.
    ///
    /// # Errors
    /// 413 if it is larger than the server allows; 403 if we may not upload there.
    pub async fn upload(
        &self,
        channel: ChannelId,
        filename: &str,
        bytes: Vec<u8>,
    ) -> Result<String, ApiError> {
        todo!("{channel} {filename} {}", bytes.len())
    }
}
