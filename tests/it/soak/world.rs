//! Five people, the places where they talk, and the bot under test.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::sync::Mutex;
use std::time::Duration;

use matterbot::timestamp::Timestamp;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::deck::{Deed, Owed, Round, Then};
use super::judge::{Asked, Evidence, Ledger, judge};
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
}

/// Where somebody can say something.
enum Place {
    Channel(String),
    Thread(Value),
    /// The direct channels of all people with the bot, in their order.
    Direct(Vec<String>),
}

impl World {
    pub(super) async fn new() -> Self {
        let scenario = Scenario::with_faults().await;
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
        }
    }

    pub(super) fn places(&self) -> usize {
        self.places.len()
    }

    /// A bot that may be restarted often, says little at a time, and takes little of one person.
    pub(super) async fn bot(&self, host: Value) -> BotUnderTest {
        let mut settings = json!({
            "Matterbot": {"helpcmds": ["@help", "!help", "help"], "msglength": 250},
            "Lifecycle": {
                "cooldown": "0s",
                "budget": {"count": 100, "window": "1s"},
                "rate": {"count": 12, "window": "1s"},
            },
        });
        if let Some(host) = host.as_object() {
            settings["Matterbot"]
                .as_object_mut()
                .unwrap()
                .extend(host.clone());
        }
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
        let asked = owed.iter().map(|owed| Asked {
            owed: *owed,
            description: description.clone(),
        });
        let calls = names.iter().cloned().zip(asked);
        self.asked.lock().unwrap().extend(calls);
        names
    }

    pub(super) async fn plays(&self, bot: &mut BotUnderTest, round: Round) {
        if let Some(fault) = round.fault {
            self.scenario.fault(fault).await;
        }
        let kills = round.kill.filter(|_| has_served(bot));
        let deeds = round.deeds.iter().map(|deed| self.does(deed));
        let kill = async {
            if let Some(after) = kills {
                sleep(after).await;
                kill(bot).await;
                bot.restart_process();
            }
        };
        tokio::join!(futures_util::future::join_all(deeds), kill);
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
        let ledger = Ledger::read(&bot.state("ledger.db")).unwrap();
        let audit = bot.audit();
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
        let asked = self.asked.lock().unwrap().clone();
        Evidence {
            asked,
            posts,
            ledger,
            audit,
        }
    }

    /// Turns all faults off, starts the bot once more, and waits until nothing is wrong; gives what still is.
    pub(super) async fn settles(&self, bot: &mut BotUnderTest) -> Vec<String> {
        self.scenario.mend().await;
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
