//! Five people, the places where they talk, and the bot under test.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::sync::Mutex;
use std::time::Duration;

use matterbot::timestamp::Timestamp;
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::deck::{Deed, Owed, Round, Then};
use super::judge::{Asked, Evidence, judge};
use super::witness::Witness;
use crate::support::bot::BotUnderTest;
use crate::support::scenario::{Person, Scenario, WithFaults, places};

/// Several times what the bot needs to make good for all that was done to it: an answer whose sending was cut off may
/// be looked for only after 35 s.
const SETTLED: Duration = Duration::from_secs(150);

/// Everything that a soak happens in.
pub(super) struct World {
    pub(super) scenario: WithFaults,
    pub(super) people: Vec<Person>,
    places: Vec<Place>,
    asked: Mutex<BTreeMap<String, Asked>>,
    pub(super) witness: Witness,
    /// Its modules write down each call that has started.
    modules: TempDir,
}

/// The modules' names; what the second one does is not done late.
const MODULES: [&str; 2] = ["note", "change"];

/// Where somebody can say something.
enum Place {
    Channel(String),
    Thread(Value),
    /// The direct channels of all people with the bot, in their order.
    Direct(Vec<String>),
}

impl World {
    pub(super) async fn new() -> Self {
        Self::in_scenario(Scenario::with_faults().await).await
    }

    pub(super) async fn in_scenario(scenario: WithFaults) -> Self {
        let quinn = scenario.newcomer("quinn").await;
        let Scenario {
            olga, otto, pat, ..
        } = &*scenario;
        let people = [olga, otto, pat, &quinn, &scenario.admin].map(Person::clone);
        let other = scenario.channel("other", &people.each_ref()).await;
        let thread = scenario.admin.says(&scenario.lab, "a thread").await;
        let mut direct = Vec::new();
        for person in &people {
            direct.push(person.direct(&scenario.bot).await);
        }
        let lab = scenario.lab.clone();
        Self {
            places: vec![
                Place::Channel(lab.clone()),
                Place::Channel(lab),
                Place::Channel(other),
                Place::Thread(thread),
                Place::Direct(direct),
            ],
            people: people.into(),
            scenario,
            asked: Mutex::default(),
            witness: Witness::default(),
            modules: modules(),
        }
    }

    /// The calls of modules that have started, as often as they have.
    fn started(&self) -> Vec<String> {
        let lines = MODULES.map(|name| {
            let file = self.modules.path().join(name).join("started");
            fs::read_to_string(file).unwrap_or_default()
        });
        lines
            .iter()
            .flat_map(|text| text.lines())
            .map(str::to_owned)
            .collect()
    }

    pub(super) fn places(&self) -> usize {
        self.places.len()
    }

    /// A bot that may be restarted often, says little at a time, and takes little of one person.
    pub(super) async fn bot(&self) -> BotUnderTest {
        let settings = json!({
            "Matterbot": {
                "helpcmds": ["@help", "!help", "help"],
                "msglength": 250,
                "command_workers": 2,
            },
            "Modules": {"commanddir": self.modules.path()},
            "Lifecycle": {
                "cooldown": "0s",
                "budget": {"count": 100, "window": "1s"},
                "rate": {"count": 12, "window": "1s"},
            },
        });
        BotUnderTest::serving(&self.scenario, settings).await
    }

    /// Notes that the bot owes this to the commands of `post`.
    pub(super) fn owes(&self, post: &Value, owed: &[Owed]) -> Vec<String> {
        let id = post["id"].as_str().unwrap();
        // What becomes a command by an edit stands first.
        let mut places = places(post["message"].as_str().unwrap());
        places.resize(owed.len(), 0);
        let names: Vec<String> = places
            .iter()
            .map(|ordinal| format!("{id}:{ordinal}"))
            .collect();
        let instant = Timestamp(post["create_at"].as_i64().unwrap());
        let (text, channel) = (&post["message"], &post["channel_id"]);
        let description = format!("{text} in {channel} at {instant}");
        // Between a post and this no trouble ends.
        let since = Timestamp::now();
        let asked = owed.iter().map(|owed| Asked {
            owed: *owed,
            since,
            description: description.clone(),
        });
        let calls = names.iter().cloned().zip(asked);
        self.asked.lock().unwrap().extend(calls);
        names
    }

    pub(super) async fn plays(&self, bot: &mut BotUnderTest, round: Round) {
        if let Some(fault) = round.fault.filter(|fault| self.scenario.can(fault)) {
            eprintln!("{} {fault}", Timestamp::now());
            self.witness.fault(&fault);
            self.scenario.fault(fault).await;
        }
        let kills = round.kill.filter(|_| has_served(bot));
        let deeds = round.deeds.iter().map(|deed| self.does(deed));
        let trouble = async {
            if let Some(held) = round.full.filter(|_| has_served(bot)) {
                self.fills_disk(bot, held).await;
            }
            if let Some(after) = kills {
                sleep(after).await;
                kill(bot).await;
                bot.restart_process();
            }
        };
        tokio::join!(futures_util::future::join_all(deeds), trouble);
        // People take their time; nothing is waited for.
        sleep(round.pause).await;
    }

    async fn does(&self, deed: &Deed) {
        let person = &self.people[deed.who];
        let post = match &self.places[deed.place] {
            Place::Channel(channel) => json!({"channel_id": channel, "message": deed.text}),
            Place::Thread(root) => json!({
                "channel_id": root["channel_id"], "root_id": root["id"], "message": deed.text,
            }),
            Place::Direct(channels) => {
                json!({"channel_id": channels[deed.who], "message": deed.text})
            }
        };
        let post = person.posts(post).await;
        self.owes(&post, deed.owed);
        let path = format!("/posts/{}", post["id"].as_str().unwrap());
        match deed.then {
            Then::Nothing => {}
            Then::Edit(after, text) => {
                sleep(after).await;
                person.edits(&post, text).await;
            }
            Then::Delete(after) => {
                sleep(after).await;
                person.delete(&path).await.expect(200);
            }
        }
    }

