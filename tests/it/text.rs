//! Splitting texts into posts, and foreign text in our own sentences.

use matterbot::text::{LEAST_LIMIT, MOST_PARTS, Rendered, inline_code, neutralise, render, split};
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, RngSeed};
use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

/// Stands before what a cut would have made a fence.
const GUARD: char = '\u{200b}';

fn count(text: &str) -> usize {
    text.chars().count()
}

/// The text inside fenced code, and whether each block ends with a fence of its own; another reader than ours decides.
fn fenced(markdown: &str) -> (String, bool) {
    let (mut code, mut inside, mut closed) = (String::new(), false, true);
    for (event, range) in Parser::new(markdown).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(_))) => {
                inside = true;
                let block = markdown.get(range).unwrap();
                let last = block
                    .lines()
                    .last()
                    .unwrap()
                    .trim_start_matches([' ', '>'])
                    .trim_end();
                let mark = block
                    .chars()
                    .find(|mark| matches!(mark, '`' | '~'))
                    .unwrap();
                closed &= block.lines().count() > 1
                    && last.len() >= 3
                    && last.chars().all(|each| each == mark);
            }
            Event::End(TagEnd::CodeBlock) => inside = false,
            Event::Text(text) if inside => code.push_str(&text),
            _ => {}
        }
    }
    code.retain(|each| !each.is_whitespace() && each != GUARD);
    (code, closed)
}

/// The characters that only content is made of in the texts below: what is repeated is in capitals and digits.
fn content(text: &str) -> String {
    text.chars().filter(char::is_ascii_lowercase).collect()
}

/// Whether the characters of `part` stand in `whole` in the same order.
fn stands_in(part: &str, whole: &str) -> bool {
    let mut whole = whole.chars();
    part.chars().all(|wanted| whole.any(|each| each == wanted))
}

/// What a reader sees of any text: no white space, and no marks of code, which parts may bear more or fewer of.
fn seen(text: &str) -> String {
    let text = text.replace('\0', "\u{fffd}");
    text.chars()
        .filter(|each| !each.is_whitespace() && !matches!(each, '`' | '~'))
        .collect()
}

fn config(cases: u32, seed: u64) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(
            "tests/data/text/split.txt",
        ))),
        ..ProptestConfig::default()
    }
}

/// Lines of prose, of code and of tables, some too long; no lists and quotes, in which code has other rules.
fn line() -> impl Strategy<Value = String> {
    (0..12, 1..300_usize, any::<u64>()).prop_map(|(kind, length, seed)| {
        let mut random = fastrand::Rng::with_seed(seed);
        let words: String = (0..length)
            .map(|_| {
                if random.u8(..8) == 0 {
                    ' '
                } else {
                    random.lowercase()
                }
            })
            .collect();
        let fence = random
            .choice(["```", "````", "`````", "~~~", "~~~~"])
            .unwrap_or("```");
        let indent = " ".repeat(random.usize(..4));
        match kind {
            0..=2 => words,
            3 => words.replace(' ', ""),
            4 => String::new(),
            5 => format!("{indent}{fence}"),
            6 => format!(
                "{indent}{fence}{}",
                random.choice(["RUST", "R2 D2", ""]).unwrap_or_default()
            ),
            7 => format!("{indent}  {words}"),
            8 => format!("a{words} {fence} {words}"),
            9 => format!("| {words} | {words} |"),
            10 => "| A | B |\n|---|:-:|".to_owned(),
            _ => "C | D | E\n-|-|-".to_owned(),
        }
    })
}

