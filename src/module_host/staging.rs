//! Staging: all modules are loaded beside what runs, greeted, and told of.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use tokio::time::Instant;

use crate::module::folder::{self, Folder};
use crate::module::protocol::{
    Description, FromHost, LoadFailure, Loading, Stage, Staged, StagedModule,
};

use super::event::Event;
use super::forking::IMPORT;
use super::host::{Code, Host, Start};
use super::id::{CodeId, InterpreterId};
use super::interpreter::{ImportedModule, Imports, Interpreter, Purpose, lost, of_stage};

/// A generation that is being loaded.
#[derive(Debug)]
pub(super) struct Staging {
    stage: Stage,
    /// What was found and what came of it, by name.
    modules: BTreeMap<String, StagedModule>,
    problems: Vec<String>,
    python: Option<String>,
    /// Programs that are to be started...
    pub(super) to_greet: VecDeque<CodeId>,
    /// ...and those that were, and have not said hello.
    pub(super) greeting: BTreeSet<CodeId>,
    /// Whether the folder is being read, or modules in Python are being imported.
    is_loading: bool,
    /// The modules in Python that were found.
    python_modules: BTreeSet<String>,
    /// The modules that are programs.
    programs: Vec<String>,
}

impl Host {
    pub(super) fn stage(&mut self, stage: Stage, now: Instant) {
        let (generation, folder) = (stage.generation, stage.folder.clone());
        if self.rosters.contains_key(&generation) {
            let text = format!("generation {generation} is there already");
            return self.log("", "error", text);
        }
        self.rosters.insert(generation, BTreeMap::new());
        self.stagings.insert(generation, Staging::new(stage));
        let events = self.readers.events.clone();
        // It reads files, which may take a while.
        drop(tokio::task::spawn_blocking(move || {
            let found = folder::scan(&folder);
            // The loop has ended if it does not listen.
            events
                .send(Event::Scanned(generation, Box::new(found)))
                .ok();
        }));
        self.give_up_unused(now);
    }

    pub(super) fn scanned(&mut self, generation: u64, found: Folder, now: Instant) {
        let carried = self.carried(&found);
        let Some(staging) = self.stagings.get_mut(&generation) else {
            return;
        };
        staging.problems = found.problems;
        staging.programs = found.programs.keys().cloned().collect();
        staging.python_modules = found.python.into_keys().collect();
        for (name, program) in found.programs {
            let carried = carried.get(&name);
            let id = match carried {
                Some((id, _)) => *id,
                None => self.add_code(
                    &name,
                    program.fingerprint.clone(),
                    Start::Program(program.file),
                ),
            };
            let Some(staging) = self.stagings.get_mut(&generation) else {
                return;
            };
            match carried {
                Some((_, description)) => {
                    let loading = Loading::Description(description.clone());
                    staging.put(&name, program.fingerprint, loading);
                }
                None => staging.to_greet.push_back(id),
            }
            self.enroll(generation, name, id);
        }
        self.import(generation, now);
        self.greet_next(generation, now);
    }

    /// Programs that have not changed, which go on with the processes that they have.
    fn carried(&self, found: &Folder) -> BTreeMap<String, (CodeId, Description)> {
        let mut carried = BTreeMap::new();
        for roster in self.rosters.values() {
            for (name, id) in roster {
                let (Some(code), Some(program)) = (self.codes.get(id), found.programs.get(name))
                else {
                    continue;
                };
                let is_same = matches!(&code.start, Start::Program(file) if *file == program.file)
                    && code.fingerprint == program.fingerprint;
                if let (true, Some(description)) = (is_same, &code.description) {
                    carried.insert(name.clone(), (*id, description.clone()));
                }
            }
        }
        carried
    }

    fn add_code(&mut self, name: &str, fingerprint: String, start: Start) -> CodeId {
        let id = CodeId(self.number());
        let code = Code {
            name: Arc::from(name),
            fingerprint,
            start,
            concurrency: 1,
            description: None,
            current: None,
            waiting: VecDeque::new(),
        };
        self.codes.insert(id, code);
        id
    }

    fn enroll(&mut self, generation: u64, name: String, id: CodeId) {
        let roster = self.rosters.entry(generation).or_default();
        roster.insert(name, id);
    }

    /// Starts the interpreter, if there is a module for it.
    fn import(&mut self, generation: u64, now: Instant) {
        let Some(staging) = self.stagings.get_mut(&generation) else {
            return;
        };
        if staging.python_modules.is_empty() {
            staging.is_loading = false;
            return;
        }
        staging.problems.extend(lost(&staging.stage));
        let (stage, skip) = (staging.stage.clone(), staging.programs.clone());
        let id = InterpreterId(self.number());
        let imports = Imports {
            stage: &stage,
            only: None,
            skip: &skip,
            until: now + IMPORT,
        };
        let purpose = Purpose::Generation(generation);
        let started = Interpreter::start(&self.ourselves, purpose, &imports, id, &self.readers);
        match started {
            Ok(interpreter) => {
                self.interpreters.insert(id, interpreter);
            }
            Err(error) => self.not_imported(generation, &error.to_string()),
        }
    }

    /// No module in Python could be loaded.
    pub(super) fn not_imported(&mut self, generation: u64, reason: &str) {
        let Some(staging) = self.stagings.get_mut(&generation) else {
            return;
        };
        if !staging.is_loading {
            return;
        }
        let python = of_stage(&staging.stage).display().to_string();
        let (summary, trace) = reason.split_once('\n').unwrap_or((reason, ""));
        let summary = match summary.starts_with(&python) {
            true => summary.to_owned(),
            false => format!("{python}: {summary}"),
        };
        let problem = format!("no module in Python was loaded: {summary}");
        staging.problems.push(problem);
        for name in std::mem::take(&mut staging.python_modules) {
            let failure = LoadFailure {
                summary: "its interpreter does not run".to_owned(),
                text: None,
                trace: trace.to_owned(),
                nothing_is_left: false,
            };
            staging.put(&name, String::new(), Loading::Failure(failure));
        }
        staging.is_loading = false;
        self.finish_if_loaded(generation);
    }

