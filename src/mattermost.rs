//! What of Mattermost we use: its REST interface, its websocket, and the values that they carry.
//!
//! One [`api::Api`] holds the TLS, CA, proxy and timeout configuration for both: the websocket's upgrade is one of its
//! requests. [`gateway::Gateway`] turns the websocket's life into updates that a `select!` loop can wait for. Both
//! decode leniently what the server sends, from version 5.37 on, and neither knows what the bot does with it.

pub mod api;
pub mod event;
pub mod gateway;
pub mod limiter;
pub mod model;
