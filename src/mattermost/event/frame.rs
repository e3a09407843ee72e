//! The frame as it stands on the wire: one pass that borrows, and what is made of it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{DecodeError, Event, Frame, Posted, ReplyError};
use crate::mattermost::model::{ChannelKind, Post};
use crate::timestamp::Timestamp;

/// Both forms of frame at once; the server writes `event` or `status`, never both.
#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow, default)]
    event: Text<'a>,
    #[serde(borrow, default)]
    data: Option<Data<'a>>,
    #[serde(borrow, default)]
    broadcast: Option<Broadcast<'a>>,
    #[serde(default)]
    seq: Option<u64>,
    #[serde(borrow, default)]
    status: Text<'a>,
    #[serde(default)]
    seq_reply: Option<u64>,
    #[serde(borrow, default)]
    error: Option<WireError<'a>>,
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
    sender_name: Text<'a>,
    #[serde(borrow)]
    team_id: Text<'a>,
    #[serde(borrow)]
    user_id: Text<'a>,
    #[serde(borrow)]
    channel_id: Text<'a>,
    #[serde(borrow)]
    reaction: Text<'a>,
    #[serde(borrow)]
    connection_id: Text<'a>,
    #[serde(borrow)]
    server_version: Text<'a>,
    #[serde(borrow)]
    server_hostname: Text<'a>,
    #[serde(borrow)]
    version: Text<'a>,
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

/// A text that is borrowed where it has no escapes; anything that is not a text counts as absent.
#[derive(Default)]
struct Text<'a>(Option<Cow<'a, str>>);

/// An integer; anything else counts as absent.
#[derive(Default)]
struct Integer(Option<i64>);

pub(super) fn decode(text: &str) -> Result<Frame, DecodeError> {
    let wire: Wire<'_> = serde_json::from_str(text).map_err(DecodeError::NotAFrame)?;
    let data = wire.data.unwrap_or_default();
    match (wire.event.get(), wire.seq) {
        (Some(name), Some(seq)) => {
            let event = Context {
                data: &data,
                broadcast: &wire.broadcast.unwrap_or_default(),
                seq,
                name,
            };
            Ok(Frame::Event {
                seq,
                event: event.decode()?,
            })
        }
        (None, _) if wire.status.get().is_some() => Ok(Frame::Reply {
            seq_reply: wire.seq_reply,
            ok: wire.status.get() == Some("OK"),
            server_time: data.server_time.0.map(Timestamp),
            version: data.version.owned(),
            error: wire.error.map(|error| ReplyError {
                id: error.id.owned().unwrap_or_default(),
                status_code: error
                    .status_code
                    .0
                    .and_then(|code| u16::try_from(code).ok())
                    .unwrap_or(0),
            }),
        }),
        _ => Err(DecodeError::Neither),
    }
}

/// An event before it is known to be complete.
struct Context<'a> {
    name: &'a str,
    seq: u64,
    data: &'a Data<'a>,
    broadcast: &'a Broadcast<'a>,
}

impl Context<'_> {
    fn decode(&self) -> Result<Event, DecodeError> {
        Ok(match self.name {
            "hello" => Event::Hello {
                connection_id: self.data.connection_id.owned().unwrap_or_default(),
                server_version: self.data.server_version.owned().unwrap_or_default(),
                server_hostname: self.data.server_hostname.owned(),
            },
            "posted" => Event::Posted(Box::new(self.posted()?)),
            "post_edited" => Event::PostEdited(Box::new(self.post()?)),
            "post_deleted" => Event::PostDeleted(Box::new(self.post()?)),
            "reaction_added" => Event::ReactionAdded(self.json(&self.data.reaction, "reaction")?),
            "reaction_removed" => {
                Event::ReactionRemoved(self.json(&self.data.reaction, "reaction")?)
            }
            "user_added" => Event::UserAdded {
                user_id: self.user_id()?,
                channel_id: self.channel_id()?,
            },
            "user_removed" => Event::UserRemoved {
                user_id: self.user_id()?,
                channel_id: self.channel_id()?,
            },
            "direct_added" | "group_added" => Event::ConversationOpened {
                channel_id: self.channel_id()?,
            },
            "channel_created" | "channel_updated" | "channel_deleted" | "channel_restored"
            | "channel_converted" => Event::ChannelChanged {
                channel_id: self.channel_id()?,
            },
            "added_to_team" => Event::TeamJoined {
                user_id: self.user_id()?,
                team_id: self.id(&self.data.team_id, "team_id")?,
            },
            "leave_team" => Event::TeamLeft {
                user_id: self.user_id()?,
                team_id: self.id(&self.data.team_id, "team_id")?,
            },
            other => Event::Other {
                name: other.to_owned(),
            },
        })
    }

    fn posted(&self) -> Result<Posted, DecodeError> {
        Ok(Posted {
            post: self.post()?,
            channel_kind: ChannelKind::from_letter(self.data.channel_type.get().unwrap_or("")),
            channel_name: self.data.channel_name.owned().unwrap_or_default(),
            sender_name: self.data.sender_name.owned().unwrap_or_default(),
            team_id: self
                .data
                .team_id
                .get()
                .and_then(|team_id| team_id.parse().ok()),
        })
    }

    fn post(&self) -> Result<Post, DecodeError> {
        self.json(&self.data.post, "post")
    }

    /// The user whom the event is about: it is in `data`, or only the addressee if it was sent to that user alone.
    fn user_id<T: std::str::FromStr>(&self) -> Result<T, DecodeError> {
        self.id(self.data.user_id.or(&self.broadcast.user_id), "user_id")
    }

    /// The channel that the event is about: in `data` where the addressee is a user, else the addressee.
    fn channel_id<T: std::str::FromStr>(&self) -> Result<T, DecodeError> {
        self.id(
            self.data.channel_id.or(&self.broadcast.channel_id),
            "channel_id",
        )
    }

    fn id<T: std::str::FromStr>(
        &self,
        text: &Text<'_>,
        field: &'static str,
    ) -> Result<T, DecodeError> {
        text.get()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| self.incomplete(field))
    }

    /// A value that stands as a JSON text within the JSON.
    fn json<T: for<'de> Deserialize<'de>>(
        &self,
        text: &Text<'_>,
        field: &'static str,
    ) -> Result<T, DecodeError> {
        text.get()
            .and_then(|text| serde_json::from_str(text).ok())
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

impl<'a> Text<'a> {
    fn get(&self) -> Option<&str> {
        self.0.as_deref()
    }

    fn owned(&self) -> Option<String> {
        self.get().map(str::to_owned)
    }

    /// This one, unless it is absent or empty.
    fn or<'t>(&'t self, other: &'t Text<'a>) -> &'t Text<'a> {
        if self.get().is_some_and(|text| !text.is_empty()) {
            self
        } else {
            other
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor).map(Self)
    }
}

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IntegerVisitor).map(Self)
    }
}

struct TextVisitor;
struct IntegerVisitor;

/// The methods of a visitor that skip what is of no use to it.
macro_rules! skip_anything_else {
    () => {
        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("any value")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            while items.next_element::<IgnoredAny>()?.is_some() {}
            Ok(None)
        }

        fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
            while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(None)
        }
    };
}

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Option<Cow<'de, str>>;

    skip_anything_else!();

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(text.to_owned())))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }
}

impl<'de> Visitor<'de> for IntegerVisitor {
    type Value = Option<i64>;

    skip_anything_else!();

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(number).ok())
    }
}
