//! The checker of a soak: it reads the channels as another account does and goes by what the bot's posts say of
//! themselves. What is answered by no post it looks up with `matterbot ledger`, and looks for the reaction.

use std::collections::{BTreeMap, HashMap, HashSet};

use matterbot::timestamp::Timestamp;
use serde_json::Value;

use super::deck::Owed;

/// All that there is to judge by.
#[derive(Debug)]
pub(super) struct Evidence {
    /// Each call, as `post:ordinal`.
    pub(super) asked: BTreeMap<String, Asked>,
    /// The bot's posts in all channels.
    pub(super) posts: Vec<Value>,
    /// Of the calls whose outcome stands in no post.
    pub(super) silent: BTreeMap<String, Silent>,
    /// The calls of modules that have started, as often as they have.
    pub(super) started: Vec<String>,
    /// Calls that may have been answered again, since the first answer could not be written down.
    pub(super) forgotten: HashSet<String>,
    /// What `matterbot ledger list` tells.
    pub(super) records: Vec<Value>,
    /// What `matterbot audit` tells.
    pub(super) audit: Vec<Value>,
}

/// A call whose outcome stands in no post.
#[derive(Debug, Clone)]
pub(super) struct Silent {
    /// What `matterbot ledger show` tells of it, if anything.
    pub(super) record: Option<Value>,
    /// How the bot reacted to the post.
    pub(super) reactions: Vec<String>,
    /// Whether a fault may have hit the request that reacts.
    pub(super) excused: bool,
}

/// The bot's reaction to what is beyond the rate.
const TOO_MANY: &str = "hourglass_flowing_sand";

impl Silent {
    fn is(&self, state: &str, detail: &str) -> bool {
        let is = |record: &Value| record["state"] == state && record["detail"] == detail;
        self.record.as_ref().is_some_and(is)
    }

    pub(super) fn is_reacted_to(&self) -> bool {
        self.reactions.iter().any(|emoji| emoji == TOO_MANY)
    }

    /// What is wrong with it.
    fn complaint(&self, owed: Owed) -> Option<String> {
        let Some(record) = &self.record else {
            let complaint = || "the ledger does not know it".to_owned();
            return (![Owed::AtMostOne, Owed::Withdrawn].contains(&owed)).then(complaint);
        };
        let state = record["state"].as_str().unwrap_or_default();
        let is_limited = self.is("denied", "rate");
        if owed == Owed::Words && is_limited && !self.is_reacted_to() && !self.excused {
            return Some("it was answered by no reaction, and no fault was in the way".to_owned());
        }
        let is_silent = match owed {
            Owed::Words => is_limited,
            Owed::WordsIfRun => !["running", "done", "failed"].contains(&state),
            Owed::AtMostOne | Owed::Withdrawn => state != "running",
        };
        let complaint = || {
            format!(
                "nobody was told its outcome, {state} ({})",
                record["detail"]
            )
        };
        (!is_silent).then(complaint)
    }
}

/// A call.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) owed: Owed,
    /// From when on the bot could know of it, by our clock.
    pub(super) since: Timestamp,
    /// For the person who reads what is wrong with it.
    pub(super) description: String,
}

impl Evidence {
    /// How many calls came to what, for the person who wonders what a soak has met.
    pub(super) fn summary(&self) -> String {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for record in &self.records {
            let outcome = match (record["state"].as_str(), record["detail"].as_str()) {
                (Some(state @ ("done" | "interrupted")), _) => state.to_owned(),
                (state, detail) => {
                    format!("{} ({})", state.unwrap_or("?"), detail.unwrap_or("?"))
                }
            };
            *counts.entry(outcome).or_default() += 1;
        }
        let counts = counts
            .iter()
            .map(|(outcome, count)| format!("{count} {outcome}"));
        let counts: Vec<String> = counts.collect();
        let in_parts = |post: &&Value| post["props"]["matterbot"]["parts"].as_u64() > Some(1);
        let parts = self.posts.iter().filter(in_parts).count();
        let limited = || {
            let silent = self.silent.values();
            silent.filter(|call| call.is("denied", "rate"))
        };
        let reacted = limited().filter(|call| call.is_reacted_to()).count();
        let owed = limited().filter(|call| !call.excused).count();
        format!(
            "{} calls: {}; {} of modules started; {parts} posts were parts of longer answers; of {} limited calls {reacted} had their \
             reaction, {owed} had to",
            self.asked.len(),
            counts.join(", "),
            self.started.len(),
            limited().count(),
        )
    }
}

/// A post of the bot, by what it says of itself.
struct Ours<'a> {
    key: &'a str,
    kind: &'a str,
    calls: Vec<&'a str>,
    part: u64,
    parts: u64,
    text: &'a str,
}

impl<'a> Ours<'a> {
    fn read(post: &'a Value) -> Option<Self> {
        let props = &post["props"]["matterbot"];
        let calls = props["calls"].as_array()?.iter().map(Value::as_str);
        Some(Self {
            key: props["key"].as_str()?,
            kind: props["kind"].as_str()?,
            calls: calls.collect::<Option<_>>()?,
            part: props["part"].as_u64()?,
            parts: props["parts"].as_u64()?,
            text: post["message"].as_str()?,
        })
    }
}

