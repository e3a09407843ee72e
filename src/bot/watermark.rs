//! How far each channel has been read, so that catch-up need not start from the beginning; pure.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::id::{ChannelId, PostId};
use crate::ledger::Watermark;
use crate::timestamp::Timestamp;

/// A post can become readable this much later than its `create_at` says (`app.CreatePost` takes the time first, and
/// fetches link previews before it saves), so nothing younger serves as an anchor.
pub const SETTLING: Duration = Duration::from_secs(60);

/// Candidates for the next anchor lie at least this far apart; any decided post would do.
const SPACING: Duration = Duration::from_secs(5);

/// More candidates than this are thinned out; they pile up only while sweeps fail.
const MOST_CANDIDATES: usize = 256;

/// What is known of one channel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mark {
    /// The post after which catch-up reads.
    pub anchor: Option<PostId>,
    /// The anchor's `create_at`; without an anchor the instant from which catch-up reads, if one was written down.
    pub from: Timestamp,
    /// The channel's `last_post_at` when it was last read to its end.
    pub looked_at: Timestamp,
}

/// What a look at one channel found.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// The channel's `last_post_at` when it was listed.
    pub last_post_at: Timestamp,
    /// The server's clock when the sweep began.
    pub as_of: Timestamp,
    /// From when on the sweep read channels without an anchor.
    pub since: Timestamp,
    /// The oldest post of the channel whose calls are not all in the ledger.
    pub unwritten: Option<Timestamp>,
}

/// The marks of all channels, and the decided posts that are still too young to be anchors.
#[derive(Debug, Default)]
pub struct Marks {
    marks: HashMap<ChannelId, Mark>,
    candidates: HashMap<ChannelId, VecDeque<(PostId, Timestamp)>>,
}

impl Marks {
    /// The marks that an earlier process wrote down.
    #[must_use]
    pub fn recovered(watermarks: Vec<Watermark>) -> Self {
        let marks = watermarks.into_iter().map(|watermark| {
            let Watermark {
                channel,
                anchor,
                anchor_at,
                last_post_at,
            } = watermark;
            (
                channel,
                Mark {
                    anchor,
                    from: anchor_at,
                    looked_at: last_post_at,
                },
            )
        });
        Self {
            marks: marks.collect(),
            candidates: HashMap::new(),
        }
    }

    /// All marks.
    #[must_use]
    pub fn all(&self) -> HashMap<ChannelId, Mark> {
        self.marks.clone()
    }

    /// `post` was decided when the server's clock showed `server_now`.
    ///
    /// Whoever may import posts dates them at will, and a clock can be set back: what is dated later than now is no
    /// anchor, and none that was keeps others from becoming one.
    pub fn decided(
        &mut self,
        channel: ChannelId,
        (post, created): (PostId, Timestamp),
        server_now: Timestamp,
    ) {
        if created > server_now {
            return;
        }
        let candidates = self.candidates.entry(channel).or_default();
        candidates.retain(|(_, at)| *at <= server_now);
        let anchored = self
            .marks
            .get(&channel)
            .filter(|mark| mark.anchor.is_some() && mark.from <= server_now)
            .map(|mark| mark.from);
        let newest = candidates.back().map(|(_, at)| *at).or(anchored);
        if newest.is_none_or(|newest| created >= newest.plus(SPACING)) {
            candidates.push_back((post, created));
        }
        if candidates.len() > MOST_CANDIDATES {
            let mut keep = false;
            candidates.retain(|_| {
                keep = !keep;
                keep
            });
        }
    }

    /// `channel` was read to its end; gives the watermark to write down.
    ///
    /// The anchor moves only here, never on events alone: a post whose event never came lies between two sweeps, and
    /// an anchor that passed it would hide it for ever.
    pub fn looked(&mut self, channel: ChannelId, look: Look) -> Watermark {
        let settled = look.as_of.minus(SETTLING);
        let mark = self.marks.entry(channel).or_default();
        // What is not in the ledger yet has to be read again, by a successor perhaps that knows nothing of it; so has
        // a channel in which something may still become readable that is older than its newest post.
        let closed = look.unwritten.is_none() && look.last_post_at <= settled;
        mark.looked_at = if closed {
            look.last_post_at
        } else {
            Timestamp::default()
        };
        if mark.anchor.is_none() && mark.from == Timestamp::default() {
            mark.from = look.since;
        }
        if let Some(candidates) = self.candidates.get_mut(&channel) {
            let fits =
                |at: Timestamp| at <= settled && look.unwritten.is_none_or(|oldest| at < oldest);
            while candidates.front().is_some_and(|(_, at)| fits(*at)) {
                if let Some((post, at)) = candidates.pop_front() {
                    (mark.anchor, mark.from) = (Some(post), at);
                }
            }
        }
        watermark(channel, *mark)
    }

