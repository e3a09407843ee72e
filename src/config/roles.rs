//! `botadmins` and `botoperators`: lists of user ids and roles, and what must not stand in them.

use super::diagnostic::Severity;
use super::notes::Text;
use super::section::Section;
use crate::command::role::{CATCH_ALL, GUEST};
use crate::id::UserId;

/// The other roles that an account can have on a whole server (`model/role.go`).
const ROLES: [&str; 10] = [
    "system_admin",
    "system_manager",
    "system_user_manager",
    "system_read_only_admin",
    "system_custom_group_admin",
    "system_shared_channel_manager",
    "system_secure_connection_manager",
    "system_user_access_token",
    "system_post_all",
    "system_post_all_public",
];

/// A word that differs from a role in so many letters was probably meant to be it.
const SIMILAR: usize = 4;

/// The list under `key`. Upstream takes a text for the list of its letters; that is refused.
pub(super) fn read(section: &mut Section<'_, '_>, key: &str) -> Vec<String> {
    let entries = section.list(key).unwrap_or_default();
    for (index, entry) in entries.iter().enumerate() {
        let path = section.item_path(key, index);
        let lower = entry.to_lowercase();
        let mut words = lower.split(|character: char| !is_of_role(character));
        if let Some(role) = words.find(|word| CATCH_ALL.contains(word)) {
            let text = Text::new(match role {
                GUEST => format!("every guest has the role {role}, and no guest is ever admitted"),
                _ => format!("everybody has the role {role}: the whole server would be admitted"),
            });
            section.notes.value(
                Severity::Error,
                &path,
                text.help("name user ids, or a role such as system_admin"),
            );
        } else if !names_somebody(entry) {
            let text = Text::new(
                "this is neither a user id (26 letters and digits) nor a role of servers (system_…), so it admits nobody",
            );
            let help = nearest(&lower).map_or_else(
                || {
                    "a user name does not work here; the id is in the user's profile in the System Console"
                        .to_owned()
                },
                |role| format!("did you mean `{role}`?"),
            );
            section
                .notes
                .value(Severity::Warning, &path, text.help(help));
        }
    }
    entries
}

/// Warns where these lists lock everybody out.
pub(super) fn anybody(section: &mut Section<'_, '_>, admins: &[String], operators: &[String]) {
    let some = |entries: &[String]| entries.iter().any(|entry| names_somebody(entry));
    let text = match (some(admins), some(operators)) {
        (true, _) => return,
        (false, true) => "there are no admins: nobody may read the audit trail in chat",
        (false, false) => "there are no admins and no operators: nobody may restart the bot",
    };
    // A list that could not be read has its own error.
    let unread = (admins.is_empty() && !section.is_empty("botadmins"))
        || (operators.is_empty() && !section.is_empty("botoperators"));
    if section.exists() && !unread {
        let help = "put your user id here, from System Console > Users";
        section.warning("botadmins", Text::new(text).help(help));
    }
}

/// Whether the entry can admit anybody.
fn names_somebody(entry: &str) -> bool {
    is_user_id(entry) || ROLES.contains(&entry.to_lowercase().as_str())
}

/// The role that was probably meant.
fn nearest(lower: &str) -> Option<&'static str> {
    ROLES
        .iter()
        .map(|role| (strsim::damerau_levenshtein(lower, role), *role))
        .filter(|(distance, _)| *distance <= SIMILAR)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, role)| role)
}

/// Servers write their ids in small letters, and compare them letter by letter.
fn is_user_id(text: &str) -> bool {
    text.parse::<UserId>().is_ok()
        && !text.contains(|character: char| character.is_ascii_uppercase())
}

fn is_of_role(character: char) -> bool {
    character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_'
}