/// Everything that is not as promised.
pub(super) fn judge(evidence: &Evidence) -> Vec<String> {
    let mut wrong = Vec::new();
    let ours = known(&evidence.posts, &mut wrong);
    for our in &ours {
        for call in &our.calls {
            if !evidence.asked.contains_key(*call) {
                wrong.push(format!("nobody asked for {call}: {}", our.text));
            }
        }
    }
    for (call, asked) in &evidence.asked {
        let of_kind = |kind: &str| -> Vec<&Ours<'_>> {
            let mine = |our: &&Ours<'_>| our.kind == kind && our.calls.contains(&call.as_str());
            ours.iter().filter(mine).collect()
        };
        let answers = of_kind("outcome");
        let problem = match evidence.silent.get(call) {
            _ if !answers.is_empty() => {
                incomplete(&answers, asked.owed, evidence.forgotten.contains(call))
            }
            Some(silent) => silent.complaint(asked.owed),
            None => Some("nobody has looked it up".to_owned()),
        };
        let begun = of_kind("progress").len();
        let begun = (begun > 1).then(|| format!("it was begun {begun} times"));
        let problems = problem.into_iter().chain(begun);
        wrong.extend(problems.map(|problem| format!("{call} ({}): {problem}", asked.description)));
    }
    wrong.extend(repeated(&evidence.audit));
    wrong.extend(started_again(&evidence.started));
    wrong.extend(unfinished(evidence));
    wrong
}

/// The posts that say what they are; each has a key of its own.
fn known<'a>(posts: &'a [Value], wrong: &mut Vec<String>) -> Vec<Ours<'a>> {
    let mut keys = HashSet::new();
    let mut ours = Vec::new();
    for post in posts {
        match Ours::read(post) {
            Some(our) if !keys.insert(our.key) => {
                wrong.push(format!("a key came twice: {}", our.text));
            }
            Some(our) => ours.push(our),
            None => wrong.push(format!("a post of the bot without its key: {post}")),
        }
    }
    ours
}

/// What is wrong with the parts of one call's outcome, which has some.
fn incomplete(answers: &[&Ours<'_>], owed: Owed, forgotten: bool) -> Option<String> {
    let parts_expected = answers.first().map_or(1, |first| first.parts);
    let mut parts: Vec<u64> = answers.iter().map(|answer| answer.part).collect();
    parts.sort_unstable();
    if forgotten {
        parts.dedup();
    }
    let mut whole: Vec<u64> = (1..=parts_expected).collect();
    if owed == Owed::Withdrawn {
        whole.retain(|part| parts.contains(part));
    }
    (parts != whole).then(|| {
        let texts: Vec<&str> = answers.iter().map(|answer| answer.text).collect();
        format!("parts {parts:?} of {parts_expected}: {texts:?}")
    })
}

/// Calls of modules that have started more than once.
fn started_again(started: &[String]) -> Vec<String> {
    let mut times: HashMap<&str, usize> = HashMap::new();
    for call in started {
        *times.entry(call).or_default() += 1;
    }
    times.retain(|_, times| *times > 1);
    let say = |(call, times)| format!("{call} was started {times} times");
    times.into_iter().map(say).collect()
}

/// Lifecycle commands that were allowed more than once.
fn repeated(audit: &[Value]) -> Vec<String> {
    let mut allowed: HashMap<String, usize> = HashMap::new();
    let begun = |line: &&Value| line["outcome"] == "restarting" || line["outcome"] == "reloading";
    let restarts = audit
        .iter()
        .filter(|line| begun(line) && line["verdict"] == "allowed");
    for line in restarts {
        let call = format!("{}:{}", line["post"], line["ordinal"]);
        *allowed.entry(call).or_default() += 1;
    }
    allowed.retain(|_, times| *times > 1);
    let say = |(call, times)| format!("{call} restarted or reloaded the bot {times} times");
    allowed.into_iter().map(say).collect()
}

/// What the ledger has not come to an end with, or should not know.
fn unfinished(evidence: &Evidence) -> Vec<String> {
    let mut wrong = Vec::new();
    for record in &evidence.records {
        let (post, ordinal) = (record["post"].as_str(), &record["ordinal"]);
        let call = format!("{}:{ordinal}", post.unwrap_or("?"));
        let waiting = record["waiting"].as_array();
        if waiting.is_some_and(|posts| posts.iter().any(|post| post["kind"] != "progress")) {
            wrong.push(format!("{call}: posts are still to be made"));
        }
        if record["state"] == "running" {
            wrong.push(format!("{call}: it has no outcome in the ledger"));
        }
        if !evidence.asked.contains_key(&call) {
            wrong.push(format!("the ledger has a call that nobody made: {call}"));
        }
    }
    wrong
}
