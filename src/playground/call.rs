//! One request as the routes see it, and the answer that they give.

use std::collections::HashMap;

use axum::body::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::{ApiError, invalid_body, invalid_url, session_expired};
use super::state::State;
use super::wire;

/// What came over the wire, read whole.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: HashMap<String, String>,
    /// The bearer's.
    pub(crate) token: Option<String>,
    pub(crate) if_none_match: Option<String>,
    pub(crate) content_type: String,
    pub(crate) body: Bytes,
    /// The `create_at` that a fault wants for a post.
    pub(crate) born: Option<i64>,
}

/// A request with the state it works on.
pub(crate) struct Call<'a> {
    pub(crate) state: &'a mut State,
    pub(crate) asked: &'a Asked,
}

/// What is sent back.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: Option<String>,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

pub(crate) type Answer = Result<Reply, ApiError>;

impl Reply {
    /// JSON as an encoder writes it, with a newline at its end.
    pub(crate) fn json<T: Serialize>(status: u16, value: &T) -> Self {
        let mut text = wire::to_text(value);
        text.push('\n');
        Self {
            status,
            body: text.into_bytes(),
            ..Self::default()
        }
    }

    /// JSON without the newline: lists of users, and the answers that hold nothing.
    pub(crate) fn marshalled<T: Serialize>(value: &T) -> Self {
        Self {
            status: 200,
            body: wire::to_text(value).into_bytes(),
            ..Self::default()
        }
    }

    /// `{"status":"OK"}`.
    pub(crate) fn done() -> Self {
        Self {
            status: 200,
            body: br#"{"status":"OK"}"#.to_vec(),
            ..Self::default()
        }
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl Asked {
    pub(crate) fn query(&self, key: &str) -> Option<&str> {
        self.query.get(key).map(String::as_str)
    }

    pub(crate) fn flag(&self, key: &str) -> bool {
        self.query(key) == Some("true")
    }

    /// `page` and `per_page`, the latter cut to 200 without a word.
    pub(crate) fn paging(&self) -> (usize, usize) {
        let page = self
            .query("page")
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        let per_page = self
            .query("per_page")
            .and_then(|text| text.parse().ok())
            .unwrap_or(60);
        (page, per_page.min(200))
    }

    /// The body's first JSON value; what follows it is not looked at.
    pub(crate) fn value(&self, what: &str) -> Result<Value, ApiError> {
        let mut decoder = serde_json::Deserializer::from_slice(&self.body);
        Value::deserialize(&mut decoder).map_err(|_| invalid_body(what))
    }

    /// The body as an object; null stands for an empty one, as Go decodes it.
    pub(crate) fn body<T: DeserializeOwned + Default>(&self, what: &str) -> Result<T, ApiError> {
        match self.value(what)? {
            Value::Null => Ok(T::default()),
            value @ Value::Object(_) => {
                serde_json::from_value(value).map_err(|_| invalid_body(what))
            }
            _ => Err(invalid_body(what)),
        }
    }

    /// The body as a list.
    pub(crate) fn list<T: DeserializeOwned>(&self, what: &str) -> Result<Vec<T>, ApiError> {
        let value = self.value(what)?;
        serde_json::from_value(value).map_err(|_| invalid_body(what))
    }
}

impl Call<'_> {
    /// Who asks.
    pub(crate) fn user(&self) -> Result<String, ApiError> {
        if self.asked.query.contains_key("access_token") {
            return Err(ApiError::new(
                401,
                "api.context.token_provided.app_error",
                "Session is not OAuth but token was provided in the query string.",
            ));
        }
        let token = self.asked.token.as_deref().unwrap_or_default();
        self.state
            .session_user(token)
            .map(str::to_owned)
            .ok_or_else(session_expired)
    }

    /// A user id of the path, `me` being the caller.
    pub(crate) fn subject(&self, text: &str) -> Result<String, ApiError> {
        if text == "me" {
            return self.user();
        }
        valid(text, "user_id")
    }

    /// The reply with its ETag, or 304 if the client has it already.
    pub(crate) fn tagged(&self, etag: String, reply: Reply) -> Reply {
        if self.asked.if_none_match.as_deref() == Some(&etag) {
            return Reply {
                status: 304,
                ..Reply::default()
            }
            .with_header("Etag", etag);
        }
        reply.with_header("Etag", etag)
    }
}

/// An id of the path or body, in the server's shape (`model.IsValidId`).
pub(crate) fn valid(text: &str, what: &str) -> Result<String, ApiError> {
    if is_id(text) {
        Ok(text.to_owned())
    } else {
        Err(invalid_url(what))
    }
}

pub(crate) fn is_id(text: &str) -> bool {
    text.len() == 26 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The pairs of a query or a form.
pub(crate) fn parse_query(query: &str) -> HashMap<String, String> {
    let uri: Result<axum::http::Uri, _> = format!("/?{query}").parse();
    let pairs = uri
        .ok()
        .and_then(|uri| axum::extract::Query::try_from_uri(&uri).ok());
    pairs
        .map(|axum::extract::Query(pairs)| pairs)
        .unwrap_or_default()
}
