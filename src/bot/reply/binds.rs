//! Modules: where they are available, and the help on them. Words and formats are those that users know from upstream.

use std::fmt::Write as _;

use crate::bot::identity::Room;
use crate::command::catalogue::Module;
use crate::module::protocol::Help;
use crate::text::{inline_code, neutralise};

use super::{code, quoted};

/// How `@bind` and `@unbind` are used; `word` is the one that was typed.
#[must_use]
pub fn bind_usage(word: &str, map: &str) -> String {
    let (example, all) = (format!("{word} dice"), format!("{word} *"));
    format!(
        "{} takes names of modules, or `*` for all of them: {} or {}. {} lists them.",
        quoted(word),
        inline_code(&example),
        inline_code(&all),
        quoted(map)
    )
}

/// There is no channel whose name could be bound.
#[must_use]
pub fn bind_in_conversation(unbinds: bool) -> String {
    let what = if unbinds {
        "unbind commands from"
    } else {
        "bind commands to"
    };
    format!("You cannot {what} direct message windows.")
}

/// The channel bears the name that stands for all channels.
#[must_use]
pub fn bind_any() -> String {
    "This channel is named `any`, which stands for every channel in the list of binds, so nothing can be bound here."
        .to_owned()
}

/// What came of a bind or an unbind, by module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bound {
    /// They are available now, or no longer.
    pub changed: Vec<String>,
    /// They were available before, or were not.
    pub unchanged: Vec<String>,
    /// They are available in every channel, and stay so.
    pub everywhere: Vec<String>,
    /// There are no such modules.
    pub unknown: Vec<String>,
    /// Of those that were found: they are not there at present.
    pub missing: Vec<String>,
    /// Of those that were found: they could not be loaded.
    pub failed: Vec<String>,
}

/// What came of `@bind`, or of `@unbind`, in one post; `help` are the words for help.
#[must_use]
pub fn bound(bound: &Bound, unbinds: bool, room: &Room, help: &[String]) -> String {
    let channel = format!("the {} channel", quoted(shown(room)));
    let mut lines = Vec::new();
    let (changed, unchanged) = if unbinds {
        ("been removed from", "not loaded in")
    } else {
        ("now available in", "already available in")
    };
    if let Some((modules, many)) = modules(&bound.changed) {
        let verb = verb(many, unbinds);
        lines.push(format!("The {modules} {verb} {changed} {channel}."));
    }
    if let Some((modules, many)) = modules(&bound.unchanged) {
        let verb = verb(many, false);
        lines.push(format!("The {modules} {verb} {unchanged} {channel}."));
    }
    if let Some((modules, many)) = modules(&bound.everywhere) {
        let verb = verb(many, false);
        lines.push(format!(
            "The {modules} {verb} available in every channel, as `any` says in the list of binds."
        ));
    }
    if let Some((modules, _)) = modules(&bound.failed) {
        lines.push(format!(
            "The {modules} failed to load, and cannot be called."
        ));
    }
    if let Some((modules, many)) = modules(&bound.missing) {
        let verb = verb(many, false);
        lines.push(format!(
            "The {modules} {verb} missing at present, and cannot be called."
        ));
    }
    if let Some((modules, many)) = modules(&bound.unknown) {
        let verb = verb(many, false);
        let help: Vec<String> = help.iter().map(|word| quoted(word)).collect();
        lines.push(format!(
            "There {verb} no {modules} loaded. Use one of the help commands ({}) to see a list of available modules.",
            help.join(", ")
        ));
    }
    if lines.is_empty() {
        lines.push(if unbinds {
            format!("No module is loaded in {channel}.")
        } else {
            "There are no modules.".to_owned()
        });
    }
    lines.join("\n")
}

fn verb(many: bool, perfect: bool) -> &'static str {
    match (many, perfect) {
        (false, false) => "is",
        (true, false) => "are",
        (false, true) => "has",
        (true, true) => "have",
    }
}

/// `names` with the noun that fits them, and whether they are several; none if there are none.
fn modules(names: &[String]) -> Option<(String, bool)> {
    let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    match names.split_last()? {
        (last, []) => Some((format!("{last} module"), false)),
        (last, rest) => Some((format!("{} and {last} modules", rest.join(", ")), true)),
    }
}

