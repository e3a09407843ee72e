//! A bot with modules.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::bot::BotUnderTest;
use crate::support::poll;
use crate::support::scenario::{Person, Scenario};

/// The module whose calls do what their first parameter says.
const MODULE: &str = include_str!("module.py");

/// The line that says that the modules can be called.
pub(super) const GREETED: &str = "the modules have been greeted";

pub(super) struct Rig {
    pub(super) scenario: Scenario,
    pub(super) bot: BotUnderTest,
    folder: TempDir,
}

impl Rig {
    /// A bot with modules of these names, each with further words in its greeting.
    pub(super) async fn new(modules: &[(&str, Value)], settings: Value) -> Self {
        let scenario = Scenario::start().await;
        let folder = tempfile::tempdir().unwrap();
        for (name, hello) in modules {
            let path = folder.path().join(name);
            fs::create_dir(&path).unwrap();
            let hello = format!("json.loads({:?})", hello.to_string());
            fs::write(path.join("command"), MODULE.replace("HELLO", &hello)).unwrap();
            fs::set_permissions(path.join("command"), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let mut all = json!({"Modules": {"commanddir": folder.path()}});
        if let (Some(all), Value::Object(settings)) = (all.as_object_mut(), settings) {
            all.extend(settings);
        }
        let bot = BotUnderTest::serving(&scenario, all).await;
        bot.says(GREETED, 1).await;
        Self {
            scenario,
            bot,
            folder,
        }
    }

    /// With the one module `dice`.
    pub(super) async fn dice() -> Self {
        Self::new(&[("dice", json!({}))], json!({})).await
    }

    /// What is answered to `message` in the laboratory.
    pub(super) async fn answer(&self, person: &Person, message: &str) -> String {
        let asked = person.asks(&self.scenario.lab, message).await;
        asked.outcome().await
    }

    /// Until the bot has reacted to `post` so.
    pub(super) async fn reacted(&self, post: &Value, emoji: &str) {
        let read = async || {
            let reactions = self.scenario.admin.reactions(post).await;
            let mut emojis = reactions.into_iter().map(|(_, name)| name);
            emojis.find(|name| name == emoji)
        };
        poll("the bot has reacted", read).await;
    }

    /// Sends `signal` to the module host that the bot started; gives its process.
    pub(super) fn signal_host(&self, signal: Signal) -> String {
        let bot = self.bot.pid().as_raw_nonzero().get().unsigned_abs();
        let processes = matterbot::module::process_tree::Processes::read();
        let host = processes.children(bot).next().expect("a host runs");
        let pid = Pid::from_raw(i32::try_from(host.pid).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
        host.pid.to_string()
    }

    /// Until calls of `module` that wait have started so often; gives what they were called with, in order.
    pub(super) async fn waiting(&self, module: &str, calls: usize) -> Vec<String> {
        let path = self.folder.path().join(module).join("started");
        let read = async || {
            let text = fs::read_to_string(&path).unwrap_or_default();
            let started: Vec<String> = text.lines().map(str::to_owned).collect();
            (started.len() >= calls).then_some(started)
        };
        poll("the calls have started", read).await
    }

    /// Lets the calls of `module` that wait go on.
    pub(super) fn go(&self, module: &str) {
        fs::write(self.folder.path().join(module).join("go"), "").unwrap();
    }

    /// The processes of a call that hangs: the module's, and one that it started.
    pub(super) async fn hanging(&self, module: &str) -> String {
        let path: PathBuf = self.folder.path().join(module).join("hanging");
        poll("the module hangs", async || fs::read_to_string(&path).ok()).await
    }
}
