//! Command modules called in chat: the bot, its module host and real modules, against the playground.

mod calls;
mod ends;
mod requests;
mod rig;
mod upstream;
