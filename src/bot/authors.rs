//! Who wrote what is read after the fact: people, or accounts whose posts are nobody's wish.
//!
//! The server marks what a bot posts, and the bot may take that mark away without an edit. So a post that is as it was
//! made tells the truth, and one that was changed since does not; the account does.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use crate::command::author::{Author, author};
use crate::id::UserId;
use crate::mattermost::api::{Api, ApiError};
use crate::mattermost::model::{Post, User};

/// The accounts that were looked up; each is asked for once.
#[derive(Debug, Default)]
pub struct Authors {
    /// None: a person's.
    known: Mutex<HashMap<UserId, Option<Mark>>>,
}

/// What tells that a post is no person's of this server.
#[derive(Debug, Clone)]
enum Mark {
    Bot,
    Remote(String),
}

impl Mark {
    fn of(user: &User) -> Option<Self> {
        let remote = || user.remote_id.clone().map(Self::Remote);
        user.is_bot.then_some(Self::Bot).or_else(remote)
    }
}

impl Authors {
    /// Looks up who wrote those of `posts` that look like a person's and were changed, and puts the marks back that are missing.
    ///
    /// Of an author whom the server does not know there is nothing to be learnt; the post stays as it is.
    ///
    /// # Errors
    /// The server could not be asked.
    pub async fn mark(&self, api: &Api, me: UserId, posts: Vec<&mut Post>) -> Result<(), ApiError> {
        let asked: HashSet<UserId> = {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            posts
                .iter()
                .filter(|post| post.update_at != post.create_at)
                .filter(|post| matches!(author(post, me), Author::Human | Author::Edited))
                .map(|post| post.user_id)
                .filter(|user| !known.contains_key(user))
                .collect()
        };
        if !asked.is_empty() {
            let asked: Vec<UserId> = asked.into_iter().collect();
            let found = api.users(&asked).await?;
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.extend(found.iter().map(|user| (user.id, Mark::of(user))));
        }
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for post in posts {
            match known.get(&post.user_id) {
                Some(Some(Mark::Bot)) => {
                    post.props.insert("from_bot".to_owned(), "true".into());
                }
                Some(Some(Mark::Remote(server))) => post.remote_id = Some(server.clone()),
                Some(None) | None => {}
            }
        }
        Ok(())
    }
}
