//! Who follows a thread and what was read of it (newer servers only).

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::State;
use super::posts::Post;
use super::profile::View;
use crate::playground::event::Outgoing;
use crate::playground::wire;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Follower {
    last_viewed_at: i64,
    unread_replies: i64,
    unread_mentions: i64,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Thread {
    /// Those who replied, in the order of their first replies.
    participants: Vec<String>,
    followers: BTreeMap<String, Follower>,
}

/// All threads, by root.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Threads(HashMap<String, Thread>);

impl Threads {
    pub(crate) fn forget(&mut self, root_id: &str) {
        self.0.remove(root_id);
    }
}

impl State {
    /// A reply makes its author, the root's author and the mentioned follow the thread, and tells all followers.
    pub(crate) fn follow_thread(&mut self, reply: &Post, mentioned: &[String]) {
        let Some(root) = self
            .posts
            .live(&reply.root_id)
            .filter(|_| !self.is_old())
            .cloned()
        else {
            return;
        };
        let thread = self.threads.0.entry(root.id.clone()).or_default();
        if !thread.participants.contains(&reply.user_id) {
            thread.participants.push(reply.user_id.clone());
        }
        let new_followers = mentioned.iter().chain([&root.user_id, &reply.user_id]);
        for user_id in new_followers {
            thread.followers.entry(user_id.clone()).or_default();
        }
        let shown = wire::Thread {
            id: root.id.clone(),
            reply_count: self.posts.reply_count(&root.id),
            last_reply_at: reply.create_at,
            last_viewed_at: 0,
            participants: Vec::new(),
            post: wire::Post {
                metadata: None,
                ..self.post(&root)
            },
            unread_replies: 0,
            unread_mentions: 0,
            is_urgent: false,
            delete_at: 0,
        };
        self.tell_followers(shown, reply, mentioned);
    }

    fn tell_followers(&mut self, mut shown: wire::Thread, reply: &Post, mentioned: &[String]) {
        let team_id = self
            .channels
            .get(&reply.channel_id)
            .map(|channel| channel.team_id.clone())
            .unwrap_or_default();
        let now = self.now();
        let Some(mut thread) = self.threads.0.remove(&shown.id) else {
            return;
        };
        let participants = thread
            .participants
            .iter()
            .filter_map(|id| self.accounts.get(id));
        shown.participants = participants
            .map(|account| self.user(account, View::Other))
            .collect();
        for (user_id, follower) in &mut thread.followers {
            if !self.is_member(&reply.channel_id, user_id) {
                continue;
            }
            let event = Outgoing::new("thread_updated")
                .with("previous_unread_mentions", &follower.unread_mentions)
                .with("previous_unread_replies", &follower.unread_replies);
            shown.last_viewed_at = follower.last_viewed_at;
            if *user_id == reply.user_id {
                *follower = Follower {
                    last_viewed_at: now,
                    ..Follower::default()
                };
            } else {
                follower.unread_replies += 1;
                follower.unread_mentions += i64::from(mentioned.contains(user_id));
            }
            shown.unread_replies = follower.unread_replies;
            shown.unread_mentions = follower.unread_mentions;
            let mut event = event
                .with("thread", &wire::to_text(&shown))
                .for_user(user_id);
            event.broadcast.team_id.clone_from(&team_id);
            self.emit(event);
        }
        self.threads.0.insert(shown.id.clone(), thread);
    }
}
