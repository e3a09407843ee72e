//! Sending what the ledger holds: each delivery becomes visible at most once, those of a thread in their order.
//!
//! ```text
//!              ┌────────────── refused for now (429): nothing was saved ─────────────┐
//!              ▼                                                                     │
//!  queued ─▶ attempt ─▶ 201, and it is ours ─▶ delivered                             │
//!              │ ▲ │ └─▶ refused for good ─▶ told in a direct message, or given up   │
//!              │ │ └─────────────────────────────────────────────────────────────────┘
//!     answer   │ │ not there: within 20 s of the first attempt at once,
//!     unknown  ▼ │ later only 35 s after the end of the last one
//!            look in the thread ─▶ found by its key ─▶ delivered
//! ```

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;

use crate::backoff::Backoff;
use crate::command::table;
use crate::id::{ChannelId, PostId, UserId};
use crate::ledger::{CallKey, Delivery, Kind, Ledger};
use crate::mattermost::api::{Api, ApiError};
use crate::mattermost::model::{NewPost, Post};
use crate::tasks::Tasks;
use crate::timestamp::Timestamp;

use super::identity::Identity;

/// As long as this after the first attempt the server knows our `pending_post_id` (`seenPendingPostIds`, 30 s), so
/// that another attempt cannot make a second post.
const SAME_POST: Duration = Duration::from_secs(20);

/// What the server saved is readable at the latest this long after our request's end.
const READABLE: Duration = Duration::from_secs(35);

/// A refusal must repeat itself so often, from a server that is well, before it is believed: a database outage
/// answers 400, 401 and 403 too.
const FINAL_REFUSALS: u32 = 3;

type Thread = (ChannelId, Option<PostId>);

/// The sending of deliveries; clones share it.
#[derive(Debug, Clone)]
pub struct Outbox {
    ledger: Ledger,
    ordinary: Api,
    lifecycle: Api,
    identity: watch::Receiver<Option<Arc<Identity>>>,
    tasks: Tasks,
    waiting: Arc<Mutex<HashMap<Thread, VecDeque<Delivery>>>>,
}

/// How one delivery ended.
enum End {
    Delivered(PostId),
    Undeliverable(String),
}

/// What one attempt brought.
enum Attempt {
    Delivered(PostId),
    /// Nothing was saved, and it may be tried again after this time.
    NotSaved(Duration),
    /// Whether it was saved must be looked up.
    Unknown,
    /// The server refuses it, in these words.
    Refused(String),
}

impl Outbox {
    /// An outbox that posts with `api`; its tasks run in `tasks`.
    #[must_use]
    pub fn new(
        ledger: Ledger,
        api: Api,
        identity: watch::Receiver<Option<Arc<Identity>>>,
        tasks: Tasks,
    ) -> Self {
        let lifecycle = api.for_lifecycle();
        Self {
            ledger,
            ordinary: api,
            lifecycle,
            identity,
            tasks,
            waiting: Arc::default(),
        }
    }

    /// The interface for `delivery`: what is said about a lifecycle command has its own part of the rate.
    fn api(&self, delivery: &Delivery) -> &Api {
        let lifecycle = |key: &CallKey| {
            table::named(&key.name).is_some_and(|builtin| table::row(builtin).lifecycle)
        };
        if delivery.calls.iter().any(lifecycle) {
            &self.lifecycle
        } else {
            &self.ordinary
        }
    }

    /// Sends `deliveries`, each after those that its thread already has.
    pub fn send(&self, deliveries: Vec<Delivery>) {
        for delivery in deliveries {
            let thread = (delivery.channel, delivery.root);
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            match waiting.get_mut(&thread) {
                Some(queue) => queue.push_back(delivery),
                None => {
                    waiting.insert(thread, VecDeque::from([delivery]));
                    let outbox = self.clone();
                    self.tasks
                        .spawn(async move { outbox.work_off(thread).await });
                }
            }
        }
    }

