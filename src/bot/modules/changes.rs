//! What loading all modules anew would change: what is served, and what was loaded beside it, are compared.

use std::collections::BTreeMap;

use crate::command::catalogue::{Loaded, Roster};
use crate::command::table;
use crate::module::bindmap::Difference;
use crate::module::protocol::{Description, Loading, Staged};

/// A module as it is called.
#[derive(Debug, Clone, PartialEq)]
pub struct Served {
    /// The generation whose code runs.
    pub generation: u64,
    /// Of the files that make it what it is.
    pub fingerprint: String,
    /// What it says of itself.
    pub description: Description,
}

/// The modules that are called, by name.
pub type Serving = BTreeMap<String, Served>;

/// A module that could not be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// Its name.
    pub name: String,
    /// Why, as half a sentence that everybody may read.
    pub summary: String,
    /// What its code says of it, for the log.
    pub text: Option<String>,
    /// For the log.
    pub trace: String,
    /// The code that was loaded before goes on to be called.
    pub kept: bool,
    /// Code that was loaded before is gone, as nothing of it lives any more.
    pub lost: bool,
}

/// What a swap would change.
#[derive(Debug, Default)]
pub struct Changes {
    /// Modules that were not called before.
    pub added: Vec<String>,
    /// Modules with other code.
    pub changed: Vec<String>,
    /// Modules that are gone.
    pub removed: Vec<String>,
    /// Of those that are gone and those that are new, which seem to be the same under another name: old, new.
    pub renamed: Vec<(String, String)>,
    /// Modules that could not be loaded.
    pub failed: Vec<Failed>,
    /// Under this the log tells what their code says of it, if it says something.
    pub reference: Option<String>,
    /// Words that several modules have now, and had not before: the word, and the modules.
    pub shared: Vec<(String, Vec<String>)>,
    /// What concerns no single module.
    pub problems: Vec<String>,
    /// The interpreter, if it is another one.
    pub python: Option<String>,
    /// What the modules say otherwise than the bind map.
    pub differences: Vec<Difference>,
    /// Why the bind map was not taken over, if it was not.
    pub binds: Option<String>,
}

impl Changes {
    /// Whether a swap would change nothing that is called.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.added.is_empty()
            && !self.failed.iter().any(|failed| failed.lost)
            && self.changed.is_empty()
            && self.removed.is_empty()
            && self.python.is_none()
    }

    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.is_nothing()
            && self.failed.is_empty()
            && self.problems.is_empty()
            && self.binds.is_none()
    }
}

/// What is called after a swap, and what that changes.
#[derive(Debug)]
pub struct Plan {
    pub(super) serving: Serving,
    pub(super) python: Option<String>,
    /// What that changes.
    pub changes: Changes,
}

/// Compares what is `served`, by the interpreter `python`, with what was loaded beside it.
#[must_use]
pub fn plan(served: &Serving, python: Option<&str>, staged: Staged) -> Plan {
    let names = staged.modules.iter().map(|module| module.name.as_str());
    let mut changes = Changes {
        problems: names.filter_map(named_as_ours).collect(),
        ..Changes::default()
    };
    changes.problems.extend(staged.problems);
    let mut serving = Serving::new();
    for module in staged.modules {
        let before = served.get(&module.name);
        match module.loading {
            Loading::Description(description) => {
                match before {
                    None => changes.added.push(module.name.clone()),
                    Some(before) if before.fingerprint != module.fingerprint => {
                        changes.changed.push(module.name.clone());
                    }
                    Some(_) => {}
                }
                let loaded = Served {
                    generation: staged.generation,
                    fingerprint: module.fingerprint,
                    description,
                };
                serving.insert(module.name, loaded);
            }
            Loading::Failure(failure) => {
                let before = before.filter(|_| !failure.nothing_is_left);
                changes.failed.push(Failed {
                    name: module.name.clone(),
                    summary: failure.summary,
                    text: failure.text,
                    trace: failure.trace,
                    kept: before.is_some(),
                    lost: before.is_none() && served.contains_key(&module.name),
                });
                if let Some(before) = before {
                    serving.insert(module.name, before.clone());
                }
            }
        }
    }
    let is_failed = |name: &String| changes.failed.iter().any(|failed| failed.name == *name);
    let gone = served
        .keys()
        .filter(|name| !serving.contains_key(*name) && !is_failed(name));
    changes.removed = gone.cloned().collect();
    changes.renamed = renamed(served, &serving, &changes);
    let shared_before = shared(served);
    changes.shared = shared(&serving)
        .into_iter()
        .filter(|(word, _)| !shared_before.contains_key(word))
        .collect();
    let is_another = staged.python.is_some() && staged.python.as_deref() != python;
    changes.python = staged
        .python
        .clone()
        .filter(|_| is_another && python.is_some());
    Plan {
        serving,
        python: staged.python,
        changes,
    }
}

/// That the module `name` is never called, if it is named as a built-in: its rows would be taken for that one's.
#[must_use]
pub fn named_as_ours(name: &str) -> Option<String> {
    table::named(name)?;
    Some(format!(
        "the module {name} is never called, as a command of the bot itself has that name: rename its folder"
    ))
}

