//! What is left of a directory when the power fails: of all that was written, what had been synced.
//!
//! A file's content counts when the file was synced, a name when its directory was. Nothing else is assumed of the
//! file system; in particular a name may be lost whose content is safe, and the other way round.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::strace::Called;

/// What of the unsynced survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Luck {
    /// Nothing.
    None,
    /// Some sectors of what was written to files, and the first of the changes of names; by this seed.
    Some(u64),
}

/// What a disk may do at a time.
const SECTOR: usize = 512;

/// A directory of files.
pub(crate) struct Disk {
    path: PathBuf,
    files: Vec<File>,
    /// The names now, each with a number in `files`.
    names: BTreeMap<String, usize>,
    /// The same as they were at each change since the directory was synced, oldest first; the first is synced.
    history: Vec<BTreeMap<String, usize>>,
}

#[derive(Default)]
struct File {
    now: Vec<u8>,
    synced: Vec<u8>,
    /// What was written since: where, and what.
    unsynced: Vec<(usize, Vec<u8>)>,
}

impl File {
    fn write(&mut self, at: usize, data: &[u8]) {
        put(&mut self.now, at, data);
        self.unsynced.push((at, data.to_vec()));
    }

    fn truncate(&mut self, length: usize) {
        self.now.resize(length, 0);
        // Earlier than it need be, which only makes the test harder.
        self.unsynced.clear();
    }

    fn sync(&mut self) {
        self.synced.clone_from(&self.now);
        self.unsynced.clear();
    }

    fn after(&self, random: Option<&mut fastrand::Rng>) -> Vec<u8> {
        let mut content = self.synced.clone();
        let Some(random) = random else { return content };
        for (at, data) in &self.unsynced {
            for (index, sector) in data.chunks(SECTOR).enumerate() {
                if random.bool() {
                    put(&mut content, at + index * SECTOR, sector);
                }
            }
        }
        content
    }
}

fn put(content: &mut Vec<u8>, at: usize, data: &[u8]) {
    if content.len() < at + data.len() {
        content.resize(at + data.len(), 0);
    }
    content[at..at + data.len()].copy_from_slice(data);
}

/// The index of the ledger's log lies in memory that is shared, which no call tells of, and is made anew in any case.
fn is_index(name: &str) -> bool {
    name.ends_with("-shm")
}

impl Disk {
    /// The directory as it is now, taken for synced.
    pub(crate) fn of(path: &Path) -> Self {
        let mut disk = Self {
            path: path.to_owned(),
            files: Vec::new(),
            names: BTreeMap::new(),
            history: Vec::new(),
        };
        for entry in fs::read_dir(path).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            if is_index(&name) {
                continue;
            }
            let content = fs::read(entry.path()).unwrap();
            disk.names.insert(name, disk.files.len());
            disk.files.push(File {
                now: content.clone(),
                synced: content,
                unsynced: Vec::new(),
            });
        }
        disk.history.push(disk.names.clone());
        disk
    }

    /// Does what `calls` did.
    pub(crate) fn replay(&mut self, calls: &[Called]) {
        for called in calls {
            self.apply(called);
        }
    }

    pub(crate) fn is_synced(&self) -> bool {
        self.history.len() == 1 && self.files.iter().all(|file| file.unsynced.is_empty())
    }

    /// None if it concerns no file of the directory.
    fn apply(&mut self, called: &Called) -> Option<()> {
        let Called {
            arguments, result, ..
        } = called;
        if result.starts_with("-1 ") {
            return None;
        }
        match called.name.as_str() {
            "open" | "openat" if arguments.contains("O_CREAT") => {
                let name = self.name(result)?;
                if !self.names.contains_key(&name) {
                    self.names.insert(name, self.files.len());
                    self.files.push(File::default());
                    self.changed();
                }
            }
            "write" => {
                let file = self.file(arguments)?;
                let end = file.now.len();
                file.write(end, &written(called));
            }
            "pwrite64" => {
                let file = self.file(arguments)?;
                file.write(last_number(arguments), &written(called));
            }
            "ftruncate" => self.file(arguments)?.truncate(last_number(arguments)),
            "fsync" | "fdatasync" if self.names_directory(arguments) => {
                self.history = vec![self.names.clone()];
            }
            "fsync" | "fdatasync" => self.file(arguments)?.sync(),
            "renameat" | "rename" => {
                let mut names = arguments.split('"').skip(1).step_by(2);
                let (from, to) = (base(names.next()?), base(names.next()?));
                let number = self.names.remove(&from)?;
                self.names.insert(to, number);
                self.changed();
            }
            "unlink" | "unlinkat" => {
                self.names.remove(&base(arguments.split('"').nth(1)?))?;
                self.changed();
            }
            _ => {}
        }
        Some(())
    }

    fn changed(&mut self) {
        self.history.push(self.names.clone());
    }

    /// Whether the descriptor that `rest` begins with is the directory.
    fn names_directory(&self, rest: &str) -> bool {
        rest.split_once('<')
            .and_then(|(_, path)| path.split_once('>'))
            .is_some_and(|(path, _)| Path::new(path) == self.path)
    }

    /// The name in the directory of the descriptor that `text` begins with.
    fn name(&self, text: &str) -> Option<String> {
        let path = text.split_once('<')?.1.split_once('>')?.0;
        let name = Path::new(path).strip_prefix(&self.path).ok()?.to_str()?;
        (!is_index(name) && !name.is_empty()).then(|| name.to_owned())
    }

    fn file(&mut self, rest: &str) -> Option<&mut File> {
        let number = *self.names.get(&self.name(rest)?)?;
        self.files.get_mut(number)
    }

    /// Puts what a loss of power leaves in place of the directory's files.
    pub(crate) fn lose_power(&self, luck: Luck) {
        for entry in fs::read_dir(&self.path).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        let mut random = match luck {
            Luck::None => None,
            Luck::Some(seed) => Some(fastrand::Rng::with_seed(seed)),
        };
        let reached = random
            .as_mut()
            .map_or(0, |random| random.usize(0..self.history.len()));
        for (name, number) in &self.history[reached] {
            let mut file = fs::OpenOptions::new();
            let file = file.write(true).create_new(true).mode(0o600);
            let mut file = file.open(self.path.join(name)).unwrap();
            let content = self.files[*number].after(random.as_mut());
            std::io::Write::write_all(&mut file, &content).unwrap();
        }
    }
}

