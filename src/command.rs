//! Commands: text becomes an invocation, an invocation becomes a grant.
