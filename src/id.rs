//! Identifiers of the server: 26 letters or digits, checked once where they enter.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The alphabet that the server draws identifiers from (`model.NewId`).
const ALPHABET: &[u8; 32] = b"ybndrfg8ejkmcpqxot1uwisza345h769";

/// A text that is not an identifier of the server.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not an identifier of 26 letters or digits: {0:?}")]
pub struct InvalidId(String);

/// Any identifier of the server (`model.IsValidId`): 26 ASCII letters or digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Id([u8; 26]);

impl Id {
    fn parse(text: &str) -> Result<Self, InvalidId> {
        match <[u8; 26]>::try_from(text.as_bytes()) {
            Ok(bytes) if bytes.iter().all(u8::is_ascii_alphanumeric) => Ok(Self(bytes)),
            _ => Err(InvalidId(text.chars().take(40).collect())),
        }
    }

    fn random() -> Self {
        let mut bytes = [0u8; 26];
        fill_random(&mut bytes);
        Self(bytes.map(|byte| ALPHABET[usize::from(byte & 31)]))
    }

    fn as_str(&self) -> &str {
        // The bytes were checked to be ASCII where the value was made.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Fills `bytes` from the kernel's generator; what the kernel cannot give at once is waited for.
fn fill_random(bytes: &mut [u8]) {
    let mut filled = 0;
    while filled < bytes.len() {
        match rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty()) {
            Ok(count) => filled += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => panic!("the kernel gives no random bytes: {error}"),
        }
    }
}

/// An unguessable text of 26 letters or digits (130 random bits), in the shape of the server's identifiers.
#[must_use]
pub fn random_token() -> String {
    Id::random().as_str().to_owned()
}

/// What somebody finds a line of the log by.
#[must_use]
pub fn log_reference() -> String {
    random_token().chars().take(8).collect()
}

/// Checks an identifier where it stands, so that none is copied to be looked at.
struct IdVisitor;

impl de::Visitor<'_> for IdVisitor {
    type Value = Id;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an identifier of 26 letters or digits")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Id, E> {
        Id::parse(text).map_err(E::custom)
    }
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Id);

        impl $name {
            /// A new random identifier, as the server makes them.
            #[must_use]
            pub fn random() -> Self {
                Self(Id::random())
            }

            /// The identifier as the server writes it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Id::parse(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, concat!(stringify!($name), "({})"), self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(IdVisitor).map(Self)
            }
        }
    };
}

identifier!(
    /// A person or a bot.
    UserId
);
identifier!(
    /// A channel, direct and group messages included.
    ChannelId
);
identifier!(
    /// A post; of a thread, the root's names the thread.
    PostId
);
identifier!(
    /// A team.
    TeamId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_26_letters_or_digits() {
        assert!("k1h7xqnd3fyw8mgqj5s9e6ro4a".parse::<PostId>().is_ok());
        for wrong in [
            "",
            "short",
            "k1h7xqnd3fyw8mgqj5s9e6ro4_",
            "k1h7xqnd3fyw8mgqj5s9e6ro4aa",
            "é1h7xqnd3fyw8mgqj5s9e6ro4",
        ] {
            assert!(wrong.parse::<PostId>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn random_identifiers_are_valid_and_differ() {
        let (one, other) = (UserId::random(), UserId::random());
        assert_ne!(one, other);
        assert_eq!(one.as_str().parse(), Ok(one));
    }
}
