//! The recogniser of commands, the table of built-ins, and the rate limit.

use matterbot::command::parse::normalise;
use matterbot::command::{Builtin, Invocation, Target, Vocabulary, table};
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, RngSeed};

fn vocabulary() -> Vocabulary {
    Vocabulary::new(&["!help".to_owned(), "@help".to_owned()], &[])
}

fn renamed(pairs: &[(&str, &str)]) -> Vocabulary {
    let pairs: Vec<(String, String)> = pairs
        .iter()
        .map(|(new, own)| ((*new).to_owned(), (*own).to_owned()))
        .collect();
    Vocabulary::new(&["!hulp".to_owned()], &pairs)
}

/// The commands of `message` where no module has a word.
fn parse(vocabulary: &Vocabulary, message: &str) -> Vec<Invocation> {
    vocabulary.parse(message, |_| false)
}

/// Each command as it was typed, with its arguments.
fn parsed(message: &str) -> Vec<String> {
    let invocations = parse(&vocabulary(), message);
    assert!(invocations.is_sorted_by(|one, next| one.ordinal < next.ordinal));
    invocations
        .iter()
        .map(|each| {
            [std::slice::from_ref(&each.word), &each.arguments]
                .concat()
                .join(" ")
        })
        .collect()
}

#[test]
fn the_first_word_is_a_command() {
    for (message, expected) in [
        ("@restart", "@restart"),
        ("!restart", "!restart"),
        ("!Restart bot", "!restart bot"),
        ("@STATUS", "@status"),
        ("  @status", "@status"),
        ("\n\n \r\n@status\r\n", "@status"),
        ("\u{a0}@status\u{a0}bot", "@status bot"),
        ("\u{feff}\u{200f}@status\u{200b}", "@status"),
        (
            "@restart please,\nit is `stuck` @help",
            "@restart please, it is `stuck` @help",
        ),
        ("@audit 5 😀 שלום", "@audit 5 😀 שלום"),
        (
            "@audit —dry-run “x” ‘y’ – 2—3",
            "@audit --dry-run \"x\" 'y' – 2—3",
        ),
        ("@status\u{2028}bot", "@status bot"),
        ("@help @help status", "@help @help status"),
    ] {
        assert_eq!(parsed(message), [expected], "{message:?}");
    }
}

#[test]
fn what_only_looks_like_a_command_is_none() {
    for message in [
        "",
        " \n\t",
        "restart",
        "hello",
        "@",
        "!",
        "@@restart",
        "!!restart",
        "@!restart",
        "!@restart",
        "@restart.",
        "@restart!",
        "@restart,bot",
        "@ restart",
        "@restartbot",
        "please @restart",
        "> @restart",
        "`@restart`",
        "```\n@restart\n```",
        "~~~\n@restart",
        "    @restart",
        "\t@restart",
        "- @status",
        "1. @status",
        "# @status",
        "**@restart**",
        "@\u{200b}restart",
        "@re\u{200b}start",
        "＠restart",
        "/restart",
        "\"@restart\"",
        "@rеstart",
        "thanks @help!",
        "\0",
    ] {
        assert_eq!(parsed(message), [""; 0], "{message:?}");
    }
}

#[test]
fn help_is_heard_anywhere_but_in_code_and_quotes() {
    for (message, expected) in [
        ("@help", &["@help"][..]),
        ("!HELP Restart", &["!help Restart"]),
        (
            "how do I restart? @help restart\nthanks",
            &["@help restart"],
        ),
        ("dice 2d6 @help", &["@help"]),
        (
            "@help a @help b c\nx !help",
            &["@help a", "@help b c", "!help"],
        ),
        ("@help @status", &["@help @status"]),
        ("- item @help status", &["@help status"]),
        ("| a | @help |\n|---|---|", &["@help |"]),
        ("**bold** @help", &["@help"]),
        ("say ` @help ` here", &[]),
        ("``` @help ```", &[]),
        ("```\n@help\n```\n@help x", &["@help x"]),
        ("~~~\n@help\n", &[]),
        ("> @help\nlazily quoted @help\n\n@help y", &["@help y"]),
        ("> > @help\n\n@help z ` @help `", &["@help z ` @help `"]),
        ("text\n\n    @help in code", &[]),
        ("- ```\n  @help\n  ```", &[]),
        ("@helpme help @@help", &[]),
        ("@help\u{a0}x", &["@help x"]),
    ] {
        assert_eq!(parsed(message), expected, "{message:?}");
    }
}