    /// What was decided of `channel` could not be written down: the next sweep must read it again.
    pub fn reopen(&mut self, channel: ChannelId) {
        if let Some(mark) = self.marks.get_mut(&channel) {
            mark.looked_at = Timestamp::default();
        }
    }
}

fn watermark(channel: ChannelId, mark: Mark) -> Watermark {
    Watermark {
        channel,
        anchor: mark.anchor,
        anchor_at: mark.from,
        last_post_at: mark.looked_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(as_of: i64, unwritten: Option<i64>) -> Look {
        Look {
            last_post_at: Timestamp(1),
            as_of: Timestamp(as_of),
            since: Timestamp(7),
            unwritten: unwritten.map(Timestamp),
        }
    }

    #[test]
    fn an_anchor_is_settled_and_older_than_what_is_unwritten() {
        let (channel, old, young) = (ChannelId::random(), PostId::random(), PostId::random());
        let mut marks = Marks::default();
        let now = Timestamp(150_000);
        marks.decided(channel, (old, Timestamp(100_000)), now);
        marks.decided(channel, (young, Timestamp(150_000)), now);
        let none = marks.looked(channel, look(159_000, None));
        assert_eq!(
            (none.anchor, none.anchor_at),
            (None, Timestamp(7)),
            "nothing has settled yet"
        );
        assert_eq!(none.last_post_at, Timestamp(1));
        let waiting = marks.looked(channel, look(300_000, Some(150_000)));
        assert_eq!(waiting.last_post_at, Timestamp(0), "it must be read again");
        assert_eq!(waiting.anchor, Some(old), "the younger one waits in a lane");
        assert_eq!(
            marks.looked(channel, look(300_000, None)).anchor,
            Some(young)
        );
    }

    #[test]
    fn candidates_are_spaced_and_do_not_pile_up() {
        let channel = ChannelId::random();
        let mut marks = Marks::default();
        for at in 0..10_000 {
            let at = Timestamp(at);
            marks.decided(channel, (PostId::random(), at), at);
        }
        assert_eq!(marks.candidates.get(&channel).map(VecDeque::len), Some(2));
        for minute in 0..10_000 {
            let at = Timestamp(minute * 60_000);
            marks.decided(channel, (PostId::random(), at), at);
        }
        assert!(
            marks
                .candidates
                .get(&channel)
                .is_some_and(|candidates| candidates.len() <= MOST_CANDIDATES)
        );
    }

    #[test]
    fn a_post_of_next_year_keeps_nothing_from_being_an_anchor() {
        let (channel, next_year, post) = (ChannelId::random(), PostId::random(), PostId::random());
        let (then, now) = (Timestamp(31_536_000_000), Timestamp(100_000));
        let mut marks = Marks::default();
        marks.decided(channel, (next_year, then), now);
        marks.decided(channel, (post, now), now);
        let anchor = |marks: &mut Marks| marks.looked(channel, look(200_000, None)).anchor;
        assert_eq!(anchor(&mut marks), Some(post));
        // The server's clock showed next year once, and was set back.
        let mut marks = Marks::default();
        marks.decided(channel, (next_year, then), then);
        marks.looked(channel, look(then.0 + 60_000, None));
        marks.decided(
            channel,
            (PostId::random(), then.plus(SETTLING)),
            then.plus(SETTLING),
        );
        marks.decided(channel, (post, now), now);
        assert_eq!(anchor(&mut marks), Some(post));
    }

    #[test]
    fn a_channel_that_could_not_be_written_is_read_again() {
        let channel = ChannelId::random();
        let mut marks = Marks::default();
        marks.looked(channel, look(5, None));
        marks.reopen(channel);
        assert_eq!(
            marks.all().get(&channel).map(|mark| mark.looked_at),
            Some(Timestamp(0))
        );
    }
}
