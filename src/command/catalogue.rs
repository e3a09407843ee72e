//! The modules that can be called: what they say of themselves, and what `bindmap.json` says of them.

use std::collections::BTreeMap;

use crate::module::bindmap::{BindMap, Entry};
use crate::module::protocol::{Description, Help, Risk};

/// The channel name that stands for every channel.
pub const ANY: &str = "any";

/// A module that was greeted.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// What it says of itself.
    pub description: Description,
    /// The generation in which it is called.
    pub generation: u64,
}

/// The modules that were greeted, by name.
pub type Roster = BTreeMap<String, Loaded>;

/// A module as messages meet it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Module {
    /// Its name.
    pub name: String,
    /// The words that call it, sigils included, in lower case.
    pub binds: Vec<String>,
    /// The names of the channels that it is available in; [`ANY`] is every channel.
    pub channels: Vec<String>,
    /// The types of the first parameter that it takes; `None`: anything.
    pub accepts: Option<Vec<String>>,
    /// What `@help` tells: the empty key is the module itself.
    pub help: BTreeMap<String, Help>,
    /// What a call may do.
    pub risk: Risk,
    /// What it wants to be told: `scan_message`, `on_join`, `reconcile`.
    pub hooks: Vec<String>,
    /// The generation in which it is called; `None`: `bindmap.json` knows it, but it is not loaded.
    pub generation: Option<u64>,
}

/// All modules, by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Catalogue {
    modules: BTreeMap<String, Module>,
    /// The modules of each word.
    words: BTreeMap<String, Vec<String>>,
    /// Whether the modules have been greeted since the bot was started.
    greeted: bool,
    /// Whether nobody knows where they are available.
    withheld: bool,
}

impl Catalogue {
    /// The modules of `bindmap` and of `roster`, which is `None` until the modules have been greeted.
    ///
    /// A loaded module tells its words and what it takes, the file its channels; a module that is missing keeps what the
    /// file says.
    #[must_use]
    pub fn merge(bindmap: &BindMap, roster: Option<&Roster>) -> Self {
        let mut modules: BTreeMap<String, Module> = bindmap
            .iter()
            .map(|(name, entry)| {
                let module = Module {
                    name: name.clone(),
                    binds: lower_case(&entry.binds),
                    channels: entry.chans.clone(),
                    accepts: entry.accepts.clone(),
                    help: BTreeMap::new(),
                    risk: Risk::default(),
                    hooks: Vec::new(),
                    generation: None,
                };
                (name.clone(), module)
            })
            .collect();
        for (name, loaded) in roster.into_iter().flatten() {
            let description = &loaded.description;
            let channels = match modules.remove(name) {
                Some(known) => known.channels,
                None => description.channels.clone(),
            };
            let module = Module {
                name: name.clone(),
                binds: lower_case(&description.binds),
                channels,
                accepts: description.accepts.clone(),
                help: description.help.clone(),
                risk: description.risk,
                hooks: description.hooks.clone(),
                generation: Some(loaded.generation),
            };
            modules.insert(name.clone(), module);
        }
        let mut words: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for module in modules.values() {
            for word in &module.binds {
                let bound = words.entry(word.clone()).or_default();
                if bound.last() != Some(&module.name) {
                    bound.push(module.name.clone());
                }
            }
        }
        Self {
            modules,
            words,
            greeted: roster.is_some(),
            withheld: false,
        }
    }

    /// The modules of `roster` while the bind map could never be read: each without channels, as its own would be a guess.
    #[must_use]
    pub fn withheld(roster: Option<&Roster>) -> Self {
        let names = roster.into_iter().flatten().map(|(name, _)| name.clone());
        let entries: BindMap = names.map(|name| (name, Entry::default())).collect();
        Self {
            withheld: true,
            ..Self::merge(&entries, roster)
        }
    }

    /// Whether nobody knows where the modules are available: then their words are words everywhere, and call nothing.
    #[must_use]
    pub fn is_withheld(&self) -> bool {
        self.withheld
    }

    /// Whether the modules have been greeted; before that only `bindmap.json` tells which words are theirs.
    #[must_use]
    pub fn is_greeted(&self) -> bool {
        self.greeted
    }

    /// The module `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Module> {
        self.modules.get(name)
    }

    /// All modules, by name.
    pub fn modules(&self) -> impl Iterator<Item = &Module> {
        self.modules.values()
    }

    /// Whether a module that is loaded wants to be told of this, by the hook's name.
    #[must_use]
    pub fn is_told(&self, hook: &str) -> bool {
        let mut modules = self.modules.values();
        modules.any(|module| module.hooks.iter().any(|told| told == hook))
    }

    /// Whether `word`, in lower case and with its sigil, calls a module.
    #[must_use]
    pub fn is_bind(&self, word: &str) -> bool {
        self.words.contains_key(word)
    }

    /// The modules that `word`, in lower case and with its sigil, calls.
    pub fn bound_to(&self, word: &str) -> impl Iterator<Item = &Module> {
        let bound = self.words.get(word).into_iter().flatten();
        bound.filter_map(|name| self.modules.get(name))
    }
}

impl Module {
    /// Whether it is available in the channel `name`.
    #[must_use]
    pub fn serves(&self, name: &str) -> bool {
        self.channels
            .iter()
            .any(|channel| channel == ANY || channel == name)
    }
}

fn lower_case(binds: &[String]) -> Vec<String> {
    binds.iter().map(|bind| bind.to_lowercase()).collect()
}
