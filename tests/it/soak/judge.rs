//! The checker of a soak: it reads the channels as another account does, and what the bot left in its state directory,
//! and holds them against what was asked.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use serde_json::Value;

use super::deck::Owed;

/// All that there is to judge by.
#[derive(Debug)]
pub(super) struct Evidence {
    /// Each call, as `post:ordinal`.
    pub(super) asked: BTreeMap<String, Asked>,
    /// The bot's posts in all channels.
    pub(super) posts: Vec<Value>,
    pub(super) ledger: Ledger,
    /// The lines of the audit trail.
    pub(super) audit: Vec<Value>,
}

/// A call.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) owed: Owed,
    /// For the person who reads what is wrong with it.
    pub(super) description: String,
}

/// What the ledger says.
#[derive(Debug)]
pub(super) struct Ledger {
    /// By `post:ordinal`: the state and its detail.
    rows: HashMap<String, Vec<(String, String)>>,
    /// Posts that are still to be made.
    unsent: i64,
}

impl Ledger {
    /// Reads the ledger in `path`; a bot may be using it.
    pub(super) fn read(path: &Path) -> rusqlite::Result<Self> {
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let ledger = rusqlite::Connection::open_with_flags(path, flags)?;
        let unsent = "SELECT count(*) FROM outbox WHERE kind <> 'progress'";
        let unsent = ledger.query_row(unsent, [], |row| row.get(0))?;
        let mut rows: HashMap<_, Vec<_>> = HashMap::new();
        let mut select =
            ledger.prepare("SELECT post || ':' || ordinal, state, detail FROM call")?;
        let mut found = select.query([])?;
        while let Some(row) = found.next()? {
            let (call, state, detail) = (row.get(0)?, row.get(1)?, row.get(2)?);
            rows.entry(call).or_default().push((state, detail));
        }
        Ok(Self { rows, unsent })
    }

    fn rows(&self, call: &str) -> &[(String, String)] {
        self.rows.get(call).map_or(&[], Vec::as_slice)
    }
}

impl Evidence {
    /// How many calls came to what, for the person who wonders what a soak has met.
    pub(super) fn summary(&self) -> String {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for (state, detail) in self.ledger.rows.values().flatten() {
            let outcome = match state.as_str() {
                "done" | "interrupted" => state.clone(),
                _ => format!("{state} ({detail})"),
            };
            *counts.entry(outcome).or_default() += 1;
        }
        let counts = counts
            .iter()
            .map(|(outcome, count)| format!("{count} {outcome}"));
        let counts: Vec<String> = counts.collect();
        let in_parts = |post: &&Value| post["props"]["matterbot"]["parts"].as_u64() > Some(1);
        let parts = self.posts.iter().filter(in_parts).count();
        let (calls, counts) = (self.asked.len(), counts.join(", "));
        format!("{calls} calls: {counts}; {parts} posts were parts of longer answers")
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
        let rows = evidence.ledger.rows(call);
        let problem = outcome(&of_kind("outcome"), rows, asked.owed);
        let begun = of_kind("progress").len();
        let begun = (begun > 1).then(|| format!("it was begun {begun} times"));
        let problems = problem.into_iter().chain(begun);
        wrong.extend(problems.map(|problem| format!("{call} ({}): {problem}", asked.description)));
    }
    wrong.extend(repeated(&evidence.audit));
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

/// What is wrong with the outcome of one call.
fn outcome(answers: &[&Ours<'_>], rows: &[(String, String)], owed: Owed) -> Option<String> {
    let [row] = rows else {
        let is_fine = rows.is_empty() && answers.is_empty() && owed == Owed::AtMostOne;
        return (!is_fine).then(|| format!("{} rows in the ledger: {rows:?}", rows.len()));
    };
    if row.0 == "running" {
        return Some("it has no outcome in the ledger".to_owned());
    }
    let Some(first) = answers.first() else {
        let is_silent = match owed {
            Owed::Words => row.0 == "denied" && row.1 == "rate",
            Owed::WordsIfRun => row.0 != "done" && row.0 != "failed",
            Owed::AtMostOne => true,
        };
        return (!is_silent).then(|| format!("nobody was told its outcome, {row:?}"));
    };
    let mut parts: Vec<u64> = answers.iter().map(|answer| answer.part).collect();
    parts.sort_unstable();
    let whole: Vec<u64> = (1..=first.parts).collect();
    let texts = || answers.iter().map(|answer| answer.text);
    (parts != whole).then(|| {
        let texts: Vec<&str> = texts().collect();
        format!("parts {parts:?} of {}: {texts:?}", first.parts)
    })
}

/// Lifecycle commands that were allowed more than once.
fn repeated(audit: &[Value]) -> Vec<String> {
    let mut allowed: HashMap<String, usize> = HashMap::new();
    let restarts = audit
        .iter()
        .filter(|line| line["outcome"] == "restarting" && line["verdict"] == "allowed");
    for line in restarts {
        let call = format!("{}:{}", line["post"], line["ordinal"]);
        *allowed.entry(call).or_default() += 1;
    }
    allowed.retain(|_, times| *times > 1);
    let say = |(call, times)| format!("{call} restarted the bot {times} times");
    allowed.into_iter().map(say).collect()
}

/// What the ledger has not come to an end with, or should not know.
fn unfinished(evidence: &Evidence) -> Vec<String> {
    let mut wrong = Vec::new();
    let Ledger { rows, unsent } = &evidence.ledger;
    if *unsent > 0 {
        wrong.push(format!("{unsent} posts are still to be made"));
    }
    for call in rows.keys() {
        if !evidence.asked.contains_key(call) {
            wrong.push(format!("the ledger has a call that nobody made: {call}"));
        }
    }
    wrong
}
