//! What the two servers answered while their database was down: statuses that mislead.

use crate::playground::Flavour;
use crate::playground::error::{ApiError, invalid_param, permissions, session_expired};

/// A request's route, as far as it matters here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a str,
    /// Without the query.
    pub(crate) path: &'a str,
    /// Whether a token comes with it.
    pub(crate) has_token: bool,
    /// Whether that token is one that the server's caches know.
    pub(crate) is_known: bool,
    /// Whether the user that is asked for was read lately.
    pub(crate) is_cached: bool,
}

/// The answer without a database; `None` for what the server's caches or nobody at all need to answer.
pub(crate) fn answer(
    flavour: Flavour,
    asked: Asked<'_>,
    sessions_cached: bool,
) -> Option<ApiError> {
    let route = asked.path.strip_prefix("/api/v4").unwrap_or(asked.path);
    let parts: Vec<&str> = route.split('/').filter(|part| !part.is_empty()).collect();
    match (asked.method, parts.as_slice()) {
        (_, ["system", "ping"] | ["websocket"]) | ("GET", ["config" | "license", "client"]) => None,
        (_, ["users", "login"]) => Some(ApiError::new(
            401,
            "api.user.login.invalid_credentials_email_username",
            "Enter a valid email or username and/or password.",
        )),
        _ if asked.has_token && !(asked.is_known && sessions_cached) => Some(session_expired()),
        ("GET", ["users", "me"]) => Some(ApiError::new(
            500,
            "app.user_terms_of_service.get_by_user.app_error",
            "Unable to fetch terms of service.",
        )),
        // A user is read from the cache.
        ("GET", ["users", _]) if asked.is_cached => None,
        ("GET", ["users", _]) => Some(ApiError::new(
            500,
            "app.user.get_by_username.app_error",
            "Unable to find an existing account matching your username for this team.",
        )),
        ("POST", ["posts"]) => Some(match flavour {
            Flavour::V11_6 => permissions(),
            Flavour::V5_37 => invalid_param("channel_id"),
        }),
        ("POST", ["reactions"]) => Some(permissions()),
        ("GET", ["channels", _, "posts"]) if flavour == Flavour::V5_37 => Some(ApiError::new(
            500,
            "app.post.get_posts_since.app_error",
            "Unable to get the posts for the channel.",
        )),
        _ => Some(ApiError::new(
            500,
            "app.channel.get.find.app_error",
            "We encountered an error finding the channel.",
        )),
    }
}
