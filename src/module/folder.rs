//! The folder of modules: which there are, and for programs what they are made of.
//!
//! As upstream walks: every folder below the folder that holds `command.py`, or an executable file `command`; its name in
//! lower case is the module's.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, DirEntry};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// The endings of files that a program is made of, if they are not executable themselves. Anything else beside them is
/// the module's own data, which it may write.
const SOURCES: [&str; 18] = [
    "bash", "cjs", "awk", "fish", "go", "jar", "js", "jq", "lua", "mjs", "php", "pl", "pm", "py",
    "rb", "sh", "tcl", "ts",
];

/// Folders that hold what others made.
const PASSED_OVER: [&str; 3] = ["__pycache__", "node_modules", "target"];

/// What there is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folder {
    /// The modules that are programs, by name.
    pub programs: BTreeMap<String, Program>,
    /// The folders of the modules in Python, by name.
    pub python: BTreeMap<String, PathBuf>,
    /// Sentences for whoever runs the bot.
    pub problems: Vec<String>,
}

/// A module that is a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Its file.
    pub file: PathBuf,
    /// Changes with the files that it is made of.
    pub fingerprint: String,
}

/// Looks below `folder`, which takes as long as reading every module's files does.
#[must_use]
pub fn scan(folder: &Path) -> Folder {
    let mut found = Folder::default();
    if let Err(error) = found.walk(folder, true) {
        let path = folder.display();
        let problem = format!("the folder of command modules {path} cannot be read: {error}");
        found.problems.push(problem);
    }
    found
}

impl Folder {
    fn walk(&mut self, folder: &Path, top: bool) -> io::Result<()> {
        let mut entries: Vec<DirEntry> = fs::read_dir(folder)?.collect::<io::Result<_>>()?;
        entries.sort_by_key(DirEntry::file_name);
        let program = folder.join("command");
        let is_program = is_executable(&program);
        let is_python = folder.join("command.py").is_file();
        let name = folder.file_name().map(|name| name.to_string_lossy());
        if let (Some(name), false) = (name, top) {
            let name = name.to_lowercase();
            match (is_program, is_python) {
                (true, both) => self.add_program(name, folder, program, both),
                (false, true) => self.add_python(name, folder),
                (false, false) if program.is_file() => self.problems.push(format!(
                    "{0} is not executable, and so no module: chmod +x {0}",
                    program.display()
                )),
                (false, false) => {}
            }
        }
        if is_program && !top {
            return Ok(());
        }
        for entry in entries.iter().filter(|entry| is_walked(entry)) {
            let path = entry.path();
            if let Err(error) = self.walk(&path, false) {
                let problem = format!("{} cannot be read: {error}", path.display());
                self.problems.push(problem);
            }
        }
        Ok(())
    }

    fn add_program(&mut self, name: String, folder: &Path, file: PathBuf, both: bool) {
        let path = folder.display();
        if both {
            let problem = format!(
                "{path} holds both command and command.py; only the program command is run"
            );
            self.problems.push(problem);
        }
        if self.is_taken(&name, folder) {
            return;
        }
        match fingerprint(folder) {
            Ok(fingerprint) => {
                self.programs.insert(name, Program { file, fingerprint });
            }
            Err(error) => self
                .problems
                .push(format!("{path} cannot be read: {error}")),
        }
    }

    fn add_python(&mut self, name: String, folder: &Path) {
        if !self.is_taken(&name, folder) {
            self.python.insert(name, folder.to_owned());
        }
    }

    /// Whether another folder is that module already, which is reported.
    fn is_taken(&mut self, name: &str, folder: &Path) -> bool {
        let program = self
            .programs
            .get(name)
            .and_then(|program| program.file.parent());
        let taken = program.or_else(|| self.python.get(name).map(PathBuf::as_path));
        let Some(taken) = taken else {
            return false;
        };
        let problem = format!(
            "{} and {} would both be the module {name}; rename one of them",
            taken.display(),
            folder.display()
        );
        self.problems.push(problem);
        true
    }
}

