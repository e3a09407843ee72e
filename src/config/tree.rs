//! The values of a file, decoded: what YAML says they are, before any key gives them a meaning.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

use super::diagnostic::Position;
use super::diagnostic::Unreadable;
use super::locate::Lines;

/// One value. It may be the password, so it has no `Debug`.
#[derive(Clone)]
pub(super) enum Tree {
    Null,
    Truth(bool),
    Whole(i64),
    Real(f64),
    Text(String),
    List(Vec<Tree>),
    /// In the order of the file; a key may stand in it twice.
    Section(Vec<(String, Tree)>),
}

/// Decodes `text`, one document.
pub(super) fn decode(text: &str) -> Result<Tree, Unreadable> {
    let mut tree: Tree = serde_yaml::from_str(text).map_err(|error| {
        let position = error
            .location()
            .map_or(Position { line: 1, column: 1 }, |location| Position {
                line: location.line(),
                column: location.column(),
            });
        Unreadable {
            position: Lines::of(text).nearest(position),
            message: format!("this is not YAML: {error}"),
            help: None,
        }
    })?;
    tree.merge();
    Ok(tree)
}

impl Tree {
    /// The last value of `key`, as upstream reads a key that is repeated.
    pub(super) fn get(&self, key: &str) -> Option<&Tree> {
        match self {
            Self::Section(entries) => entries
                .iter()
                .rev()
                .find(|(name, _)| name == key)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// Replaces merge keys (`<<`, as in YAML 1.1) by the keys that they bring and that are not there yet.
    fn merge(&mut self) {
        match self {
            Self::List(items) => items.iter_mut().for_each(Self::merge),
            Self::Section(entries) => {
                entries.iter_mut().for_each(|(_, value)| value.merge());
                let (merged, own): (Vec<_>, Vec<_>) = std::mem::take(entries)
                    .into_iter()
                    .partition(|(key, _)| key == "<<");
                *entries = own;
                for (_, source) in merged {
                    let sources = match source {
                        Self::List(sources) => sources,
                        source => vec![source],
                    };
                    for source in sources {
                        let Self::Section(brought) = source else {
                            continue;
                        };
                        for (key, value) in brought {
                            if !entries.iter().any(|(name, _)| *name == key) {
                                entries.push((key, value));
                            }
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// The name that this value has as a key.
    fn into_key(self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Truth(truth) => truth.to_string(),
            Self::Whole(number) => number.to_string(),
            Self::Real(number) => number.to_string(),
            Self::Text(text) => text,
            Self::List(_) | Self::Section(_) => "?".to_owned(),
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Truth(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Whole(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "so large a number is only shown"
        )]
        Ok(i64::try_from(value).map_or(Tree::Real(value as f64), Tree::Whole))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Tree, E> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "so large a number is only shown"
        )]
        Ok(Tree::Real(value as f64))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Tree, E> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "so large a number is only shown"
        )]
        Ok(Tree::Real(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Real(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Tree, A::Error> {
        let mut section = Vec::new();
        while let Some((key, value)) = entries.next_entry::<Tree, Tree>()? {
            section.push((key.into_key(), value));
        }
        Ok(Tree::Section(section))
    }
}
