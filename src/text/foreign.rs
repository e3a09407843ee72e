//! Foreign text in our own sentences: names, words and errors that somebody else chose.

/// `text` on one line, without control and bidirectional characters; what looks like a mention pings nobody, and no
/// backtick is left that could begin or end code.
#[must_use]
pub fn neutralise(text: &str) -> String {
    let seen: String = visible(text).collect();
    let mut neutral = String::with_capacity(seen.len());
    for (character, rest) in characters(&seen) {
        match character {
            '`' => neutral.push('\''),
            other => neutral.push(other),
        }
        if character == '@' || (character == '&' && refers_to_mention(rest)) {
            neutral.push(SEPARATOR);
        }
    }
    neutral
}

/// `text` without mentions of a whole channel: `@all`, `@channel` and `@here` ping nobody any more.
#[must_use]
pub fn without_channel_mentions(text: &str) -> String {
    let mut harmless = String::with_capacity(text.len());
    let mut before = None;
    for (character, rest) in characters(text) {
        harmless.push(character);
        if (character == '@' && calls_channel(before, rest))
            || (character == '&' && refers_to_mention(rest))
        {
            harmless.push(SEPARATOR);
        }
        before = Some(character);
    }
    harmless
}

/// Parts what would be read as one; it is not seen.
const SEPARATOR: char = '\u{200b}';

/// The characters of `text`, each with what follows it.
fn characters(text: &str) -> impl Iterator<Item = (char, &str)> {
    text.char_indices().map(|(index, character)| {
        let rest = text.get(index + character.len_utf8()..);
        (character, rest.unwrap_or_default())
    })
}

/// Whether `name`, which follows an `@` that stands behind `before`, calls all members of a channel, in any case. The
/// server takes punctuation off the end of a mention (`app.StandardMentionParser`): `@all-` and `_@all_` ping as `@all`
/// does. A word that does not begin with the `@` it cuts once more at `.`, `-` and `:`, so that `x.@all-y` pings too.
///
/// What the server takes for a letter beyond ASCII is not asked: there a mention that is none is parted in vain.
fn calls_channel(before: Option<char>, name: &str) -> bool {
    if before.is_some_and(|before| before.is_ascii_alphanumeric()) {
        return false;
    }
    // The stop may be written as a character reference, which ends with a semicolon, or behind it stands a backslash.
    let is_cut = before.is_some_and(|before| ".:-;\\".contains(before));
    let in_name = |character: &char| {
        character.is_ascii_alphanumeric() || *character == '_' || (*character == '-' && !is_cut)
    };
    let word: String = name.chars().take_while(in_name).take(8).collect();
    matches!(
        word.to_ascii_lowercase().trim_end_matches(['_', '-']),
        "all" | "channel" | "here"
    )
}

/// No reference has more bytes than this: the server reads eight digits at most.
const LONGEST_REFERENCE: usize = 16;

/// Whether `text`, which follows an `&`, makes a reference to an `@` or to a letter that a mention may have. The server
/// puts the character in its place before it looks for mentions.
fn refers_to_mention(text: &str) -> bool {
    if text.starts_with("commat;") {
        return true;
    }
    let mut bytes = text.bytes().take(LONGEST_REFERENCE);
    let end = bytes.position(|byte| byte == b';');
    let number = end.and_then(|end| text.get(..end)?.strip_prefix('#'));
    let Some(number) = number else {
        return false;
    };
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16),
        None => number.parse(),
    };
    let character = code.ok().and_then(char::from_u32);
    character.is_some_and(|character| character == '@' || character.is_ascii_alphabetic())
}

/// `text` on one line as inline code that its own backticks cannot end; mentions in code ping nobody.
#[must_use]
pub fn inline_code(text: &str) -> String {
    let text: String = visible(text).collect();
    if text.is_empty() {
        return "` `".to_owned();
    }
    let (mut longest, mut current) = (0, 0);
    for character in text.chars() {
        current = if character == '`' { current + 1 } else { 0 };
        longest = longest.max(current);
    }
    let fence = "`".repeat(longest + 1);
    // The space is not shown; it keeps a backtick at an end apart from the fence (CommonMark 6.1).
    let space = if longest > 0 { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

/// `text` on one line, without control and bidirectional characters: safe to show on a terminal.
#[must_use]
pub fn one_line(text: &str) -> String {
    visible(text).collect()
}

/// The characters of `text` that can be seen, with every kind of line break turned into a space.
fn visible(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter_map(|character| match character {
        '\n' | '\r' | '\t' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => Some(' '),
        other => (!other.is_control() && !is_invisible(other)).then_some(other),
    })
}

/// Characters that change how others are shown and are not shown themselves. The joiners U+200C and U+200D are none of
/// them: some scripts and many emoji need them.
#[must_use]
pub fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'
            | '\u{200e}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mentions_of_a_whole_channel_ping_nobody() {
        for (text, harmless) in [
            ("@all", "@\u{200b}all"),
            ("now (@Channel)!", "now (@\u{200b}Channel)!"),
            ("_@here_", "_@\u{200b}here_"),
            ("@all-", "@\u{200b}all-"),
            ("@channel--------", "@\u{200b}channel--------"),
            ("@here.", "@\u{200b}here."),
            ("a.@all", "a.@\u{200b}all"),
            ("&#64;all", "&\u{200b}#64;all"),
            ("&#x0040;here", "&\u{200b}#x0040;here"),
            ("&commat;channel", "&\u{200b}commat;channel"),
            ("@&#97;ll", "@&\u{200b}#97;ll"),
            ("x.@all-foo", "x.@\u{200b}all-foo"),
            ("x:@here-foo", "x:@\u{200b}here-foo"),
            ("x-@all-foo", "x-@\u{200b}all-foo"),
            ("x&#46;@all-foo", "x&#46;@\u{200b}all-foo"),
            ("\u{915}\u{93e}@all", "\u{915}\u{93e}@\u{200b}all"),
            ("\u{24b6}@all", "\u{24b6}@\u{200b}all"),
            ("@all\u{93e}", "@\u{200b}all\u{93e}"),
            ("@alla", "@alla"),
            ("@all-hands", "@all-hands"),
            (
                "it&#39;s 1 &amp; 2 &#8217; &#",
                "it&#39;s 1 &amp; 2 &#8217; &#",
            ),
            (
                "a.b@here.example, x@all-mail.example",
                "a.b@here.example, x@all-mail.example",
            ),
            ("@all_of", "@all_of"),
            ("bob@all", "bob@all"),
        ] {
            assert_eq!(without_channel_mentions(text), harmless);
        }
    }

    #[test]
    fn a_long_text_is_read_in_proportion_to_its_length() {
        let text = "&#".repeat(1_000_000) + ";";
        assert_eq!(without_channel_mentions(&text), text);
    }

    #[test]
    fn a_mention_that_is_written_as_a_reference_pings_nobody() {
        assert_eq!(
            neutralise("&#64;bob &commat;all a&#39;s"),
            "&\u{200b}#64;bob &\u{200b}commat;all a&#39;s"
        );
    }
}
