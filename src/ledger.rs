//! The durable record of calls, answers and watermarks.
