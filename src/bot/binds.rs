//! The bind map of this bot and the modules that follow from it: one writer, and no change to a file that is not understood.
//!
//! ```text
//!  missing ──▶ known, empty ──┐
//!  read    ──▶ known ─────────┴─▶ changed: read again, changed, written if it is another then
//!  damaged ──▶ unknown: no module is available anywhere, and all its words are told so, until the file can be read
//! ```
//!
//! The file is read again before each change, so that what a person wrote into it meanwhile is kept. If it is damaged
//! then, what was known goes on to be served, and nothing is written.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use crate::command::Catalogue;
use crate::command::catalogue::{Module, Roster};
use crate::lifecycle::state_directory::StateDirectory;
use crate::module::bindmap::{self, BindMap, Difference};

use super::causes::causes;
use super::event::Event;
use super::status::{BindsTrouble, Modules};

/// Bytes; the map of upstream's hundred modules takes a hundredth of it.
const SIZE_LIMIT: u64 = 4 << 20;

/// Its owner writes it, the feed may read it.
const MODE: u32 = 0o640;

/// The bind map, shared by all that serves.
#[derive(Debug)]
pub struct Binds {
    path: PathBuf,
    /// Held by whoever reads and writes the file.
    turn: Mutex<()>,
    /// Held for no longer than it takes to look: a slow disk holds up nobody who only reads.
    known: Mutex<Known>,
    catalogue: Mutex<Arc<Catalogue>>,
    /// The loop, which has to know the words.
    events: mpsc::UnboundedSender<Event>,
}

#[derive(Debug, Default)]
struct Known {
    /// The file as it was read or written last; none: it could never be read.
    map: Option<BindMap>,
    /// Why the file cannot be used now, as half a sentence.
    trouble: Option<String>,
    /// The modules that were greeted.
    roster: Option<Roster>,
    /// Those that could not be loaded, with the reason.
    failed: Vec<(String, String)>,
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum Unchanged {
    /// The file is not understood, so it is left alone.
    #[error("{0}")]
    Unusable(String),
    /// The disk did not take the new file.
    #[error("{} could not be written", path.display())]
    Unwritten {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Binds {
    /// Reads the map at `path`; that it cannot be used is said in the log. `events` hears of the modules, and whenever they
    /// change.
    #[must_use]
    pub fn read(path: &Path, events: mpsc::UnboundedSender<Event>) -> Self {
        let mut known = Known::default();
        known.take(read(path));
        if let Some(trouble) = &known.trouble {
            tracing::error!(
                "{trouble}; no module is available until it is mended and `@reload` has read it"
            );
        }
        let binds = Self {
            path: path.to_owned(),
            turn: Mutex::default(),
            known: Mutex::default(),
            catalogue: Mutex::default(),
            events,
        };
        binds.publish(&known);
        *binds.lock() = known;
        binds
    }

    /// The modules as they can be called now.
    #[must_use]
    pub fn catalogue(&self) -> Arc<Catalogue> {
        let catalogue = self.catalogue.lock();
        Arc::clone(&catalogue.unwrap_or_else(PoisonError::into_inner))
    }

    /// Why the file cannot be used, if it cannot.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.lock().trouble.clone()
    }

    /// Whether the file could never be read: then nobody knows where a module is available.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.lock().map.is_none()
    }

    /// What `@status` tells of the modules.
    #[must_use]
    pub fn modules(&self) -> Modules {
        let catalogue = self.catalogue();
        let known = self.lock();
        let (there, missing): (Vec<&Module>, Vec<&Module>) = catalogue
            .modules()
            .partition(|module| !catalogue.is_greeted() || module.generation.is_some());
        let failed = known.failed.iter().map(|(name, _)| name);
        let is_failed = |module: &&Module| failed.clone().any(|name| *name == module.name);
        let is_kept = |name: &String| there.iter().any(|module| module.name == *name);
        let (kept, failed) = failed.clone().cloned().partition(is_kept);
        Modules {
            greeted: catalogue.is_greeted(),
            loaded: there.len(),
            missing: missing
                .into_iter()
                .filter(|module| !is_failed(module))
                .map(|module| module.name.clone())
                .collect(),
            failed,
            kept,
            reason: commonest(&known.failed),
            absent: false,
            wanted: catalogue.modules().next().is_some(),
            binds: match (&known.map, &known.trouble) {
                (_, None) => BindsTrouble::None,
                (Some(_), Some(_)) => BindsTrouble::Unchangeable,
                (None, Some(_)) => BindsTrouble::Unknown,
            },
        }
    }

    /// Whether the module `name` could not be loaded.
    #[must_use]
    pub fn has_failed(&self, name: &str) -> bool {
        self.lock().failed.iter().any(|(failed, _)| failed == name)
    }

    /// The modules that could not be loaded, each with the reason, for whoever asks for them.
    pub fn could_not_load(&self, mut failed: Vec<(String, String)>) {
        failed.sort();
        self.lock().failed = failed;
    }

    /// Reads the file again, for a reload; what was known stays if it is damaged. Blocks the thread.
    ///
    /// # Errors
    /// Why the file cannot be used.
    pub fn reread(&self) -> Result<(), String> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let read = read(&self.path);
        let mut known = self.lock();
        known.take(read);
        self.publish(&known);
        known.trouble.clone().map_or(Ok(()), Err)
    }

