//! Marks: what may be lost with the process, and so rides on the next commit.

use std::collections::{BTreeMap, HashMap};

use rusqlite::Connection;

use super::watermark::{self, Watermark};
use super::{call, outbox};
use crate::id::{ChannelId, PostId};
use crate::timestamp::Timestamp;

/// One thing to note.
#[derive(Debug)]
pub(super) enum Mark {
    /// A request that posts the delivery began.
    Attempted(i64, Timestamp),
    /// Such a request ended.
    AttemptEnded(i64, Timestamp),
    /// The delivery is visible as this post.
    Delivered(i64, PostId),
    /// The delivery can never be posted.
    Undeliverable(i64, String),
    /// How far a channel was read.
    Advance(Watermark),
    /// The server's clock at a sign of life.
    ProofOfLife(Timestamp),
    /// Progress posts of an earlier process are worthless.
    DropProgress,
}

/// The marks that wait. A later one takes the place of an earlier one about the same thing, so that a disk that stays
/// full does not fill the memory.
#[derive(Debug, Default)]
pub(super) struct Marks {
    deliveries: BTreeMap<i64, DeliveryMarks>,
    watermarks: HashMap<ChannelId, Watermark>,
    proof_of_life: Option<Timestamp>,
    drop_progress: bool,
}

#[derive(Debug, Default)]
struct DeliveryMarks {
    began: Option<Timestamp>,
    ended: Option<Timestamp>,
    end: Option<End>,
}

#[derive(Debug)]
enum End {
    Delivered(PostId),
    Undeliverable(String),
}

impl Marks {
    pub(super) fn add(&mut self, mark: Mark) {
        match mark {
            Mark::Attempted(id, at) => {
                self.delivery(id).began.get_or_insert(at);
            }
            Mark::AttemptEnded(id, at) => self.delivery(id).ended = Some(at),
            Mark::Delivered(id, post) => self.delivery(id).end = Some(End::Delivered(post)),
            Mark::Undeliverable(id, reason) => {
                self.delivery(id).end = Some(End::Undeliverable(reason))
            }
            Mark::Advance(watermark) => {
                self.watermarks.insert(watermark.channel, watermark);
            }
            Mark::ProofOfLife(at) => self.proof_of_life = Some(at),
            Mark::DropProgress => self.drop_progress = true,
        }
    }

    fn delivery(&mut self, id: i64) -> &mut DeliveryMarks {
        self.deliveries.entry(id).or_default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.deliveries.is_empty()
            && self.watermarks.is_empty()
            && self.proof_of_life.is_none()
            && !self.drop_progress
    }

    /// Writes the marks; they are to be dropped only when that was committed.
    pub(super) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        if self.drop_progress {
            outbox::drop_progress(connection)?;
        }
        for (&id, marks) in &self.deliveries {
            match &marks.end {
                Some(End::Delivered(post)) => outbox::delivered(connection, id, *post)?,
                Some(End::Undeliverable(reason)) => outbox::undeliverable(connection, id, reason)?,
                None => outbox::attempted(connection, id, marks.began, marks.ended)?,
            }
        }
        for watermark in self.watermarks.values() {
            watermark::advance(connection, watermark)?;
        }
        if let Some(at) = self.proof_of_life {
            connection
                .prepare_cached("UPDATE state SET proof_of_life = ?")?
                .execute([at])?;
            // The same page is written anyway.
            call::note_settled(connection)?;
        }
        Ok(())
    }
}
