//! Where the token comes from: a systemd credential, a variable, or the file.

use std::fmt;
use std::fs;
use std::io;
use std::path::PathBuf;

use super::diagnostic::Severity;
use super::environment::Environment;
use super::file::{Exposure, File};
use super::notes::Text;
use super::section::{Section, is_placeholder};
use crate::secret::Secret;

/// Where systemd finds the token of a host's service; `install` tells people to put it there.
pub const CREDENTIAL: &str = "/etc/credstore/matterbot.token";

/// The key of the token.
pub(super) const KEY: &str = "Matterbot.password";

/// The longest credential that is read, in bytes; systemd allows more, but no token needs it.
const LONGEST: usize = 4096;

/// Where the token was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenSource {
    /// In this file of the credentials directory.
    Credential(PathBuf),
    /// In `MATTERBOT_TOKEN`.
    Variable,
    /// In the configuration, under `password`.
    File,
}

impl fmt::Display for TokenSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credential(path) => write!(formatter, "the credential {}", path.display()),
            Self::Variable => formatter.write_str("the variable MATTERBOT_TOKEN"),
            Self::File => formatter.write_str("Matterbot.password"),
        }
    }
}

/// Finds the token, in this order: `$CREDENTIALS_DIRECTORY/token`, `MATTERBOT_TOKEN`, `password` in the file.
///
/// The first that exists counts, and is an error if it is no token: falling back would hide a broken set-up.
pub(super) fn read(
    section: &mut Section<'_, '_>,
    environment: &Environment,
    file: &File,
) -> (Secret, TokenSource) {
    let password = section.text("password").map(|text| text.trim().to_owned());
    if file.exposure != Exposure::Nobody
        && password
            .as_deref()
            .is_some_and(|text| !text.is_empty() && !is_placeholder(text))
    {
        let (who, chmod) = match file.exposure {
            Exposure::Group => ("its group", "g-rwx"),
            _ => ("everybody on this host", "o-rwx"),
        };
        let mode = file.mode & 0o7777;
        let text = Text::new(format!(
            "{who} can read this file (mode {mode:04o}), and the token stands in it"
        ));
        let help = format!(
            "type `chmod {chmod} {}`, or use MATTERBOT_TOKEN",
            file.path.display()
        );
        section.warning("password", text.help(help));
    }
    if let Some(found) = credential(section, environment) {
        return found;
    }
    if let Some(token) = &environment.token {
        let token = token.expose().trim();
        if let Err(why) = accept(token) {
            elsewhere(
                section,
                Text::new(format!("MATTERBOT_TOKEN {why}"))
                    .help("unset it, or put the bot's access token into it"),
            );
        }
        return (Secret::new(token), TokenSource::Variable);
    }
    let token = password.clone().unwrap_or_default();
    let help = "create an access token for the bot in Integrations > Bot Accounts, and put it here";
    if section.exists() && section.is_missing("password") {
        let text =
            Text::new("is missing, and neither a credential nor MATTERBOT_TOKEN gives the token");
        section.error_at_section("password", text.help(help));
    } else if let (Some(_), Err(why)) = (password, accept(&token)) {
        section.error("password", Text::new(why).help(help));
    }
    (Secret::new(token), TokenSource::File)
}

fn credential(
    section: &mut Section<'_, '_>,
    environment: &Environment,
) -> Option<(Secret, TokenSource)> {
    let directory = environment.credentials_directory.as_ref();
    let path = directory.map(|directory| directory.join("token"));
    let path = path.or_else(|| environment.credential.clone())?;
    let token = match fs::read(&path) {
        Ok(bytes) => String::from_utf8(bytes).unwrap_or_else(|_| "\0".to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            elsewhere(
                section,
                Text::new(format!(
                    "the credential {} cannot be read: {error}",
                    path.display()
                )),
            );
            return Some((Secret::new(""), TokenSource::Credential(path)));
        }
    };
    let token = token.trim();
    if let Err(why) = accept(token) {
        let text = Text::new(format!("the credential {} {why}", path.display()));
        elsewhere(
            section,
            text.help("put the bot's access token into it, and nothing else"),
        );
    }
    Some((Secret::new(token), TokenSource::Credential(path)))
}

/// Notes an error about the token that has no place in the file.
fn elsewhere(section: &mut Section<'_, '_>, text: Text) {
    section
        .notes
        .push(Severity::Error, None, KEY.to_owned(), text);
}

/// Whether a header can carry `token`; the reason never shows it.
fn accept(token: &str) -> Result<(), &'static str> {
    if token.is_empty() {
        Err("is empty")
    } else if is_placeholder(token) {
        Err("is still the placeholder")
    } else if token.len() > LONGEST || !token.chars().all(|character| character.is_ascii_graphic())
    {
        Err("is no token: a token has only letters, digits and signs, and no spaces")
    } else {
        Ok(())
    }
}
