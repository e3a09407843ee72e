//! Looking for a post that may have been saved.

use std::time::Duration;

use super::shape::is_ours;
use crate::id::{PostId, UserId};
use crate::ledger::Delivery;
use crate::mattermost::api::{Api, ApiError};
use crate::mattermost::model::Post;

/// How many posts of a channel are looked through, in pages that get smaller while they are too large for us.
const PAGES: [(u16, u32); 3] = [(200, 10), (40, 50), (8, 250)];

/// What is older than this before the delivery was queued is not it, whatever the two clocks are.
const CLOCKS_APART: Duration = Duration::from_secs(600);

/// The post of `delivery`, if the server saved it.
pub(super) async fn find(
    api: &Api,
    delivery: &Delivery,
    me: UserId,
) -> Result<Option<PostId>, ApiError> {
    let ours = |posts: &[Post]| {
        let post = posts.iter().find(|post| is_ours(post, delivery, me));
        post.map(|post| post.id)
    };
    let Some(root) = delivery.root else {
        return in_channel(api, delivery, ours).await;
    };
    match api.thread(root).await {
        // The root is gone, and its replies with it.
        Err(error) if error.is_not_found() => Ok(None),
        posts => Ok(ours(&posts?)),
    }
}

/// Reads the newest posts of the channel until they are older than the delivery.
async fn in_channel(
    api: &Api,
    delivery: &Delivery,
    ours: impl Fn(&[Post]) -> Option<PostId>,
) -> Result<Option<PostId>, ApiError> {
    let oldest = delivery.queued_at.minus(CLOCKS_APART);
    let mut too_large = None;
    'sizes: for (size, pages) in PAGES {
        for page in 0..pages {
            let read = match api.latest_posts(delivery.channel, page, size).await {
                Err(error @ ApiError::TooLarge { .. }) => {
                    too_large = Some(error);
                    continue 'sizes;
                }
                read => read?,
            };
            let found = ours(&read.posts);
            let is_older = |post: &Post| post.create_at < oldest;
            if found.is_some() || !read.full || read.posts.first().is_some_and(is_older) {
                return Ok(found);
            }
        }
        return Ok(None);
    }
    too_large.map_or(Ok(None), Err)
}
