//! The posts and their indexes; all that is asked for often is found without a walk over all of them.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use crate::playground::wire::{Props, Reaction};

/// A post as it is stored.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Post {
    pub(crate) id: String,
    pub(crate) create_at: i64,
    pub(crate) update_at: i64,
    pub(crate) edit_at: i64,
    pub(crate) delete_at: i64,
    pub(crate) is_pinned: bool,
    pub(crate) user_id: String,
    pub(crate) channel_id: String,
    pub(crate) root_id: String,
    /// Of a row of the edit history: the post that was edited.
    pub(crate) original_id: String,
    pub(crate) message: String,
    pub(crate) kind: String,
    pub(crate) props: Props,
    pub(crate) hashtags: String,
    pub(crate) file_ids: Vec<String>,
    /// Files were asked for and none was given: newer servers then write null.
    pub(crate) lost_files: bool,
    /// Made by `POST /posts`: only those have a `remote_id`.
    pub(crate) has_remote_id: bool,
}

/// The posts of one channel, by number, in the orders in which they are read.
#[derive(Debug, Default)]
struct Timeline {
    /// What is not deleted, by the instant of its making.
    live: BTreeSet<(i64, usize)>,
    /// Everything, history rows and deleted posts too, by the instant of its last change.
    changes: BTreeSet<(i64, usize)>,
}

/// All posts, in the order of their saving.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub(crate) struct Posts {
    rows: Vec<Post>,
    reactions: HashMap<String, Vec<Reaction>>,
    numbers: HashMap<String, usize>,
    channels: HashMap<String, Timeline>,
    /// By root: its replies that are not deleted.
    replies: HashMap<String, BTreeSet<(i64, usize)>>,
}

/// What is written to disk: the indexes are made anew.
#[derive(Serialize, Deserialize)]
struct Stored {
    rows: Vec<Post>,
    reactions: HashMap<String, Vec<Reaction>>,
}

impl From<Stored> for Posts {
    fn from(stored: Stored) -> Self {
        let mut posts = Self {
            reactions: stored.reactions,
            ..Self::default()
        };
        for row in stored.rows {
            posts.insert(row);
        }
        posts
    }
}

impl From<Posts> for Stored {
    fn from(posts: Posts) -> Self {
        Self {
            rows: posts.rows,
            reactions: posts.reactions,
        }
    }
}

impl Clone for Posts {
    /// A copy of the rows alone, for writing.
    fn clone(&self) -> Self {
        Self {
            rows: self.rows.clone(),
            reactions: self.reactions.clone(),
            ..Self::default()
        }
    }
}

impl Posts {
    /// The newest `create_at` of all.
    pub(crate) fn newest_instant(&self) -> Option<i64> {
        self.rows.iter().map(|post| post.create_at).max()
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Post> {
        self.rows.get(*self.numbers.get(id)?)
    }

    /// The post unless it is deleted.
    pub(crate) fn live(&self, id: &str) -> Option<&Post> {
        self.get(id).filter(|post| post.delete_at == 0)
    }

    pub(crate) fn insert(&mut self, post: Post) {
        let number = self.rows.len();
        self.numbers.insert(post.id.clone(), number);
        self.rows.push(post);
        self.index(number);
    }

    /// Changes a post and keeps the indexes true.
    pub(crate) fn change(&mut self, id: &str, change: impl FnOnce(&mut Post)) {
        if let Some(number) = self.numbers.get(id).copied() {
            self.unindex(number);
            if let Some(post) = self.rows.get_mut(number) {
                change(post);
            }
            self.index(number);
        }
    }

    fn index(&mut self, number: usize) {
        let Some(post) = self.rows.get(number) else {
            return;
        };
        let timeline = self.channels.entry(post.channel_id.clone()).or_default();
        timeline.changes.insert((post.update_at, number));
        if post.delete_at == 0 {
            timeline.live.insert((post.create_at, number));
            if !post.root_id.is_empty() {
                self.replies
                    .entry(post.root_id.clone())
                    .or_default()
                    .insert((post.create_at, number));
            }
        }
    }

    fn unindex(&mut self, number: usize) {
        let Some(post) = self.rows.get(number) else {
            return;
        };
        if let Some(timeline) = self.channels.get_mut(&post.channel_id) {
            timeline.changes.remove(&(post.update_at, number));
            timeline.live.remove(&(post.create_at, number));
        }
        if let Some(replies) = self.replies.get_mut(&post.root_id) {
            replies.remove(&(post.create_at, number));
        }
    }

    fn row(&self, entry: &(i64, usize)) -> Option<&Post> {
        self.rows.get(entry.1)
    }

    /// The live posts of a channel, newest first.
    pub(crate) fn newest_first(&self, channel_id: &str) -> impl Iterator<Item = &Post> {
        let timeline = self.channels.get(channel_id);
        timeline
            .into_iter()
            .flat_map(|timeline| timeline.live.iter().rev())
            .filter_map(|entry| self.row(entry))
    }

    /// The live posts made after an instant, oldest first.
    pub(crate) fn made_after(&self, channel_id: &str, instant: i64) -> impl Iterator<Item = &Post> {
        let timeline = self.channels.get(channel_id);
        let entries = timeline
            .into_iter()
            .flat_map(move |timeline| timeline.live.range((instant + 1, 0)..));
        entries.filter_map(|entry| self.row(entry))
    }

    /// The live posts made before an instant, newest first.
    pub(crate) fn made_before(
        &self,
        channel_id: &str,
        instant: i64,
    ) -> impl Iterator<Item = &Post> {
        let timeline = self.channels.get(channel_id);
        let entries = timeline
            .into_iter()
            .flat_map(move |timeline| timeline.live.range(..(instant, 0)).rev());
        entries.filter_map(|entry| self.row(entry))
    }

    /// Everything that changed after an instant, by the instant of its change.
    pub(crate) fn changed_after(
        &self,
        channel_id: &str,
        instant: i64,
    ) -> impl Iterator<Item = &Post> {
        let timeline = self.channels.get(channel_id);
        let entries = timeline
            .into_iter()
            .flat_map(move |timeline| timeline.changes.range((instant.saturating_add(1), 0)..));
        entries.filter_map(|entry| self.row(entry))
    }

    /// The last change in a channel, for its ETag.
    pub(crate) fn last_change(&self, channel_id: &str) -> i64 {
        let timeline = self.channels.get(channel_id);
        timeline
            .and_then(|timeline| timeline.changes.last())
            .map_or(0, |entry| entry.0)
    }

    /// The live replies to a root, oldest first.
    pub(crate) fn replies(&self, root_id: &str) -> impl DoubleEndedIterator<Item = &Post> {
        self.replies
            .get(root_id)
            .into_iter()
            .flatten()
            .filter_map(|entry| self.row(entry))
    }

    pub(crate) fn reply_count(&self, root_id: &str) -> usize {
        self.replies.get(root_id).map_or(0, BTreeSet::len)
    }

    pub(crate) fn reactions(&self, post_id: &str) -> &[Reaction] {
        self.reactions.get(post_id).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn reactions_mut(&mut self, post_id: &str) -> &mut Vec<Reaction> {
        self.reactions.entry(post_id.to_owned()).or_default()
    }
}
