//! The administrator's route to the switches.

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::json;

use super::{Fault, Scope, Switch};
use crate::playground::error::permissions;
use crate::playground::server::App;

/// `/playground/faults`, for the token of a system administrator.
pub(crate) fn router() -> axum::Router<App> {
    axum::Router::new().route("/playground/faults", get(list).post(set).delete(clear))
}

#[derive(Deserialize)]
struct Which {
    kind: Option<String>,
}

async fn list(State(app): State<App>, headers: HeaderMap) -> Response {
    if !app.is_admin(&headers) {
        return refused();
    }
    Json(json!({ "faults": app.faults().list(), "clock_offset_ms": app.faults().clock_offset() })).into_response()
}

async fn clear(State(app): State<App>, headers: HeaderMap, Query(which): Query<Which>) -> Response {
    if !app.is_admin(&headers) {
        return refused();
    }
    app.faults().clear(which.kind.as_deref());
    Json(json!({ "status": "OK" })).into_response()
}

async fn set(State(app): State<App>, headers: HeaderMap, body: String) -> Response {
    if !app.is_admin(&headers) {
        return refused();
    }
    let mut switch: Switch = match serde_json::from_str(&body) {
        Ok(switch) => switch,
        Err(error) => return (StatusCode::BAD_REQUEST, format!("no such switch: {error}\n")).into_response(),
    };
    if let Scope::User(user) = &mut switch.scope {
        match app.user_by_id_or_name(user) {
            Some(user_id) => *user = user_id,
            None => return (StatusCode::BAD_REQUEST, format!("no user {user:?}\n")).into_response(),
        }
    }
    if switch.fault == Fault::Restart {
        app.restart();
    } else if let Some(fault) = switch.fault.of_socket() {
        app.strike(&switch.scope, fault);
    }
    app.faults().set(switch);
    (StatusCode::CREATED, Json(json!({ "status": "OK" }))).into_response()
}

fn refused() -> Response {
    let error = permissions();
    (StatusCode::FORBIDDEN, [("content-type", "application/json")], error.body("")).into_response()
}
