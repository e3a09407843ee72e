//! Foreign text in our own sentences: names, words and errors that somebody else chose.

/// `text` on one line, without control and bidirectional characters; what looks like a mention pings nobody, and no
/// backtick is left that could begin or end code.
#[must_use]
pub fn neutralise(text: &str) -> String {
    let mut neutral = String::with_capacity(text.len());
    for character in visible(text) {
        match character {
            '@' => neutral.push_str("@\u{200b}"),
            '`' => neutral.push('\''),
            other => neutral.push(other),
        }
    }
    neutral
}

/// `text` without mentions of a whole channel: `@all`, `@channel` and `@here` ping nobody any more.
#[must_use]
pub fn without_channel_mentions(text: &str) -> String {
    let mut harmless = String::with_capacity(text.len());
    let mut before = None;
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        harmless.push(character);
        rest = rest.get(character.len_utf8()..).unwrap_or_default();
        let begins_word = !before.is_some_and(char::is_alphanumeric);
        if character == '@' && begins_word && names_a_channel(rest) {
            harmless.push('\u{200b}');
        }
        before = Some(character);
    }
    harmless
}

/// Whether `text` begins with a word that calls all members of a channel, in any case. The server takes punctuation off
/// the end of a mention (`app.MentionParserStandard`): `@all-` and `_@all_` ping as `@all` does.
fn names_a_channel(text: &str) -> bool {
    let in_name = |character: &char| character.is_alphanumeric() || matches!(character, '_' | '-');
    let word: String = text.chars().take_while(in_name).take(8).collect();
    matches!(
        word.to_ascii_lowercase().trim_end_matches(['_', '-']),
        "all" | "channel" | "here"
    )
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

/// Characters that change how others are shown and are not shown themselves. The joiners U+200C and U+200D stay: some
/// scripts and many emoji need them.
fn is_invisible(character: char) -> bool {
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
            ("@alla", "@alla"),
            ("@all_of", "@all_of"),
            ("bob@all", "bob@all"),
        ] {
            assert_eq!(without_channel_mentions(text), harmless);
        }
    }
}