fn markdown() -> impl Strategy<Value = String> {
    prop::collection::vec(line(), 0..40).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #![proptest_config(config(250, 1))]

    #[test]
    fn parts_fit_and_lose_nothing(text in markdown(), limit in LEAST_LIMIT..400) {
        let parts = split(&text, limit);
        for part in &parts {
            prop_assert!(count(part) <= limit && !part.trim().is_empty(), "{part:?}");
        }
        prop_assert_eq!(content(&parts.concat()), content(&text));
    }

    #[test]
    fn code_stays_code_and_fences_balance(text in markdown(), limit in LEAST_LIMIT..400) {
        let parts = split(&text, limit);
        let blocks: Vec<(String, bool)> = parts.iter().map(|part| fenced(part)).collect();
        if parts.len() > 1 {
            prop_assert!(blocks.iter().all(|(_, closed)| *closed), "{parts:#?}");
        }
        let code: String = blocks.into_iter().map(|(code, _)| code).collect();
        prop_assert_eq!(code, fenced(&text).0, "{:#?}", parts);
    }

    #[test]
    fn any_text_can_be_split(text in "(?s).{0,600}", limit in 0_usize..200) {
        let parts = split(&text, limit);
        prop_assert!(parts.iter().all(|part| count(part) <= limit.max(LEAST_LIMIT)));
        prop_assert!(stands_in(&seen(&text), &seen(&parts.concat())), "{parts:#?}");
    }

    #[test]
    fn any_markup_can_be_split(text in "[`~>|\\-\\\\* 1.a\n]{0,600}", limit in LEAST_LIMIT..120) {
        let parts = split(&text, limit);
        prop_assert!(parts.iter().all(|part| count(part) <= limit));
        prop_assert!(stands_in(&seen(&text), &seen(&parts.concat())), "{parts:#?}");
    }

    #[test]
    fn foreign_text_stays_harmless(text in "(?s)[@`a\u{202e}\u{200b}\n ]{0,20}|(?s).{0,40}") {
        let neutral = neutralise(&text);
        let is_one_line_of_prose = !neutral.contains(['`', '\n', '\r', '\u{202e}']);
        prop_assert!(is_one_line_of_prose, "{neutral:?}");
        let mentions = neutral.match_indices('@').all(|(at, _)| {
            neutral.get(at + 1..).is_some_and(|rest| rest.starts_with('\u{200b}'))
        });
        prop_assert!(mentions, "{neutral:?}");

        // One inline code and nothing else, whatever is inside.
        let code = format!("a {} b", inline_code(&text));
        let events: Vec<Event<'_>> = Parser::new(&code).collect();
        let is_code = matches!(events.as_slice(), [_, Event::Text(_), Event::Code(_), Event::Text(_), _]);
        prop_assert!(is_code, "{code:?} {events:?}");
    }
}

/// Hand-written texts that were or might be hard.
#[test]
fn the_corpus_can_be_split() {
    let mut files = 0;
    for file in std::fs::read_dir("tests/data/text").unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        files += 1;
        let text = std::fs::read_to_string(&path).unwrap();
        for limit in [50, 51, 80, 200, 4000] {
            let parts = split(&text, limit);
            assert!(
                parts.iter().all(|part| count(part) <= limit),
                "{path:?} at {limit}: {parts:#?}"
            );
            assert!(
                stands_in(&seen(&text), &seen(&parts.concat())),
                "{path:?} at {limit}: {parts:#?}"
            );
        }
    }
    assert!(files >= 4, "{files} files in the corpus");
}

/// Work in proportion to the length: with anything worse these would take hours.
#[test]
fn long_texts_of_any_kind_can_be_split() {
    const MEBIBYTE: usize = 1 << 20;
    const SIZE: usize = 1 << 17;
    let spaces = format!("{}x\n", " ".repeat(400));
    let rows = (0..100_000)
        .map(|row| format!("| {row} | b |\n"))
        .collect::<String>();
    let texts = [
        spaces.repeat(MEBIBYTE / spaces.len()),
        format!("| A | B |\n|---|---|\n{rows}"),
        "x".repeat(MEBIBYTE),
        " ".repeat(SIZE) + "x",
        "`".repeat(SIZE),
        "```\n".repeat(SIZE / 4),
        "> ".repeat(SIZE / 2) + "```",
        "|".repeat(SIZE),
        format!("|{}|\n|{}|", "a|".repeat(SIZE / 4), "-|".repeat(SIZE / 4)),
        format!("| A | B |\n|---|---|\n| {} | b |", "x ".repeat(SIZE / 2)),
        "a|b\n-|-\n".repeat(SIZE / 8),
        "\n".repeat(SIZE),
        format!("```\n{}", "\n".repeat(SIZE)),
    ];
    for text in &texts {
        for limit in [LEAST_LIMIT, 4000] {
            let parts = split(text, limit);
            assert!(parts.iter().all(|part| count(part) <= limit));
            let total: usize = parts.iter().map(String::len).sum();
            assert!(total <= 4 * text.len(), "{total} bytes of {}", text.len());
        }
    }
}

#[test]
fn a_text_that_fits_is_left_alone() {
    let text = "# Title  \n\n```rust\nunclosed\n";
    assert_eq!(render(text, 4000), Rendered::Parts(vec![text.to_owned()]));
    assert_eq!(render(" \n\t", 4000), Rendered::Parts(Vec::new()));
    assert_eq!(
        render("a\0b", 4000),
        Rendered::Parts(vec!["a\u{fffd}b".to_owned()])
    );
}

#[test]
fn characters_count_and_not_bytes() {
    assert_eq!(split(&"😀".repeat(60), 60).len(), 1);
    assert_eq!(split(&"😀".repeat(61), 60).len(), 2);
}

#[test]
fn a_text_of_many_parts_is_attached() {
    let text = "word ".repeat(200);
    let Rendered::Attached { first, file } = render(&text, 100) else {
        panic!("1000 characters are ten parts of 100");
    };
    assert_eq!(file, text);
    assert!(
        count(&first) <= 100 && first.ends_with("\n\n*The whole text is attached.*"),
        "{first:?}"
    );

    let Rendered::Parts(parts) = render(&"word ".repeat(75), 100) else {
        panic!("375 characters are four parts of 100");
    };
    assert_eq!(parts.len(), MOST_PARTS);

    let code = format!("```\n{}```", "let x;\n".repeat(100));
    let Rendered::Attached { first, .. } = render(&code, 100) else {
        panic!("700 characters are more than four parts of 100");
    };
    assert!(
        first.starts_with("```\nlet x;") && first.contains("let x;\n```\n\n*The whole"),
        "{first:?}"
    );
}

