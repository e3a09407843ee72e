-- Version 1. A commit should dirty few pages: rows are appended, and there is one index.

CREATE TABLE call (
    id          INTEGER PRIMARY KEY,
    post        TEXT    NOT NULL,
    ordinal     INTEGER NOT NULL,
    name        TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    channel     TEXT    NOT NULL,
    root        TEXT    NOT NULL,
    user        TEXT    NOT NULL,
    asked_at    INTEGER NOT NULL,  -- the server's clock; the other instants are ours
    recorded_at INTEGER NOT NULL,
    settled_at  INTEGER,
    answer      TEXT,              -- the last of our posts that told the outcome
    detail      TEXT    NOT NULL,
    text        TEXT    NOT NULL,
    plan        TEXT    NOT NULL
) STRICT;

CREATE UNIQUE INDEX call_key ON call (post, ordinal, name);

-- What is still to be posted; a row goes when its post is visible.
CREATE TABLE outbox (
    id                    INTEGER PRIMARY KEY,
    key                   TEXT    NOT NULL,
    channel               TEXT    NOT NULL,
    root                  TEXT,
    kind                  TEXT    NOT NULL,
    calls                 TEXT    NOT NULL,  -- JSON
    part                  INTEGER NOT NULL,
    parts                 INTEGER NOT NULL,
    queued_at             INTEGER NOT NULL,
    first_attempt_at      INTEGER,
    last_attempt_ended_at INTEGER,
    attachment_name       TEXT,
    attachment_text       TEXT,
    text                  TEXT    NOT NULL
) STRICT;

-- What could never be posted.
CREATE TABLE undeliverable (
    id      INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    reason  TEXT    NOT NULL,
    key     TEXT    NOT NULL,
    channel TEXT    NOT NULL,
    root    TEXT,
    kind    TEXT    NOT NULL,
    calls   TEXT    NOT NULL,
    part    INTEGER NOT NULL,
    parts   INTEGER NOT NULL,
    text    TEXT    NOT NULL
) STRICT;

-- All instants of the server's clock.
CREATE TABLE watermark (
    channel      TEXT    PRIMARY KEY,
    anchor       TEXT,
    anchor_at    INTEGER NOT NULL,
    last_post_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Restarts that were told of.
CREATE TABLE restart (
    nonce      TEXT    PRIMARY KEY,
    settled_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE run (
    id         INTEGER PRIMARY KEY,
    started_at INTEGER NOT NULL,
    ready_at   INTEGER,
    ended_at   INTEGER,
    exit       TEXT,
    version    TEXT    NOT NULL,
    boot_id    TEXT    NOT NULL,
    pid        INTEGER NOT NULL
) STRICT;

-- One row.
CREATE TABLE state (
    tag             TEXT    NOT NULL,             -- begins every key of ours
    token_worked    INTEGER NOT NULL DEFAULT 0,
    proof_of_life   INTEGER,                      -- the server's clock
    settled_below   INTEGER NOT NULL DEFAULT 0,   -- every call with a smaller id has an outcome
    forgotten_until INTEGER                       -- the server's clock: calls asked until then may have lost their row
) STRICT;
