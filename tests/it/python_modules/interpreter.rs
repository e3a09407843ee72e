//! An interpreter with the script of the program under test, and the processes of modules that it forks.

use std::fs;
use std::io::{BufRead as _, BufReader, ErrorKind, IoSlice, PipeReader, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use matterbot::module::python;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::playground::DEADLINE;

/// A stream of JSON lines, read with a deadline.
pub(super) struct Lines {
    stream: UnixStream,
    reader: BufReader<UnixStream>,
}

impl Lines {
    fn new(stream: UnixStream) -> Self {
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let reader = BufReader::new(stream.try_clone().unwrap());
        Self { stream, reader }
    }

    pub(super) fn send(&self, message: &Value) {
        (&self.stream)
            .write_all(format!("{message}\n").as_bytes())
            .unwrap();
    }

    /// The next line; none if the other side has closed.
    pub(super) fn next(&mut self) -> Option<Value> {
        let mut line = String::new();
        match self.reader.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => {
                Some(serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}")))
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => None,
            Err(error) => panic!("waited in vain for a line: {error}"),
        }
    }
}

/// A copy of one of the folders below `tests/modules`, so that what modules write stays out of the sources.
pub(super) fn copy(name: &str) -> (TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(name);
    copy_folder(&Path::new("tests/modules").join(name), &folder);
    (home, folder)
}

pub(crate) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// An interpreter that has imported; it ends with the test, and all that it forked with it.
pub(super) struct Interpreter {
    child: Child,
    pub(super) control: Lines,
    /// What it said when all was imported.
    pub(super) imported: Value,
    /// What was logged until then.
    pub(super) logs: Vec<Value>,
    _home: Option<TempDir>,
}

impl Interpreter {
    /// Imports a copy of the folder `name` below `tests/modules`; `order` are further keys of the order.
    pub(super) fn of(name: &str, order: Value) -> Self {
        let (home, folder) = copy(name);
        let mut interpreter = Self::start(&folder, order);
        interpreter._home = Some(home);
        interpreter
    }

    /// Imports `folder`.
    pub(super) fn start(folder: &Path, order: Value) -> Self {
        let (child, mut control) = spawn(python::BOOTSTRAP);
        let mut import =
            json!({"type": "import", "folder": folder, "workers": 8, "only": null, "skip": []});
        for (key, value) in order.as_object().unwrap() {
            import[key] = value.clone();
        }
        control.send(&import);
        let mut logs = Vec::new();
        let imported = loop {
            let line = control.next().expect("it imports");
            if line["type"] != "log" {
                break line;
            }
            logs.push(line);
        };
        assert_eq!(imported["type"], "imported", "{imported}");
        Self {
            child,
            control,
            imported,
            logs,
            _home: None,
        }
    }

    /// The process that was started.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What was reported of a module.
    pub(super) fn report(&self, name: &str) -> &Value {
        let modules = self.imported["modules"].as_array().unwrap();
        let found = modules.iter().find(|module| module["name"] == name);
        found.unwrap_or_else(|| panic!("{name} is not in {}", self.imported))
    }

    /// A process of a module, or why there is none.
    pub(super) fn try_fork(&mut self, module: &str) -> Result<Module, String> {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (output, their_output) = std::io::pipe().unwrap();
        let (errors, their_errors) = std::io::pipe().unwrap();
        let descriptors = [theirs.into(), their_output.into(), their_errors.into()];
        self.send_with(&json!({"type": "fork", "module": module}), &descriptors);
        drop(descriptors);
        let answer = self.control.next().expect("it answers an order");
        assert_eq!(answer["module"], module);
        if answer["type"] == "fork_failed" {
            return Err(answer["reason"].as_str().unwrap().to_owned());
        }
        assert_eq!(answer["type"], "forked", "{answer}");
        let pid = u32::try_from(answer["pid"].as_u64().unwrap()).unwrap();
        Ok(Module {
            channel: Lines::new(ours),
            output,
            errors,
            pid,
            calls: 0,
            logs: Vec::new(),
        })
    }

    /// A process of a module.
    pub(super) fn fork(&mut self, module: &str) -> Module {
        self.try_fork(module).unwrap()
    }

    fn send_with(&self, message: &Value, descriptors: &[OwnedFd]) {
        let borrowed: Vec<_> = descriptors.iter().map(|each| each.as_fd()).collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        assert!(ancillary.push(SendAncillaryMessage::ScmRights(&borrowed)));
        let line = format!("{message}\n");
        let parts = [IoSlice::new(line.as_bytes())];
        let sent = rustix::net::sendmsg(
            &self.control.stream,
            &parts,
            &mut ancillary,
            SendFlags::NOSIGNAL,
        );
        assert_eq!(sent.unwrap(), line.len());
    }

    /// How the process `pid` of a module ended.
    pub(super) fn end_of(&mut self, pid: u32) -> i64 {
        let ended = self.control.next().expect("it tells of an end");
        assert_eq!(
            (&ended["type"], &ended["pid"]),
            (&json!("ended"), &json!(pid)),
            "{ended}"
        );
        ended["status"].as_i64().unwrap()
    }
}

impl Drop for Interpreter {
    fn drop(&mut self) {
        // It may have ended in the test.
        drop(self.child.kill());
        self.child.wait().unwrap();
    }
}

/// Starts `python3` with a program of which `bootstrap` is the beginning, and gives it the rest.
pub(super) fn spawn(bootstrap: &str) -> (Child, Lines) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    #[expect(
        clippy::disallowed_methods,
        reason = "a test starts the real interpreter"
    )]
    let mut command = Command::new("python3");
    command.args(["-c", bootstrap]).stdin(OwnedFd::from(theirs));
    let child = command.spawn().unwrap();
    drop(command);
    (&ours).write_all(&python::program()).unwrap();
    (child, Lines::new(ours))
}

