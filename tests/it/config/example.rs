//! `config.example.yaml` and the code hold each other: the same keys, each explained, each with its default.

use std::collections::BTreeSet;

use matterbot::config::{self, Environment};

use super::{Folder, LEAST};

const EXAMPLE: &str = include_str!("../../../config.example.yaml");

/// The keys of the example with the number of their line, found by its plain shape: two spaces a level.
fn keys_of_example() -> Vec<(String, usize)> {
    let mut sections: Vec<&str> = Vec::new();
    let mut keys = Vec::new();
    for (number, line) in EXAMPLE.lines().enumerate() {
        let content = line.trim_start();
        let Some((key, _)) = content.split_once(':') else {
            continue;
        };
        if content.starts_with(['#', '[']) {
            continue;
        }
        sections.truncate((line.len() - content.len()) / 2);
        sections.push(key);
        keys.push((sections.join("."), number));
    }
    keys
}

#[test]
fn it_has_the_keys_of_the_code() {
    let code: BTreeSet<_> = config::keys().into_iter().collect();
    let example: BTreeSet<_> = keys_of_example().into_iter().map(|(key, _)| key).collect();
    assert_eq!(code, example);
}

#[test]
fn it_explains_every_key() {
    let lines: Vec<_> = EXAMPLE.lines().collect();
    for (key, number) in keys_of_example() {
        let above = lines.get(number - 1).unwrap().trim_start();
        assert!(
            above.starts_with("# "),
            "{key} in line {}: {above:?}",
            number + 1
        );
    }
}

#[test]
fn it_has_every_default() {
    let filled = EXAMPLE
        .replace("\"<chat.example.org>\"", "chat.example.org")
        .replace("\"<access token>\"", "k4yk4yk4yk4yk4yk4yk4yk4yk4")
        .replace("\"<team>\"", "team")
        .replace("botadmins: []", "botadmins: [system_admin]");
    let example = Folder::with(filled);
    let least = Folder::with(LEAST);
    let environment = Environment::default();
    let example_loaded = example.load(&environment, true).unwrap();
    assert_eq!(example_loaded.warnings, []);
    // Paths are relative to the file, so both files have to lie in one place.
    std::fs::copy(example.path("config.yaml"), least.path("example.yaml")).unwrap();
    let mut of_example = config::load(&least.path("example.yaml"), &environment, true)
        .unwrap()
        .config;
    let of_least = least.load(&environment, true).unwrap().config;
    of_example.file.clone_from(&of_least.file);
    assert_eq!(of_example, of_least);
}

#[test]
fn it_says_what_to_fill_in() {
    let text = Folder::with(EXAMPLE).diagnose(&Environment::default(), true);
    let keys: Vec<_> = text
        .lines()
        .map(|line| line.split(": ").nth(2).unwrap())
        .collect();
    assert_eq!(
        keys,
        [
            "Matterbot.host",
            "Matterbot.password",
            "Matterbot.teamname",
            "Matterbot.botadmins"
        ]
    );
}
