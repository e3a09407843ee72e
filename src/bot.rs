//! The bot: one select loop that makes an event, decides and performs.
