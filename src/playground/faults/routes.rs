//! The administrator's route to the switches.

use serde_json::json;

use super::{Fault, Scope, Switch, VaryBy};
use crate::playground::call::{Answer, Asked, Reply};
use crate::playground::error::{ApiError, permissions, session_expired};
use crate::playground::limit::{LimitBy, Limiter, RateLimit};
use crate::playground::server::Server;
use crate::playground::state::pending::Pending;

/// Where the switches are.
pub(crate) const PATH: &str = "/playground/faults";

/// Answers a request for [`PATH`].
pub(crate) fn answer(server: &Server, asked: &Asked) -> Answer {
    check_admin(server, asked)?;
    match asked.method.as_str() {
        "GET" => Ok(Reply::json(
            200,
            &json!({"faults": server.faults.list(), "clock_offset_ms": server.faults.clock_offset()}),
        )),
        "POST" => set(server, asked),
        "DELETE" => {
            let kind = asked.query("kind");
            server.faults.clear(kind);
            if kind.is_none_or(|kind| kind == "rate_limit") {
                server.set_limiter(None);
            }
            Ok(Reply::done())
        }
        _ => Err(refused("GET, POST and DELETE are known here")),
    }
}

fn check_admin(server: &Server, asked: &Asked) -> Result<(), ApiError> {
    let token = asked.token.as_deref().unwrap_or_default();
    server.change(|state| {
        let user = state.session_user(token).ok_or_else(session_expired)?;
        let account = state.accounts.get(user).ok_or_else(session_expired)?;
        let is_admin = account
            .roles
            .split_whitespace()
            .any(|role| role == "system_admin");
        if is_admin { Ok(()) } else { Err(permissions()) }
    })
}

fn set(server: &Server, asked: &Asked) -> Answer {
    let switch: Result<Switch, _> = serde_json::from_slice(&asked.body);
    let mut switch = switch.map_err(|error| refused(&error.to_string()))?;
    if let Scope::User(user) = &mut switch.scope {
        let id = server.change(|state| {
            let known = state
                .accounts
                .contains_key(user.as_str())
                .then(|| user.clone());
            known.or_else(|| {
                state
                    .account_by_name(user)
                    .map(|account| account.id.clone())
            })
        });
        *user = id.ok_or_else(|| refused(&format!("there is no user {user:?}")))?;
    }
    match &switch.fault {
        Fault::Restart => restart(server),
        Fault::RateLimit {
            per_second,
            max_burst,
            vary_by,
        } => {
            let by = match vary_by {
                VaryBy::Address => LimitBy::Address,
                VaryBy::User => LimitBy::User,
            };
            let limit = RateLimit {
                per_second: *per_second,
                burst: *max_burst,
                by,
            };
            server.set_limiter(Some(Limiter::new(limit)));
        }
        fault => {
            if let Some(fault) = fault.of_socket() {
                server.with(|_, hub| hub.strike(&switch.scope, fault));
            }
        }
    }
    server.faults.set(switch);
    Ok(Reply::json(201, &json!({"status": "OK"})))
}

/// What a new process of the server would not know; what it has saved, it knows.
fn restart(server: &Server) {
    server.with(|state, hub| {
        state.pending = Pending::new(server.timing.pending_id);
        state.cached_users.clear();
        hub.strike(&Scope::All, super::SocketFault::Close(None));
    });
    server.restarts.send_modify(|count| *count += 1);
}

fn refused(reason: &str) -> ApiError {
    ApiError::new(
        400,
        "playground.faults.app_error",
        format!("No such switch: {reason}"),
    )
}
