//! Events as values: mutations of the state make them, the hub delivers them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;

use super::wire::{self, Broadcast};

/// Who hears an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Recipients {
    /// Every authenticated connection.
    Everyone,
    /// The connections of these users.
    Users(Vec<String>),
}

/// An event on its way to its receivers.
#[derive(Clone)]
pub(crate) struct Outgoing {
    pub(crate) event: &'static str,
    pub(crate) data: BTreeMap<&'static str, Box<RawValue>>,
    pub(crate) broadcast: Broadcast,
    pub(crate) recipients: Recipients,
    /// Those to whom their own id is shown as `mentions`; the others do not see the key (11.6).
    pub(crate) mentions: Vec<String>,
}

impl Outgoing {
    pub(crate) fn new(event: &'static str) -> Self {
        Self {
            event,
            data: BTreeMap::new(),
            broadcast: Broadcast::default(),
            recipients: Recipients::Everyone,
            mentions: Vec::new(),
        }
    }

    /// Adds a field; a structure that the server sends as a string is given as [`wire::to_text`] of it.
    pub(crate) fn with<T: Serialize>(mut self, key: &'static str, value: &T) -> Self {
        self.data.insert(key, wire::to_raw(value));
        self
    }

    pub(crate) fn for_user(mut self, user_id: &str) -> Self {
        user_id.clone_into(&mut self.broadcast.user_id);
        self.recipients = Recipients::Users(vec![user_id.to_owned()]);
        self
    }

    /// Shows the channel and gives the event to `members`.
    pub(crate) fn for_channel(mut self, channel_id: &str, members: Vec<String>) -> Self {
        channel_id.clone_into(&mut self.broadcast.channel_id);
        self.recipients = Recipients::Users(members);
        self
    }

    pub(crate) fn for_team(mut self, team_id: &str, members: Vec<String>) -> Self {
        team_id.clone_into(&mut self.broadcast.team_id);
        self.recipients = Recipients::Users(members);
        self
    }

    pub(crate) fn omitting(mut self, user_id: &str) -> Self {
        let omitted = self.broadcast.omit_users.get_or_insert_default();
        omitted.insert(user_id.to_owned(), true);
        self
    }

    /// Whether `user_id` is left out although he is among the recipients.
    pub(crate) fn omits(&self, user_id: &str) -> bool {
        let omitted = self.broadcast.omit_users.as_ref();
        omitted.is_some_and(|users| users.contains_key(user_id))
    }
}

/// An event as bytes, but for the number that each connection gives it.
#[derive(Debug)]
pub(crate) struct Encoded {
    head: String,
    tail: &'static str,
    /// Dropped first when a receiver is slow.
    pub(crate) droppable: bool,
}

#[derive(Serialize)]
struct Compact<'a> {
    event: &'static str,
    data: &'a BTreeMap<&'static str, Box<RawValue>>,
    broadcast: &'a Broadcast,
}

impl Encoded {
    /// The encoder's form: compact, with a newline at its end.
    pub(crate) fn compact(outgoing: &Outgoing) -> Self {
        let mut head = wire::to_text(&Compact {
            event: outgoing.event,
            data: &outgoing.data,
            broadcast: &outgoing.broadcast,
        });
        head.pop();
        head.push_str(",\"seq\":");
        Self::of(outgoing, head, "}\n")
    }

    /// The form of an event that was encoded once for all its receivers: spaces, no newline.
    pub(crate) fn spaced(outgoing: &Outgoing) -> Self {
        let data = wire::to_text(&outgoing.data);
        let broadcast = wire::to_text(&outgoing.broadcast);
        let event = outgoing.event;
        let head = format!(
            "{{\"event\": \"{event}\", \"data\": {data}, \"broadcast\": {broadcast}, \"seq\": "
        );
        Self::of(outgoing, head, "}")
    }

    fn of(outgoing: &Outgoing, head: String, tail: &'static str) -> Self {
        let droppable = matches!(
            outgoing.event,
            "typing" | "status_change" | "multiple_channels_viewed"
        );
        Self {
            head,
            tail,
            droppable,
        }
    }

    /// The frame with its number on one connection.
    pub(crate) fn frame(&self, sequence: i64) -> String {
        format!("{}{sequence}{}", self.head, self.tail)
    }
}
