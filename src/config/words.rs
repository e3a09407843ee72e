//! `helpcmds` and `mapcmds`: the words of `@help`, `@bind`, `@unbind` and `@map`, and which of them nobody is heard by.

use super::notes::{Text, shown_text};
use super::section::Section;
use crate::command::table;

/// The commands that `mapcmds` has words of.
const MAPPING: [&str; 3] = ["bind", "unbind", "map"];

/// The words for help; `lifecycle` are the pairs of a name and the command that it stands for.
pub(super) fn help(section: &mut Section<'_, '_>, lifecycle: &[(String, String)]) -> Vec<String> {
    let words = section.words("helpcmds", &["!help", "@help"]);
    if words.is_empty() && !section.is_missing("helpcmds") {
        let text = Text::new("there is no word for help, so that nobody can ask for it");
        section.warning(
            "helpcmds",
            text.help("remove this key: `!help` and `@help` are meant then"),
        );
    }
    for (index, word) in words.iter().enumerate() {
        if let Some(own) = taken(word, lifecycle) {
            let text = Text::new(format!(
                "{} is a word of {own}: a message that begins with it is that command",
                shown_text(word)
            ));
            section.warning_at("helpcmds", index, text.help("choose another word for help"));
        }
    }
    words
}

/// The words of `@bind`, `@unbind` and `@map`.
pub(super) fn mapping(section: &mut Section<'_, '_>) -> Vec<String> {
    let default = ["!bind", "@bind", "!unbind", "@unbind", "!map", "@map"];
    let words = section.words("mapcmds", &default);
    for (index, word) in words.iter().enumerate() {
        let lower = word.to_lowercase();
        if !MAPPING.iter().any(|command| lower.ends_with(command)) {
            let text = Text::new(format!(
                "{} ends with none of bind, unbind and map, so it does nothing",
                shown_text(word)
            ));
            let help = "end it with the command that it stands for, such as \"@team-bind\"";
            section.warning_at("mapcmds", index, text.help(help));
        }
    }
    words
}

/// The command of the bot itself that has `word` already.
fn taken<'a>(word: &str, lifecycle: &'a [(String, String)]) -> Option<&'a str> {
    let name = word.trim().strip_prefix(['@', '!'])?.to_lowercase();
    let renamed = lifecycle.iter().find(|(new, _)| *new == name);
    if let Some((_, own)) = renamed.filter(|(_, own)| table::named(own).is_some()) {
        return Some(own);
    }
    ["status", "audit"].into_iter().find(|own| *own == name)
}
