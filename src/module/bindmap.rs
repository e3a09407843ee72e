//! `bindmap.json`: which module answers to which words, in which channels; upstream's file.

use std::collections::BTreeMap;

/// The file's content: the entries by module.
pub type BindMap = BTreeMap<String, Entry>;

/// What the file says of a module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// The words that call it, sigils included.
    pub binds: Vec<String>,
    /// The names of the channels that it is available in; `any` is every channel.
    pub chans: Vec<String>,
    /// The types of indicators that it takes; none: anything.
    pub accepts: Option<Vec<String>>,
}
