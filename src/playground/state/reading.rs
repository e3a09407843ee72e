//! Posts as they are shown, one by one and in lists.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::State;
use super::posts::Post;
use crate::playground::wire;

/// How many rows `since=` gives at most, whatever there is.
const SINCE_LIMIT: usize = 1_000;

impl State {
    /// The post with its metadata.
    pub(crate) fn post(&self, post: &Post) -> wire::Post {
        let is_gone = post.delete_at > 0;
        let reactions = if is_gone {
            &[]
        } else {
            self.posts.reactions(&post.id)
        };
        let file_ids = (!post.lost_files).then(|| post.file_ids.clone());
        let has_attachments = post.props.contains_key("attachments") && !is_gone;
        wire::Post {
            id: post.id.clone(),
            create_at: post.create_at,
            update_at: post.update_at,
            edit_at: post.edit_at,
            delete_at: post.delete_at,
            is_pinned: post.is_pinned,
            user_id: post.user_id.clone(),
            channel_id: post.channel_id.clone(),
            root_id: post.root_id.clone(),
            parent_id: self.is_old().then(|| post.root_id.clone()),
            original_id: post.original_id.clone(),
            message: if is_gone {
                String::new()
            } else {
                post.message.clone()
            },
            r#type: post.kind.clone(),
            props: post.props.clone(),
            hashtags: post.hashtags.clone(),
            file_ids: (!self.is_old() || !post.file_ids.is_empty()).then_some(file_ids),
            pending_post_id: String::new(),
            has_reactions: !reactions.is_empty(),
            remote_id: (post.has_remote_id && !self.is_old()).then_some(""),
            reply_count: 0,
            last_reply_at: 0,
            participants: None,
            metadata: Some(wire::Metadata {
                embeds: has_attachments
                    .then_some(wire::Embed {
                        r#type: "message_attachment",
                    })
                    .into_iter()
                    .collect(),
                files: if is_gone {
                    Vec::new()
                } else {
                    self.file_infos(&post.file_ids)
                },
                reactions: reactions.to_vec(),
            }),
        }
    }

    /// The post with the number of replies in its thread.
    pub(crate) fn post_in_thread(&self, post: &Post) -> wire::Post {
        let root_id = if post.root_id.is_empty() {
            &post.id
        } else {
            &post.root_id
        };
        wire::Post {
            reply_count: self.posts.reply_count(root_id),
            ..self.post(post)
        }
    }

