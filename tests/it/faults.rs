//! Each fault switch of the playground does what it says, seen over REST and websocket.

mod client;
mod delivery;
mod requests;
mod saving;
mod sockets;
mod switches;
