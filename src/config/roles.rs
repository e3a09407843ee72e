//! `botadmins` and `botoperators`: lists of user ids and roles, and what must not stand in them.

use super::diagnostic::Severity;
use super::notes::Text;
use super::section::Section;

/// Roles that everybody has: among admins or operators they would admit the whole server.
const EVERYBODY: [&str; 2] = ["system_user", "system_guest"];

/// The list under `key`. Upstream takes a text for the list of its letters; that is refused.
pub(super) fn read(section: &mut Section<'_, '_>, key: &str) -> Vec<String> {
    let entries = section.list(key).unwrap_or_default();
    for (index, entry) in entries.iter().enumerate() {
        let path = section.item_path(key, index);
        let lower = entry.to_lowercase();
        let mut words = lower.split(|character: char| !is_of_role(character));
        if let Some(role) = words.find(|word| EVERYBODY.contains(word)) {
            let text = Text::new(format!(
                "everybody has the role {role}: the whole server would be admitted"
            ));
            section.notes.value(
                Severity::Error,
                &path,
                text.help("name user ids, or a role such as system_admin"),
            );
        } else if !is_user_id(entry) && !is_role(&lower) {
            let text = Text::new(
                "this is neither a user id (26 letters and digits) nor a role of servers (system_…)",
            );
            let help = "a user name does not work here; the id is in the user's profile in the System Console";
            section
                .notes
                .value(Severity::Warning, &path, text.help(help));
        }
    }
    entries
}

fn is_user_id(text: &str) -> bool {
    text.len() == 26
        && text
            .chars()
            .all(|character| character.is_ascii_lowercase() || character.is_ascii_digit())
}

fn is_role(lower: &str) -> bool {
    lower.starts_with("system_") && lower.chars().all(is_of_role)
}

fn is_of_role(character: char) -> bool {
    character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_'
}
