//! What the configuration decides while the bot runs; a reload swaps all of it in one instant.

use crate::command::{Policy, Vocabulary};
use crate::config::Config;

/// The configuration, and what is made of it once.
#[derive(Debug)]
pub struct Settings {
    /// The configuration.
    pub config: Config,
    /// The words that are commands.
    pub vocabulary: Vocabulary,
    /// Who may.
    pub policy: Policy,
}

impl Settings {
    /// What `config` makes of the bot.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let matterbot = &config.matterbot;
        Self {
            vocabulary: Self::vocabulary_of(&config),
            policy: Policy {
                admins: matterbot.botadmins.clone(),
                operators: matterbot.botoperators.clone(),
            },
            config,
        }
    }

    /// The words that are commands.
    #[must_use]
    pub fn vocabulary_of(config: &Config) -> Vocabulary {
        let matterbot = &config.matterbot;
        Vocabulary::new(&matterbot.helpcmds, &matterbot.lifecyclecmds)
            .with_map_words(&matterbot.mapcmds)
            .with_feed_words(&matterbot.feedcmds)
    }
}