/// The name of a channel as people see it.
fn shown(room: &Room) -> &str {
    if room.display_name.is_empty() {
        &room.name
    } else {
        &room.display_name
    }
}

/// The list of binds cannot be used.
#[must_use]
pub fn binds_unusable() -> String {
    "I cannot read in which channels modules are available, so I change nothing. Those who maintain this bot find the \
     reason in its log."
        .to_owned()
}

/// The list of binds could not be written.
#[must_use]
pub fn binds_unwritten(reason: &str) -> String {
    format!(
        "I cannot write the list of binds ({}), so nothing is changed.",
        neutralise(reason)
    )
}

/// A module in the answer to `@map`.
#[derive(Debug)]
pub struct Listed<'a> {
    /// The module.
    pub module: &'a Module,
    /// Whether the asker can call it here.
    pub available: bool,
    /// It is not loaded.
    pub missing: bool,
    /// It could not be.
    pub failed: bool,
}

/// The modules of a channel; `doubt` is what could not be found out.
#[must_use]
pub fn map(listed: &[Listed<'_>], room: &Room, doubt: Option<&str>) -> String {
    let doubt = doubt.map_or(String::new(), |doubt| format!("\n\n{}", neutralise(doubt)));
    if listed.is_empty() {
        return format!("I don't know about any commands here.{doubt}");
    }
    let mut text = if room.is_conversation() {
        "**List of modules in direct message:**\n".to_owned()
    } else {
        let channel = quoted(shown(room));
        format!("**List of modules for channel: {channel}**\n")
    };
    text.push_str(
        "\n| **Module Name** | **Available** | **Binds** | **Description** |\n|:-|:-|:-|:-|\n",
    );
    for Listed {
        module,
        available,
        missing,
        failed,
    } in listed
    {
        let binds: Vec<String> = module.binds.iter().map(|bind| quoted(bind)).collect();
        let description = match (missing, failed) {
            (true, true) => "(failed to load)",
            (true, false) => "(missing at present)",
            (false, _) => description(module),
        };
        // Writing to a String cannot fail.
        writeln!(
            text,
            "| {} | **{}** | {} | {} |",
            cell(&neutralise(&module.name)),
            if *available { "YES" } else { "NO" },
            cell(&binds.join(", ")),
            cell(&neutralise(description))
        )
        .ok();
    }
    text.push_str(
        "\n*Remember that not every command works everywhere: this depends on the configuration. Modules may offer \
         additional help if you add the subcommand.*",
    );
    text + &doubt
}

fn cell(text: &str) -> String {
    text.replace('|', "/")
}

fn description(module: &Module) -> &str {
    module
        .help
        .get("")
        .map_or("No help available.", |help| help.description.trim())
}

/// Why nobody knows where a module is available, as half a sentence.
pub const BINDS_UNKNOWN: &str = "I cannot read in which channels modules are available, which those who maintain this bot find in its log";

/// Why it is not known whether a module is available, as half a sentence.
pub const MEMBERSHIP_UNKNOWN: &str = "I could not ask the server which channels you are in";

/// What could not be found out, as a sentence for whoever asked what is available.
#[must_use]
pub fn doubt(reason: &str) -> String {
    format!("Some modules may be missing from this: {reason}.")
}

/// The words of modules that the asker may use here, behind the list of built-ins.
#[must_use]
pub fn help_words(words: &[String], help: &str) -> String {
    let shown: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    let Some(first) = words.first() else {
        return String::new();
    };
    let example = quoted(&format!("{help} {first}"));
    format!(
        "\n\nModules that answer here: {}.\n\nEvery one has its own specific help. For example: {example} will show you \
         how to use {}.\n*Remember: not every command works in every channel: this depends on a module's configuration*",
        shown.join(", "),
        quoted(first)
    )
}

/// So many modules of one word are explained in full; of more only what they do.
const EXPLAINED: usize = 5;

/// The help on what `modules` do, which are of one word or name; `subcommand` is what is asked about further.
#[must_use]
pub fn help_on_modules(modules: &[&Module], subcommand: &str) -> String {
    let whole = modules.len() <= EXPLAINED;
    let separator = if whole { "\n\n" } else { "\n" };
    let blocks: Vec<String> = modules
        .iter()
        .map(|module| {
            let found = subcommands(module).find(|(name, _)| name.to_lowercase() == subcommand);
            match found {
                Some((name, help)) => {
                    let title = format!("{}/{}", quoted(&module.name), quoted(name));
                    explained(&title, &help.description, help)
                }
                None if whole => module_help(module, subcommand),
                None => format!(
                    "- {}: {}",
                    quoted(&module.name),
                    neutralise(description(module))
                ),
            }
        })
        .collect();
    blocks.join(separator)
}

fn subcommands(module: &Module) -> impl Iterator<Item = (&String, &Help)> {
    module.help.iter().filter(|(name, _)| !name.is_empty())
}

/// The help on a module; a subcommand that it does not have is said.
fn module_help(module: &Module, subcommand: &str) -> String {
    let none = Help::default();
    let help = module.help.get("").unwrap_or(&none);
    let mut text = explained(&quoted(&module.name), description(module), help);
    let names: Vec<String> = subcommands(module).map(|(name, _)| quoted(name)).collect();
    if !names.is_empty() {
        write!(text, "\n**Subcommands**: {}", names.join(", ")).ok();
    }
    if !subcommand.is_empty() {
        let subcommand = quoted(subcommand);
        write!(text, "\n*There is no help on {subcommand} in particular.*").ok();
    }
    text
}

fn explained(title: &str, description: &str, help: &Help) -> String {
    let mut text = format!(
        "**Module**: {title}\n**Description**: {}",
        neutralise(description)
    );
    if let Some(arguments) = help.arguments.as_deref().filter(|words| !words.is_empty()) {
        write!(text, "\n**Arguments**: {}", code(arguments)).ok();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::id::ChannelId;
    use crate::module::protocol::Risk;

    use super::*;

    fn module(name: &str, help: &[(&str, &str, Option<&str>)]) -> Module {
        let help: BTreeMap<String, Help> = help
            .iter()
            .map(|(key, description, arguments)| {
                let help = Help {
                    description: (*description).to_owned(),
                    arguments: arguments.map(str::to_owned),
                };
                ((*key).to_owned(), help)
            })
            .collect();
        Module {
            name: name.to_owned(),
            binds: vec![format!("@{name}")],
            channels: Vec::new(),
            accepts: None,
            help,
            risk: Risk::Read,
            hooks: Vec::new(),
            generation: Some(1),
        }
    }

    #[test]
    fn help_on_a_module_reads_as_users_know_it() {
        let dice = module(
            "dice",
            &[
                ("", "Rolls dice for @all", Some("<count>d<sides>")),
                ("Fair", "Rolls fairly", None),
            ],
        );
        assert_eq!(
            help_on_modules(&[&dice], ""),
            "**Module**: `dice`\n**Description**: Rolls dice for @\u{200b}all\n**Arguments**: `<count>d<sides>`\n\
             **Subcommands**: `Fair`"
        );
        assert_eq!(
            help_on_modules(&[&dice], "fair"),
            "**Module**: `dice`/`Fair`\n**Description**: Rolls fairly"
        );
        assert!(
            help_on_modules(&[&dice], "x").ends_with("*There is no help on `x` in particular.*")
        );
        let many = vec![&dice; 6];
        assert!(help_on_modules(&many, "").starts_with("- `dice`: Rolls dice for"));
    }

    #[test]
    fn a_table_is_not_broken_by_what_stands_in_it() {
        let odd = module("a|b", &[("", "one | two\nthree", None)]);
        let listed = Listed {
            module: &odd,
            available: false,
            missing: false,
            failed: false,
        };
        let failed = Listed {
            missing: true,
            failed: true,
            ..listed
        };
        let room = Room::open(ChannelId::random(), "lab");
        let text = map(&[listed, failed], &room, None);
        assert!(
            text.contains(
                "\n| a/b | **NO** | `@a/b` | one / two three |\n| a/b | **NO** | `@a/b` | (failed to load) |\n"
            ),
            "{text}"
        );
    }
}