    /// The modules that were greeted. New ones enter the map with the channels that they name, words and types of the
    /// others are theirs and no longer the file's; both is written. Blocks the thread.
    ///
    /// # Errors
    /// The file was left as it is; the modules can be called all the same, where it says.
    pub fn greeted(&self, roster: Roster) -> Result<Vec<Difference>, Unchanged> {
        self.lock().roster = Some(roster.clone());
        let differences = self.change(|map| {
            let described = roster
                .iter()
                .map(|(name, loaded)| (name.as_str(), &loaded.description));
            bindmap::admit(map, described)
        })?;
        for difference in &differences {
            tracing::info!(
                "the modules say otherwise than the bind map, which is changed: {difference}"
            );
        }
        Ok(differences)
    }

    /// Changes the map, and writes it if it is another then. Blocks the thread.
    ///
    /// # Errors
    /// It could not be changed, and is as it was.
    pub fn change<T>(&self, change: impl FnOnce(&mut BindMap) -> T) -> Result<T, Unchanged> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let read = read(&self.path);
        let exists = matches!(read, Ok(Some(_)));
        let old = {
            let mut known = self.lock();
            known.take(read);
            self.publish(&known);
            match (&known.trouble, &known.map) {
                (None, map) => map.clone().unwrap_or_default(),
                (Some(trouble), _) => return Err(Unchanged::Unusable(trouble.clone())),
            }
        };
        let mut new = old.clone();
        let made = change(&mut new);
        if new != old || !exists && !new.is_empty() {
            write(&self.path, &new).map_err(|source| Unchanged::Unwritten {
                path: self.path.clone(),
                source,
            })?;
            let mut known = self.lock();
            known.map = Some(new);
            self.publish(&known);
        }
        Ok(made)
    }

    fn publish(&self, known: &Known) {
        let catalogue = known.catalogue();
        let mut published = self
            .catalogue
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if **published != catalogue {
            *published = Arc::new(catalogue);
            // Once the loop has ended nobody needs it any more.
            drop(self.events.send(Event::Modules(Arc::clone(&published))));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn catalogue(&self) -> Catalogue {
        match &self.map {
            Some(map) => Catalogue::merge(map, self.roster.as_ref()),
            None => Catalogue::withheld(self.roster.as_ref()),
        }
    }

    /// Takes over what was read.
    fn take(&mut self, read: Result<Option<BindMap>, String>) {
        match read {
            Ok(Some(map)) => (self.map, self.trouble) = (Some(map), None),
            // Nobody who wants the map empty removes it under a running bot: what was known is written again.
            Ok(None) => {
                self.map.get_or_insert_default();
                self.trouble = None;
            }
            Err(reason) => self.trouble = Some(reason),
        }
    }
}

/// The map at `path`; none if there is no file.
///
/// # Errors
/// Why it cannot be used and what to do, as half a sentence.
pub fn read(path: &Path) -> Result<Option<BindMap>, String> {
    let shown = path.display();
    let content =
        content(path).map_err(|error| format!("{shown} cannot be read ({})", causes(&error)))?;
    let Some(content) = content else {
        return Ok(None);
    };
    bindmap::parse(&content).map(Some).map_err(|damaged| {
        format!(
            "{shown} is damaged ({}): mend it, or take it back from a backup",
            causes(&damaged)
        )
    })
}

fn content(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let (parent, name) = place(path)?;
    match StateDirectory::look(&parent).map_err(io::Error::other)? {
        Some(directory) => directory.read(&name, SIZE_LIMIT),
        None => Ok(None),
    }
}

fn write(path: &Path, map: &BindMap) -> io::Result<()> {
    let (parent, name) = place(path)?;
    let directory = StateDirectory::open(&parent).map_err(io::Error::other)?;
    directory.replace(&name, MODE, &bindmap::render(map)?)
}

/// The directory and the name of the file that `path` leads to: a link stays one, and its file is replaced.
fn place(path: &Path) -> io::Result<(PathBuf, String)> {
    let parent = || path.parent().unwrap_or(Path::new("/")).canonicalize();
    let leads_to = match path.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => match parent() {
            Ok(parent) => parent.join(path.file_name().unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
            Err(error) => return Err(error),
        },
        leads_to => leads_to?,
    };
    let name = leads_to.file_name().and_then(OsStr::to_str);
    let name = name.ok_or_else(|| io::Error::other("its name is no text"))?;
    let parent = leads_to.parent().unwrap_or(Path::new("/")).to_owned();
    Ok((parent, name.to_owned()))
}

/// The reason that most of `failed` share, and whether it is that of all.
fn commonest(failed: &[(String, String)]) -> Option<(String, bool)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, reason) in failed {
        *counts.entry(reason).or_default() += 1;
    }
    let (reason, count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    Some((reason.to_owned(), count == failed.len()))
}
