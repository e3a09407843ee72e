//! Tests of `marker`.