#[test]
fn an_invocation_says_where_and_how_it_was_typed() {
    let invocation = |ordinal, word: &str, arguments: &[&str], first| Invocation {
        ordinal,
        target: Target::Builtin(Builtin::Help),
        word: word.to_owned(),
        arguments: arguments.iter().map(|each| (*each).to_owned()).collect(),
        sigil: word.starts_with(['@', '!']),
        first,
    };
    let vocabulary = Vocabulary::new(&["help?".to_owned(), "@Help".to_owned()], &[]);
    assert_eq!(
        parse(&vocabulary, "\n@HELP me\nhelp?"),
        [
            invocation(0, "@help", &["me"], true),
            invocation(2, "help?", &[], false)
        ]
    );
}

/// Each command as it was typed, where modules have `@dice`, `@geo`, `hello` and, in vain, `@status` and `@sub`.
fn bound(message: &str) -> Vec<String> {
    let lists = ["@map", "!map", "@bind"].map(str::to_owned);
    let binds = ["@dice", "@geo", "hello", "@status", "@sub"];
    vocabulary()
        .with_map_words(&lists)
        .with_feed_words(&["@sub".to_owned()])
        .parse(message, |word| binds.contains(&word))
        .iter()
        .map(|each| {
            let word = match each.target {
                Target::Bind => each.word.clone(),
                Target::Builtin(builtin) => format!("{builtin:?}"),
            };
            [vec![word], each.arguments.clone()].concat().join(" ")
        })
        .collect()
}

#[test]
fn the_words_of_modules_are_heard_anywhere_but_in_code_and_quotes() {
    for (message, expected) in [
        ("@dice 2d6", &["@dice 2d6"][..]),
        ("@DICE 2D6 “x” —a", &["@dice 2D6 “x” —a"]),
        ("well, hello there", &["hello there"]),
        (
            "please @dice 2d6 @geo 8.8.8.8\nthanks",
            &["@dice 2d6", "@geo 8.8.8.8"],
        ),
        ("@dice 1\n@dice 2", &["@dice 1", "@dice 2"]),
        ("@dice\n2d6", &["@dice"]),
        ("@dice 2d6 @help", &["@dice 2d6", "Help"]),
        ("@help @dice", &["Help @dice"]),
        ("@help @dice @geo", &["Help @dice", "@geo"]),
        ("@help\n@dice", &["Help", "@dice"]),
        ("@dice @dice", &["@dice", "@dice"]),
        ("so @map @dice", &["Map @dice"]),
        ("please @bind dice", &[]),
        ("@sub hello", &[]),
        ("try @sub", &[]),
        ("@status @dice", &["Status @dice"]),
        ("what of @status @dice", &["@dice"]),
        ("`@dice` and\n> @geo\n\n    hello", &[]),
        ("```\n@dice\n```\n@geo `@dice`", &["@geo `@dice`"]),
        ("@dice! hello, @@dice @dices", &[]),
    ] {
        assert_eq!(bound(message), expected, "{message:?}");
    }
}

#[test]
fn a_call_has_the_same_name_whatever_other_words_are_commands() {
    let message = "hello @dice\n@geo x";
    let ordinal = |binds: &[&str]| {
        let found = vocabulary().parse(message, |word| binds.contains(&word));
        found.last().unwrap().ordinal
    };
    assert_eq!(ordinal(&["@geo"]), 2);
    assert_eq!(ordinal(&["@geo", "@dice", "hello"]), 2);
}

fn builtin(vocabulary: &Vocabulary, message: &str) -> Option<Builtin> {
    match parse(vocabulary, message).first()?.target {
        Target::Builtin(builtin) => Some(builtin),
        Target::Bind => None,
    }
}

#[test]
fn a_renamed_command_answers_to_its_new_name_only() {
    let vocabulary = renamed(&[
        ("@Reboot", "restart"),
        ("!neustart", "@restart"),
        ("x", "nonsense"),
        ("y", "help"),
    ]);
    let builtin = |message: &str| builtin(&vocabulary, message);
    assert_eq!(builtin("!reboot"), Some(Builtin::Restart));
    assert_eq!(builtin("@NEUSTART"), Some(Builtin::Restart));
    assert_eq!(builtin("@restart"), None);
    assert_eq!(builtin("@status"), Some(Builtin::Status));
    assert_eq!(builtin("@x"), None);
    assert_eq!(builtin("@y"), None);
    assert_eq!(builtin("@help"), None);
    assert_eq!(builtin("!hulp"), Some(Builtin::Help));
    assert_eq!(vocabulary.word(Builtin::Restart), "@reboot");
    assert_eq!(vocabulary.word(Builtin::Help), "!hulp");
    assert_eq!(
        self::builtin(&renamed(&[("status", "restart")]), "@status"),
        Some(Builtin::Restart)
    );
}

