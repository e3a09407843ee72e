//! Reading over REST what may have been missed: a look over all channels that changed, and a second one a little later.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use crate::id::{ChannelId, PostId};
use crate::ledger::Ledger;
use crate::mattermost::api::{Api, ApiError};
use crate::mattermost::model::{Channel, Post};
use crate::timestamp::Timestamp;

use super::causes::causes;
use super::effect::SweepPlan;
use super::event::{Event, Unread};
use super::identity::{Identity, Room};
use super::watermark::Mark;

/// What the server commits late, and what a replica has not got yet, is found by a second look after this time.
const SECOND_LOOK: Duration = Duration::from_secs(10);

/// The most that the server gives a page (`web.PerPageMaximum`).
const PAGE: u16 = 200;

/// Channels that nobody anchored are read no further back than this.
const FURTHEST: Duration = Duration::from_secs(24 * 60 * 60);

/// A channel whose reading begins, or has come to its end.
#[derive(Debug, Clone, Copy)]
pub struct Looked {
    /// The channel.
    pub channel: ChannelId,
    /// Its `last_post_at` when it was listed.
    pub last_post_at: Timestamp,
    /// The server's clock when the sweep began.
    pub as_of: Timestamp,
    /// From when on a channel without an anchor was read.
    pub since: Timestamp,
    /// The reading begins; else it has come to its end.
    pub begins: bool,
}

/// A sweep over all channels.
#[derive(Debug)]
pub struct Sweep {
    /// Reads for us.
    pub api: Api,
    /// Knows which calls were served before.
    pub ledger: Ledger,
    /// Who we are and where we serve.
    pub identity: Identity,
    /// At most this many posts are read of one channel.
    pub max_posts: usize,
    /// Where what was found goes.
    pub events: UnboundedSender<Event>,
}

impl Sweep {
    /// Looks twice. What is found comes as [`Event::Found`], the ends as [`Event::Looked`] and [`Event::Swept`].
    pub async fn run(self, plan: SweepPlan) {
        for first in [true, false] {
            if !first {
                tokio::time::sleep(SECOND_LOOK).await;
            }
            let look = self.look(&plan).await;
            if let Err(error) = &look {
                tracing::warn!(error = %causes(error), "what was missed could not be read; it is tried again");
            }
            self.tell(Event::Swept {
                last: !first || look.is_err(),
                complete: look.is_ok(),
            });
            if look.is_err() {
                return;
            }
        }
    }

