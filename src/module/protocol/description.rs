//! What a module says of itself when it is greeted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a module says of itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// The protocol that it speaks.
    pub protocol: u32,
    /// The words that call it, sigils included: `@dice`.
    #[serde(default)]
    pub binds: Vec<String>,
    /// The names of the channels that it is available in at first; `any` is every channel.
    #[serde(default)]
    pub channels: Vec<String>,
    /// What `@help` tells: the empty key is the module itself, every other one a subcommand.
    #[serde(default)]
    pub help: BTreeMap<String, Help>,
    /// The types of its first parameter that it takes (`ip`, `ipv6`, `cidr`, `domain`, `url`, `md5`, `sha1`, `sha256`);
    /// none: anything.
    #[serde(default)]
    pub accepts: Option<Vec<String>>,
    /// What a call may do.
    #[serde(default)]
    pub risk: Risk,
    /// How many calls a process of it runs at once; at least 1.
    #[serde(default = "one")]
    pub concurrency: usize,
    /// What it wants to be told: `scan_message`, `on_join`, `reconcile`.
    #[serde(default)]
    pub hooks: Vec<String>,
}

fn one() -> usize {
    1
}

/// What a call of a module may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// It reads only; a call that was missed is run late.
    #[default]
    Read,
    /// It changes something; a call that was missed expires.
    Act,
    /// It changes what is hard to put right; a call that was missed expires.
    Dangerous,
}

/// The help on a module or one of its subcommands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Help {
    /// What it does.
    #[serde(default)]
    pub description: String,
    /// Its arguments, as they are typed.
    #[serde(default)]
    pub arguments: Option<String>,
}
