//! Making one delivery visible: the steps that [`Progress`] decides, as requests.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::look;
use super::shape::{is_answer, new_post};
use super::step::{Progress, Saved, Step, Timing};
use crate::backoff::Backoff;
use crate::bot::causes::causes;
use crate::id::{PostId, UserId};
use crate::ledger::{Delivery, Ledger};
use crate::mattermost::api::{Api, ApiError};
use crate::text;
use crate::timestamp::Timestamp;

/// So many failures of an upload are enough, on a server that is well; the post goes without its file then.
const FINAL_UPLOADS: u32 = 3;

/// The sending of one delivery to one place.
pub(super) struct Posting<'a> {
    pub(super) api: &'a Api,
    pub(super) ledger: &'a Ledger,
    pub(super) delivery: &'a Delivery,
    pub(super) me: UserId,
    progress: Progress,
    backoff: Backoff,
    file: File,
}

/// What became of the delivery's file.
enum File {
    None,
    /// It is to be uploaded; so often that failed.
    Wanted(u32),
    /// It waits on the server for its post.
    Uploaded(String),
    GivenUp,
}

/// What a request brought.
enum Answer {
    Delivered(PostId),
    Failed(Saved, String),
    /// Nothing was saved, and it may be tried again after this time.
    NotNow(Duration),
    /// The server refuses it, in these words.
    Refused(String),
}

/// How long to back off between requests.
pub(super) fn backoff(timing: Timing) -> Backoff {
    Backoff::new(timing.retry_min, timing.retry_max, fastrand::u64(..))
}

/// Whether `error` is a no to the request as it is, from the server or from a proxy before it, which may be believed if
/// it is repeated.
pub(super) fn is_no(error: &ApiError) -> bool {
    // A proxy says 408 when it waited in vain for the rest of a request.
    let by_proxy = |status: u16| (400..500).contains(&status) && status != 408;
    error.is_refusal()
        || matches!(error, ApiError::NotJson { status, .. } if by_proxy(*status))
        || matches!(error, ApiError::TooLarge { .. })
}

