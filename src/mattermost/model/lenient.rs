//! How an absent, null or empty value is read.

use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

use super::ChannelKind;

/// `null` is the type's empty value.
pub(super) fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// An identifier; `null` and the empty text are none.
pub(super) fn empty_is_none<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    match Option::<Cow<'de, str>>::deserialize(deserializer)?.as_deref() {
        None | Some("") => Ok(None),
        Some(text) => text.parse().map(Some).map_err(de::Error::custom),
    }
}

/// A text; `null` and the empty one are none.
pub(super) fn empty_is_no_text<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty()))
}

/// The letter of a channel's kind.
pub(super) fn channel_kind<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<ChannelKind, D::Error> {
    let letter = Option::<Cow<'de, str>>::deserialize(deserializer)?;
    Ok(ChannelKind::from_letter(letter.as_deref().unwrap_or("")))
}
