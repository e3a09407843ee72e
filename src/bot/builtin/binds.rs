//! `@bind`, `@unbind` and `@map`: in which channels modules are available.

use std::sync::Arc;

use crate::bot::availability::{Availabilities, Availability};
use crate::bot::binds::Unchanged;
use crate::bot::causes::causes;
use crate::bot::context::Context;
use crate::bot::reply::{self, Bound, Listed};
use crate::bot::ticket::Ticket;
use crate::command::catalogue::{ANY, Catalogue};
use crate::command::{Builtin, Grant, Role, role};
use crate::module::bindmap::{BindMap, Entry};

use super::Answer;

/// The name that stands for all modules.
const ALL: &str = "*";

/// `@bind` and `@unbind`; `grant` proves that the asker may, and says which of them it is.
pub async fn bind(context: &Arc<Context>, ticket: &Ticket, grant: Grant) -> Answer {
    let unbinds = grant.builtin() == Builtin::Unbind;
    let names = names(&ticket.invocation.arguments);
    if ticket.room.is_conversation() {
        return Answer::Text(reply::bind_in_conversation(unbinds));
    }
    if names.is_empty() {
        let (word, map) = (
            &ticket.invocation.word,
            context.settings().vocabulary.word(Builtin::Map),
        );
        return Answer::Text(reply::bind_usage(word, &map));
    }
    if *ticket.room.name == *ANY {
        return Answer::Text(reply::bind_any());
    }
    let (shared, channel) = (Arc::clone(context), Arc::clone(&ticket.room.name));
    let change = move || {
        let catalogue = shared.binds.catalogue();
        let wish = Wish {
            names: &names,
            channel: &channel,
            unbinds,
        };
        let bound = shared.binds.change(|map| wish.apply(map, &catalogue))?;
        Ok(told_apart(bound, |name| shared.binds.has_failed(name)))
    };
    match tokio::task::spawn_blocking(change).await {
        Ok(Ok(bound)) => {
            let settings = context.settings();
            let help = settings.vocabulary.help_words();
            Answer::Text(reply::bound(&bound, unbinds, &ticket.room, help))
        }
        Ok(Err(unchanged)) => failed(&unchanged),
        Err(error) => Answer::Failed {
            reason: error.to_string(),
            text: reply::defect(ticket),
        },
    }
}

/// Of the modules that are not there, or that nobody knows, those that could not be loaded.
fn told_apart(mut bound: Bound, has_failed: impl Fn(&str) -> bool) -> Bound {
    for names in [&mut bound.missing, &mut bound.unknown] {
        let (failed, others) = std::mem::take(names)
            .into_iter()
            .partition(|name| has_failed(name));
        *names = others;
        bound.failed = [std::mem::take(&mut bound.failed), failed].concat();
    }
    bound
}

fn failed(unchanged: &Unchanged) -> Answer {
    let text = match unchanged {
        Unchanged::Unusable(_) => reply::binds_unusable(),
        Unchanged::Unwritten { source, .. } => reply::binds_unwritten(&causes(source).to_string()),
    };
    Answer::Failed {
        reason: causes(unchanged).to_string(),
        text,
    }
}

/// The names of modules in lower case, as they were typed with or without commas, each once.
fn names(arguments: &[String]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in arguments.iter().flat_map(|word| word.split(',')) {
        let name = name.trim_matches('`').to_lowercase();
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// What somebody wants of the modules in his channel.
struct Wish<'a> {
    names: &'a [String],
    channel: &'a str,
    unbinds: bool,
}

impl Wish<'_> {
    fn apply(&self, map: &mut BindMap, catalogue: &Catalogue) -> Bound {
        let mut bound = Bound::default();
        for name in self.modules(map, catalogue, &mut bound) {
            let entry = map
                .entry(name.clone())
                .or_insert_with(|| entry(catalogue, &name));
            let everywhere = entry.chans.iter().any(|channel| channel == ANY);
            let here = entry.chans.iter().any(|channel| channel == self.channel);
            match (self.unbinds, here) {
                (true, true) => {
                    entry.chans.retain(|channel| channel != self.channel);
                    bound.changed.push(name.clone());
                }
                (false, false) if !everywhere => {
                    entry.chans.push(self.channel.to_owned());
                    bound.changed.push(name.clone());
                }
                (true, false) if everywhere => {}
                _ => bound.unchanged.push(name.clone()),
            }
            if self.unbinds && everywhere {
                bound.everywhere.push(name.clone());
            }
            if !self.unbinds && is_missing(catalogue, &name) {
                bound.missing.push(name);
            }
        }
        bound
    }

    /// The modules that are meant. All of them are for a bind those that are loaded, and for an unbind those that are
    /// bound here.
    fn modules(&self, map: &BindMap, catalogue: &Catalogue, bound: &mut Bound) -> Vec<String> {
        let loaded = catalogue
            .modules()
            .filter(|module| module.generation.is_some());
        let mut known: Vec<String> = map.keys().cloned().collect();
        known.extend(loaded.map(|module| module.name.clone()));
        known.sort();
        known.dedup();
        if self.names.iter().any(|name| name == ALL) {
            let bound_here = |name: &String| {
                let entry = map.get(name);
                entry.is_some_and(|entry| entry.chans.iter().any(|chan| chan == self.channel))
            };
            known.retain(|name| match self.unbinds {
                true => bound_here(name),
                false => !is_missing(catalogue, name),
            });
            return known;
        }
        let mut meant = Vec::new();
        for name in self.names {
            match known.iter().find(|known| known.to_lowercase() == *name) {
                Some(known) => meant.push(known.clone()),
                None => bound.unknown.push(name.clone()),
            }
        }
        meant
    }
}

