//! Posts, reactions and files.

use std::collections::HashMap;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::{self, Answer};
use super::call::{Call, Permit};
use super::{Api, ApiError};
use crate::id::{ChannelId, PostId, UserId};
use crate::mattermost::model::{NewPost, Post, PostPage};
use crate::timestamp::Timestamp;

/// The largest page that the server gives, whatever is asked for (`web.PerPageMaximum`).
const LARGEST_PAGE: u16 = 200;

/// `model.PostList`: `posts` also holds roots and replies that nobody asked for, so only `order` is read.
#[derive(Deserialize)]
struct PostList<'a> {
    #[serde(default)]
    order: Option<Vec<PostId>>,
    #[serde(borrow, default)]
    posts: Option<HashMap<PostId, &'a RawValue>>,
    /// Of threads, on servers that page them.
    #[serde(default)]
    has_next: Option<bool>,
}

#[derive(Deserialize)]
struct Uploaded {
    file_infos: Vec<FileInfo>,
}

#[derive(Deserialize)]
struct FileInfo {
    id: String,
}

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
        let mut size = per_page.clamp(1, LARGEST_PAGE);
        loop {
            let query = [
                ("after", anchor.as_str()),
                ("per_page", &size.to_string()),
                ("skipFetchThreads", "true"),
            ];
            match self.channel_posts(channel, &query, size).await {
                Err(ApiError::TooLarge { .. }) if size > 1 => size /= 2,
                result => return result,
            }
        }
    }

    /// The newest posts of a channel; page 0 ends with the newest. Deleted posts are left out. At most `per_page` posts,
    /// which the server caps at 200.
    ///
    /// # Errors
    /// 403 or 404 if we may not read the channel.
    pub async fn latest_posts(
        &self,
        channel: ChannelId,
        page: u32,
        per_page: u16,
    ) -> Result<PostPage, ApiError> {
        let size = per_page.clamp(1, LARGEST_PAGE);
        let query = [
            ("page", &*page.to_string()),
            ("per_page", &size.to_string()),
            ("skipFetchThreads", "true"),
        ];
        self.channel_posts(channel, &query, size).await
    }

    async fn channel_posts(
        &self,
        channel: ChannelId,
        query: &[(&str, &str)],
        size: u16,
    ) -> Result<PostPage, ApiError> {
        let path = ["channels", channel.as_str(), "posts"];
        let answer = self.repeat(&Call::get(&path, query)).await?;
        let list: PostList<'_> = answer.decode()?;
        let order = list.order.unwrap_or_default();
        let full = order.len() >= usize::from(size);
        let posts = posts_in_order(&order, &list.posts.unwrap_or_default());
        Ok(PostPage { posts, full })
    }

    /// A post.
    ///
    /// # Errors
    /// 404 if there is none, or if it was deleted; 403 if we may not read it.
    pub async fn post(&self, id: PostId) -> Result<Post, ApiError> {
        self.get(&["posts", id.as_str()], &[]).await
    }

    /// The whole thread that `id` belongs to, the root included, the oldest first. A page that would be too large for us is
    /// read in smaller ones.
    ///
    /// # Errors
    /// 404 if there is no such post, or if it was deleted; 403 if we may not read it; too large a thread of a server that does
    /// not page threads (5.37).
    pub async fn thread(&self, id: PostId) -> Result<Vec<Post>, ApiError> {
        let mut thread: Vec<Post> = Vec::new();
        let mut cursor = None;
        let mut size = LARGEST_PAGE;
        loop {
            let (page, has_next) = match self.thread_page(id, cursor, size).await {
                Err(ApiError::TooLarge { .. }) if size > 1 => {
                    size /= 2;
                    continue;
                }
                result => result?,
            };
            // Every page repeats the post that was asked for, wherever it stands, so it cannot be the cursor.
            let last = page.iter().rfind(|post| post.id != id);
            let next = last.map(|post| (post.create_at, post.id));
            thread.extend(page);
            if !has_next || next <= cursor {
                break;
            }
            cursor = next;
        }
        thread.sort_by_key(|post| (post.create_at, post.id));
        thread.dedup_by_key(|post| post.id);
        Ok(thread)
    }

    /// A page of a thread, the oldest first, and whether more follows. A server that does not say may have given the whole
    /// thread: then the next page brings nothing new.
    async fn thread_page(
        &self,
        id: PostId,
        after: Option<(Timestamp, PostId)>,
        size: u16,
    ) -> Result<(Vec<Post>, bool), ApiError> {
        let path = ["posts", id.as_str(), "thread"];
        let size_text = size.to_string();
        let mut query = vec![("perPage", &*size_text), ("direction", "down")];
        let from = after.map(|(create_at, post)| (create_at.0.to_string(), post));
        if let Some((create_at, post)) = &from {
            query.push(("fromPost", post.as_str()));
            query.push(("fromCreateAt", create_at));
        }
        let answer = self.repeat(&Call::get(&path, &query)).await?;
        let list: PostList<'_> = answer.decode()?;
        let order = list.order.unwrap_or_default();
        let mut posts = posts_in_order(&order, &list.posts.unwrap_or_default());
        posts.sort_by_key(|post| (post.create_at, post.id));
        let full = order.len() >= usize::from(size);
        Ok((posts, list.has_next.unwrap_or(full)))
    }

    /// Creates a post: one attempt, at once, with the limiter's permission taken before. Whether it exists is not known
    /// after any error but [`ApiError::Refused`] and [`ApiError::RateLimited`], and not even after a 5xx.
    ///
    /// # Errors
    /// As any call; 500 `api.post.deduplicate_create_post.pending` if another request with the same key is under way.
    pub async fn create_post(&self, permit: Permit, post: &NewPost) -> Result<Post, ApiError> {
        let call = Call::post(&["posts"], post)?;
        let answer = self.once_with(permit, &call, self.timeouts.create_post);
        answer.await?.decode()
    }

    /// Reacts to a post as `user`, who must be us; doing so again changes nothing.
    ///
    /// # Errors
    /// As any call; 404 for an emoji that the server does not have.
    pub async fn react(&self, user: UserId, post: PostId, emoji: &str) -> Result<(), ApiError> {
        let body = serde_json::json!({ "user_id": user, "post_id": post, "emoji_name": emoji });
        self.repeat(&Call::post(&["reactions"], &body)?).await?;
        Ok(())
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
        let url = self.url(
            &["files"],
            &[("channel_id", channel.as_str()), ("filename", filename)],
        );
        let credentials = self.credentials();
        let request = self
            .client
            .post(url)
            .header(AUTHORIZATION, credentials.authorization)
            .header(CONTENT_TYPE, "application/octet-stream")
            .timeout(self.timeouts.upload)
            .body(bytes);
        let description = "POST /files".to_owned();
        let response = self.send(request, &description).await?;
        let answer = answer::read(response, description, &credentials.token).await?;
        first_file(&answer)
    }
}

fn first_file(answer: &Answer) -> Result<String, ApiError> {
    let uploaded: Uploaded = answer.decode()?;
    let first = uploaded.file_infos.into_iter().next();
    first
        .map(|file| file.id)
        .ok_or_else(|| answer.unexpected("no file in it"))
}

/// The posts of `order`, the oldest first. One that cannot be read is left out, since it would stop its channel for ever.
fn posts_in_order(order: &[PostId], posts: &HashMap<PostId, &RawValue>) -> Vec<Post> {
    let decode = |id: &PostId| {
        let raw = posts.get(id)?;
        serde_json::from_str(raw.get())
            .inspect_err(
                |error| tracing::warn!(post = %id, %error, "a post cannot be read and is left out"),
            )
            .ok()
    };
    order.iter().rev().filter_map(decode).collect()
}
