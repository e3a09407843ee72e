//! `bindmap.json`: which module answers to which words, in which channels; upstream's file.
//!
//! Upstream writes `{"<module>": {"binds": […], "chans": […], "accepts": null or […]}}`, older versions without
//! `accepts`. Only the file knows the channels; the words and what a module takes are the module's own, and stand in the
//! file for the time when the module has not been greeted, or is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use super::protocol::Description;

/// The file's content: the entries by module.
pub type BindMap = BTreeMap<String, Entry>;

/// What the file says of a module.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The words that call it, sigils included.
    pub binds: Vec<String>,
    /// The names of the channels that it is available in; `any` is every channel.
    pub chans: Vec<String>,
    /// The types of indicators that it takes; `None`: anything.
    pub accepts: Option<Vec<String>>,
    /// What else stands in the entry; it is kept.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Why a text is no bind map.
#[derive(Debug, thiserror::Error)]
pub enum Damaged {
    /// It is not JSON; an empty file is what upstream leaves if it dies while it writes.
    #[error("it is not JSON")]
    NotJson(#[source] serde_json::Error),
    /// It is JSON of another shape.
    #[error("it is not an object with an entry for each module")]
    NotAnObject,
    /// An entry is something else.
    #[error("the entry of {module:?} is not an object")]
    Entry {
        /// The module.
        module: String,
    },
    /// A list of an entry is something else.
    #[error("{key:?} of {module:?} is not a list of texts")]
    List {
        /// The module.
        module: String,
        /// The list.
        key: &'static str,
    },
}

/// Reads a bind map of any version of upstream. A list that is null or missing is empty, and a lone text a list of one.
///
/// # Errors
/// What is not understood is never passed over: writing the map again would lose it.
pub fn parse(json: &[u8]) -> Result<BindMap, Damaged> {
    let Value::Object(entries) = serde_json::from_slice(json).map_err(Damaged::NotJson)? else {
        return Err(Damaged::NotAnObject);
    };
    entries
        .into_iter()
        .map(|(module, value)| match value {
            Value::Object(keys) => Ok((module.clone(), entry(&module, keys)?)),
            _ => Err(Damaged::Entry { module }),
        })
        .collect()
}

fn entry(module: &str, mut keys: Map<String, Value>) -> Result<Entry, Damaged> {
    let mut list = |key: &'static str| {
        texts(keys.remove(key).unwrap_or_default()).ok_or_else(|| Damaged::List {
            module: module.to_owned(),
            key,
        })
    };
    let (binds, chans, accepts) = (list("binds")?, list("chans")?, list("accepts")?);
    Ok(Entry {
        binds,
        chans,
        accepts: Some(accepts).filter(|types| !types.is_empty()),
        other: keys,
    })
}

fn texts(value: Value) -> Option<Vec<String>> {
    match value {
        Value::Null => Some(Vec::new()),
        Value::String(text) => Some(vec![text]),
        Value::Array(items) => items
            .into_iter()
            .map(|item| match item {
                Value::String(text) => Some(text),
                _ => None,
            })
            .collect(),
        _ => None,
    }
}

/// `map` as upstream reads it.
///
/// # Errors
/// None that is known: all keys are texts.
pub fn render(map: &BindMap) -> serde_json::Result<Vec<u8>> {
    let mut json = serde_json::to_vec_pretty(map)?;
    json.push(b'\n');
    Ok(json)
}

/// Something that the modules say otherwise than the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// The file did not know the module.
    New {
        /// The module.
        module: String,
        /// Where it is available at first.
        chans: Vec<String>,
    },
    /// The module has other words.
    Binds {
        /// The module.
        module: String,
        /// The words of the file that are gone.
        gone: Vec<String>,
        /// The words that the file did not know.
        new: Vec<String>,
    },
    /// The module takes something else.
    Accepts {
        /// The module.
        module: String,
        /// What the file said.
        file: Option<Vec<String>>,
        /// What the module says.
        now: Option<Vec<String>>,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New { module, chans } if chans.is_empty() => {
                write!(formatter, "{module} is new, and bound to no channel")
            }
            Self::New { module, chans } => {
                write!(
                    formatter,
                    "{module} is new, and bound to {}",
                    chans.join(", ")
                )
            }
            Self::Binds { module, gone, new } => {
                let changes: Vec<String> = [("no longer", gone), ("now", new)]
                    .into_iter()
                    .filter(|(_, words)| !words.is_empty())
                    .map(|(when, words)| format!("{when} answers to {}", words.join(", ")))
                    .collect();
                write!(formatter, "{module} {}", changes.join(", and "))
            }
            Self::Accepts { module, file, now } => write!(
                formatter,
                "{module} now takes {}, and not {}",
                types(now.as_deref()),
                types(file.as_deref())
            ),
        }
    }
}

fn types(accepts: Option<&[String]>) -> String {
    accepts.map_or_else(|| "anything".to_owned(), |types| types.join(", "))
}

/// Puts what the `modules` say of themselves into `map`, and tells what is new. The channels of a module that the map
/// knows are left as they are, and so are the entries of modules that are missing.
pub fn admit<'a>(
    map: &mut BindMap,
    modules: impl IntoIterator<Item = (&'a str, &'a Description)>,
) -> Vec<Difference> {
    let mut differences = Vec::new();
    for (module, description) in modules {
        let accepts = description
            .accepts
            .clone()
            .filter(|types| !types.is_empty());
        let name = || module.to_owned();
        let Some(entry) = map.get_mut(module) else {
            differences.push(Difference::New {
                module: name(),
                chans: description.channels.clone(),
            });
            let entry = Entry {
                binds: description.binds.clone(),
                chans: description.channels.clone(),
                accepts,
                other: Map::new(),
            };
            map.insert(name(), entry);
            continue;
        };
        let (gone, new) = (
            missing(&entry.binds, &description.binds),
            missing(&description.binds, &entry.binds),
        );
        if !(gone.is_empty() && new.is_empty()) {
            entry.binds.clone_from(&description.binds);
            let module = name();
            differences.push(Difference::Binds { module, gone, new });
        }
        if sorted(entry.accepts.as_deref()) != sorted(accepts.as_deref()) {
            differences.push(Difference::Accepts {
                module: name(),
                file: std::mem::replace(&mut entry.accepts, accepts.clone()),
                now: accepts,
            });
        }
    }
    differences
}

/// The words of `these` that `those` lack, in any case.
fn missing(these: &[String], those: &[String]) -> Vec<String> {
    let those: BTreeSet<String> = those.iter().map(|word| word.to_lowercase()).collect();
    let lacks = |word: &&String| !those.contains(&word.to_lowercase());
    these.iter().filter(lacks).cloned().collect()
}

fn sorted(accepts: Option<&[String]>) -> Option<BTreeSet<&String>> {
    accepts.map(|types| types.iter().collect())
}
