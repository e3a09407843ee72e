//! `bindmap.json`: every shape that upstream ever wrote, and what becomes of a file that is not understood.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::PathBuf;

use matterbot::bot::binds::{Binds, Unchanged};
use matterbot::command::catalogue::{Loaded, Roster};
use matterbot::module::bindmap::{self, BindMap, Difference, Entry};
use matterbot::module::protocol::Description;
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::support::upstream;

/// What upstream writes, as one line; with a key of its own.
const UPSTREAM: &str = r#"{"dice": {"binds": ["@dice", "!dice"], "chans": ["lab", "any"], "accepts": null},
    "ipinfo": {"binds": ["@ipinfo", "@ioc"], "chans": [], "accepts": ["ip"], "note": {"by": "hand"}}}"#;

fn texts(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn entry(binds: &[&str], chans: &[&str], accepts: Option<&[&str]>) -> Entry {
    Entry {
        binds: texts(binds),
        chans: texts(chans),
        accepts: accepts.map(texts),
        ..Entry::default()
    }
}

fn parse(json: &str) -> Result<BindMap, String> {
    bindmap::parse(json.as_bytes()).map_err(|damaged| damaged.to_string())
}

#[test]
fn every_shape_of_upstream_is_read() {
    let map = parse(UPSTREAM).unwrap();
    assert_eq!(
        map["dice"],
        entry(&["@dice", "!dice"], &["lab", "any"], None)
    );
    assert_eq!(map["ipinfo"].accepts, Some(texts(&["ip"])));
    assert_eq!(map["ipinfo"].other["note"], json!({"by": "hand"}));
    let older = parse(r#"{"dice": {"binds": ["@dice"], "chans": ["lab"]}}"#).unwrap();
    assert_eq!(older["dice"], entry(&["@dice"], &["lab"], None));
    let odd = parse(r#"{"a": {"binds": "@a", "chans": null, "accepts": []}, "b": {}}"#).unwrap();
    assert_eq!(odd["a"], entry(&["@a"], &[], None));
    assert_eq!(odd["b"], Entry::default());
    assert_eq!(parse("{}").unwrap(), BindMap::new());
}

#[test]
fn what_is_not_understood_is_never_taken_for_an_empty_map() {
    for (json, reason) in [
        ("", "it is not JSON"),
        ("{\"dice\": {\"binds\": [", "it is not JSON"),
        ("null", "it is not an object with an entry for each module"),
        ("[]", "it is not an object with an entry for each module"),
        (r#"{"dice": []}"#, "the entry of \"dice\" is not an object"),
        (
            r#"{"dice": {"chans": {"lab": true}}}"#,
            "\"chans\" of \"dice\" is not a list of texts",
        ),
        (
            r#"{"dice": {"binds": ["@dice", 7]}}"#,
            "\"binds\" of \"dice\" is not a list of texts",
        ),
    ] {
        assert_eq!(parse(json).unwrap_err(), reason, "{json}");
    }
}

proptest! {
    #[test]
    fn any_map_comes_back_and_is_upstreams(
        map in prop::collection::btree_map(
            ".{0,12}",
            (prop::collection::vec(".{0,8}", 0..4), prop::collection::vec(".{0,8}", 0..4),
             prop::option::of(prop::collection::vec("[a-z0-9]{1,6}", 1..4)), prop::option::of("\\PC{0,8}")),
            0..6,
        )
    ) {
        let map: BindMap = map
            .into_iter()
            .map(|(name, (binds, chans, accepts, note))| {
                let other = note.map(|note| ("note".to_owned(), Value::from(note))).into_iter().collect();
                (name, Entry { binds, chans, accepts, other })
            })
            .collect();
        let json = bindmap::render(&map).unwrap();
        upstream::bind_map(&json);
        prop_assert_eq!(bindmap::parse(&json).unwrap(), map);
    }

    #[test]
    fn no_text_panics(text in ".{0,200}") {
        drop(bindmap::parse(text.as_bytes()));
    }
}

/// A map in a directory of its own.
struct Place {
    home: TempDir,
    file: PathBuf,
}

impl Place {
    fn with(content: &str) -> Self {
        let place = Self::empty();
        fs::write(&place.file, content).unwrap();
        place
    }

    fn empty() -> Self {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("bindmap.json");
        Self { home, file }
    }

    fn read(&self) -> Binds {
        Binds::read(&self.file, mpsc::unbounded_channel().0)
    }

    fn content(&self) -> String {
        fs::read_to_string(&self.file).unwrap()
    }

    fn inode(&self) -> u64 {
        fs::metadata(&self.file).unwrap().ino()
    }
}

fn bind(binds: &Binds, module: &str, channel: &str) -> Result<(), Unchanged> {
    binds.change(|map| {
        let entry = map.entry(module.to_owned()).or_default();
        entry.chans.push(channel.to_owned());
    })
}

/// A module's name, words, first channels, and what it takes.
type Greeted<'a> = (&'a str, &'a [&'a str], &'a [&'a str], Option<&'a [&'a str]>);

