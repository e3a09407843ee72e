//! The server's errors as they stand in an answer's body.

use std::borrow::Cow;

use serde::Serialize;

/// An error of the real server: matched on by `id`, with the status that goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) id: Cow<'static, str>,
    pub(crate) message: Cow<'static, str>,
    pub(crate) detail: String,
    /// An unknown route is refused before a request id is made.
    pub(crate) has_request_id: bool,
    /// What had been written before it came up.
    pub(crate) begun: Option<Begun>,
}

/// The beginning of an answer that an error then follows: its status can no longer be the error's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Begun {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) text: &'static str,
}

#[derive(Serialize)]
struct Body<'a> {
    id: &'a str,
    message: &'a str,
    detailed_error: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    request_id: &'a str,
    status_code: u16,
}

impl ApiError {
    pub(crate) fn new(
        status: u16,
        id: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status,
            id: id.into(),
            message: message.into(),
            detail: String::new(),
            has_request_id: true,
            begun: None,
        }
    }

    /// The same error, after an answer that had begun.
    pub(crate) fn after(self, begun: Begun) -> Self {
        Self {
            begun: Some(begun),
            ..self
        }
    }

    pub(crate) fn body(&self, request_id: &str) -> String {
        super::wire::to_text(&Body {
            id: &self.id,
            message: &self.message,
            detailed_error: &self.detail,
            request_id: if self.has_request_id { request_id } else { "" },
            status_code: self.status,
        })
    }
}

/// The answer to nearly everything that is not allowed, and to much that does not exist.
pub(crate) fn permissions() -> ApiError {
    ApiError::new(
        403,
        "api.context.permissions.app_error",
        "You do not have the appropriate permissions.",
    )
}

/// No session, or one that has ended.
pub(crate) fn session_expired() -> ApiError {
    ApiError::new(
        401,
        "api.context.session_expired.app_error",
        "Invalid or expired session, please login again.",
    )
}

pub(crate) fn invalid_body(what: &str) -> ApiError {
    ApiError::new(
        400,
        "api.context.invalid_body_param.app_error",
        format!("Invalid or missing {what} in request body."),
    )
}

pub(crate) fn invalid_url(what: &str) -> ApiError {
    ApiError::new(
        400,
        "api.context.invalid_url_param.app_error",
        format!("Invalid or missing {what} parameter in request URL."),
    )
}

pub(crate) fn invalid_param(what: &str) -> ApiError {
    ApiError::new(
        400,
        "api.context.invalid_param.app_error",
        format!("Invalid {what} parameter."),
    )
}

pub(crate) fn unknown_route(path: &str) -> ApiError {
    ApiError {
        detail: format!(
            "There doesn't appear to be an api call for the url='{path}'.  Typo? are you missing a team_id or \
             user_id as part of the url?"
        ),
        has_request_id: false,
        ..ApiError::new(
            404,
            "api.context.404.app_error",
            "Sorry, we could not find the page.",
        )
    }
}

pub(crate) fn post_not_found() -> ApiError {
    ApiError::new(404, "app.post.get.app_error", "Unable to get the post.")
}

pub(crate) fn user_not_found() -> ApiError {
    ApiError::new(
        404,
        "app.user.missing_account.const",
        "Unable to find the user.",
    )
}
