//! No text, however broken, brings the reader down; every error about a text has its place in it.

use std::path::Path;
use std::time::{Duration, Instant};

use matterbot::config::{self, Diagnostic, Environment};
use proptest::prelude::*;

use super::{Folder, LEAST};

/// The token of the least configuration, which no diagnostic may show.
const TOKEN: &str = "k4yk4yk4yk4yk4yk4yk4yk4yk4";

/// Reads the bytes; every place that is named has to be in them, one behind the end of a line included.
fn read(bytes: &[u8]) -> Vec<Diagnostic> {
    let folder = Folder::with(bytes);
    let diagnostics = match folder.load(&Environment::default(), true) {
        Ok(loaded) => loaded.warnings,
        Err(invalid) => {
            assert!(!invalid.diagnostics.is_empty());
            invalid.diagnostics
        }
    };
    let text = String::from_utf8_lossy(bytes)
        .replace("\r\n", "\n")
        .replace('\r', "\n");
    let lines: Vec<_> = text
        .strip_prefix('\u{feff}')
        .unwrap_or(&text)
        .split('\n')
        .collect();
    for diagnostic in &diagnostics {
        assert!(
            !diagnostic.to_string().contains(['\n', '\u{1b}']),
            "{diagnostic:?}"
        );
        assert!(!diagnostic.to_string().contains(TOKEN), "{diagnostic:?}");
        let Some(position) = diagnostic.position else {
            continue;
        };
        let line = lines
            .get(position.line - 1)
            .unwrap_or_else(|| panic!("{diagnostic} is outside of {text:?}"));
        assert!(
            position.column >= 1 && position.column <= line.chars().count() + 1,
            "{diagnostic} in {text:?}"
        );
    }
    diagnostics
}

#[track_caller]
fn refuses(yaml: impl AsRef<[u8]>, expected: &str) {
    let started = Instant::now();
    let diagnostics = read(yaml.as_ref());
    assert!(
        started.elapsed() < Duration::from_secs(20),
        "{:?}",
        started.elapsed()
    );
    let first = diagnostics.first().unwrap().to_string();
    let first = first.split_once("config.yaml").unwrap().1;
    assert!(first.contains(expected), "{first}");
}

#[test]
fn texts_that_are_no_yaml() {
    refuses(format!("{LEAST}\tport: 1\n"), "this is not YAML");
    refuses(format!("{LEAST}  host\n"), "this is not YAML");
    refuses(format!("{LEAST}  a: [1, 2\n"), "this is not YAML");
    refuses(format!("{LEAST}  a: \"\n"), "this is not YAML");
    refuses(format!("{LEAST}  a: *b\n"), "this is not YAML");
    for below in ["", "  port: 1\n", "  # a word\n\n  port: 1\n", "Modules:\n"] {
        refuses(
            format!("{LEAST}  scheme https\n{below}"),
            ":6:3: error: this is not YAML",
        );
    }
    refuses(
        format!("{LEAST}  a: b: c\n"),
        ":6:7: error: this is not YAML",
    );
    refuses(
        format!("{LEAST}  a: !!str b\n"),
        ":6:6: error: a tag stands here",
    );
    refuses(
        format!("{LEAST}---\nMatterbot: {{}}\n"),
        ":6:1: error: a second document starts here",
    );
    refuses(
        format!("{LEAST}  a: b\0c\n"),
        ":6:7: error: the control character U+0000 stands here",
    );
    refuses(
        b"Matterbot:\n  \xc3\xa9a: \xff\n",
        ":2:7: error: a byte stands here that is no UTF-8",
    );
}

#[test]
fn texts_that_are_too_much() {
    let anchors = (1..20).map(|level| {
        format!(
            "a{level}: &a{level} [{}]\n",
            vec![format!("*a{}", level - 1); 9].join(",")
        )
    });
    refuses(
        format!("a0: &a0 [x]\n{}", anchors.collect::<String>()),
        "more values than a configuration can hold",
    );
    refuses("a: &a [*a]\n", "something that contains it");
    refuses("a: &a {b: *a}\n", "something that contains it");
    refuses("[".repeat(100_000), "error: ");
    refuses("- ".repeat(100_000), "nested too deeply");
    refuses("? ".repeat(100_000), "nested too deeply");
    refuses("{a: ".repeat(1000), "recursion limit exceeded");
    refuses(format!("{}: 1\n", "k".repeat(900_000)), "error: ");
    refuses(
        format!("? {}\n: 1\n", "k".repeat(900_000)),
        "this key is too long",
    );
    refuses(
        "- a\n".repeat(200_000),
        "more values than a configuration can hold",
    );
    refuses(
        "a".repeat(10_000_000),
        "error: this file is larger than 1 MiB",
    );
    refuses("\"".repeat(1_000_000), "error: ");
    refuses("&a ".repeat(300_000), "error: ");
    refuses("#".repeat(1_000_000), "error: this file is empty");
    refuses("\n".repeat(1_000_000), "error: this file is empty");
    refuses(
        format!("a: |\n{}", " x\n".repeat(300_000)),
        "error: Matterbot: this section is missing",
    );
}

