//! A folder of modules and a module host that is spoken with as the bot does.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use matterbot::module::link::Link;
use matterbot::module::protocol::{
    Call, Failure, FailureReason, FromHost, Loading, Stage, Staged, ToHost,
};
use tempfile::TempDir;

use crate::support::playground::DEADLINE;
use crate::support::program::{PROGRAM, eventually};

/// The module whose calls do what their first parameter says.
const MODULE: &str = include_str!("module.py");

pub(super) struct Rig {
    folder: TempDir,
    pub(super) link: Link,
    /// What the host said while something else was waited for.
    heard: Vec<FromHost>,
    calls: u64,
}

impl Rig {
    /// A host that has said hello, and an empty folder.
    pub(super) async fn new() -> Self {
        let link = Link::spawn(Path::new(PROGRAM)).unwrap();
        Self::with(link).await
    }

    pub(super) async fn with(link: Link) -> Self {
        let mut rig = Self {
            folder: tempfile::tempdir().unwrap(),
            link,
            heard: Vec::new(),
            calls: 0,
        };
        fs::create_dir(rig.path()).unwrap();
        let hello = rig.next().await;
        assert!(
            matches!(hello, FromHost::Hello { protocol: 1, .. }),
            "{hello:?}"
        );
        rig
    }

    /// A host that serves the module `dice` of [`MODULE`].
    pub(super) async fn serving() -> Self {
        let mut rig = Self::new().await;
        rig.module("dice", "", "");
        rig.serve(1).await;
        rig
    }

    /// The folder of the modules.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("commands")
    }

    /// Writes the module `name` with another version, and with other words in its greeting.
    pub(super) fn module(&self, name: &str, version: &str, hello: &str) {
        let text = MODULE.replace("VERSION = \"1\"", &format!("VERSION = \"{version}\""));
        let hello = if hello.is_empty() {
            "\"concurrency\": 1"
        } else {
            hello
        };
        self.program(name, &text.replace("\"concurrency\": 1", hello));
    }

    /// Writes the program of the module `name`, as a whole.
    pub(super) fn program(&self, name: &str, text: &str) {
        let folder = self.path().join(name);
        fs::create_dir_all(&folder).unwrap();
        let new = folder.join("command.new");
        fs::write(&new, text).unwrap();
        fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(new, folder.join("command")).unwrap();
    }

    pub(super) async fn send(&mut self, order: &ToHost) {
        self.link.sender.send(order).await.unwrap();
    }

    /// What the host says next, logs too.
    pub(super) async fn next(&mut self) -> FromHost {
        let next = tokio::time::timeout(DEADLINE, self.link.receiver.next());
        let said = next.await.expect("the host says something").unwrap();
        said.expect("the host is there")
    }

    /// What the host says next that `wanted` takes; the rest is kept.
    pub(super) async fn find<T>(&mut self, wanted: impl Fn(&FromHost) -> Option<T>) -> T {
        if let Some(index) = self.heard.iter().position(|said| wanted(said).is_some()) {
            return wanted(&self.heard.remove(index)).unwrap();
        }
        loop {
            let said = self.next().await;
            if let Some(found) = wanted(&said) {
                return found;
            }
            self.heard.push(said);
        }
    }

    /// What was said so far, and nobody waited for.
    pub(super) fn heard(&self) -> &[FromHost] {
        &self.heard
    }

    /// Has all modules loaded.
    pub(super) async fn stage(&mut self, generation: u64) -> Staged {
        self.order_stage(generation).await;
        self.staged(generation).await
    }

    pub(super) async fn order_stage(&mut self, generation: u64) {
        let folder = self.path();
        let stage = Stage {
            generation,
            folder,
            python: None,
            workers: 4,
        };
        self.send(&ToHost::Stage(stage)).await;
    }

    pub(super) async fn staged(&mut self, generation: u64) -> Staged {
        self.find(|said| match said {
            FromHost::Staged(staged) if staged.generation == generation => Some(staged.clone()),
            _ => None,
        })
        .await
    }

    /// Has all modules loaded, and serves those that could be in this generation.
    pub(super) async fn serve(&mut self, generation: u64) -> Staged {
        let staged = self.stage(generation).await;
        let loaded = staged.modules.iter();
        let loaded = loaded.filter(|module| matches!(module.loading, Loading::Description(_)));
        let generations: BTreeMap<String, u64> = loaded
            .map(|module| (module.name.clone(), generation))
            .collect();
        self.send(&ToHost::Serve { generations }).await;
        staged
    }

    /// Calls `dice` in generation 1, with a minute; gives the call's id.
    pub(super) async fn call(&mut self, words: &str) -> String {
        self.call_in(1, "dice", words, Duration::from_secs(60))
            .await
    }

    pub(super) async fn call_in(
        &mut self,
        generation: u64,
        module: &str,
        words: &str,
        deadline: Duration,
    ) -> String {
        self.calls += 1;
        let id = format!("post:{}:{module}", self.calls);
        let call = Call {
            id: id.clone(),
            command: "@module".to_owned(),
            parameters: words.split_whitespace().map(str::to_owned).collect(),
            deadline_ms: u64::try_from(deadline.as_millis()).unwrap(),
            ..Call::default()
        };
        self.send(&ToHost::Call {
            module: module.to_owned(),
            generation,
            call,
        })
        .await;
        id
    }

    /// The end of a call: its text, or why there is none.
    pub(super) async fn end(&mut self, id: &str) -> Result<String, Failure> {
        self.find(|said| match said {
            FromHost::Result(answer) if answer.call == id => {
                let texts: Vec<&str> = answer.messages.iter().map(|each| &*each.text).collect();
                Some(Ok(texts.join("\n")))
            }
            FromHost::Error(failure) if failure.call == id => Some(Err(failure.clone())),
            _ => None,
        })
        .await
    }

    /// Calls `dice` in generation 1, and waits for its text.
    pub(super) async fn ask(&mut self, words: &str) -> String {
        let id = self.call(words).await;
        self.end(&id).await.unwrap()
    }

    /// Calls `dice` in generation 1, which fails.
    pub(super) async fn fails(&mut self, words: &str) -> FailureReason {
        let id = self.call(words).await;
        self.end(&id).await.unwrap_err().reason
    }

    /// A line of the log that holds `words`.
    pub(super) async fn logged(&mut self, words: &str) -> (String, String) {
        self.find(|said| match said {
            FromHost::Log(log) if log.text.contains(words) => {
                Some((log.module.clone(), log.text.clone()))
            }
            _ => None,
        })
        .await
    }

    /// The file that `dice` wrote.
    pub(super) async fn note(&self, name: &str) -> String {
        let path = self.path().join("dice").join(name);
        eventually(&format!("{name} is written"), || path.exists()).await;
        fs::read_to_string(path).unwrap()
    }

    /// What the file that `dice` wrote holds now.
    pub(super) fn note_now(&self, name: &str) -> String {
        fs::read_to_string(self.path().join("dice").join(name)).unwrap()
    }

    /// Writes a file that `dice` waits for.
    pub(super) fn release(&self, name: &str) {
        fs::write(self.path().join("dice").join(name), "").unwrap();
    }

    /// Hangs up, and waits for the host's end.
    pub(super) async fn hang_up(self) -> std::process::ExitStatus {
        let Link {
            receiver,
            sender,
            child,
        } = self.link;
        drop((receiver, sender));
        let mut child = child.expect("it is our child");
        let ended = tokio::time::timeout(DEADLINE, child.wait()).await;
        ended.expect("the host ends").unwrap()
    }
}
