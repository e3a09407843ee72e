//! `@reload` of modules in Python: swapped whole, with a report, under load.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::bot::BotUnderTest;
use crate::support::scenario::{Call, Scenario};

/// How often the modules are swapped under load, and the pause between two calls: 20 a second.
const RELOADS: usize = 50;
const PAUSE: Duration = Duration::from_millis(50);

/// A module whose answer is made of a constant of its own and one of a helper file: half-old and half-new would show.
const MODULE: &str = "from . import helper\nOWN = 'VERSION'\n\n\n\
                      def process(command, channel, username, params, files, conn):\n\
                      \x20   return {'messages': [{'text': f'{OWN} {helper.VALUE} {params[0]}'}]}\n";

struct Rig {
    scenario: Scenario,
    bot: BotUnderTest,
    folder: TempDir,
}

impl Rig {
    async fn new(modules: &[&str], settings: Value) -> Self {
        let scenario = Scenario::start().await;
        let folder = tempfile::tempdir().unwrap();
        let commands = folder.path().join("commands");
        fs::create_dir(&commands).unwrap();
        for name in modules {
            write(&commands, name, "1");
        }
        let mut all = settings;
        all["Modules"] = json!({"commanddir": commands});
        let bot = BotUnderTest::serving(&scenario, all).await;
        bot.says("the modules have been greeted", 1).await;
        Self {
            scenario,
            bot,
            folder,
        }
    }

    fn commands(&self) -> std::path::PathBuf {
        self.folder.path().join("commands")
    }

    async fn reload(&self, word: &str) -> String {
        let asked = self.scenario.admin.asks(&self.scenario.lab, word).await;
        asked.outcome().await
    }

    async fn answer(&self, message: &str) -> String {
        let asked = self.scenario.pat.asks(&self.scenario.lab, message).await;
        asked.outcome().await
    }
}

/// Writes the module `name` of a version, its helper first, as an editor that saves two files does.
fn write(commands: &Path, name: &str, version: &str) {
    let module = commands.join(name);
    fs::create_dir_all(&module).unwrap();
    let put = |file: &str, text: String| {
        let scratch = module.join(format!("{file}.new"));
        fs::write(&scratch, text).unwrap();
        fs::rename(scratch, module.join(file)).unwrap();
    };
    put("helper.py", format!("VALUE = '{version}'\n"));
    put("command.py", MODULE.replace("VERSION", version));
    put(
        "defaults.py",
        format!("BINDS = ['@{name}']\nCHANS = ['any']\n"),
    );
}

