//! Words for a shell, in commands that people are told to type.

/// `word` as a shell takes it for one word.
#[must_use]
pub fn shell_word(word: &str) -> String {
    let is_plain = |character: char| character.is_alphanumeric() || "/._-+@:,".contains(character);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_with_blanks_is_one() {
        assert_eq!(shell_word("/etc/bot.yaml"), "/etc/bot.yaml");
        assert_eq!(shell_word("a bot's"), r"'a bot'\''s'");
        assert_eq!(shell_word(""), "''");
    }
}