impl<'a> Posting<'a> {
    pub(super) fn new(
        api: &'a Api,
        ledger: &'a Ledger,
        (delivery, me): (&'a Delivery, UserId),
        (progress, timing): (Progress, Timing),
    ) -> Self {
        Self {
            api,
            ledger,
            delivery,
            me,
            progress,
            backoff: backoff(timing),
            file: match delivery.attachment {
                Some(_) => File::Wanted(0),
                None => File::None,
            },
        }
    }

    /// Makes the delivery visible, however long that takes.
    ///
    /// # Errors
    /// It can never be, for this reason.
    pub(super) async fn run(mut self) -> Result<PostId, String> {
        loop {
            match self.progress.step(Instant::now()) {
                Step::Wait(until) => sleep_until(until).await,
                Step::Look => {
                    if let Some(end) = self.look().await {
                        return end;
                    }
                }
                Step::Attempt => {
                    if let Some(end) = self.prepare_and_post().await {
                        return end;
                    }
                }
            }
        }
    }

    async fn look(&mut self) -> Option<Result<PostId, String>> {
        let began = Instant::now();
        match look::find(self.api, self.delivery, self.me).await {
            Ok(Some(post)) => return Some(Ok(post)),
            Ok(None) => self.progress.not_found(began),
            Err(error) => {
                tracing::debug!(error = %causes(&error), "the thread of an answer cannot be read yet");
                if is_no(&error) && self.is_final().await {
                    return Some(Err(error.to_string()));
                }
                sleep(self.backoff.next_delay()).await;
            }
        }
        None
    }

    /// Counts a refusal, if the server is well otherwise; says whether it is final.
    async fn is_final(&mut self) -> bool {
        self.api.healthy().await && self.progress.refused()
    }

    /// Uploads the file, waits for the limiter, and posts if there is still time for that.
    async fn prepare_and_post(&mut self) -> Option<Result<PostId, String>> {
        if let File::Wanted(failures) = self.file {
            self.upload(failures).await;
            return None;
        }
        let permit = self.api.acquire_permit().await;
        let began = Instant::now();
        if self.progress.step(began) != Step::Attempt {
            return None;
        }
        let mut post = new_post(self.delivery);
        match &self.file {
            File::Uploaded(id) => post.file_ids.push(id.clone()),
            File::GivenUp => post.message = text::unattached(&post.message),
            File::None | File::Wanted(_) => {}
        }
        self.ledger.attempted(self.delivery.id, Timestamp::now());
        let answer = self.api.create_post(permit, &post).await;
        self.ledger
            .attempt_ended(self.delivery.id, Timestamp::now());
        let answer = read(answer, self.delivery, self.me);
        self.judge(answer, began).await
    }

    async fn judge(&mut self, answer: Answer, began: Instant) -> Option<Result<PostId, String>> {
        let ended = Instant::now();
        match answer {
            Answer::Delivered(post) => return Some(Ok(post)),
            Answer::NotNow(wait) => {
                self.progress.failed(began, ended, Saved::No);
                sleep(wait.max(self.backoff.next_delay())).await;
            }
            Answer::Failed(saved, reason) => {
                tracing::debug!(reason, "an answer may not have been posted");
                if self.progress.failed(began, ended, saved) {
                    return Some(Err(reason));
                }
                sleep(self.backoff.next_delay()).await;
            }
            Answer::Refused(reason) => {
                self.progress.failed(began, ended, Saved::No);
                if self.is_final().await {
                    return Some(Err(reason));
                }
                sleep(self.backoff.next_delay()).await;
            }
        }
        None
    }

    /// One upload.
    async fn upload(&mut self, failures: u32) {
        let Some(file) = &self.delivery.attachment else {
            self.file = File::None;
            return;
        };
        let bytes = file.text.clone().into_bytes();
        let uploaded = self.api.upload(self.delivery.channel, &file.name, bytes);
        let wait = match uploaded.await {
            Ok(id) => {
                self.file = File::Uploaded(id);
                return;
            }
            Err(ApiError::RateLimited { retry_after, .. }) => retry_after,
            Err(error) => {
                tracing::debug!(error = %causes(&error), "a file was not uploaded");
                let counts = !error.is_unauthorized() && self.api.healthy().await;
                let failures = failures + u32::from(counts);
                self.file = File::Wanted(failures);
                if failures >= FINAL_UPLOADS {
                    tracing::warn!(channel = %self.delivery.channel, error = %causes(&error),
                        "an answer goes without the file that belongs to it");
                    self.file = File::GivenUp;
                    return;
                }
                Duration::ZERO
            }
        };
        sleep(wait.max(self.backoff.next_delay())).await;
    }
}

/// What the answer to the request that posts `delivery` means.
fn read(
    answer: Result<crate::mattermost::model::Post, ApiError>,
    delivery: &Delivery,
    me: UserId,
) -> Answer {
    let error = match answer {
        Ok(post) if is_answer(&post, delivery, me) => return Answer::Delivered(post.id),
        Ok(post) => {
            let reason = format!(
                "the server answers with the post {}, which is not ours",
                post.id
            );
            return Answer::Failed(Saved::Other, reason);
        }
        Err(error) => error,
    };
    match error {
        ApiError::RateLimited { retry_after, .. } => Answer::NotNow(retry_after),
        ApiError::Decode { .. } => Answer::Failed(Saved::Other, causes(&error).to_string()),
        error if error.is_unauthorized() || error.is_unsent() => Answer::NotNow(Duration::ZERO),
        ApiError::TooLarge { .. } => Answer::Failed(Saved::Unclear, error.to_string()),
        error if is_no(&error) => Answer::Refused(error.to_string()),
        error => Answer::Failed(Saved::Unclear, causes(&error).to_string()),
    }
}