    /// Sends what `thread` has, one after the other, until it has no more.
    async fn work_off(self, thread: Thread) {
        let mut identity = self.identity.clone();
        // The sender of the identity lives as long as the bot; without it there is nobody to post as.
        let Ok(me) = identity
            .wait_for(Option::is_some)
            .await
            .map(|known| known.as_ref().map(|known| known.me))
        else {
            return;
        };
        let Some(me) = me else { return };
        while let Some(delivery) = self.next_of(thread) {
            match self.deliver(&delivery, me).await {
                End::Delivered(post) => self.ledger.delivered(delivery.id, post),
                End::Undeliverable(reason) => {
                    tracing::warn!(channel = %delivery.channel, %reason, "an answer cannot be delivered");
                    self.ledger.undeliverable(delivery.id, reason);
                }
            }
        }
    }

    /// The delivery at the head of `thread`'s queue, which is taken off it.
    fn next_of(&self, thread: Thread) -> Option<Delivery> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let next = waiting.get_mut(&thread)?.pop_front();
        if next.is_none() {
            waiting.remove(&thread);
        }
        next
    }

    /// Makes `delivery` visible, however long that takes.
    async fn deliver(&self, delivery: &Delivery, me: UserId) -> End {
        let mut first_attempt = delivery.first_attempt_at;
        let mut unknown_since = delivery.last_attempt_ended_at;
        let mut refusals = 0;
        let mut backoff = Backoff::new(
            Duration::from_millis(500),
            Duration::from_secs(30),
            fastrand::u64(..),
        );
        loop {
            if let Some(ended) = unknown_since {
                let first = first_attempt.unwrap_or(delivery.queued_at);
                if Timestamp::now().since(first) > SAME_POST {
                    let wait = READABLE.saturating_sub(Timestamp::now().since(ended));
                    tokio::time::sleep(wait).await;
                }
                match self.find(delivery, me).await {
                    Ok(Some(post)) => return End::Delivered(post),
                    Ok(None) => unknown_since = None,
                    Err(error) => {
                        tracing::debug!(%error, "the thread of an answer cannot be read yet");
                        tokio::time::sleep(backoff.next_delay()).await;
                        continue;
                    }
                }
            }
            let began = Timestamp::now();
            let within = first_attempt.is_some_and(|first| began.since(first) <= SAME_POST);
            first_attempt = if within { first_attempt } else { Some(began) };
            self.ledger.attempted(delivery.id, began);
            let attempt = self.attempt(delivery, me).await;
            self.ledger.attempt_ended(delivery.id, Timestamp::now());
            match attempt {
                Attempt::Delivered(post) => return End::Delivered(post),
                Attempt::NotSaved(wait) => tokio::time::sleep(wait.max(backoff.next_delay())).await,
                Attempt::Unknown => {
                    unknown_since = Some(Timestamp::now());
                    tokio::time::sleep(backoff.next_delay()).await;
                }
                Attempt::Refused(reason) => {
                    if self.api(delivery).healthy().await {
                        refusals += 1;
                    }
                    if refusals >= FINAL_REFUSALS {
                        return self.tell_directly(delivery, me, reason).await;
                    }
                    tokio::time::sleep(backoff.next_delay()).await;
                }
            }
        }
    }

    /// One request.
    async fn attempt(&self, delivery: &Delivery, me: UserId) -> Attempt {
        let file_ids = match &delivery.attachment {
            None => Vec::new(),
            Some(file) => match self
                .api(delivery)
                .upload(delivery.channel, &file.name, file.text.clone().into_bytes())
                .await
            {
                Ok(id) => vec![id],
                Err(error) if error.is_refusal() => Vec::new(),
                Err(_) => return Attempt::NotSaved(Duration::ZERO),
            },
        };
        let post = NewPost {
            channel_id: delivery.channel,
            root_id: delivery.root,
            message: delivery.text.clone(),
            props: json!({ "matterbot": props(delivery) }),
            file_ids,
            pending_post_id: delivery.key.clone(),
        };
        match self.api(delivery).create_post(&post).await {
            Ok(post) if is_ours(&post, delivery, me) => Attempt::Delivered(post.id),
            Ok(_) => Attempt::Unknown,
            Err(ApiError::RateLimited { retry_after, .. }) => Attempt::NotSaved(retry_after),
            Err(error) if error.is_refusal() => Attempt::Refused(error.to_string()),
            Err(error) => {
                tracing::debug!(%error, "an answer may not have been posted");
                Attempt::Unknown
            }
        }
    }

    /// The post of `delivery`, if the server saved it.
    async fn find(&self, delivery: &Delivery, me: UserId) -> Result<Option<PostId>, ApiError> {
        let posts = match delivery.root {
            Some(root) => match self.api(delivery).thread(root).await {
                Err(error) if error.is_not_found() => Vec::new(),
                posts => posts?,
            },
            None => {
                self.api(delivery)
                    .latest_posts(delivery.channel, 0, 200)
                    .await?
                    .posts
            }
        };
        Ok(posts
            .iter()
            .find(|post| is_ours(post, delivery, me))
            .map(|post| post.id))
    }

    /// What cannot be posted where it belongs goes to the asker directly.
    async fn tell_directly(&self, delivery: &Delivery, me: UserId, reason: String) -> End {
        let asker = match delivery.calls.first() {
            Some(key) => self.ledger.asker(key).await.ok().flatten(),
            None => None,
        };
        let Some(asker) = asker.filter(|_| delivery.kind != Kind::Progress) else {
            return End::Undeliverable(reason);
        };
        let Ok(channel) = self.api(delivery).direct_channel(me, asker).await else {
            return End::Undeliverable(reason);
        };
        if channel.id == delivery.channel {
            return End::Undeliverable(reason);
        }
        let text = super::reply::undeliverable(&delivery.text);
        let direct = Delivery {
            channel: channel.id,
            root: None,
            text,
            ..delivery.clone()
        };
        match self.attempt(&direct, me).await {
            Attempt::Delivered(post) => {
                tracing::info!(channel = %delivery.channel, %reason, "an answer was delivered as a direct message");
                End::Delivered(post)
            }
            _ => End::Undeliverable(reason),
        }
    }
}

