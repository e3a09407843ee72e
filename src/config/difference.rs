//! What differs between the configuration that is in force and the one in the file, key by key.

use super::Config;

/// A key whose value is another one now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changed {
    /// The key, `Matterbot.recursion`.
    pub key: &'static str,
    /// When the new value counts.
    pub counts: Counts,
}

/// When a new value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counts {
    /// From a reload on.
    AtReload,
    /// From the next restart on: what it decides is opened or asked once, at the start.
    AtRestart,
}

/// A key that the bot reads.
struct Key {
    name: &'static str,
    counts: Counts,
    differs: fn(&Config, &Config) -> bool,
    /// Makes the value of the first that of the second.
    copy: fn(&mut Config, &Config),
}

/// A row of [`KEYS`]: the key, when it counts, and the fields that hold it.
macro_rules! key {
    ($name:literal, $counts:ident, $($field:ident).+) => {
        Key {
            name: $name,
            counts: Counts::$counts,
            differs: |old, new| old.$($field).+ != new.$($field).+,
            copy: |to, from| to.$($field).+.clone_from(&from.$($field).+),
        }
    };
}

/// Every key that the bot reads.
const KEYS: [Key; 42] = [
    key!("Matterbot.host", AtRestart, matterbot.host),
    key!("Matterbot.port", AtRestart, matterbot.port),
    key!("Matterbot.scheme", AtRestart, matterbot.scheme),
    key!("Matterbot.basepath", AtRestart, matterbot.basepath),
    key!("Matterbot.username", AtReload, matterbot.username),
    key!("Matterbot.password", AtReload, matterbot.token),
    key!("Matterbot.teamname", AtRestart, matterbot.teamname),
    key!("Matterbot.botadmins", AtReload, matterbot.botadmins),
    key!("Matterbot.botoperators", AtReload, matterbot.botoperators),
    key!("Matterbot.logfile", AtRestart, matterbot.logfile),
    key!("Matterbot.bindmap", AtRestart, matterbot.bindmap),
    key!("Matterbot.feedmap", AtRestart, matterbot.feedmap),
    key!("Matterbot.helpcmds", AtReload, matterbot.helpcmds),
    key!("Matterbot.mapcmds", AtReload, matterbot.mapcmds),
    key!("Matterbot.feedcmds", AtReload, matterbot.feedcmds),
    key!("Matterbot.lifecyclecmds", AtReload, matterbot.lifecyclecmds),
    key!("Matterbot.feedmode", AtReload, matterbot.feedmode),
    key!("Matterbot.welcome", AtReload, matterbot.welcome.enabled),
    key!(
        "Matterbot.welcome_banner",
        AtReload,
        matterbot.welcome.banner
    ),
    key!(
        "Matterbot.welcome_channel",
        AtReload,
        matterbot.welcome.channel
    ),
    key!("Matterbot.welcome_file", AtReload, matterbot.welcome.file),
    key!("Matterbot.recursion", AtReload, matterbot.recursion),
    key!("Matterbot.msglength", AtRestart, matterbot.msglength),
    key!("Matterbot.logcmd", AtReload, matterbot.logcmd),
    key!("Matterbot.logcmdparams", AtReload, matterbot.logcmdparams),
    key!(
        "Matterbot.command_workers",
        AtReload,
        matterbot.command_workers
    ),
    key!(
        "Matterbot.command_timeout",
        AtReload,
        matterbot.command_timeout
    ),
    key!(
        "Matterbot.user_concurrency",
        AtReload,
        matterbot.user_concurrency
    ),
    key!(
        "Matterbot.service_manager",
        AtReload,
        matterbot.service_manager
    ),
    key!("Modules.commanddir", AtReload, modules.commanddir),
    key!("Modules.python", AtReload, modules.python),
    key!("Lifecycle.channels", AtRestart, lifecycle.channels),
    key!("Lifecycle.state_dir", AtRestart, lifecycle.state_dir),
    key!("Lifecycle.drain", AtReload, lifecycle.drain),
    key!("Lifecycle.cooldown", AtReload, lifecycle.cooldown),
    key!("Lifecycle.budget", AtReload, lifecycle.budget),
    key!("Lifecycle.rate", AtReload, lifecycle.rate),
    key!("Lifecycle.notice_expiry", AtReload, lifecycle.notice_expiry),
    key!(
        "Lifecycle.catch_up.max_age",
        AtReload,
        lifecycle.catch_up.max_age
    ),
    key!(
        "Lifecycle.catch_up.max_posts",
        AtReload,
        lifecycle.catch_up.max_posts
    ),
    key!("Lifecycle.ack_after", AtReload, lifecycle.ack_after),
    key!("debug", AtRestart, debug),
];

/// The keys in which `old` and `new` differ, in the order of the example.
#[must_use]
pub fn changed(old: &Config, new: &Config) -> Vec<Changed> {
    KEYS.iter()
        .filter(|key| (key.differs)(old, new))
        .map(|key| Changed {
            key: key.name,
            counts: key.counts,
        })
        .collect()
}

/// What is in force after a reload: `new`, but what counts from a restart on as in `old`.
#[must_use]
pub fn adopt(old: &Config, new: Config) -> Config {
    let mut adopted = Config {
        file: old.file.clone(),
        ..new
    };
    for key in KEYS.iter().filter(|key| key.counts == Counts::AtRestart) {
        (key.copy)(&mut adopted, old);
    }
    adopted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, load};

    /// The configuration that `lines` of YAML give, below the keys that there must be.
    fn config(folder: &std::path::Path, matterbot: &str, rest: &str) -> Config {
        let file = folder.join("config.yaml");
        let text = format!(
            "Matterbot:\n  password: k1h7xqnd3fyw8mgqj5s9e6ro4a\n  botadmins: [system_admin]\n{matterbot}{rest}"
        );
        std::fs::write(&file, text).unwrap();
        load(&file, &Environment::default(), false).unwrap().config
    }

    #[test]
    fn a_reload_adopts_all_that_does_not_need_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let old = config(
            folder.path(),
            "  host: one.example.org\n  teamname: ops\n",
            "",
        );
        assert_eq!(changed(&old, &old), []);
        let new = config(
            folder.path(),
            "  host: two.example.org\n  teamname: dev\n  recursion: yes\n",
            "Lifecycle: {drain: 5s, channels: [ops]}\nModules: {commanddir: other}\n",
        );
        let keys = |old: &Config, new: &Config| -> Vec<_> {
            let changed = changed(old, new).into_iter();
            changed
                .map(|changed| (changed.key, changed.counts))
                .collect()
        };
        let at_restart = [
            ("Matterbot.host", Counts::AtRestart),
            ("Matterbot.teamname", Counts::AtRestart),
            ("Lifecycle.channels", Counts::AtRestart),
        ];
        let mut all = keys(&old, &new);
        all.sort_by_key(|(_, counts)| *counts == Counts::AtReload);
        assert_eq!(all.get(..3), Some(&at_restart[..]));
        assert_eq!(all.len(), 6);
        let adopted = adopt(&old, new.clone());
        assert_eq!(keys(&adopted, &new), at_restart);
        let reload: Vec<_> = keys(&old, &adopted);
        assert!(reload.iter().all(|(_, counts)| *counts == Counts::AtReload) && reload.len() == 3);
    }
}