    fn list<'a>(&self, rows: impl Iterator<Item = &'a Post>, company: Company) -> wire::PostList {
        let mut list = wire::PostList {
            order: Vec::new(),
            posts: BTreeMap::new(),
            next_post_id: String::new(),
            prev_post_id: String::new(),
            has_next: None,
            first_inaccessible_post_time: self.newer(0),
        };
        for row in rows {
            list.order.push(row.id.clone());
            let root_id = if row.root_id.is_empty() {
                &row.id
            } else {
                &row.root_id
            };
            let brings_thread = match company {
                Company::Roots | Company::Counted => false,
                Company::ThreadsOfReplies => !row.root_id.is_empty(),
                Company::Threads => true,
            };
            let replies = self.posts.replies(root_id).filter(|_| brings_thread);
            for post in self
                .posts
                .live(root_id)
                .into_iter()
                .chain(replies)
                .chain([row])
            {
                if !list.posts.contains_key(&post.id) {
                    let shown = match company {
                        Company::Threads | Company::Counted => self.post_in_thread(post),
                        Company::Roots | Company::ThreadsOfReplies => self.post(post),
                    };
                    list.posts.insert(post.id.clone(), shown);
                }
            }
        }
        list
    }

    /// What changed after an instant: an arbitrary thousand of it, newest made first, without a cursor.
    pub(crate) fn posts_since(&self, channel_id: &str, since: i64) -> wire::PostList {
        let mut rows: Vec<&Post> = self
            .posts
            .changed_after(channel_id, since)
            .take(SINCE_LIMIT)
            .collect();
        // Newer servers show a row of the history after the post that it comes from, older ones before it.
        rows.sort_by_key(|post| {
            let is_history = !post.original_id.is_empty();
            (
                std::cmp::Reverse(post.create_at),
                is_history != self.is_old(),
            )
        });
        self.list(rows.into_iter(), Company::Roots)
    }

    /// The oldest posts made after the anchor, shown newest first; an unknown anchor gives nothing.
    pub(crate) fn posts_after(
        &self,
        channel_id: &str,
        anchor: &str,
        page: usize,
        per_page: usize,
    ) -> wire::PostList {
        let instant = self
            .posts
            .get(anchor)
            .filter(|post| post.channel_id == channel_id)
            .map(|post| post.create_at);
        let made_after = instant
            .into_iter()
            .flat_map(|instant| self.posts.made_after(channel_id, instant));
        let mut rows: Vec<&Post> = made_after
            .skip(page * per_page)
            .take(per_page + 1)
            .collect();
        let next = if rows.len() > per_page {
            rows.pop()
        } else {
            None
        };
        rows.reverse();
        let mut list = self.list(rows.iter().copied(), Company::Threads);
        list.next_post_id = next.map(|post| post.id.clone()).unwrap_or_default();
        list.prev_post_id = match rows.last() {
            None => anchor.to_owned(),
            Some(_) if page == 0 => anchor.to_owned(),
            Some(oldest) => self.neighbour_before(channel_id, oldest),
        };
        list
    }

    /// The newest posts made before the anchor.
    pub(crate) fn posts_before(
        &self,
        channel_id: &str,
        anchor: &str,
        page: usize,
        per_page: usize,
    ) -> wire::PostList {
        let instant = self
            .posts
            .get(anchor)
            .filter(|post| post.channel_id == channel_id)
            .map(|post| post.create_at);
        let made_before = instant
            .into_iter()
            .flat_map(|instant| self.posts.made_before(channel_id, instant));
        let rows: Vec<&Post> = made_before.skip(page * per_page).take(per_page).collect();
        let mut list = self.list(rows.iter().copied(), Company::Threads);
        list.next_post_id = anchor.to_owned();
        list.prev_post_id = rows
            .last()
            .map(|post| self.neighbour_before(channel_id, post))
            .unwrap_or_default();
        list
    }

    /// A page from the newest end.
    pub(crate) fn posts_page(
        &self,
        channel_id: &str,
        page: usize,
        per_page: usize,
    ) -> wire::PostList {
        let mut from = self
            .posts
            .newest_first(channel_id)
            .skip((page * per_page).saturating_sub(1));
        let next = if page > 0 { from.next() } else { None };
        let rows: Vec<&Post> = from.by_ref().take(per_page).collect();
        let prev = from.next();
        let mut list = self.list(rows.into_iter(), Company::ThreadsOfReplies);
        list.next_post_id = next.map(|post| post.id.clone()).unwrap_or_default();
        list.prev_post_id = prev.map(|post| post.id.clone()).unwrap_or_default();
        list
    }

    pub(crate) fn pinned_posts(&self, channel_id: &str) -> wire::PostList {
        self.list(
            self.posts
                .newest_first(channel_id)
                .filter(|post| post.is_pinned),
            Company::Roots,
        )
    }

    /// The posts of a team's channels that hold all `terms`, newest first.
    pub(crate) fn search(&self, team_id: &str, user_id: &str, terms: &str) -> wire::PostList {
        let terms: Vec<String> = terms.split_whitespace().map(str::to_lowercase).collect();
        let channels = self.channels.values();
        let channels = channels
            .filter(|channel| channel.team_id == team_id && channel.members.contains_key(user_id));
        let mut found: Vec<&Post> = channels
            .flat_map(|channel| self.posts.newest_first(&channel.id))
            .filter(|post| {
                let message = post.message.to_lowercase();
                terms.iter().all(|term| message.contains(term))
            })
            .collect();
        found.sort_by_key(|post| std::cmp::Reverse(post.create_at));
        self.list(found.into_iter().take(100), Company::Roots)
    }

    fn neighbour_before(&self, channel_id: &str, post: &Post) -> String {
        let before = self.posts.made_before(channel_id, post.create_at).next();
        before.map(|post| post.id.clone()).unwrap_or_default()
    }

    /// A whole thread, or the part of it that is asked for: `asked` comes first, then the rest in the order of creation,
    /// the root among it. 5.37 knows no parts, and tells the root once more at the end (`SqlPostStore.Get`).
    pub(crate) fn thread(&self, asked: &Post, root: &Post, query: &ThreadQuery) -> wire::PostList {
        let replies = self.posts.replies(&root.id);
        if self.is_old() {
            let rows = std::iter::once(asked).chain(replies).chain([root]);
            return self.list(rows, Company::Counted);
        }
        let mut rows: Vec<&Post> = std::iter::once(root)
            .chain(replies)
            .filter(|post| query.holds(post))
            .collect();
        rows.sort_by(|one, other| (one.create_at, &one.id).cmp(&(other.create_at, &other.id)));
        if query.direction == Some(Direction::Up) {
            rows.reverse();
        }
        let limit = if query.per_page == 0 {
            rows.len()
        } else {
            query.per_page
        };
        let has_next = rows.len() > limit;
        rows.truncate(limit);
        rows.retain(|post| post.id != asked.id);
        let mut list = self.list(std::iter::once(asked).chain(rows), Company::Counted);
        list.has_next = self.newer(has_next);
        list
    }
}

/// What comes along with the posts that are asked for, outside of the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Company {
    /// The roots of replies.
    Roots,
    /// The whole threads of which there is a reply.
    ThreadsOfReplies,
    /// All threads of which there is any post, and how many replies each has.
    Threads,
    /// Nothing but what is asked for, and how many replies there are.
    Counted,
}

/// Which part of a thread is asked for; the default is all of it.
#[derive(Debug, Default)]
pub(crate) struct ThreadQuery {
    /// How many posts, the root counted; zero for all.
    pub(crate) per_page: usize,
    pub(crate) direction: Option<Direction>,
    /// The cursor: a `create_at`, zero for none, and the post that has it, empty for none in particular.
    pub(crate) from_create_at: i64,
    pub(crate) from_post: String,
}

/// Which way a thread is paged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Up,
    Down,
}

impl ThreadQuery {
    /// Whether `post` lies beyond the cursor: without a direction, that is before it. Posts of the cursor's own
    /// millisecond are compared by id, and are left out where the cursor names no post.
    fn holds(&self, post: &Post) -> bool {
        if self.from_create_at == 0 {
            return true;
        }
        let down = self.direction == Some(Direction::Down);
        match post.create_at.cmp(&self.from_create_at) {
            Ordering::Equal if self.from_post.is_empty() => false,
            Ordering::Equal => post.id != self.from_post && (post.id > self.from_post) == down,
            order => (order == Ordering::Greater) == down,
        }
    }
}
