//! What the playground did otherwise than the recorded server, readable at a glance.

use std::collections::BTreeMap;

/// One difference, at one line of the recording.
#[derive(Debug, Clone)]
pub(crate) struct Difference {
    pub(crate) n: u32,
    pub(crate) step: String,
    /// What was asked: the request line and the beginning of its body, or the websocket.
    pub(crate) asked: String,
    /// What differs: `status`, `error id`, `body data.post.id`, …
    pub(crate) aspect: String,
    pub(crate) expected: String,
    pub(crate) got: String,
}

/// So often one kind of difference is shown; the rest is counted.
const SHOWN: usize = 3;

/// The differences as a text: what was asked, then a line for each thing that differs.
pub(crate) fn report(version: &str, differences: &[Difference]) -> String {
    let count = differences.len();
    let mut text = format!(
        "{count} differences from mattermost-{version}.jsonl (step · n · what was asked)\n"
    );
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    let mut last = None;
    for difference in differences {
        let kind = kinds.entry(difference.kind()).or_default();
        *kind += 1;
        if *kind > SHOWN {
            continue;
        }
        if last != Some((difference.n, &difference.asked)) {
            text += &format!(
                "\n{} · {} · {}\n",
                difference.step, difference.n, difference.asked
            );
            last = Some((difference.n, &difference.asked));
        }
        text += &format!(
            "    {:<28} expected {}\n",
            difference.aspect, difference.expected
        );
        text += &format!("    {:<28} got      {}\n", "", difference.got);
    }
    for (kind, count) in kinds.iter().filter(|(_, count)| **count > SHOWN) {
        text += &format!("\n… and {} more of: {kind}\n", count - SHOWN);
    }
    text
}

impl Difference {
    fn kind(&self) -> String {
        let first = |text: &str| text.split(' ').next().unwrap_or_default().to_owned();
        format!(
            "{}, expected {}, got {}",
            self.aspect,
            first(&self.expected),
            first(&self.got)
        )
    }
}