fn roster(modules: &[Greeted<'_>]) -> Roster {
    let loaded = |(name, binds, channels, accepts): &Greeted<'_>| {
        let description = Description {
            binds: texts(binds),
            channels: texts(channels),
            accepts: accepts.map(texts),
            ..Description::default()
        };
        let generation = 1;
        let loaded = Loaded {
            description,
            generation,
        };
        ((*name).to_owned(), loaded)
    };
    modules.iter().map(loaded).collect()
}

#[test]
fn a_change_is_written_as_upstream_reads_it_and_keeps_what_it_does_not_know() {
    let place = Place::with(UPSTREAM);
    let binds = place.read();
    bind(&binds, "ipinfo", "lab").unwrap();
    let map = upstream::bind_map(place.content().as_bytes());
    assert_eq!(map["ipinfo"]["chans"], json!(["lab"]));
    assert_eq!(map["ipinfo"]["note"], json!({"by": "hand"}));
    assert_eq!(map["dice"]["chans"], json!(["lab", "any"]));
    let mode = fs::metadata(&place.file).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o640);
    assert!(binds.catalogue().get("ipinfo").unwrap().serves("lab"));
    let names: Vec<_> = fs::read_dir(place.home.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "no temporary file is left: {names:?}");
}

#[test]
fn nothing_is_written_when_nothing_changed() {
    let place = Place::with(UPSTREAM);
    let (binds, inode) = (place.read(), place.inode());
    binds.change(|_| ()).unwrap();
    let same = roster(&[
        ("dice", &["!DICE", "@dice"], &["elsewhere"], None),
        ("ipinfo", &["@ioc", "@ipinfo"], &[], Some(&["ip"])),
    ]);
    assert_eq!(binds.greeted(same).unwrap(), []);
    assert_eq!(place.inode(), inode);
    assert_eq!(place.content(), UPSTREAM);
    let empty = Place::empty();
    let binds = empty.read();
    assert_eq!(binds.greeted(Roster::new()).unwrap(), []);
    assert!(!empty.file.exists());
}

#[test]
fn modules_tell_their_words_and_the_file_their_channels() {
    let place = Place::with(UPSTREAM);
    let binds = place.read();
    let greeted = roster(&[
        ("dice", &["@dice", "@roll"], &["debug"], Some(&["ip"])),
        ("new", &["@new"], &["debug"], None),
    ]);
    let differences = binds.greeted(greeted).unwrap();
    assert_eq!(
        differences,
        [
            Difference::Binds {
                module: "dice".to_owned(),
                gone: texts(&["!dice"]),
                new: texts(&["@roll"]),
            },
            Difference::Accepts {
                module: "dice".to_owned(),
                file: None,
                now: Some(texts(&["ip"])),
            },
            Difference::New {
                module: "new".to_owned(),
                chans: texts(&["debug"]),
            },
        ]
    );
    let said: Vec<String> = differences.iter().map(Difference::to_string).collect();
    assert_eq!(
        said,
        [
            "dice no longer answers to !dice, and now answers to @roll",
            "dice now takes ip, and not anything",
            "new is new, and bound to debug",
        ]
    );
    let map = upstream::bind_map(place.content().as_bytes());
    assert_eq!(
        map["dice"],
        json!({"binds": ["@dice", "@roll"], "chans": ["lab", "any"], "accepts": ["ip"]})
    );
    assert_eq!(
        map["new"],
        json!({"binds": ["@new"], "chans": ["debug"], "accepts": null})
    );
    assert_eq!(
        map["ipinfo"]["note"],
        json!({"by": "hand"}),
        "a missing module keeps its entry"
    );
    let catalogue = binds.catalogue();
    assert!(catalogue.is_greeted());
    assert_eq!(catalogue.get("ipinfo").unwrap().generation, None);
}

