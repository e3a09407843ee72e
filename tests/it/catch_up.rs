//! Tests of `catch_up`.