/// Whether the modules have been greeted, and this one was not among them.
pub(super) fn is_missing(catalogue: &Catalogue, name: &str) -> bool {
    let module = catalogue.get(name);
    catalogue.is_greeted() && module.is_none_or(|module| module.generation.is_none())
}

/// The entry of a module that was greeted, and that the map could not be told of.
fn entry(catalogue: &Catalogue, name: &str) -> Entry {
    catalogue
        .get(name)
        .map_or_else(Entry::default, |module| Entry {
            binds: module.binds.clone(),
            chans: module.channels.clone(),
            accepts: module.accepts.clone(),
            ..Entry::default()
        })
}

/// `@map`: the modules that the asker can call here; an admin sees the others too.
pub async fn map(context: &Context, ticket: &Ticket) -> String {
    let is_admin = match context.api.user(ticket.post.user_id).await {
        Ok(user) => role::role_of(&context.settings().policy, &user) == Role::Admin,
        Err(error) => {
            tracing::debug!(error = %causes(&error), "who asks for the modules could not be looked up");
            false
        }
    };
    let catalogue = context.binds.catalogue();
    let mut availabilities = Availabilities::new(context, &ticket.room, ticket.post.user_id);
    let unknown = context.binds.is_unknown();
    let mut doubt = unknown.then(|| reply::doubt(reply::BINDS_UNKNOWN));
    let mut listed = Vec::new();
    for module in catalogue.modules() {
        let missing = is_missing(&catalogue, &module.name);
        let available = match availabilities.of(module).await {
            Availability::Available => !missing,
            Availability::Elsewhere => false,
            Availability::Unknown(reason) => {
                doubt = Some(reply::doubt(&reason));
                false
            }
        };
        if available || is_admin {
            listed.push(Listed {
                module,
                available,
                missing,
                failed: context.binds.has_failed(&module.name),
            });
        }
    }
    reply::map(&listed, &ticket.room, doubt.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::catalogue::{Loaded, Roster};
    use crate::module::bindmap;
    use crate::module::protocol::Description;

    /// `old` is in the file and missing, `new` was greeted and is not in the file, `dice` is both.
    fn world() -> (BindMap, Catalogue) {
        let json = r#"{"dice": {"chans": ["lab"]}, "old": {"chans": ["lab", "any"]}}"#;
        let map = bindmap::parse(json.as_bytes()).unwrap();
        let loaded = |name: &str| {
            let description = Description {
                binds: vec![format!("@{name}")],
                channels: vec!["debug".to_owned()],
                ..Description::default()
            };
            let generation = 1;
            (
                name.to_owned(),
                Loaded {
                    description,
                    generation,
                },
            )
        };
        let roster: Roster = ["dice", "new"].into_iter().map(loaded).collect();
        let catalogue = Catalogue::merge(&map, Some(&roster));
        (map, catalogue)
    }

    fn wish(names: &[&str], unbinds: bool) -> (BindMap, Bound) {
        let (mut map, catalogue) = world();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let wish = Wish {
            names: &names,
            channel: "lab",
            unbinds,
        };
        let bound = wish.apply(&mut map, &catalogue);
        (map, bound)
    }

    #[test]
    fn all_modules_are_those_that_can_be_called_or_are_bound_here() {
        let (map, bound) = wish(&["*"], false);
        assert_eq!(bound.changed, ["new"]);
        assert_eq!(bound.unchanged, ["dice"]);
        assert_eq!(map["new"].chans, ["debug", "lab"]);
        assert_eq!(map["new"].binds, ["@new"]);
        let (map, bound) = wish(&["*"], true);
        assert_eq!(bound.changed, ["dice", "old"]);
        assert_eq!(bound.everywhere, ["old"]);
        assert_eq!(map["old"].chans, ["any"]);
        assert!(!map.contains_key("new"));
    }

    #[test]
    fn a_missing_module_can_be_bound_and_that_it_is_missing_is_said() {
        let (_, bound) = wish(&["old", "nothing"], false);
        assert_eq!(bound.unchanged, ["old"]);
        assert_eq!(bound.missing, ["old"]);
        assert_eq!(bound.unknown, ["nothing"]);
        let bound = told_apart(bound, |name| name == "old");
        assert_eq!(bound.failed, ["old"]);
        assert!(bound.missing.is_empty());
    }

    #[test]
    fn names_are_read_kindly() {
        let typed = ["Dice,ipinfo", "dice", "`map`", ","].map(str::to_owned);
        assert_eq!(names(&typed), ["dice", "ipinfo", "map"]);
    }
}
