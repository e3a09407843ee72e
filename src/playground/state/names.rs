//! What a channel may be called, and how much it may say of itself.

use crate::playground::error::ApiError;

/// `model.IsValidChannelIdentifier`: lower case, 1 to 64 characters.
fn is_valid_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c))
}

pub(crate) fn check_name(name: &str) -> Result<(), ApiError> {
    if is_valid_name(name) {
        return Ok(());
    }
    Err(ApiError::new(
        400,
        "model.channel.is_valid.1_or_more.app_error",
        "Name must be 1 or more lowercase alphanumeric characters.",
    ))
}

/// None of what a channel says of itself is too long.
pub(crate) fn check_texts(display_name: &str, header: &str, purpose: &str) -> Result<(), ApiError> {
    for (what, text, most) in [
        ("display_name", display_name, 64),
        ("header", header, 1_024),
        ("purpose", purpose, 250),
    ] {
        if text.chars().count() > most {
            let id = format!("model.channel.is_valid.{what}.app_error");
            return Err(ApiError::new(400, id, format!("Invalid {what}.")));
        }
    }
    Ok(())
}

pub(crate) fn name_taken() -> ApiError {
    ApiError::new(
        400,
        "store.sql_channel.save_channel.exists.app_error",
        "A channel with that name already exists on the same team.",
    )
}
