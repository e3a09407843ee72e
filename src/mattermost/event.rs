//! A text frame of the websocket, decoded in one pass.
//!
//! [`Frame::decode`] is total: an event that we do not use is [`Event::Other`], a field of an unexpected type counts as
//! absent, and only a text that is not a frame, or an event of ours without what makes it one, is an error. What we do
//! not use is neither copied nor built into a tree; `data.post`, a JSON text within the JSON, is parsed once.

mod frame;
mod scalar;

use crate::id::{ChannelId, TeamId, UserId};
use crate::mattermost::model::{ChannelKind, Post};
use crate::timestamp::Timestamp;

/// A text frame from the server.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    /// Something happened. Only events are counted by `seq`, from 0 on each connection.
    Event {
        /// The event's number on its connection.
        seq: u64,
        /// What happened.
        event: Event,
    },
    /// The answer to a request of ours (`model.WebSocketResponse`).
    Reply {
        /// The request's number; absent if the request had none that counts.
        seq_reply: Option<u64>,
        /// Whether `status` is `OK`.
        ok: bool,
        /// To a ping: the server's clock.
        server_time: Option<Timestamp>,
        /// If refused: why.
        error: Option<ReplyError>,
    },
}

/// Why the server refused a request over the websocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyError {
    /// The error's identifier, such as `api.web_socket_router.not_authenticated.app_error`.
    pub id: String,
    /// The HTTP status that it stands for; 401 for a token that is no longer good.
    pub status_code: u16,
}

/// An event.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The connection is authenticated; everything before it may have been missed.
    Hello {
        /// Version, build number, hash of the client configuration, joined by dots.
        server_version: String,
    },
    /// A post was created; also our own, sometimes before the answer that created it.
    Posted(Box<Posted>),
    /// A post was edited, pinned, unpinned, or its props changed.
    PostEdited(Box<Post>),
    /// A post was deleted; this is what it was, `delete_at` zero. Its replies have no events.
    PostDeleted(Box<Post>),
    /// Somebody, perhaps we, joined a channel.
    UserAdded {
        /// Who.
        user_id: UserId,
        /// Which channel.
        channel_id: ChannelId,
    },
    /// What we do not use or do not know.
    Other {
        /// The event's name.
        name: String,
    },
}

/// A new post and what its event says of the channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Posted {
    /// The post.
    pub post: Post,
    /// What its channel is.
    pub channel_kind: ChannelKind,
    /// The name in its channel's address.
    pub channel_name: String,
    /// The name that people see; of a direct message, the one who wrote, with an `@`.
    pub channel_display_name: String,
    /// The name of who wrote, with an `@`; what an integration calls itself may look the same.
    pub sender_name: Option<String>,
    /// The channel's team; `None` for direct and group messages.
    pub team_id: Option<TeamId>,
}

/// A text that is not a frame.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not JSON, or not an object with the types of a frame.
    #[error("a websocket frame is not what the protocol has")]
    NotAFrame(#[source] serde_json::Error),
    /// Neither an event nor a reply.
    #[error("a websocket frame has neither an event nor a status")]
    Neither,
    /// An event that we use lacks what makes it one.
    #[error("the event {name} lacks {field}, or has it in a form that we do not know")]
    Incomplete {
        /// The event's name.
        name: String,
        /// Its number, which counts all the same.
        seq: u64,
        /// What is missing.
        field: &'static str,
    },
}

impl Frame {
    /// Decodes one text frame.
    ///
    /// # Errors
    /// See [`DecodeError`]; no input panics.
    pub fn decode(text: &str) -> Result<Self, DecodeError> {
        frame::decode(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(text: &str) -> Event {
        match Frame::decode(text) {
            Ok(Frame::Event { event, .. }) => event,
            other => panic!("{other:?}"),
        }
    }

    const USER: &str = "66egbqe687rk8mhmm37bmbwrme";
    const CHANNEL: &str = "73j1itj4wtghmf3a5jc5ygbttw";

    fn user_added() -> Event {
        Event::UserAdded {
            user_id: USER.parse().unwrap(),
            channel_id: CHANNEL.parse().unwrap(),
        }
    }

    #[test]
    fn the_order_of_keys_does_not_matter() {
        let broadcast = format!(r#""broadcast":{{"channel_id":"{CHANNEL}"}}"#);
        let data = format!(r#""data":{{"user_id":"{USER}"}}"#);
        let name = r#""event":"user_added""#;
        for text in [
            format!(r#"{{{name},{data},{broadcast},"seq":3}}"#),
            format!(r#"{{"seq":3,{broadcast},{data},{name}}}"#),
        ] {
            assert_eq!(event(&text), user_added());
        }
    }

    #[test]
    fn what_is_not_in_the_data_is_the_addressee() {
        let to_the_added = format!(
            r#"{{"event":"user_added","data":{{"channel_id":"{CHANNEL}"}},"broadcast":{{"user_id":"{USER}","channel_id":""}},"seq":1}}"#
        );
        let to_the_others = format!(
            r#"{{"event":"user_added","data":{{"user_id":"{USER}"}},"broadcast":{{"user_id":"","channel_id":"{CHANNEL}"}},"seq":1}}"#
        );
        assert_eq!(event(&to_the_added), user_added());
        assert_eq!(event(&to_the_others), user_added());
    }

    #[test]
    fn an_event_without_data_is_incomplete_or_other() {
        let added = format!(
            r#"{{"event":"user_added","data":null,"broadcast":{{"channel_id":"{CHANNEL}"}},"seq":3}}"#
        );
        assert!(Frame::decode(&added).is_err());
        let name = "user_removed".to_owned();
        assert_eq!(
            event(r#"{"event":"user_removed","data":null,"broadcast":null,"seq":3}"#),
            Event::Other { name }
        );
    }

    #[test]
    fn what_has_another_type_counts_as_absent() {
        let hello = r#"{"event":"hello","data":{"connection_id":7,"server_version":["x"],"server_hostname":{}},"seq":0}"#;
        let expected = Event::Hello {
            server_version: String::new(),
        };
        assert_eq!(event(hello), expected);
    }

    #[test]
    fn an_event_of_ours_without_its_post_names_what_it_lacks() {
        let error =
            Frame::decode(r#"{"event":"posted","data":{"post":"{}"},"seq":9}"#).unwrap_err();
        let DecodeError::Incomplete {
            seq: 9,
            field: "post",
            ..
        } = error
        else {
            panic!("{error:?}")
        };
    }
}
