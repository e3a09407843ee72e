//! What `check` finds in the bind map: nothing in it keeps the bot from starting.

use crate::bot::settings::Settings;
use crate::config::Config;
use crate::module::bindmap::BindMap;
use crate::module::folder;

pub(super) use crate::bot::binds::read;

/// Warnings about `map`, the bind map of `config`; no module is imported.
pub(super) fn warnings(config: &Config, map: &BindMap) -> Vec<String> {
    let lost = lost(config, map);
    lost.into_iter().chain(missing(config, map)).collect()
}

/// A bind map that cannot be read.
pub(super) fn unusable(reason: &str) -> String {
    format!(
        "{reason} (the bot starts, and no module is available until it is mended and `@reload` has read it)"
    )
}

/// Words of modules that are words of ours.
fn lost(config: &Config, map: &BindMap) -> Vec<String> {
    let vocabulary = Settings::vocabulary_of(config);
    let bound = map
        .iter()
        .flat_map(|(module, entry)| entry.binds.iter().map(move |bind| (module, bind)));
    bound
        .filter(|(_, bind)| vocabulary.is_ours(&bind.to_lowercase()))
        .map(|(module, bind)| {
            let why = match vocabulary.is_feed_word(&bind.to_lowercase()) {
                true => {
                    "a word for feeds: nobody answers to it in this version, nor does the module"
                }
                false => "a command of the bot itself: that one answers, not the module",
            };
            format!("the module {module} is bound to {bind}, which is {why}")
        })
        .collect()
}

/// Entries whose modules have no folder, in one sentence.
fn missing(config: &Config, map: &BindMap) -> Option<String> {
    let (folder, bindmap) = (&config.modules.commanddir, &config.matterbot.bindmap);
    let found = folder::scan(folder);
    let is_missing =
        |name: &&String| !found.programs.contains_key(*name) && !found.python.contains_key(*name);
    let missing: Vec<&str> = map.keys().filter(is_missing).map(String::as_str).collect();
    (!missing.is_empty()).then(|| {
        format!(
            "{} names modules that have no folder below {}; their entries are kept: {}",
            bindmap.display(),
            folder.display(),
            missing.join(", ")
        )
    })
}
