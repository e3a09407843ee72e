//! How our values stand in the columns of the ledger.

use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};

use super::call::CallState;
use super::outbox::Kind;
use crate::id::{ChannelId, PostId, UserId};
use crate::timestamp::Timestamp;

macro_rules! identifier_column {
    ($($name:ident),*) => {$(
        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.as_str().into())
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                value.as_str()?.parse().map_err(FromSqlError::other)
            }
        }
    )*};
}

identifier_column!(ChannelId, PostId, UserId);

impl ToSql for Timestamp {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.into())
    }
}

impl FromSql for Timestamp {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(Self)
    }
}

/// A value that stands as one of a few words.
macro_rules! word_column {
    ($name:ident { $($variant:ident = $word:literal),* }) => {
        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(match self { $(Self::$variant => $word),* }.into())
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                match value.as_str()? {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(FromSqlError::InvalidType),
                }
            }
        }
    };
}

word_column!(CallState {
    Running = "running",
    Done = "done",
    Failed = "failed",
    Denied = "denied",
    Expired = "expired",
    Interrupted = "interrupted"
});

word_column!(Kind { Progress = "progress", Outcome = "outcome", Notice = "notice" });
