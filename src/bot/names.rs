//! Names of people and channels as they were heard last, for what may do with a name that is a little old.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::command::author::{Author, author};
use crate::id::{ChannelId, UserId};
use crate::mattermost::event::Posted;

use super::causes::causes;
use super::context::Context;

/// So many names of a kind are remembered; then all are forgotten, and heard again.
const MOST: usize = 4_096;

/// The names.
#[derive(Debug, Default)]
pub struct Names(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    users: HashMap<UserId, Arc<str>>,
    channels: HashMap<ChannelId, Arc<str>>,
}

impl Names {
    /// Remembers who wrote `posted`. An integration may give itself any name.
    pub fn hear(&self, posted: &Posted, me: UserId) {
        if let (Some(name), Author::Human) = (&posted.sender_name, author(&posted.post, me))
            && name.starts_with('@')
        {
            self.is_named(posted.post.user_id, name);
        }
    }

    /// Remembers a person's name, which begins with an `@`.
    pub fn is_named(&self, user: UserId, name: &str) {
        put(&mut self.lock().users, user, name.into());
    }

    /// Remembers a channel's name.
    pub fn is_channel(&self, channel: ChannelId, name: &Arc<str>) {
        put(&mut self.lock().channels, channel, Arc::clone(name));
    }

    /// The name of a person, with an `@`, if it was heard.
    #[must_use]
    pub fn user(&self, user: UserId) -> Option<Arc<str>> {
        self.lock().users.get(&user).cloned()
    }

    /// The name of a channel, if it was heard.
    #[must_use]
    pub fn channel(&self, channel: ChannelId) -> Option<Arc<str>> {
        self.lock().channels.get(&channel).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn put<K: Eq + Hash>(names: &mut HashMap<K, Arc<str>>, key: K, name: Arc<str>) {
    if names.len() >= MOST && !names.contains_key(&key) {
        names.clear();
    }
    names.insert(key, name);
}

/// The name of a person as it was heard, else as the server tells it now; none if it cannot be had, which the log tells.
pub async fn of_user(context: &Context, user: UserId) -> Option<String> {
    if let Some(name) = context.names.user(user) {
        return Some(name.to_string());
    }
    match context.api.user(user).await {
        Ok(user) => {
            let name = format!("@{}", user.username);
            context.names.is_named(user.id, &name);
            Some(name)
        }
        Err(error) => {
            tracing::warn!(error = %causes(&error), %user, "somebody's name could not be looked up");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::mattermost::model::ChannelKind;

    fn posted(user: UserId, name: &str, props: serde_json::Value) -> Posted {
        let post = json!({"id": crate::id::PostId::random(), "user_id": user,
            "channel_id": ChannelId::random(), "props": props});
        Posted {
            post: serde_json::from_value(post).unwrap(),
            channel_kind: ChannelKind::Open,
            channel_name: String::new(),
            channel_display_name: String::new(),
            sender_name: Some(name.to_owned()),
            team_id: None,
        }
    }

    #[test]
    fn people_are_known_by_what_they_write_and_not_by_what_a_webhook_calls_itself() {
        let (names, user) = (Names::default(), UserId::random());
        let me = UserId::random();
        names.hear(&posted(user, "@olga", json!({})), me);
        names.hear(&posted(user, "@root", json!({"from_webhook": "true"})), me);
        names.hear(&posted(user, "System", json!({})), me);
        assert_eq!(names.user(user).as_deref(), Some("@olga"));
        for _ in 0..2 * MOST {
            names.is_named(UserId::random(), "@many");
        }
        assert!(names.lock().users.len() <= MOST);
    }
}
