//! The websocket gateway against a scripted server over real sockets, and against the playground.

pub(crate) mod peer;

mod connecting;
mod life;
mod listening;
mod playground;