    /// What an administrator sees, and what the bot left.
    pub(super) async fn evidence(&self, bot: &BotUnderTest) -> Evidence {
        // The ledger first: what it says was sent must then be seen.
        let records = self.witness.records(bot).await;
        let audit = self.witness.audit(bot).await;
        let posts = self.posts().await;
        let asked = self.asked.lock().unwrap().clone();
        let told: HashSet<&str> = posts.iter().flat_map(outcomes).collect();
        let mut silent = BTreeMap::new();
        let is_told = |call: &str| told.contains(call);
        for (call, asked) in asked.iter().filter(|(call, _)| !is_told(call)) {
            let (admin, me) = (&self.scenario.admin, &self.scenario.bot.id);
            let looked_up = self.witness.looks_up(bot, (call, asked), (admin, me)).await;
            silent.insert(call.clone(), looked_up);
        }
        let from_memory = |record: &&Value| {
            let is_told = ["status", "help", "edit"]
                .iter()
                .any(|name| record["name"] == *name);
            let asked = asked.get(&call_of(record));
            is_told && asked.is_some_and(|asked| self.witness.may_be_forgotten(asked.since))
        };
        let forgotten = records.iter().filter(from_memory).map(call_of).collect();
        Evidence {
            started: self.started(),
            forgotten,
            asked,
            silent,
            records,
            audit,
            posts,
        }
    }

    /// The bot's posts in all channels, as an administrator reads them.
    async fn posts(&self) -> Vec<Value> {
        let admin = &self.scenario.admin;
        let mut posts = Vec::new();
        for place in &self.places {
            let channels = match place {
                Place::Channel(channel) => std::slice::from_ref(channel),
                Place::Thread(_) => &[],
                Place::Direct(channels) => channels.as_slice(),
            };
            for channel in channels {
                posts.extend(admin.reads(channel).await);
            }
        }
        let me = self.scenario.bot.id.as_str();
        posts.retain(|post| post["user_id"] == me && post["type"] == "");
        // The lab is two places.
        posts.sort_by_key(|post| post["id"].as_str().map(str::to_owned));
        posts.dedup_by_key(|post| post["id"].clone());
        posts
    }

    /// Turns all switches off.
    pub(super) async fn mends(&self) {
        self.scenario.mend().await;
        self.witness.mended();
    }

    /// The bot's disk is full for so long. Then nothing else goes wrong until what was answered meanwhile is in the
    /// ledger: a process that ends before that may answer it twice.
    async fn fills_disk(&self, bot: &BotUnderTest, held: Duration) {
        self.witness.filled();
        bot.limit_files(Some(1));
        sleep(held).await;
        bot.limit_files(None);
        self.mends().await;
        let deadline = Instant::now() + SETTLED;
        loop {
            let posts = self.posts().await;
            let known = self.witness.records(bot).await;
            let known: HashSet<String> = known.iter().map(call_of).collect();
            let mut told = posts.iter().flat_map(outcomes);
            let Some(unknown) = told.find(|call| !known.contains(*call)) else {
                return self.witness.written();
            };
            assert!(
                Instant::now() < deadline,
                "the ledger never heard of {unknown}"
            );
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Turns all faults off, starts the bot once more, and waits until nothing is wrong; gives what still is.
    pub(super) async fn settles(&self, bot: &mut BotUnderTest) -> Vec<String> {
        self.mends().await;
        kill(bot).await;
        bot.restart_process();
        let deadline = Instant::now() + SETTLED;
        let mut wrong = judge(&self.evidence(bot).await);
        while !wrong.is_empty() && Instant::now() < deadline {
            sleep(Duration::from_millis(250)).await;
            wrong = judge(&self.evidence(bot).await);
        }
        if wrong.is_empty() {
            bot.terminate();
            assert_eq!(bot.exit_code().await, Some(0), "after SIGTERM");
            wrong = judge(&self.evidence(bot).await);
        }
        wrong
    }
}

/// A folder of modules.
fn modules() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in MODULES {
        let place = folder.path().join(name);
        fs::create_dir(&place).unwrap();
        let program = place.join("command");
        fs::write(&program, include_str!("module.py")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

/// The calls whose outcome `post` tells.
fn outcomes(post: &Value) -> impl Iterator<Item = &str> {
    let props = &post["props"]["matterbot"];
    let calls = props["calls"].as_array();
    let calls = calls.filter(|_| props["kind"] == "outcome");
    calls.into_iter().flatten().filter_map(Value::as_str)
}

/// Which call a record of the ledger is of.
fn call_of(record: &Value) -> String {
    format!("{}:{}", record["post"].as_str().unwrap(), record["ordinal"])
}

/// Whether the process has come so far. One that is killed earlier makes all that follow wait before they start.
fn has_served(bot: &BotUnderTest) -> bool {
    bot.starts() >= bot.log().matches(" starting version=").count()
}

/// Kills the bot, which must have been alive.
pub(super) async fn kill(bot: &mut BotUnderTest) {
    bot.signal(Signal::KILL);
    let status = bot.exit_status().await;
    assert_eq!(
        status.signal(),
        Some(Signal::KILL.as_raw()),
        "it had ended by itself: {status}"
    );
}