#[test]
fn parts_end_at_paragraphs_then_lines_then_words() {
    let (one, two) = ("a".repeat(60), "b".repeat(30));
    assert_eq!(
        split(&format!("{one}\n\n{two}\n{two}"), 100),
        [one.clone(), format!("{two}\n{two}")]
    );
    assert_eq!(
        split(&format!("{two}\n{two}\n{two}\n{two}"), 100),
        [format!("{two}\n{two}\n{two}"), two]
    );
    assert_eq!(
        split(&"word ".repeat(21), 100),
        ["word ".repeat(19).trim_end(), "word word"]
    );
}

#[test]
fn a_fence_is_closed_and_opened_again() {
    let code = "let value = 1;\n".repeat(6);
    let parts = split(&format!("Look:\n\n````rust ignore\n{code}````\nend"), 80);
    let (first, last) = (parts.first().unwrap(), parts.last().unwrap());
    assert!(
        first.starts_with("Look:\n\n````rust ignore\nlet") && first.ends_with(";\n````"),
        "{first:?}"
    );
    assert!(
        last.starts_with("````rust ignore\nlet") && last.ends_with(";\n````\nend"),
        "{last:?}"
    );
}

#[test]
fn a_fence_in_a_quote_or_a_list_is_one_too() {
    let quoted = split(
        &format!("> ~~~\n{}> ~~~\nend", "> some code\n".repeat(10)),
        80,
    );
    assert!(
        quoted
            .iter()
            .all(|part| part.starts_with("> ~~~\n> some") && fenced(part).1),
        "{quoted:#?}"
    );
    let listed = split(
        &format!("10. ```sh\n{}    ```\nend", "    some code\n".repeat(10)),
        80,
    );
    assert!(
        listed
            .iter()
            .all(|part| fenced(part).1 && !fenced(part).0.is_empty()),
        "{listed:#?}"
    );
    assert!(listed.last().unwrap().ends_with("\nend"));
}

/// Wherever a line of code is cut, what follows the cut may look like the fence that ends the code, or begin one.
#[test]
fn a_cut_makes_no_fence() {
    for length in 20..60 {
        let code = format!(
            "```\n{} ``` {}```\n```",
            "x".repeat(length),
            " ".repeat(length)
        );
        let prose = format!("{} ``` {}", "x".repeat(length), "y ".repeat(length));
        for text in [code, prose] {
            let parts = split(&text, LEAST_LIMIT);
            let blocks: Vec<(String, bool)> = parts.iter().map(|part| fenced(part)).collect();
            assert!(
                blocks.iter().all(|(_, closed)| *closed),
                "{length}: {parts:#?}"
            );
            let code: String = blocks.into_iter().map(|(code, _)| code).collect();
            assert_eq!(code, fenced(&text).0, "{length}: {parts:#?}");
        }
    }
}

#[test]
fn a_table_repeats_its_header() {
    let head = "| name | state |\n|:-----|------:|";
    let rows = "| alpha | up |\n".repeat(10);
    let parts = split(&format!("Services\n{head}\n{rows}\nend"), 100);
    assert!(parts.len() > 1);
    assert!(
        parts.first().unwrap().starts_with("Services\n| name"),
        "a table needs no post of its own: {parts:#?}"
    );
    assert!(parts.iter().all(|part| part.contains(head)), "{parts:#?}");
    assert!(
        parts.last().unwrap().ends_with("| alpha | up |\n\nend"),
        "{parts:#?}"
    );
}

#[test]
fn a_cut_row_stays_a_row() {
    let head = "| name | text |\n|---|---|";
    let row = format!("| a | {}| c\\|d |", "word ".repeat(30));
    let parts = split(&format!("{head}\n{row}"), 90);
    assert!(parts.len() > 1);
    for part in &parts {
        assert!(part.starts_with(head), "{part:?}");
        let row = part.lines().nth(2).unwrap();
        assert_eq!(row.replace("\\|", "").matches('|').count(), 4, "{row:?}");
    }
    assert!(parts.last().unwrap().ends_with("| c\\|d |"), "{parts:#?}");
}

#[test]
fn foreign_text_becomes_harmless() {
    assert_eq!(neutralise("@all `x` \u{202e}a\nb"), "@\u{200b}all 'x' a b");
    assert_eq!(neutralise("👩‍💻"), "👩‍💻");
    assert_eq!(inline_code("@status"), "`@status`");
    assert_eq!(inline_code("a``b`"), "``` a``b` ```");
    assert_eq!(inline_code(""), "` `");
}