/// Whether the entry is a folder to look into; links are not followed, as upstream's walk does not.
fn is_walked(entry: &DirEntry) -> bool {
    let name = entry.file_name();
    let name = name.to_string_lossy();
    !name.starts_with('.')
        && !PASSED_OVER.contains(&&*name)
        && entry.file_type().is_ok_and(|kind| kind.is_dir())
}

fn is_executable(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// What the program in `folder` is made of: the names and contents of its executables and sources.
fn fingerprint(folder: &Path) -> io::Result<String> {
    let mut hasher = DefaultHasher::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let mut entries: Vec<DirEntry> = fs::read_dir(&folder)?.collect::<io::Result<_>>()?;
        entries.sort_by_key(DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            if is_walked(&entry) {
                folders.push(path);
            } else if is_executable(&path) || is_source(&path) {
                path.hash(&mut hasher);
                add(&mut hasher, &path)?;
            }
        }
    }
    Ok(format!("{:016x}", hasher.finish()))
}

/// Adds the content of a file, piece by piece: programs may be large.
fn add(hasher: &mut DefaultHasher, path: &Path) -> io::Result<()> {
    let mut file = fs::File::open(path)?;
    let mut piece = [0; 16 * 1024];
    let mut length = 0_usize;
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            break;
        }
        length += read;
        hasher.write(piece.get(..read).unwrap_or_default());
    }
    length.hash(hasher);
    Ok(())
}

fn is_source(path: &Path) -> bool {
    let ending = path.extension().and_then(OsStr::to_str);
    ending.is_some_and(|ending| SOURCES.contains(&ending)) && path.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str, content: &str, mode: u32) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn programs_and_python_modules_are_found_wherever_they_lie() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        write(path, "Dice/command", "#!/bin/sh", 0o755);
        write(path, "games/chess/command.py", "", 0o644);
        write(path, "notes/command", "not executable", 0o644);
        write(path, "__pycache__/command.py", "", 0o644);
        write(path, "command.py", "", 0o644);
        let found = scan(path);
        assert_eq!(found.programs.keys().collect::<Vec<_>>(), ["dice"]);
        assert_eq!(found.python.keys().collect::<Vec<_>>(), ["chess"]);
        let [problem] = &found.problems[..] else {
            panic!("{:?}", found.problems);
        };
        let advice = format!("chmod +x {}", path.join("notes/command").display());
        assert!(problem.ends_with(&advice), "{problem}");
    }

    #[test]
    fn what_two_folders_would_both_be_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        write(path, "Dice/command.py", "", 0o644);
        write(path, "dice/command", "", 0o755);
        write(path, "both/command", "", 0o755);
        write(path, "both/command.py", "", 0o644);
        let found = scan(path);
        assert_eq!(found.programs.keys().collect::<Vec<_>>(), ["both"]);
        assert_eq!(found.python.keys().collect::<Vec<_>>(), ["dice"]);
        let [both, case] = &found.problems[..] else {
            panic!("{:?}", found.problems);
        };
        assert!(both.contains("holds both"), "{both}");
        assert!(case.contains("the module dice"), "{case}");
    }

    #[test]
    fn a_folder_that_is_missing_is_a_problem() {
        let folder = tempfile::tempdir().unwrap();
        let found = scan(&folder.path().join("missing"));
        assert!(found.problems[0].contains("cannot be read"), "{found:?}");
    }

    #[test]
    fn helpers_make_a_module_what_it_is_and_data_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        write(path, "dice/command", "#!/bin/sh", 0o755);
        write(path, "dice/lib/roll.sh", "one", 0o644);
        let print = || scan(path).programs["dice"].fingerprint.clone();
        let before = print();
        write(path, "dice/state.json", "{}", 0o644);
        write(path, "dice/__pycache__/roll.py", "", 0o644);
        assert_eq!(print(), before);
        write(path, "dice/lib/roll.sh", "two", 0o644);
        assert_ne!(print(), before);
    }
}
