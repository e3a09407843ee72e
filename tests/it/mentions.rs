//! Foreign text pings nobody, read as the real server reads it (`app.StandardMentionParser`, `markdown.CharacterReference`).

use matterbot::text::{neutralise, without_channel_mentions};
use proptest::prelude::*;

/// What the server takes for a letter or a digit, of the characters that these tests use.
fn is_letter(character: char) -> bool {
    character.is_ascii_alphanumeric() || "é\u{915}".contains(character)
}

/// `text` with the character in the place of each reference.
fn decoded(text: &str) -> String {
    let (mut decoded, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once('&') {
        decoded.push_str(before);
        let reference = after
            .split_once(';')
            .and_then(|(name, after)| Some((character(name)?, after)));
        rest = match reference {
            Some((character, after)) => {
                decoded.push(character);
                after
            }
            None => {
                decoded.push('&');
                after
            }
        };
    }
    decoded + rest
}

fn character(name: &str) -> Option<char> {
    let digits = match name {
        "commat" => return Some('@'),
        "period" => return Some('.'),
        _ => name.strip_prefix('#')?,
    };
    let code = match digits.strip_prefix(['x', 'X']) {
        Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16),
        None => digits.parse(),
    };
    char::from_u32(code.ok()?)
}

fn is_mention(word: &str) -> bool {
    let word = word.to_lowercase();
    matches!(word.as_str(), "@all" | "@channel" | "@here")
}

/// Whether the server finds a mention of a whole channel in `text`.
fn pings(text: &str) -> bool {
    let text = decoded(text);
    let belongs = |character: char| ":.-_@".contains(character) || is_letter(character);
    let mut words = text.split(|character| !belongs(character));
    words.any(|word| {
        if word.is_empty() || (word.starts_with(':') && word.ends_with(':')) {
            return false;
        }
        let word = word.trim_start_matches([':', '.', '-', '_']);
        let mut shorter = word;
        while !is_mention(shorter) && shorter.ends_with(['.', '-', ':', '_']) {
            shorter = shorter.get(..shorter.len() - 1).unwrap_or_default();
        }
        is_mention(shorter)
            || (!word.starts_with('@') && word.split(['.', '-', ':']).any(is_mention))
    })
}

#[test]
fn this_reading_is_the_servers() {
    for text in [
        "@all",
        "_@Here_",
        "x.@all-foo",
        "x:@here-foo",
        "&#64;all",
        "&commat;channel",
        "@&#97;ll",
        "\u{915}\u{93e}@all",
        "Ⓐ@all",
    ] {
        assert!(pings(text), "{text}");
    }
    for text in ["bob@all", "@all-foo", "@alla", "é@all", "a@all.example"] {
        assert!(!pings(text), "{text}");
    }
}

/// Texts of what mentions are made of.
fn text() -> impl Strategy<Value = String> {
    let pieces = [
        "@", "all", "here", "Channel", "foo", "é", "\u{93e}", "Ⓐ", "\u{915}", ".", ":", "-", "_",
        " ", "&", "&#64;", "&#x40;", "&commat;", "&period;", "&#46;", "&#97;", "&#45;", ";", "\\",
        "`", "(", "ll",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..12)
        .prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_foreign_text_pings_a_channel(text in text()) {
        for harmless in [without_channel_mentions(&text), neutralise(&text)] {
            prop_assert!(!pings(&harmless), "{text} {harmless:?}");
            // A backslash goes before a mark, and stays before anything else.
            let unescaped = harmless.replace("\\@", "@").replace("\\-", "-").replace("\\.", ".");
            prop_assert!(!pings(&unescaped), "{text} {unescaped:?}");
        }
        prop_assert_eq!(without_channel_mentions(&text).replace('\u{200b}', ""), text);
    }
}
