//! What the playground did otherwise than the recorded server, readable at a glance.

use std::fmt::Write as _;

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

/// The differences as a text: what was asked, then a line for each thing that differs.
pub(crate) fn report(version: &str, differences: &[Difference]) -> String {
    let mut text = format!(
        "{} differences from mattermost-{version}.jsonl (step · n · what was asked)\n",
        differences.len()
    );
    let mut last = None;
    for difference in differences {
        if last != Some((difference.n, &difference.asked)) {
            let _ = writeln!(
                text,
                "\n{} · {} · {}",
                difference.step, difference.n, difference.asked
            );
            last = Some((difference.n, &difference.asked));
        }
        let _ = writeln!(
            text,
            "    {:<28} expected {}\n    {:<28} got      {}",
            difference.aspect, difference.expected, "", difference.got
        );
    }
    text
}