/// The process of a module.
pub(super) struct Module {
    pub(super) channel: Lines,
    output: PipeReader,
    errors: PipeReader,
    pub(super) pid: u32,
    calls: u32,
    /// What was logged while an answer was waited for.
    pub(super) logs: Vec<Value>,
}

impl Module {
    /// Calls it, and does not wait; the call's id.
    pub(super) fn begin(&mut self, parameters: &[&str]) -> String {
        self.calls += 1;
        let id = format!("post:{}:module", self.calls);
        self.channel.send(&json!({
            "type": "call", "id": id, "command": "@word", "parameters": parameters, "channel": "town-square",
            "channel_id": "c1", "username": "@olga", "user_id": "u1", "post_id": "p1",
            "files": [{"id": "f1", "name": "a.bin"}], "deadline_ms": 30000,
        }));
        id
    }

    /// The next line that is none for the log; none if the process has ended.
    pub(super) fn next(&mut self) -> Option<Value> {
        loop {
            let line = self.channel.next()?;
            if line["type"] != "log" {
                return Some(line);
            }
            self.logs.push(line);
        }
    }

    /// Calls it; what came of it.
    pub(super) fn call(&mut self, parameters: &[&str]) -> Value {
        let id = self.begin(parameters);
        let outcome = self.next().expect("a call has an outcome");
        assert_eq!(outcome["call"], id.as_str(), "{outcome}");
        outcome
    }

    /// Calls it; the texts of its answer.
    pub(super) fn texts(&mut self, parameters: &[&str]) -> Vec<String> {
        let outcome = self.call(parameters);
        let Some(messages) = outcome["messages"].as_array() else {
            panic!("{parameters:?}: {outcome}");
        };
        let texts = messages.iter().map(|message| message["text"].as_str());
        texts.map(|text| text.unwrap().to_owned()).collect()
    }

    /// Calls it; the only text of its answer.
    pub(super) fn text(&mut self, parameters: &[&str]) -> String {
        let texts = self.texts(parameters);
        let [text] = &texts[..] else {
            panic!("{parameters:?}: {texts:?}");
        };
        text.clone()
    }

    /// Closes the channel; what was printed to the standard output and the standard error until the process ended.
    pub(super) fn close(self) -> (String, String) {
        let Self {
            channel,
            mut output,
            mut errors,
            ..
        } = self;
        drop(channel);
        let (mut printed, mut complained) = (String::new(), String::new());
        output.read_to_string(&mut printed).unwrap();
        errors.read_to_string(&mut complained).unwrap();
        (printed, complained)
    }
}