    /// The interpreter has imported the modules of a generation.
    pub(super) fn imported(
        &mut self,
        interpreter: InterpreterId,
        generation: u64,
        (python, modules): (String, Vec<ImportedModule>),
        now: Instant,
    ) {
        let unchanged = self.unchanged_python(&modules, generation);
        let Some(staging) = self.stagings.get_mut(&generation) else {
            return;
        };
        staging.python = Some(python);
        staging.is_loading = false;
        let stage = Arc::new(staging.stage.clone());
        for ImportedModule {
            staged,
            own_process,
            problems,
        } in modules
        {
            let Some(staging) = self.stagings.get_mut(&generation) else {
                return;
            };
            if staging.programs.contains(&staged.name) {
                continue;
            }
            let name = staged.name.clone();
            let problems = problems.into_iter();
            let problems = problems.map(|problem| format!("the module {name}: {problem}"));
            staging.problems.extend(problems);
            staging.modules.insert(name.clone(), staged.clone());
            let Loading::Description(description) = staged.loading else {
                continue;
            };
            let id = match unchanged.as_ref().and_then(|codes| codes.get(&name)) {
                Some(id) => *id,
                None => {
                    let start = if own_process {
                        Start::Own(Arc::clone(&stage))
                    } else {
                        Start::Fork(interpreter, Arc::clone(&stage))
                    };
                    let id = self.add_code(&name, staged.fingerprint, start);
                    self.describe(id, description);
                    if own_process && let Some(staging) = self.stagings.get_mut(&generation) {
                        // From now on its process has this code, whatever becomes of the files.
                        staging.to_greet.push_back(id);
                    }
                    id
                }
            };
            self.enroll(generation, name, id);
        }
        self.greet_next(generation, now);
    }

    /// Whether there is a process that runs the code that `name` was called in before `generation`, or an interpreter that
    /// forks one.
    fn lives(&self, name: &str, generation: u64) -> bool {
        let rosters = self.rosters.range(..generation).rev();
        let code = rosters.flat_map(|(_, roster)| roster.get(name)).next();
        let Some(code) = code.and_then(|id| self.codes.get(id)) else {
            return false;
        };
        let forks = matches!(code.start, Start::Fork(interpreter, _) if self.is_ready(interpreter));
        forks || code.current.is_some()
    }

    /// The code of the last generation, if no module in Python has changed since: then nothing is restarted.
    fn unchanged_python(
        &self,
        modules: &[ImportedModule],
        generation: u64,
    ) -> Option<BTreeMap<String, CodeId>> {
        let (_, last) = self.rosters.range(..generation).next_back()?;
        let is_python = |id: &CodeId| {
            let code = self.codes.get(id);
            code.is_some_and(|code| !matches!(code.start, Start::Program(_)))
        };
        let last: BTreeMap<&str, CodeId> = last
            .iter()
            .filter(|(_, id)| is_python(id))
            .map(|(name, id)| (name.as_str(), *id))
            .collect();
        let loaded: BTreeMap<&str, &str> = modules
            .iter()
            .filter(|module| matches!(module.staged.loading, Loading::Description(_)))
            .map(|module| (&*module.staged.name, &*module.staged.fingerprint))
            .collect();
        let is_same = |(name, print): (&&str, &&str)| {
            let code = last.get(name).and_then(|id| self.codes.get(id));
            code.is_some_and(|code| {
                let is_there = match &code.start {
                    Start::Fork(interpreter, _) => self.is_ready(*interpreter),
                    Start::Own(_) | Start::Program(_) => true,
                };
                is_there && code.fingerprint == **print
            })
        };
        (last.len() == loaded.len() && loaded.iter().all(is_same)).then(|| {
            let owned = |(name, id): (&str, CodeId)| (name.to_owned(), id);
            last.into_iter().map(owned).collect()
        })
    }

    /// Tells what came of a generation once all of it has been loaded.
    pub(super) fn finish_if_loaded(&mut self, generation: u64) {
        let staging = self.stagings.get(&generation);
        if !staging.is_some_and(Staging::is_loaded) {
            return;
        }
        if let Some(mut staging) = self.stagings.remove(&generation) {
            for module in staging.modules.values_mut() {
                if let Loading::Failure(failure) = &mut module.loading {
                    failure.nothing_is_left = !self.lives(&module.name, generation);
                }
            }
            self.tell(&FromHost::Staged(Staged {
                generation,
                modules: staging.modules.into_values().collect(),
                problems: staging.problems,
                python: staging.python,
            }));
        }
    }
}

impl Staging {
    fn new(stage: Stage) -> Self {
        Self {
            stage,
            modules: BTreeMap::new(),
            problems: Vec::new(),
            python: None,
            to_greet: VecDeque::new(),
            greeting: BTreeSet::new(),
            is_loading: true,
            python_modules: BTreeSet::new(),
            programs: Vec::new(),
        }
    }

    fn is_loaded(&self) -> bool {
        !self.is_loading && self.to_greet.is_empty() && self.greeting.is_empty()
    }

    pub(super) fn put(&mut self, name: &str, fingerprint: String, loading: Loading) {
        let name = name.to_owned();
        let staged = StagedModule {
            name: name.clone(),
            fingerprint,
            loading,
        };
        self.modules.insert(name, staged);
    }
}