/// Modules that are gone and modules that are new, with the same words.
fn renamed(served: &Serving, serving: &Serving, changes: &Changes) -> Vec<(String, String)> {
    let binds = |modules: &Serving, name: &String| {
        let module = modules.get(name);
        module.map_or_else(Vec::new, |module| module.description.binds.clone())
    };
    let mut pairs = Vec::new();
    for old in &changes.removed {
        let words = binds(served, old);
        let same = |new: &&String| !words.is_empty() && binds(serving, new) == words;
        if let Some(new) = changes.added.iter().find(same) {
            pairs.push((old.clone(), new.clone()));
        }
    }
    pairs
}

/// The words that several modules have.
fn shared(modules: &Serving) -> BTreeMap<String, Vec<String>> {
    let mut words: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, module) in modules {
        for bind in &module.description.binds {
            let modules = words.entry(bind.to_lowercase()).or_default();
            if !modules.contains(name) {
                modules.push(name.clone());
            }
        }
    }
    words.retain(|_, modules| modules.len() > 1);
    words
}

/// What is `serving` as the catalogue takes it.
#[must_use]
pub fn roster(serving: &Serving) -> Roster {
    let loaded = |served: &Served| Loaded {
        description: served.description.clone(),
        generation: served.generation,
    };
    serving
        .iter()
        .map(|(name, served)| (name.clone(), loaded(served)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::module::protocol::{LoadFailure, StagedModule};

    fn description(word: &str) -> Description {
        Description {
            binds: vec![word.to_owned()],
            ..Description::default()
        }
    }

    fn loaded(name: &str, fingerprint: &str, word: &str) -> StagedModule {
        StagedModule {
            name: name.to_owned(),
            fingerprint: fingerprint.to_owned(),
            loading: Loading::Description(description(word)),
        }
    }

    fn failed(name: &str) -> StagedModule {
        let failure = LoadFailure {
            summary: "SyntaxError".to_owned(),
            text: None,
            trace: String::new(),
            nothing_is_left: name == "lost",
        };
        StagedModule {
            name: name.to_owned(),
            fingerprint: "broken".to_owned(),
            loading: Loading::Failure(failure),
        }
    }

    fn staged(generation: u64, modules: Vec<StagedModule>) -> Staged {
        Staged {
            generation,
            modules,
            problems: Vec::new(),
            python: Some("python3 (3.11)".to_owned()),
        }
    }

    #[test]
    fn what_is_new_other_gone_and_broken_is_told_apart() {
        let first = plan(
            &Serving::new(),
            None,
            staged(
                1,
                vec![
                    loaded("dice", "1", "@dice"),
                    loaded("echo", "1", "@echo"),
                    loaded("lost", "1", "@lost"),
                    loaded("old", "1", "@name"),
                    loaded("same", "1", "@same"),
                ],
            ),
        );
        assert_eq!(first.changes.added, ["dice", "echo", "lost", "old", "same"]);
        let second = plan(
            &first.serving,
            first.python.as_deref(),
            staged(
                2,
                vec![
                    loaded("dice", "2", "@echo"),
                    failed("echo"),
                    failed("fresh"),
                    failed("lost"),
                    loaded("new", "1", "@name"),
                    loaded("same", "1", "@same"),
                ],
            ),
        );
        let changes = &second.changes;
        assert_eq!(changes.added, ["new"]);
        assert_eq!(changes.changed, ["dice"]);
        assert_eq!(changes.removed, ["old"]);
        assert_eq!(changes.renamed, [("old".to_owned(), "new".to_owned())]);
        let kept: Vec<_> = changes
            .failed
            .iter()
            .map(|failed| (failed.name.as_str(), failed.kept, failed.lost))
            .collect();
        let expected = [
            ("echo", true, false),
            ("fresh", false, false),
            ("lost", false, true),
        ];
        assert_eq!(kept, expected);
        let both = vec!["dice".to_owned(), "echo".to_owned()];
        assert_eq!(changes.shared, [("@echo".to_owned(), both)]);
        assert!(changes.python.is_none() && !changes.is_nothing());
        let generations: Vec<_> = second
            .serving
            .iter()
            .map(|(name, served)| (name.as_str(), served.generation))
            .collect();
        assert_eq!(
            generations,
            [("dice", 2), ("echo", 1), ("new", 2), ("same", 2)]
        );
    }

    #[test]
    fn a_module_that_is_named_as_a_built_in_is_a_problem() {
        let modules = vec![loaded("dice", "1", "@dice"), loaded("status", "1", "@st")];
        let plan = plan(&Serving::new(), None, staged(1, modules));
        let [problem] = plan.changes.problems.as_slice() else {
            panic!("{:?}", plan.changes.problems);
        };
        assert!(problem.starts_with("the module status is never called"));
    }

    #[test]
    fn the_same_again_changes_nothing() {
        let modules = || vec![loaded("dice", "1", "@dice")];
        let first = plan(&Serving::new(), None, staged(1, modules()));
        let python = first.python.as_deref();
        let again = plan(&first.serving, python, staged(2, modules()));
        assert!(again.changes.is_silent(), "{:?}", again.changes);
        let other = plan(&first.serving, Some("python3 (3.9)"), staged(2, modules()));
        assert_eq!(other.changes.python.as_deref(), Some("python3 (3.11)"));
    }
}