/// What our posts say of themselves, for a successor and for whoever checks the promise.
fn props(delivery: &Delivery) -> serde_json::Value {
    json!({
        "v": 1,
        "key": delivery.key,
        "calls": delivery.calls.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "kind": match delivery.kind {
            Kind::Progress => "progress",
            Kind::Outcome => "outcome",
            Kind::Notice => "notice",
        },
        "part": delivery.part,
        "parts": delivery.parts,
    })
}

/// Whether `post` is the one that `delivery` asked for. Its text does not count: plugins rewrite it. Neither does a
/// foreign post that the server returned for a `pending_post_id` that somebody else used.
fn is_ours(post: &Post, delivery: &Delivery, me: UserId) -> bool {
    let key = post
        .props
        .get("matterbot")
        .and_then(|props| props.get("key"))
        .and_then(serde_json::Value::as_str);
    post.user_id == me
        && post.channel_id == delivery.channel
        && post.root_id == delivery.root
        && post.delete_at == Timestamp::default()
        && key == Some(delivery.key.as_str())
}

/// A post that the ledger does not know: what is said while it cannot be written.
#[must_use]
pub fn unrecorded(ledger: &Ledger, channel: ChannelId, root: PostId, text: &str) -> NewPost {
    let key = ledger.new_key();
    NewPost {
        channel_id: channel,
        root_id: Some(root),
        message: text.to_owned(),
        props: json!({ "matterbot": { "v": 1, "key": key, "calls": [], "kind": "notice", "part": 1, "parts": 1 } }),
        file_ids: Vec::new(),
        pending_post_id: key,
    }
}
