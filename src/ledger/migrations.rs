//! The steps that lead from an empty file to the schema that this program knows.

/// The steps in their order; `PRAGMA user_version` counts those that are done.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("schema.sql"),
    // Files that were uploaded before their post was queued, by identifier.
    "ALTER TABLE outbox ADD COLUMN files TEXT NOT NULL DEFAULT '';",
];