#[test]
fn keys_that_are_no_texts() {
    let diagnostics = read(
        format!("{LEAST}  1: a\n  ~: b\n  [a, b]: c\n  {{a: b}}: d\n  true: e\n  ? - f\n  : g\n")
            .as_bytes(),
    );
    let lines: Vec<_> = diagnostics
        .iter()
        .map(|diagnostic| diagnostic.position.unwrap().line)
        .collect();
    assert!(
        lines.windows(2).all(|pair| pair[0] <= pair[1]),
        "{diagnostics:?}"
    );
    assert!(
        diagnostics
            .iter()
            .all(|diagnostic| diagnostic.message == "nothing reads this key"),
        "{diagnostics:?}"
    );
}

#[test]
fn files_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let said = |path: &Path| {
        let invalid = config::load(path, &Environment::default(), false).unwrap_err();
        invalid
            .to_string()
            .replace(&format!("{}/", folder.path().display()), "")
    };
    assert_eq!(
        said(&folder.path().join("none.yaml")),
        "none.yaml: error: there is no such file \
         (help: copy config.example.yaml to this place, or name another with --config FILE)",
    );
    std::fs::create_dir(folder.path().join("etc")).unwrap();
    assert_eq!(
        said(&folder.path().join("etc")),
        "etc: error: this is a directory (help: name the file in it, such as config.yaml)",
    );
    assert_eq!(
        said(Path::new("/dev/null")),
        "/dev/null: error: this is no regular file (help: a restart reads it again, so it has to be a regular file)",
    );
    std::os::unix::fs::symlink("loop", folder.path().join("loop")).unwrap();
    assert!(
        said(&folder.path().join("loop")).starts_with("loop: error: this file cannot be read: ")
    );
}

/// Pieces that mean something to YAML or to us.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "Matterbot:",
        "Modules:",
        "Lifecycle:",
        "Feeds:",
        "AI:",
        "debug:",
        "host:",
        "port:",
        "password:",
        "botadmins:",
        "budget:",
        "count:",
        "window:",
        "lifecyclecmds:",
        "\n",
        "\n  ",
        "\n    ",
        "\n- ",
        "\n  - ",
        " ",
        "\t",
        "{",
        "}",
        "[",
        "]",
        ",",
        ": ",
        "? ",
        "- ",
        "&a ",
        "*a",
        "!!str ",
        "!x",
        "|",
        ">",
        "\"",
        "'",
        "\\",
        "#",
        " # ",
        "%YAML 1.1\n",
        "---\n",
        "...\n",
        "<<: ",
        "*a\n",
        "yes",
        "443",
        "0x1F",
        "1e400",
        ".inf",
        "~",
        "20s",
        "999999999999999999999",
        "@restart",
        "é",
        "\u{feff}",
        "\0",
        "\r",
        "\u{85}",
        "\u{2028}",
        "system_user",
        "k4y",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::with_source_file(file!()) })]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read(&bytes);
    }

    #[test]
    fn any_pieces(text in pieces()) {
        read(text.as_bytes());
    }

    #[test]
    fn a_good_file_with_a_piece_put_in(at in 0..LEAST.len(), text in pieces()) {
        let (before, after) = LEAST.as_bytes().split_at(at);
        read(&[before, text.as_bytes(), after].concat());
    }

    #[test]
    fn a_good_file_with_a_value_put_in(key in prop::sample::select(config::keys()), value in pieces()) {
        let mut yaml = LEAST.to_owned();
        for (depth, part) in key.split('.').enumerate() {
            yaml.push_str(&format!("{}{part}:\n", "  ".repeat(depth)));
        }
        read(format!("{} {value}\n", yaml.trim_end()).as_bytes());
    }
}
