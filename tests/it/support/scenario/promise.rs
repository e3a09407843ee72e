//! What the bot owes: one outcome for each call, in the thread of who asked, and nothing to anybody else.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Value, json};

use super::{Call, Scenario};

/// A post of the bot, and what it says of itself in `props.matterbot`.
struct Ours {
    post: Value,
    calls: Vec<String>,
    /// Of each call, the built-in or the module.
    names: Vec<String>,
    kind: String,
    key: String,
    part: u64,
    parts: u64,
}

impl Ours {
    /// `post` as one of the bot's; panics where its props are not as promised.
    fn read(post: &Value) -> Self {
        let props = &post["props"]["matterbot"];
        let text = |value: &Value| {
            value
                .as_str()
                .unwrap_or_else(|| panic!("{post}"))
                .to_owned()
        };
        let number = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("{post}"));
        assert_eq!(props["v"], 1, "{post}");
        let mut keys: Vec<&String> = props.as_object().unwrap().keys().collect();
        keys.sort();
        assert_eq!(
            keys,
            ["calls", "key", "kind", "names", "part", "parts", "v"]
        );
        let texts = |value: &Value| -> Vec<String> {
            let list = value.as_array().unwrap_or_else(|| panic!("{post}"));
            list.iter().map(text).collect()
        };
        let (calls, names) = (texts(&props["calls"]), texts(&props["names"]));
        assert_eq!(calls.len(), names.len(), "{post}");
        Self {
            post: post.clone(),
            calls,
            names,
            kind: text(&props["kind"]),
            key: text(&props["key"]),
            part: number(&props["part"]),
            parts: number(&props["parts"]),
        }
    }
}

impl Call {
    /// What names the call for ever.
    pub(crate) fn name(&self) -> String {
        format!("{}:{}", self.post["id"].as_str().unwrap(), self.ordinal)
    }

    /// The root of the thread that the answer stands in.
    pub(crate) fn root(&self) -> &str {
        let root = self.post["root_id"].as_str().unwrap_or_default();
        if root.is_empty() {
            self.post["id"].as_str().unwrap()
        } else {
            root
        }
    }

    /// The posts that answer it, oldest first, progress among them.
    pub(crate) async fn posts(&self) -> Vec<Value> {
        let name = json!(self.name());
        let mut thread = self.asker.thread(self.root()).await;
        thread.retain(|post| {
            let calls = post["props"]["matterbot"]["calls"].as_array();
            calls.is_some_and(|calls| calls.contains(&name))
        });
        thread
    }

    /// Waits for its outcome; gives its text, all parts of it.
    pub(crate) async fn outcome(&self) -> String {
        let look = async || {
            let posts = self.posts().await;
            let outcome: Vec<Ours> = posts.iter().map(Ours::read).collect();
            let outcome: Vec<&Ours> = outcome.iter().filter(|our| our.kind == "outcome").collect();
            let whole = outcome
                .first()
                .is_some_and(|first| outcome.len() as u64 >= first.parts);
            whole.then(|| {
                let texts = outcome
                    .iter()
                    .map(|our| our.post["message"].as_str().unwrap());
                texts.collect::<Vec<_>>().join("\n")
            })
        };
        let what = format!("{} was answered", self.post["message"]);
        self.asker.until(&what, look).await
    }
}

impl Scenario {
    /// Reads all channels where something was said, and holds the bot's posts against what was asked of it.
    pub(crate) async fn check_promise(&self) {
        let (calls, visited) = {
            let reach = self.admin.reach();
            let calls = reach.book.lock().unwrap().clone();
            (calls, reach.visited.lock().unwrap().clone())
        };
        let mut ours = Vec::new();
        for channel in visited {
            let posts = self.admin.reads(&channel).await;
            let of_bot =
                |post: &&Value| post["user_id"] == self.bot.id.as_str() && post["type"] == "";
            ours.extend(posts.iter().filter(of_bot).map(Ours::read));
        }
        let mut keys = HashSet::new();
        // Of each call, by the built-in or the module: a word of several modules has an outcome of each.
        let mut outcomes: HashMap<&str, BTreeMap<&str, Vec<&Ours>>> = HashMap::new();
        for our in &ours {
            assert!(keys.insert(&our.key), "a key came twice: {}", our.post);
            assert!(
                ["progress", "outcome", "notice"].contains(&our.kind.as_str()),
                "{}",
                our.post
            );
            assert!(our.part >= 1 && our.part <= our.parts, "{}", our.post);
            assert_eq!(our.calls.is_empty(), our.kind == "notice", "{}", our.post);
            for (call, name) in our.calls.iter().zip(&our.names) {
                let asked = calls.iter().find(|asked| asked.name() == *call);
                let asked = asked.unwrap_or_else(|| panic!("nobody asked for this: {}", our.post));
                // A summary of several calls stands in no thread.
                let thread = if our.calls.len() > 1 {
                    ""
                } else {
                    asked.root()
                };
                assert_eq!(
                    our.post["root_id"], thread,
                    "not in its thread: {}",
                    our.post
                );
                if our.kind == "outcome" {
                    let of_call = outcomes.entry(call).or_default();
                    of_call.entry(name).or_default().push(our);
                }
            }
        }
        for call in &calls {
            let (name, asked) = (call.name(), &call.post["message"]);
            let outcomes = outcomes.remove(name.as_str()).unwrap_or_default();
            assert!(!outcomes.is_empty(), "{asked}: nothing was answered");
            for (name, answers) in outcomes {
                let mut parts: Vec<u64> = answers.iter().map(|answer| answer.part).collect();
                parts.sort_unstable();
                let texts = answers.iter().map(|answer| &answer.post["message"]);
                let texts: Vec<&Value> = texts.collect();
                let whole = answers.first().map_or(1, |first| first.parts);
                let expected: Vec<u64> = (1..=whole).collect();
                assert_eq!(parts, expected, "{asked}, {name}: {texts:?}");
            }
        }
    }
}
