//! The frame as it stands on the wire, read in one pass that borrows, and what is made of it.

use std::fmt;
use std::str::FromStr;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::scalar::{Integer, Text};
use super::{DecodeError, Event, Frame, Posted, ReplyError};
use crate::id::{ChannelId, UserId};
use crate::mattermost::model::{ChannelKind, Post};
use crate::timestamp::Timestamp;

/// Both forms of frame at once; the server writes `event` or `status`, never both.
#[derive(Default)]
struct Wire<'a> {
    event: Text<'a>,
    data: Data<'a>,
    broadcast: Broadcast<'a>,
    seq: Option<u64>,
    status: Text<'a>,
    seq_reply: Option<u64>,
    error: Option<WireError<'a>>,
}

/// The keys of a frame.
#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Key {
    Event,
    Data,
    Broadcast,
    Seq,
    Status,
    SeqReply,
    Error,
    #[serde(other)]
    Unknown,
}

/// The fields that the events of ours have in `data`, all of them in one; each may be absent.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Data<'a> {
    #[serde(borrow)]
    post: Text<'a>,
    #[serde(borrow)]
    channel_type: Text<'a>,
    #[serde(borrow)]
    channel_name: Text<'a>,
    #[serde(borrow)]
    channel_display_name: Text<'a>,
    #[serde(borrow)]
    sender_name: Text<'a>,
    #[serde(borrow)]
    team_id: Text<'a>,
    #[serde(borrow)]
    user_id: Text<'a>,
    #[serde(borrow)]
    channel_id: Text<'a>,
    #[serde(borrow)]
    server_version: Text<'a>,
    server_time: Integer,
}

/// Whom the event was sent to.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Broadcast<'a> {
    #[serde(borrow)]
    user_id: Text<'a>,
    #[serde(borrow)]
    channel_id: Text<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct WireError<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    status_code: Integer,
}

pub(super) fn decode(text: &str) -> Result<Frame, DecodeError> {
    let wire: Wire<'_> = serde_json::from_str(text).map_err(DecodeError::NotAFrame)?;
    match (wire.event.get(), wire.seq, wire.status.get()) {
        (Some(name), Some(seq), _) => match maker(name) {
            Some(make) => {
                let event = make(&Context {
                    name,
                    seq,
                    data: &wire.data,
                    broadcast: &wire.broadcast,
                })?;
                Ok(Frame::Event { seq, event })
            }
            None => {
                let name = name.to_owned();
                let event = Event::Other { name };
                Ok(Frame::Event { seq, event })
            }
        },
        (None, _, Some(status)) => Ok(Frame::Reply {
            seq_reply: wire.seq_reply,
            ok: status == "OK",
            server_time: wire.data.server_time.0.map(Timestamp),
            error: wire.error.map(ReplyError::from),
        }),
        _ => Err(DecodeError::Neither),
    }
}

type Make = fn(&Context<'_>) -> Result<Event, DecodeError>;

/// How an event of ours is made; `None` for the others.
fn maker(name: &str) -> Option<Make> {
    Some(match name {
        "hello" => |context| Ok(context.hello()),
        "posted" => |context| Ok(Event::Posted(Box::new(context.posted()?))),
        "post_edited" => |context| Ok(Event::PostEdited(Box::new(context.post()?))),
        "post_deleted" => |context| Ok(Event::PostDeleted(Box::new(context.post()?))),
        "user_added" => |context| {
            let (user_id, channel_id) = (context.user_id()?, context.channel_id()?);
            Ok(Event::UserAdded {
                user_id,
                channel_id,
            })
        },
        _ => return None,
    })
}

/// An event of ours, before it is known to be complete.
struct Context<'a> {
    name: &'a str,
    seq: u64,
    data: &'a Data<'a>,
    broadcast: &'a Broadcast<'a>,
}

impl Context<'_> {
    fn hello(&self) -> Event {
        Event::Hello {
            server_version: self.data.server_version.owned().unwrap_or_default(),
        }
    }

    fn posted(&self) -> Result<Posted, DecodeError> {
        Ok(Posted {
            post: self.post()?,
            channel_kind: ChannelKind::from_letter(self.data.channel_type.get().unwrap_or("")),
            channel_name: self.data.channel_name.owned().unwrap_or_default(),
            channel_display_name: self.data.channel_display_name.owned().unwrap_or_default(),
            sender_name: self.data.sender_name.owned(),
            team_id: self
                .data
                .team_id
                .get()
                .and_then(|team_id| team_id.parse().ok()),
        })
    }

    /// The post, which stands as a JSON text within the JSON.
    fn post(&self) -> Result<Post, DecodeError> {
        let text = self.data.post.get();
        text.and_then(|text| serde_json::from_str(text).ok())
            .ok_or_else(|| self.incomplete("post"))
    }

    /// The user whom the event is about: it is in `data`, or only the addressee if it was sent to that user alone.
    fn user_id(&self) -> Result<UserId, DecodeError> {
        self.id(self.data.user_id.or(&self.broadcast.user_id), "user_id")
    }

    /// The channel that the event is about: in `data` where the addressee is a user, else the addressee.
    fn channel_id(&self) -> Result<ChannelId, DecodeError> {
        self.id(
            self.data.channel_id.or(&self.broadcast.channel_id),
            "channel_id",
        )
    }

    fn id<T: FromStr>(&self, text: &Text<'_>, field: &'static str) -> Result<T, DecodeError> {
        text.get()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| self.incomplete(field))
    }

    fn incomplete(&self, field: &'static str) -> DecodeError {
        DecodeError::Incomplete {
            name: self.name.to_owned(),
            seq: self.seq,
            field,
        }
    }
}

impl From<WireError<'_>> for ReplyError {
    fn from(error: WireError<'_>) -> Self {
        let status_code = error
            .status_code
            .0
            .and_then(|code| u16::try_from(code).ok());
        Self {
            id: error.id.owned().unwrap_or_default(),
            status_code: status_code.unwrap_or(0),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Wire<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(WireVisitor)
    }
}

struct WireVisitor;

impl<'de> Visitor<'de> for WireVisitor {
    type Value = Wire<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a websocket frame")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut wire = Wire::default();
        while let Some(key) = entries.next_key()? {
            // The server writes the name first; where it does not, everything is read.
            let unused = wire.event.get().is_some_and(|name| maker(name).is_none());
            match key {
                Key::Event => wire.event = entries.next_value()?,
                Key::Data if !unused => wire.data = null_is_default(&mut entries)?,
                Key::Broadcast if !unused => wire.broadcast = null_is_default(&mut entries)?,
                Key::Seq => wire.seq = entries.next_value()?,
                Key::Status => wire.status = entries.next_value()?,
                Key::SeqReply => wire.seq_reply = entries.next_value()?,
                Key::Error => wire.error = entries.next_value()?,
                Key::Data | Key::Broadcast | Key::Unknown => {
                    entries.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(wire)
    }
}

fn null_is_default<'de, A, T>(entries: &mut A) -> Result<T, A::Error>
where
    A: MapAccess<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(entries.next_value::<Option<T>>()?.unwrap_or_default())
}