    /// One look over the channels that changed since they were read by the sweep before. The second look reads the
    /// same ones again: what was committed late does not move a channel's `last_post_at`.
    async fn look(&self, plan: &SweepPlan) -> Result<(), ApiError> {
        let channels = self.api.my_channels(self.identity.team).await?;
        let rooms: HashMap<ChannelId, Room> = channels
            .iter()
            .filter_map(|channel| Some((channel.id, self.identity.room_of(channel)?)))
            .collect();
        self.tell(Event::Listed(rooms.values().copied().collect()));
        let mut changed = Vec::new();
        for channel in &channels {
            let mark = plan.marks.get(&channel.id).copied().unwrap_or_default();
            // A date in the future says nothing about what else was posted since.
            let read =
                mark.looked_at == channel.last_post_at && channel.last_post_at <= plan.server_now;
            if let Some(room) = rooms.get(&channel.id).filter(|_| !read) {
                self.tell_looked(channel, plan, true);
                changed.push((channel, *room, mark));
            }
        }
        let mut failure = None;
        for (channel, room, mark) in changed {
            match self.read(room, mark, plan).await {
                Ok(()) => self.tell_looked(channel, plan, false),
                // It stays unread, and is tried again with the next sweep.
                Err(error) if error.is_refusal() && self.api.healthy().await => {
                    tracing::warn!(channel = %room.id, "a channel cannot be read: {}", causes(&error));
                }
                // One channel that cannot be read does not keep the others from it.
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// Reads a channel from its anchor, or from where reading starts without one, to its end.
    async fn read(&self, room: Room, mark: Mark, plan: &SweepPlan) -> Result<(), ApiError> {
        let since = match mark.anchor {
            Some(anchor) if self.read_after(room, anchor).await? => return Ok(()),
            None if mark.from == Timestamp::default() => plan.since,
            _ => mark.from,
        };
        self.read_since(room, since.max(plan.server_now.minus(FURTHEST)))
            .await
    }

    /// Pages forward from `anchor`; says whether the anchor still exists.
    async fn read_after(&self, room: Room, mut anchor: PostId) -> Result<bool, ApiError> {
        let mut count = 0;
        loop {
            let page = self.api.posts_after(room.id, anchor, PAGE).await?;
            if count == 0 && page.posts.is_empty() {
                // An anchor that was deleted for good gives an empty page too.
                return self.exists(anchor).await;
            }
            count += page.posts.len();
            let last = page.posts.last().filter(|_| page.full);
            let last = last.map(|post| post.create_at);
            let next = next_anchor(&page.posts);
            self.found(room, page.posts).await;
            match last.zip(next) {
                Some((_, next)) if count < self.max_posts => anchor = next,
                Some((last, _)) => {
                    self.read_since(room, last).await?;
                    return Ok(true);
                }
                None => return Ok(true),
            }
        }
    }

    /// Pages backward from the newest post to `since`, or as far as is allowed.
    async fn read_since(&self, room: Room, since: Timestamp) -> Result<(), ApiError> {
        let mut posts: Vec<Post> = Vec::new();
        for number in 0.. {
            let page = self.api.latest_posts(room.id, number, PAGE).await?;
            let reached = page.posts.iter().any(|post| post.create_at < since);
            let full = page.full;
            posts.splice(
                0..0,
                page.posts
                    .into_iter()
                    .filter(|post| post.create_at >= since),
            );
            if reached || !full {
                break;
            }
            if posts.len() >= self.max_posts {
                self.tell_unread(room, since, posts.first());
                break;
            }
        }
        self.found(room, posts).await;
        Ok(())
    }

    /// What lies between `since` and `oldest`, which was read, is passed over.
    fn tell_unread(&self, room: Room, since: Timestamp, oldest: Option<&Post>) {
        let Some(oldest) = oldest else { return };
        let (channel, from, to) = (room.id, since, oldest.create_at);
        tracing::warn!(%channel, %from, %to, "too many posts were missed: those in between are not read");
        self.tell(Event::Unread(Unread { channel, from, to }));
    }

    fn tell_looked(&self, channel: &Channel, plan: &SweepPlan, begins: bool) {
        let (last_post_at, as_of, since) = (channel.last_post_at, plan.server_now, plan.since);
        self.tell(Event::Looked(Looked {
            channel: channel.id,
            last_post_at,
            as_of,
            since,
            begins,
        }));
    }

    /// Hands over what was read, with the calls of it that have a row: those are not to be asked about again. Of posts
    /// so old that their rows may be forgotten nobody knows, and they are left alone.
    async fn found(&self, room: Room, mut posts: Vec<Post>) {
        let ids = posts.iter().map(|post| post.id).collect();
        // A ledger that cannot be read refuses the calls themselves as well.
        let known = self.ledger.known(ids).await.unwrap_or_default();
        // Asked later than the rows, so that none can be forgotten in between.
        let forgotten = self.ledger.forgotten_until().await.unwrap_or_default();
        posts.retain(|post| {
            forgotten < Some(post.create_at) || known.iter().any(|key| key.post == post.id)
        });
        self.tell(Event::Found { room, posts, known });
    }

    async fn exists(&self, post: PostId) -> Result<bool, ApiError> {
        match self.api.post(post).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn tell(&self, event: Event) {
        // The loop that would read it has ended: so has the need.
        drop(self.events.send(event));
    }
}

/// Where the next page starts: the server compares `create_at` strictly, so that the siblings of the page's last
/// millisecond would be skipped if its last post were the anchor.
fn next_anchor(posts: &[Post]) -> Option<PostId> {
    let last = posts.last()?;
    let before = posts.iter().rfind(|post| post.create_at < last.create_at);
    Some(before.unwrap_or(last).id)
}
