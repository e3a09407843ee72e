//! Tests of `restart`.
