//! The REST client against scripted servers over real sockets: what proxies, limits and old servers do to it.

pub(crate) mod peer;

mod calls;
mod limits;
mod playground;
mod trouble;
mod trust;
