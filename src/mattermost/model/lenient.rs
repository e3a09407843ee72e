//! How an absent, null or empty value is read.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer};

use super::ChannelKind;

/// `null` is the type's empty value.
pub(super) fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// An identifier; read without a copy of its text, since every post has several.
pub(super) fn id<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    empty_is_none(deserializer)?.ok_or_else(|| de::Error::custom("an identifier is missing"))
}

/// An identifier; `null` and the empty text are none.
pub(super) fn empty_is_none<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    deserializer.deserialize_any(IdVisitor(PhantomData))
}

struct IdVisitor<T>(PhantomData<T>);

impl<T: FromStr<Err: Display>> Visitor<'_> for IdVisitor<T> {
    type Value = Option<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an identifier")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        match text {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(E::custom),
        }
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
