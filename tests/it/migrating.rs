//! Moving over from upstream, and back: what `docs/migrating.md` says of `bindmap.json`.

use std::fs;

use serde_json::{Value, json};

use crate::support::bot::BotUnderTest;
use crate::support::program::{command, output};
use crate::support::scenario::Scenario;
use crate::support::upstream;

/// As upstream has written it: an entry of an older version, one whose words have changed since, one without a folder.
const MAP: &str = r#"{"dice": {"binds": ["@dice"], "chans": ["lab"]},
    "asker": {"binds": ["@formerly"], "chans": ["war"], "accepts": null},
    "departed": {"binds": ["@departed"], "chans": ["lab", "any"], "accepts": ["ip", "domain"]}}"#;

/// A reader that is not ours, with what upstream does to the file at a start: all entries walked, all keys taken, a channel
/// bound and removed, and everything written again.
const UPSTREAM: &str = r#"
import json, sys
with open(sys.argv[1]) as file:
    known = json.load(file)
words = set()
for name, entry in known.items():
    words.update(bind.lower() for bind in entry["binds"])
    entry["chans"].append("elsewhere")
    entry["chans"].remove("elsewhere")
    sorted(entry["binds"])
    if entry["accepts"] is not None and "ip" in entry["accepts"]:
        words.add("ip of " + name)
with open(sys.argv[1], "w") as file:
    json.dump(known, file)
print(json.dumps(sorted(words)))
"#;

#[tokio::test]
async fn upstream_reads_what_the_bot_has_written_and_the_bot_what_upstream_has() {
    let scenario = Scenario::start().await;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/modules/commands");
    let settings = json!({"Modules": {"commanddir": folder}});
    let mut bot = BotUnderTest::serving_binds(&scenario, settings, MAP).await;
    bot.says("the modules have been greeted", 1).await;
    let (admin, lab, file) = (&scenario.admin, &scenario.lab, bot.state("bindmap.json"));
    let read = || upstream::bind_map(&fs::read(&file).unwrap());
    let greeted = read();
    assert_eq!(greeted["dice"]["chans"], json!(["lab"]));
    assert_ne!(greeted["asker"]["binds"], json!(["@formerly"]));
    let departed: Value = serde_json::from_str(MAP).unwrap();
    assert_eq!(greeted["departed"], departed["departed"]);
    for message in [
        "@unbind dice",
        "@bind dice asker",
        "@reload",
        "@bind *",
        "@unbind dice",
    ] {
        admin.asks(lab, message).await.outcome().await;
        read();
    }
    scenario.finish(&mut bot).await;

    let written = read();
    assert_eq!(written["dice"]["chans"], json!([]));
    let mut python = command("python3");
    python.args(["-c", UPSTREAM]).arg(&file);
    let output = output(python).await;
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{complaint}");
    let words: Vec<String> = serde_json::from_slice(&output.stdout).unwrap();
    for word in ["@dice", "@departed", "ip of departed"] {
        assert!(words.iter().any(|known| known == word), "{words:?}");
    }
    let again = fs::read(&file).unwrap();
    let again = matterbot::module::bindmap::parse(&again).unwrap();
    let ours = serde_json::to_vec(&written).unwrap();
    assert_eq!(again, matterbot::module::bindmap::parse(&ours).unwrap());
}