#[test]
fn binds_come_first_and_maps_anywhere_by_their_words() {
    let words = [
        "!bind",
        "@Bind",
        "!unbind",
        "@map",
        "@our-unbind",
        "@nothing",
    ]
    .map(str::to_owned);
    let vocabulary = vocabulary().with_map_words(&words);
    for (message, expected) in [
        ("@bind dice ipinfo", &[(Builtin::Bind, 2)][..]),
        ("!BIND *", &[(Builtin::Bind, 1)]),
        ("@our-unbind dice", &[(Builtin::Unbind, 1)]),
        ("what is here? @map please", &[(Builtin::Map, 1)]),
        ("@map @help", &[(Builtin::Map, 0), (Builtin::Help, 0)]),
        ("@help @map", &[(Builtin::Help, 1)]),
        ("@help\n@map", &[(Builtin::Help, 0), (Builtin::Map, 0)]),
        ("please @bind dice", &[]),
        ("@unbind dice", &[]),
        ("!map", &[]),
        ("@nothing", &[]),
        ("`@map`", &[]),
        ("> @bind dice", &[]),
        ("    @bind dice", &[]),
    ] {
        let found: Vec<(Builtin, usize)> = vocabulary
            .parse(message, |_| false)
            .iter()
            .filter_map(|invocation| match invocation.target {
                Target::Builtin(builtin) => Some((builtin, invocation.arguments.len())),
                Target::Bind => None,
            })
            .collect();
        assert_eq!(found, expected, "{message}");
    }
    assert_eq!(vocabulary.word(Builtin::Bind), "@bind");
    assert_eq!(vocabulary.word(Builtin::Unbind), "@our-unbind");
    assert!(!self::vocabulary().knows(Builtin::Map));
    assert_eq!(self::vocabulary().parse("@bind dice", |_| false), []);
}

#[test]
fn suggestions_come_from_what_the_asker_may_run() {
    let all = table::TABLE.iter().map(|row| row.builtin);
    let all: Vec<Builtin> = all.filter(|builtin| !builtin.needs_ward()).collect();
    let suggest = |word: &str| vocabulary().suggestions(word, &all, &[]);
    assert_eq!(suggest("restrat"), ["@restart"]);
    assert_eq!(suggest("!stat"), ["!status"]);
    assert_eq!(suggest("@HLEP"), ["@help"]);
    assert_eq!(suggest("@restart"), ["@restart"]);
    assert_eq!(suggest("@weather"), [""; 0]);
    assert_eq!(suggest(""), [""; 0]);
    assert_eq!(suggest(&"x".repeat(100_000)), [""; 0]);
    assert_eq!(
        vocabulary().suggestions("@restrat", &[Builtin::Help, Builtin::Status], &[]),
        [""; 0]
    );
    assert_eq!(
        renamed(&[("a1", "status"), ("a2", "restart"), ("a3", "audit")]).suggestions(
            "@a",
            &all,
            &[]
        ),
        [""; 0]
    );
    let near = renamed(&[
        ("abc1", "status"),
        ("abc2", "restart"),
        ("abc3", "audit"),
        ("abc4", "audit"),
    ]);
    assert_eq!(
        near.suggestions("@abc", &all, &[]),
        ["@abc1", "@abc2", "@abc3"]
    );
}

/// Work in proportion to the length: with anything worse these would take hours.
#[test]
fn a_long_message_is_read_in_proportion_to_its_length() {
    let vocabulary = vocabulary();
    for unit in [
        "@help ",
        "> ",
        "`",
        "``` ",
        "@help `",
        "* ",
        "[",
        "@help\n> ",
        "|",
        "\u{200b}",
        "<a ",
        "![",
        "\t- ",
    ] {
        let message = format!("{} @help", unit.repeat(200_000 / unit.len()));
        let found = parse(&vocabulary, &message).len();
        assert!(found <= message.len() / "@help".len(), "{unit:?}");
    }
    let message = "@help\n".repeat(16_383 / 6);
    assert_eq!(parse(&vocabulary, &message).len(), 16_383 / 6);
    assert_eq!(parse(&vocabulary, &"@help\n".repeat(70_000)).len(), 65_536);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 500,
        rng_seed: RngSeed::Fixed(2),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("tests/data/text/command.txt"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_message_can_be_parsed(message in "(?s)([@!>`“’— \n\u{a0}\u{200b}]|@help|!restart|@status|.){0,60}") {
        let normal = normalise(&message);
        let binds = vocabulary().parse(&message, |word| word == "hello");
        prop_assert!(binds.is_sorted_by(|one, next| one.ordinal < next.ordinal));
        for (place, invocation) in parse(&vocabulary(), &message).iter().enumerate() {
            prop_assert!(invocation.sigil);
            prop_assert!(normal.to_lowercase().contains(&invocation.word));
            for argument in &invocation.arguments {
                prop_assert!(normal.contains(argument.as_str()), "{argument:?}");
                let is_one_word = !argument.is_empty() && !argument.contains(char::is_whitespace);
                prop_assert!(is_one_word, "{argument:?}");
            }
            if invocation.target != Target::Builtin(Builtin::Help) {
                prop_assert!(place == 0 && invocation.first);
            }
        }
    }
}
