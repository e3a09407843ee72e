//! What a client asks for over the websocket.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Connection;
use crate::playground::error::ApiError;
use crate::playground::state::State;
use crate::playground::wire::{self, SocketError, SocketReply};

#[derive(Deserialize)]
struct Action {
    #[serde(default)]
    seq: i64,
    #[serde(default)]
    action: String,
    #[serde(default)]
    data: Option<Map<String, Value>>,
}

type Data = BTreeMap<String, Value>;

fn refuse(status: u16, id: &'static str, message: &'static str) -> ApiError {
    ApiError::new(status, id, message)
}

impl Action {
    fn text(&self, key: &str) -> &str {
        let value = self.data.as_ref().and_then(|data| data.get(key));
        value.and_then(Value::as_str).unwrap_or_default()
    }
}

impl Connection {
    /// Does what a frame asks for; false if the connection is to be dropped.
    pub(super) fn handle(&mut self, frame: &str) -> bool {
        let Ok(action) = serde_json::from_str::<Action>(frame) else {
            return false;
        };
        if action.action == "authentication_challenge" && action.seq > 0 {
            return self.challenge(&action);
        }
        let answer = self.perform(&action);
        self.reply(action.seq, answer);
        true
    }

    /// On a connection that has a session already, a challenge is not even answered.
    fn challenge(&mut self, action: &Action) -> bool {
        if self.is_authenticated() {
            return true;
        }
        if !self.authenticate(action.text("token")) {
            return false;
        }
        self.reply(action.seq, Ok(None));
        true
    }

    fn perform(&self, action: &Action) -> Result<Option<Data>, ApiError> {
        if action.action.is_empty() {
            let id = "api.web_socket_router.no_action.app_error";
            return Err(refuse(400, id, "No websocket action."));
        }
        if action.seq <= 0 {
            let id = "api.web_socket_router.bad_seq.app_error";
            return Err(refuse(400, id, "Invalid sequence for WebSocket message."));
        }
        if !self.is_authenticated() || self.is_refusing() {
            return Err(refuse(
                401,
                "api.web_socket_router.not_authenticated.app_error",
                "WebSocket connection is not authenticated. Please log in and try again.",
            ));
        }
        self.server
            .change(|state| act(state, &self.user_id, action))
    }

    fn is_refusing(&self) -> bool {
        self.number
            .is_some_and(|number| self.server.with(|_, hub| hub.is_refusing(number)))
    }

    fn reply(&self, sequence: i64, answer: Result<Option<Data>, ApiError>) {
        let Some(number) = self.number else {
            // Who was never authenticated is not in the hub, and hears nothing.
            return;
        };
        let reply = match answer {
            Ok(data) => SocketReply {
                status: "OK",
                seq_reply: sequence,
                data,
                error: None,
            },
            Err(error) => SocketReply {
                status: "FAIL",
                seq_reply: sequence,
                data: None,
                error: Some(SocketError {
                    id: error.id,
                    message: error.message.into_owned(),
                    detailed_error: "",
                    status_code: error.status,
                }),
            },
        };
        let mut text = wire::to_text(&reply);
        text.push('\n');
        self.server.with(|_, hub| hub.reply(number, text));
    }
}

fn act(state: &mut State, user_id: &str, action: &Action) -> Result<Option<Data>, ApiError> {
    match action.action.as_str() {
        "ping" => Ok(Some(pong(state))),
        "user_typing" => {
            state.type_in(user_id, action.text("channel_id"), action.text("parent_id"))?;
            Ok(None)
        }
        "user_update_active_status" => {
            let data = action.data.as_ref();
            let flag = |key: &str| data.and_then(|data| data.get(key)).and_then(Value::as_bool);
            let is_active = flag("user_is_active").ok_or_else(|| invalid("user_is_active"))?;
            let is_manual = flag("manual").unwrap_or(false);
            state.set_status(
                user_id,
                if is_active { "online" } else { "away" },
                is_manual,
            );
            Ok(None)
        }
        "get_statuses" => {
            let online = state
                .accounts
                .values()
                .filter(|account| !matches!(account.status.as_str(), "" | "offline"));
            Ok(Some(
                online
                    .map(|account| (account.id.clone(), account.status.clone().into()))
                    .collect(),
            ))
        }
        "get_statuses_by_ids" => {
            let ids = action
                .data
                .as_ref()
                .and_then(|data| data.get("user_ids"))
                .and_then(Value::as_array);
            let ids = ids
                .ok_or_else(|| invalid("user_ids"))?
                .iter()
                .filter_map(Value::as_str);
            Ok(Some(
                ids.map(|id| (id.to_owned(), state.status(id).status.into()))
                    .collect(),
            ))
        }
        "presence" | "posted_notify_ack" => Ok(None),
        _ => {
            let id = "api.web_socket_router.bad_action.app_error";
            Err(refuse(500, id, "Unknown WebSocket action."))
        }
    }
}

fn invalid(parameter: &str) -> ApiError {
    ApiError::new(
        400,
        "api.websocket_handler.invalid_param.app_error",
        format!("Invalid {parameter} parameter."),
    )
}

/// The answer to a ping: the server's clock, and the proof that the session lives.
fn pong(state: &State) -> Data {
    BTreeMap::from([
        ("node_id".to_owned(), "".into()),
        ("server_time".to_owned(), state.now().into()),
        ("text".to_owned(), "pong".into()),
        ("version".to_owned(), state.version().into()),
    ])
}
