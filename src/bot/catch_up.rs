//! Reading over REST what may have been missed: a look over all channels that changed, and a second one a little later.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use crate::id::{ChannelId, PostId};
use crate::ledger::{Ledger, Unwritable};
use crate::mattermost::api::{Api, ApiError};
use crate::mattermost::model::{Channel, Post};
use crate::timestamp::Timestamp;

use super::authors::Authors;
use super::causes::causes;
use super::event::Event;
use super::identity::{Identity, Room};
use super::sweep::{Looked, Reading, SweepPlan, Unread};
use super::watermark::Mark;

/// What the server commits late, and what a replica has not got yet, is found by a second look after this time.
const SECOND_LOOK: Duration = Duration::from_secs(10);

/// The most that the server gives a page (`web.PerPageMaximum`).
const PAGE: u16 = 200;

/// Channels that nobody anchored are read no further back than this.
pub(super) const FURTHEST: Duration = Duration::from_secs(24 * 60 * 60);

/// What is still to be read of a channel.
#[derive(Debug)]
struct Rest {
    /// Posts from here on, on the server's clock.
    since: Timestamp,
    /// Those of them that were read.
    seen: HashSet<PostId>,
    /// At most so many more.
    left: usize,
    /// What is passed over is told of: no look before this one has read it.
    first: bool,
}

