//! Tests of `playground`.
