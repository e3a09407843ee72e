//! The module host: one process per command module, without the bot's token.