/// Why a look did not read everything.
#[derive(Debug, thiserror::Error)]
enum Incomplete {
    /// The server did not give the posts.
    #[error(transparent)]
    Server(#[from] ApiError),
    /// It is not known who wrote the posts: a bot's could be taken for a person's.
    #[error("who wrote what was missed could not be looked up")]
    Authors(#[source] ApiError),
    /// It is not known which calls were served before: one that was could be answered from memory a second time.
    #[error(transparent)]
    Ledger(#[from] Unwritable),
}

impl Incomplete {
    fn is_refusal(&self) -> bool {
        matches!(self, Self::Server(error) if error.is_refusal())
    }
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
    /// Who wrote what was read so far.
    pub authors: Authors,
    /// At most this many posts are read of one channel.
    pub max_posts: usize,
    /// Where what was found goes.
    pub events: UnboundedSender<Event>,
}

impl Sweep {
    /// Looks twice, the second time at once if `hurry` is gone: then another sweep follows, which looks twice as well. What
    /// is found comes as [`Event::Found`], the ends as [`Event::Looked`] and [`Event::Swept`].
    pub async fn run(self, plan: SweepPlan, mut hurry: oneshot::Receiver<()>) {
        for first in [true, false] {
            if !first {
                // Nothing is ever sent: whoever is in a hurry drops the other end.
                drop(tokio::time::timeout(SECOND_LOOK, &mut hurry).await);
            }
            let look = self.look(&plan, first).await;
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
    async fn look(&self, plan: &SweepPlan, first: bool) -> Result<(), Incomplete> {
        let channels = self.api.my_channels(self.identity.team).await?;
        let rooms: HashMap<ChannelId, Room> = channels
            .iter()
            .filter_map(|channel| Some((channel.id, self.identity.room_of(channel)?)))
            .collect();
        self.tell(Event::Listed(rooms.values().cloned().collect()));
        let mut changed = Vec::new();
        for channel in &channels {
            let mark = plan.marks.get(&channel.id).copied().unwrap_or_default();
            // A date in the future says nothing about what else was posted since.
            let read =
                mark.looked_at == channel.last_post_at && channel.last_post_at <= plan.server_now;
            if let Some(room) = rooms.get(&channel.id).filter(|_| !read) {
                self.tell_looked(channel, plan, Reading::Begins);
                changed.push((channel, room, mark));
            }
        }
        let mut failure = None;
        for (channel, room, mark) in changed {
            match self.read(room, mark, plan, first).await {
                Ok(()) => self.tell_looked(channel, plan, Reading::Ended),
                Err(error) if error.is_refusal() && self.api.healthy().await => {
                    tracing::warn!(channel = %room.id, "a channel cannot be read: {}", causes(&error));
                    self.tell_looked(channel, plan, Reading::Refused);
                }
                Err(error @ Incomplete::Ledger(_)) => return Err(error),
                // One channel that cannot be read does not keep the others from it.
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// Reads a channel from its anchor, or from where reading starts without one, to its end; of too many posts the
    /// first and the last ones.
    async fn read(
        &self,
        room: &Room,
        mark: Mark,
        plan: &SweepPlan,
        first: bool,
    ) -> Result<(), Incomplete> {
        let furthest = plan.server_now.minus(FURTHEST);
        // Else the server's clock was set back: what was posted since may be dated before the anchor.
        let usable = mark.from <= plan.server_now;
        let since = match mark.anchor {
            _ if !usable => furthest,
            None if mark.from == Timestamp::default() => plan.since,
            _ => mark.from,
        };
        let mut rest = Rest {
            since: since.max(furthest),
            seen: HashSet::new(),
            left: self.max_posts,
            first,
        };
        if let Some(anchor) = mark.anchor.filter(|_| usable)
            && self.read_after(room, anchor, &mut rest).await?
        {
            return Ok(());
        }
        self.read_back(room, rest).await
    }

    /// Pages forward from `anchor` through half of what may be read; says whether that was all. Nothing is read if the
    /// anchor no longer exists.
    async fn read_after(
        &self,
        room: &Room,
        mut anchor: PostId,
        rest: &mut Rest,
    ) -> Result<bool, Incomplete> {
        let half = rest.left.div_ceil(2);
        loop {
            let page = self.api.posts_after(room.id, anchor, PAGE).await?;
            let mut posts = page.posts;
            if rest.seen.is_empty() && posts.is_empty() {
                // An anchor that was deleted for good gives an empty page too.
                return Ok(self.exists(anchor).await?);
            }
            let next = next_anchor(&posts);
            posts.retain(|post| !rest.seen.contains(&post.id));
            let allowed = half - rest.seen.len();
            let all = !page.full && posts.len() <= allowed;
            posts.truncate(allowed);
            rest.seen.extend(posts.iter().map(|post| post.id));
            rest.since = posts.last().map_or(rest.since, |post| post.create_at);
            self.found(room, posts).await?;
            match next {
                _ if all => return Ok(true),
                Some(next) if rest.seen.len() < half => anchor = next,
                _ => break,
            }
        }
        rest.left -= rest.seen.len();
        Ok(false)
    }

    /// Pages backward from the newest post through the `rest`, or as far as is allowed.
    async fn read_back(&self, room: &Room, mut rest: Rest) -> Result<(), Incomplete> {
        let mut posts: Vec<Post> = Vec::new();
        for number in 0.. {
            let page = self.api.latest_posts(room.id, number, PAGE).await?;
            let reached = page.posts.iter().any(|post| post.create_at < rest.since);
            let older = page
                .posts
                .into_iter()
                .filter(|post| post.create_at >= rest.since && rest.seen.insert(post.id));
            posts.splice(0..0, older);
            // Only a post too many shows that there are too many.
            if reached || !page.full || posts.len() > rest.left {
                break;
            }
        }
        let over = posts.len().saturating_sub(rest.left);
        if let Some(newest) = posts.drain(..over).next_back()
            && rest.first
        {
            self.tell_unread(room, rest.since, newest.create_at);
        }
        self.found(room, posts).await?;
        Ok(())
    }

    /// What was posted from `from` to `to` is passed over.
    fn tell_unread(&self, room: &Room, from: Timestamp, to: Timestamp) {
        let channel = room.id;
        tracing::warn!(%channel, %from, %to, "too many posts were missed: those in between are not read");
        self.tell(Event::Unread(Unread { channel, from, to }));
    }

    fn tell_looked(&self, channel: &Channel, plan: &SweepPlan, reading: Reading) {
        let (last_post_at, as_of, since) = (channel.last_post_at, plan.server_now, plan.since);
        self.tell(Event::Looked(Looked {
            channel: channel.id,
            last_post_at,
            as_of,
            since,
            reading,
        }));
    }

    /// Hands over what was read, with the calls of it that have a row: those are not to be asked about again. Of posts
    /// so old that their rows may be forgotten nobody knows, and they are left alone.
    async fn found(&self, room: &Room, mut posts: Vec<Post>) -> Result<(), Incomplete> {
        let ids = posts.iter().map(|post| post.id).collect();
        let known = self.ledger.known(ids).await?;
        // Asked later than the rows, so that none can be forgotten in between.
        let forgotten = self.ledger.forgotten_until().await?;
        posts.retain(|post| {
            forgotten < Some(post.create_at) || known.iter().any(|key| key.post == post.id)
        });
        // What has a row was decided by who wrote it.
        let new = |post: &&mut Post| !known.iter().any(|key| key.post == post.id);
        self.authors
            .mark(
                &self.api,
                self.identity.me,
                posts.iter_mut().filter(new).collect(),
            )
            .await
            .map_err(Incomplete::Authors)?;
        self.tell(Event::Found {
            room: room.clone(),
            posts,
            known,
        });
        Ok(())
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

#[cfg(test)]
mod tests;