#[tokio::test]
async fn the_report_tells_what_was_added_changed_removed_and_what_failed() {
    let rig = Rig::new(&["dice", "echo", "gone", "broken"], json!({})).await;
    assert_eq!(
        rig.reload("@reload").await,
        "Reloaded: nothing has changed."
    );
    let commands = rig.commands();
    write(&commands, "dice", "2");
    write(&commands, "fresh", "1");
    fs::write(commands.join("echo/helper.py"), "VALUE = '2'\n").unwrap();
    fs::write(
        commands.join("broken/command.py"),
        "import no_such_package\n",
    )
    .unwrap();
    fs::remove_dir_all(commands.join("gone")).unwrap();
    let lines = "\n- 1 module added: `fresh`\
                 \n- 2 modules changed: `dice`, `echo`\
                 \n- 1 module removed: `gone`\
                 \n- ⚠ `broken` could not be loaded: \
                 `ModuleNotFoundError: No module named 'no_such_package'`; its last good code goes on";
    let dry = rig.reload("@reload --dry-run").await;
    assert_eq!(
        dry,
        format!("A reload would change this; nothing has been changed yet.{lines}")
    );
    assert_eq!(rig.answer("@dice now").await, "1 1 now");
    let done = rig.reload("@reload").await;
    assert!(
        done.starts_with(&format!("Reloaded, but 1 module failed. ⚠{lines}")),
        "{done}"
    );
    assert_eq!(rig.answer("@dice now").await, "2 2 now");
    assert_eq!(rig.answer("@echo now").await, "1 2 now");
    assert_eq!(rig.answer("@broken now").await, "1 1 now");
    assert_eq!(rig.answer("@fresh now").await, "1 1 now");
    let status = rig.answer("@status").await;
    assert!(
        status.contains(
            "- Modules: 4 loaded, 1 of them with their last good code (`broken`), 1 missing (`gone`); the reason is \
             `ModuleNotFoundError: No module named 'no_such_package'`, and the log"
        ),
        "{status}"
    );
    // The code that failed is put right, the module that was gone is back.
    write(&commands, "broken", "2");
    write(&commands, "gone", "2");
    let mended = rig.reload("@reload").await;
    assert!(
        mended.starts_with("Reloaded. ✅\n- 1 module added: `gone`\n- 1 module changed: `broken`"),
        "{mended}"
    );
    assert_eq!(rig.answer("@broken now").await, "2 2 now");
    assert_eq!(rig.answer("@gone now").await, "2 2 now");
    let Rig {
        scenario, mut bot, ..
    } = rig;
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn what_an_exception_says_is_told_by_the_log_alone() {
    let rig = Rig::new(&["dice"], json!({})).await;
    let raises = rig.commands().join("raises");
    fs::create_dir(&raises).unwrap();
    let code = "raise RuntimeError('https://x/?key=hunter2')\n";
    fs::write(raises.join("command.py"), code).unwrap();
    for word in ["@reload --dry-run", "@reload"] {
        let report = rig.reload(word).await;
        let failed = "\n- ⚠ `raises` could not be loaded: `RuntimeError`\n- The log tells more";
        assert!(report.contains(failed), "{report}");
        assert!(!report.contains("hunter2"), "{report}");
        let reference = report.rsplit('`').nth(1).unwrap();
        let log = rig.bot.log();
        let line = log.lines().find(|line| line.contains(reference)).unwrap();
        assert!(line.contains("RuntimeError: https://x/?key=hunter2"));
    }
    let status = rig.answer("@status").await;
    let reason = "1 failed to load (`raises`); the reason is `RuntimeError`, and";
    assert!(status.contains(reason), "{status}");
    let bound = rig.reload("@bind raises").await;
    assert_eq!(
        bound,
        "The `raises` module failed to load, and cannot be called."
    );
    let Rig {
        scenario, mut bot, ..
    } = rig;
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn a_renamed_module_and_a_word_of_two_modules_are_named() {
    let rig = Rig::new(&["dice"], json!({})).await;
    let commands = rig.commands();
    fs::rename(commands.join("dice"), commands.join("cubes")).unwrap();
    write(&commands, "second", "1");
    fs::write(commands.join("second/settings.py"), "BINDS = ['@dice']\n").unwrap();
    let report = rig.reload("@reload").await;
    for line in [
        "\n- `dice` seems to be `cubes` now",
        "\n- `@dice` calls several modules now: `cubes`, `second`",
    ] {
        assert!(report.contains(line), "{line}: {report}");
    }
    let Rig {
        scenario, mut bot, ..
    } = rig;
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn a_folder_that_vanishes_changes_nothing_and_one_that_appears_is_loaded() {
    let rig = Rig::new(&["dice"], json!({})).await;
    let away = rig.folder.path().join("away");
    fs::rename(rig.commands(), &away).unwrap();
    let refused = rig.reload("@reload").await;
    assert!(
        refused.starts_with("Nothing has been reloaded: there is no folder of modules"),
        "{refused}"
    );
    fs::rename(&away, rig.commands()).unwrap();
    assert_eq!(rig.answer("@dice now").await, "1 1 now");
    let Rig {
        scenario, mut bot, ..
    } = rig;
    scenario.finish(&mut bot).await;

    let scenario = Scenario::start().await;
    let folder = tempfile::tempdir().unwrap();
    let commands = folder.path().join("commands");
    let settings = json!({"Modules": {"commanddir": commands}});
    let mut bot = BotUnderTest::serving(&scenario, settings).await;
    bot.says("so no module can be called: make it or set", 1)
        .await;
    let report = scenario.admin.asks(&scenario.lab, "@reload").await;
    let report = report.outcome().await;
    assert!(
        report
            .starts_with("Reloaded, but no module is there. ⚠\n- ⚠ No module is loaded: there is"),
        "{report}"
    );
    let status = scenario.pat.asks(&scenario.lab, "@status").await;
    let status = status.outcome().await;
    assert!(
        status.ends_with("\n- Modules: ⚠ not loaded: there is no folder of modules"),
        "{status}"
    );
    write(&commands, "dice", "1");
    let report = scenario.admin.asks(&scenario.lab, "@reload").await;
    let report = report.outcome().await;
    assert!(
        report.contains("There is a folder of modules now"),
        "{report}"
    );
    bot.says("the modules have been greeted", 1).await;
    let answer = scenario.pat.asks(&scenario.lab, "@dice now").await;
    assert_eq!(answer.outcome().await, "1 1 now");
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn a_reload_takes_the_configuration_though_no_host_loads_modules() {
    let scenario = Scenario::start().await;
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("none.sock");
    let modules = json!({"commanddir": folder.path()});
    let settings = json!({"Modules": modules});
    let mut bot = BotUnderTest::serving(&scenario, settings).await;
    bot.terminate();
    bot.exit_status().await;
    let socket = format!("MATTERBOT_MODULES_SOCKET={}", socket.display());
    bot.restart_process_by(&["/usr/bin/env".to_owned(), socket]);
    bot.ready(2).await;
    bot.says("the module host could not be reached", 1).await;
    let changes = json!({"Modules": modules, "Matterbot": {"logcmd": false}});
    bot.configure(&scenario, changes);
    let report = scenario.admin.asks(&scenario.lab, "@reload").await;
    let report = report.outcome().await;
    let expected = "Reloaded, but the modules could not be loaded. ⚠\n- Configuration: `Matterbot.logcmd`\
                    \n- ⚠ The modules could not be loaded: the module host could not be reached";
    assert!(report.starts_with(expected), "{report}");
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn code_that_is_saved_twice_in_one_second_is_not_mixed_up() {
    let rig = Rig::new(&["dice"], json!({})).await;
    let helper = rig.commands().join("dice/helper.py");
    // A time that stays young for as long as the test takes.
    let saved = SystemTime::now() + Duration::from_secs(3_600);
    for version in ["2", "3", "4"] {
        fs::write(&helper, format!("VALUE = '{version}'\n")).unwrap();
        let file = fs::File::options().append(true).open(&helper).unwrap();
        file.set_modified(saved).unwrap();
        let report = rig.reload("@reload").await;
        assert!(report.contains("1 module changed"), "{report}");
        assert_eq!(rig.answer("@dice now").await, format!("1 {version} now"));
    }
    let Rig {
        scenario, mut bot, ..
    } = rig;
    scenario.finish(&mut bot).await;
}

#[tokio::test]
async fn fifty_reloads_under_twenty_commands_a_second_lose_none_and_mix_none() {
    let settings = json!({
        "Lifecycle": {"rate": {"count": 0}},
        "Matterbot": {"user_concurrency": 16},
    });
    let rig = Rig::new(&["dice"], settings).await;
    let commands = rig.commands();
    let (scenario, lab) = (&rig.scenario, &rig.scenario.lab);
    let (over, mut ends) = tokio::sync::watch::channel(false);
    let asking = async {
        let mut calls: Vec<Call> = Vec::new();
        let mut pace = tokio::time::interval(PAUSE);
        while !*ends.borrow_and_update() {
            pace.tick().await;
            let asker = if calls.len().is_multiple_of(2) {
                &scenario.pat
            } else {
                &scenario.olga
            };
            calls.push(asker.asks(lab, &format!("@dice {}", calls.len())).await);
        }
        calls
    };
    let reloading = async {
        for version in 2..2 + RELOADS {
            write(&commands, "dice", &version.to_string());
            let report = rig.reload("@reload").await;
            assert!(
                report.starts_with("Reloaded. ✅\n- 1 module changed: `dice`"),
                "{version}: {report}"
            );
        }
        over.send_replace(true);
    };
    let (calls, ()) = tokio::join!(asking, reloading);
    assert!(calls.len() > RELOADS, "{} calls", calls.len());
    let mut newest = 0;
    for (number, call) in calls.iter().enumerate() {
        let answer = call.outcome().await;
        let words: Vec<&str> = answer.split(' ').collect();
        let [own, helper, given] = words.as_slice() else {
            panic!("call {number}: {answer}");
        };
        assert_eq!(own, helper, "half-old and half-new: {answer}");
        assert_eq!(*given, number.to_string());
        newest = newest.max(own.parse::<usize>().unwrap());
    }
    assert!(newest > RELOADS / 2, "the swaps were served: {newest}");
    let Rig {
        scenario, mut bot, ..
    } = rig;
    scenario.finish(&mut bot).await;
}