fn base(path: &str) -> String {
    path.rsplit('/').next().unwrap().to_owned()
}

fn last_number(arguments: &str) -> usize {
    arguments.rsplit(", ").next().unwrap().parse().unwrap()
}

/// What a call wrote, as many bytes as its result says.
fn written(called: &Called) -> Vec<u8> {
    let mut bytes = quoted(&called.arguments).unwrap();
    let count: usize = called.result.parse().unwrap();
    assert!(bytes.len() >= count, "strace cut a string: {called:?}");
    bytes.truncate(count);
    bytes
}

/// The bytes of the first string in `text`, as strace quotes them.
fn quoted(text: &str) -> Option<Vec<u8>> {
    let mut characters = text.split_once('"')?.1.chars().peekable();
    let mut bytes = Vec::new();
    while let Some(character) = characters.next() {
        let byte = match character {
            '"' => break,
            '\\' => match characters.next()? {
                'n' => b'\n',
                't' => b'\t',
                'r' => b'\r',
                'v' => 0x0b,
                'f' => 0x0c,
                first @ '0'..='7' => {
                    let mut value = first.to_digit(8)?;
                    for _ in 0..2 {
                        if let Some(digit) = characters.peek().and_then(|next| next.to_digit(8)) {
                            value = value * 8 + digit;
                            characters.next();
                        }
                    }
                    u8::try_from(value).ok()?
                }
                other => u8::try_from(other).ok()?,
            },
            other => u8::try_from(other).ok()?,
        };
        bytes.push(byte);
    }
    Some(bytes)
}

#[test]
fn what_strace_quotes_is_read_as_it_was_written() {
    assert_eq!(
        quoted(r#"3</x>, "a\0\12\"\\\3770", 7"#).unwrap(),
        b"a\0\n\"\\\xff0"
    );
    assert_eq!(quoted(r#"3</x>, "\1771", 2"#).unwrap(), b"\x7f1");
}

#[test]
fn a_name_and_its_content_are_synced_apart() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().to_str().unwrap();
    fs::write(home.path().join("old"), "old").unwrap();
    let call = |name: &str, text: String| {
        let (arguments, result) = text.split_once(" = ").unwrap();
        Called {
            thread: 1,
            name: name.to_owned(),
            arguments: arguments.to_owned(),
            result: result.to_owned(),
        }
    };
    let mut disk = Disk::of(home.path());
    disk.replay(&[
        call(
            "openat",
            format!("9<{path}>, \"new\", O_WRONLY|O_CREAT, 0600 = 5<{path}/new>"),
        ),
        call("write", format!("5<{path}/new>, \"new\", 3 = 3")),
        call("pwrite64", format!("6<{path}/old>, \"X\", 1, 1 = 1")),
        call("fsync", format!("5<{path}/new> = 0")),
    ]);
    assert!(!disk.is_synced());
    disk.lose_power(Luck::None);
    assert!(!home.path().join("new").exists());
    assert_eq!(fs::read(home.path().join("old")).unwrap(), b"old");
    disk.replay(&[
        call("fsync", format!("9<{path}> = 0")),
        call("fdatasync", format!("6<{path}/old> = 0")),
    ]);
    assert!(disk.is_synced());
    disk.lose_power(Luck::None);
    assert_eq!(fs::read(home.path().join("new")).unwrap(), b"new");
    assert_eq!(fs::read(home.path().join("old")).unwrap(), b"oXd");
}
