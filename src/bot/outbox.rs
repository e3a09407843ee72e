//! Sending what the ledger holds: each delivery becomes visible at most once, those of a thread in their order.
//!
//! ```text
//! queued ─▶ posted where it belongs (see `step`) ─▶ delivered
//!                 │ refused for good
//!                 ▼
//!          posted to each asker directly, in the same way ─▶ the reason is noted in the ledger
//! ```

mod look;
mod posting;
pub mod shape;
mod step;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::command::table;
use crate::id::{ChannelId, PostId, UserId};
use crate::ledger::{CallKey, Delivery, Kind, Ledger};
use crate::mattermost::api::Api;
use crate::tasks::{Tasks, catch_panic_async};
use crate::timestamp::Timestamp;

use super::causes::causes;
use super::identity::Identity;
use posting::Posting;
use step::{Progress, Start};

pub use step::Timing;

/// A refusal to open a direct message must repeat itself so often, from a server that is well, before it is believed.
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
    start: Start,
    timing: Timing,
}

/// How one delivery ended.
enum End {
    Delivered(PostId),
    Undeliverable(String),
}

impl Outbox {
    /// An outbox that posts with `api`; its tasks run in `tasks`. What it is given as tried before was tried before now.
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
            start: Start {
                instant: Instant::now(),
                time: Timestamp::now(),
            },
            timing: Timing::default(),
        }
    }

    /// The same outbox with other times, for tests that cannot wait so long.
    #[must_use]
    pub fn with_timing(self, timing: Timing) -> Self {
        Self { timing, ..self }
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
        let Ok(Some(identity)) = identity
            .wait_for(Option::is_some)
            .await
            .map(|known| known.as_ref().map(Arc::clone))
        else {
            return;
        };
        while let Some(delivery) = self.next_of(thread) {
            match catch_panic_async(self.deliver(&delivery, &identity)).await {
                Ok(End::Delivered(post)) => self.ledger.delivered(delivery.id, post),
                Ok(End::Undeliverable(reason)) => {
                    tracing::warn!(channel = %delivery.channel, %reason, "an answer cannot be delivered");
                    self.ledger.undeliverable(delivery.id, reason);
                }
                Err(panicked) => {
                    tracing::error!(%panicked, channel = %delivery.channel, key = delivery.key,
                        "an answer is left to the next process");
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

    /// Makes `delivery` visible where it belongs, or else to the asker alone.
    async fn deliver(&self, delivery: &Delivery, identity: &Identity) -> End {
        let reason = match self.post(delivery, identity).await {
            Ok(post) => return End::Delivered(post),
            Err(reason) => reason,
        };
        let mut outcome = reason;
        for (index, asker) in self.askers(delivery).await.into_iter().enumerate() {
            let Some(channel) = self.direct_channel(delivery, identity, asker).await else {
                continue;
            };
            let mut direct = Delivery {
                channel,
                root: None,
                text: super::reply::undeliverable(&delivery.text, identity.post_size),
                ..delivery.clone()
            };
            if index > 0 {
                direct = self.ledger.again(direct);
            }
            let told = match self.post(&direct, identity).await {
                Ok(post) => format!("; the asker was told in {post}"),
                Err(also) => format!("; nor could the asker be told: {also}"),
            };
            outcome.push_str(&told);
        }
        End::Undeliverable(outcome)
    }

    /// Who asked for the calls that `delivery` answers, each of them once.
    async fn askers(&self, delivery: &Delivery) -> Vec<UserId> {
        let mut askers = Vec::new();
        if delivery.kind == Kind::Progress {
            return askers;
        }
        let mut backoff = posting::backoff(self.timing);
        for key in &delivery.calls {
            let mut failures = 0;
            let asker = loop {
                match self.ledger.asker(key).await {
                    Ok(asker) => break asker,
                    Err(_) if failures < FINAL_REFUSALS => failures += 1,
                    Err(_) => break None,
                }
                sleep(backoff.next_delay()).await;
            };
            if let Some(asker) = asker.filter(|asker| !askers.contains(asker)) {
                askers.push(asker);
            }
        }
        askers
    }

    /// Makes `delivery` visible where it belongs, however long that takes.
    ///
    /// # Errors
    /// It can never be, for this reason.
    pub async fn post(&self, delivery: &Delivery, identity: &Identity) -> Result<PostId, String> {
        let progress = Progress::new(delivery, self.start, self.timing);
        let posting = Posting::new(
            self.api(delivery),
            &self.ledger,
            (delivery, identity.me),
            (progress, self.timing),
        );
        posting.run().await
    }

    /// Where `asker` can be told what cannot be posted where `delivery` belongs; `None` if there is no other place.
    async fn direct_channel(
        &self,
        delivery: &Delivery,
        identity: &Identity,
        asker: UserId,
    ) -> Option<ChannelId> {
        let api = self.api(delivery);
        let mut backoff = posting::backoff(self.timing);
        let mut refusals = 0;
        loop {
            match api.direct_channel(identity.me, asker).await {
                Ok(channel) => return Some(channel.id).filter(|id| *id != delivery.channel),
                Err(error) => {
                    tracing::debug!(error = %causes(&error), "a direct message cannot be opened yet");
                    if posting::is_no(&error) && api.healthy().await {
                        refusals += 1;
                    }
                }
            }
            if refusals >= FINAL_REFUSALS {
                return None;
            }
            sleep(backoff.next_delay()).await;
        }
    }
}