#[test]
fn a_damaged_map_is_left_alone_and_no_module_is_available() {
    for damage in ["", "{", "[]", r#"{"dice": 1}"#] {
        let place = Place::with(damage);
        let binds = place.read();
        assert!(binds.is_unknown());
        assert!(
            binds
                .trouble()
                .unwrap()
                .contains("bindmap.json is damaged (")
        );
        assert!(matches!(
            bind(&binds, "dice", "lab"),
            Err(Unchanged::Unusable(_))
        ));
        let greeted = roster(&[("dice", &["@dice"], &["any"], None)]);
        assert!(matches!(
            binds.greeted(greeted),
            Err(Unchanged::Unusable(_))
        ));
        assert!(!binds.catalogue().get("dice").unwrap().serves("lab"));
        assert_eq!(place.content(), damage);
        // Mended by a person.
        fs::write(&place.file, UPSTREAM).unwrap();
        binds.reread().unwrap();
        assert_eq!(binds.trouble(), None);
        assert!(binds.catalogue().get("dice").unwrap().serves("lab"));
    }
}

#[test]
fn what_was_known_is_served_while_the_file_is_damaged() {
    let place = Place::with(UPSTREAM);
    let binds = place.read();
    fs::write(&place.file, "{").unwrap();
    assert!(binds.reread().is_err());
    assert!(matches!(
        bind(&binds, "dice", "war"),
        Err(Unchanged::Unusable(_))
    ));
    assert!(!binds.is_unknown());
    assert!(binds.catalogue().get("dice").unwrap().serves("lab"));
    assert_eq!(place.content(), "{");
}

#[test]
fn what_a_person_wrote_meanwhile_is_kept() {
    let place = Place::with(UPSTREAM);
    let binds = place.read();
    fs::write(
        &place.file,
        r#"{"other": {"binds": ["@other"], "chans": ["war"]}}"#,
    )
    .unwrap();
    bind(&binds, "other", "lab").unwrap();
    let map = upstream::bind_map(place.content().as_bytes());
    assert_eq!(
        map,
        json!({"other": {"binds": ["@other"], "chans": ["war", "lab"], "accepts": null}})
    );
    assert!(binds.catalogue().get("dice").is_none());
    fs::remove_file(&place.file).unwrap();
    bind(&binds, "other", "den").unwrap();
    let map = upstream::bind_map(place.content().as_bytes());
    assert_eq!(
        map["other"]["chans"],
        json!(["war", "lab", "den"]),
        "a lost file is written again"
    );
}

#[test]
fn a_file_that_cannot_be_read_or_written_is_said() {
    let place = Place::empty();
    fs::create_dir(&place.file).unwrap();
    let binds = place.read();
    assert!(
        binds
            .trouble()
            .unwrap()
            .contains("bindmap.json cannot be read")
    );
    let place = Place::with(UPSTREAM);
    let binds = place.read();
    fs::set_permissions(place.home.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let error = bind(&binds, "dice", "war").unwrap_err();
    assert!(matches!(error, Unchanged::Unwritten { .. }), "{error}");
    assert!(
        !binds
            .catalogue()
            .get("dice")
            .unwrap()
            .channels
            .contains(&"war".to_owned())
    );
    assert_eq!(place.content(), UPSTREAM);
}

#[test]
fn a_link_stays_and_what_it_leads_to_is_replaced() {
    let (place, elsewhere) = (Place::with(UPSTREAM), tempfile::tempdir().unwrap());
    let link = elsewhere.path().join("bindmap.json");
    symlink(&place.file, &link).unwrap();
    let binds = Binds::read(&link, mpsc::unbounded_channel().0);
    bind(&binds, "dice", "war").unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(place.content().contains("\"war\""));
}

#[test]
fn what_a_killed_process_left_is_no_obstacle() {
    let place = Place::with(UPSTREAM);
    fs::write(place.home.path().join("bindmap.json.tmp"), "{").unwrap();
    bind(&place.read(), "dice", "war").unwrap();
    assert!(!place.home.path().join("bindmap.json.tmp").exists());
}
