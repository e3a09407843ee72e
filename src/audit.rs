//! The audit trail: every decision about a command, appended to `audit.jsonl`.
