//! `lifecyclecmds`: by which names the lifecycle commands are known.
//!
//! Upstream lists every word, `["!reload", "@reload", "!restart", "@restart"]`. Here an entry is a sigil and a name,
//! and belongs to the command whose name it ends with, the longest such: `@bot-restart` to restart, though `start`
//! is its ending too. Which sigil it has does not matter: both work. A command that has an entry is known only by
//! its entries, any other by its own name. No two commands can share a name, as the name alone decides.

use super::diagnostic::Severity;
use super::notes::{Text, shown_text};
use super::section::Section;

/// The lifecycle commands, each before those that are its ending.
const COMMANDS: [&str; 5] = ["restart", "reload", "start", "stop", "reset"];

/// Pairs of a name in lower case and the command that it stands for.
pub(super) fn read(section: &mut Section<'_, '_>) -> Vec<(String, String)> {
    let mut names: Vec<(String, String)> = Vec::new();
    for (index, entry) in section
        .list("lifecyclecmds")
        .unwrap_or_default()
        .iter()
        .enumerate()
    {
        match command_of(entry) {
            Ok(pair) if names.contains(&pair) => {}
            Ok(pair) => names.push(pair),
            Err(text) => {
                let path = section.item_path("lifecyclecmds", index);
                section.notes.value(Severity::Error, &path, text);
            }
        }
    }
    for command in COMMANDS {
        if !names.iter().any(|(_, known)| known == command) {
            names.push((command.to_owned(), command.to_owned()));
        }
    }
    names
}

fn command_of(entry: &str) -> Result<(String, String), Text> {
    let name = entry.strip_prefix(['@', '!']).filter(|name| {
        !name.is_empty()
            && !name
                .contains(|character: char| character.is_whitespace() || "@!".contains(character))
    });
    let Some(name) = name.map(str::to_lowercase) else {
        let text = Text::new(format!(
            "expected one sign and a name, got {}",
            shown_text(entry)
        ));
        return Err(text.help("write it in quotes as \"@restart\" or \"!restart\""));
    };
    match COMMANDS.into_iter().find(|command| name.ends_with(command)) {
        Some(command) => Ok((name, command.to_owned())),
        None => Err(Text::new(format!(
            "{} ends with the name of no lifecycle command",
            shown_text(entry)
        ))
        .help("end it with restart, reload, start, stop or reset, such as \"@bot-restart\"")),
    }
}
