//! Why the state cannot be used: what only a person can mend ends the process with 78 and says how; the rest may pass.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::io::Errno;

use crate::audit::AuditError;
use crate::config;
use crate::ledger::OpenError;
use crate::lifecycle::state_directory::StateDirectoryError;
use crate::text::shell_word;

use super::StartFailure;
use super::causes::causes;

impl StartFailure {
    /// The same, whose advice names the configuration that was named to us.
    #[must_use]
    pub fn naming(self, options: &config::Options) -> Self {
        let text = format!("{:#}", self.error);
        let advice = naming(&text, options);
        if advice == text {
            return self;
        }
        Self {
            error: anyhow::anyhow!(advice),
            ..self
        }
    }
}

/// `text`, whose advice to type `matterbot ledger …` names the configuration that was named to us.
#[must_use]
pub fn naming(text: &str, options: &config::Options) -> String {
    let Some(path) = &options.path else {
        return text.to_owned();
    };
    let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
    let path = shell_word(&path.display().to_string());
    text.replace(
        "`matterbot ledger ",
        &format!("`matterbot --config {path} ledger "),
    )
}

/// The state directory cannot be used.
#[must_use]
pub fn directory(error: StateDirectoryError) -> StartFailure {
    match &error {
        StateDirectoryError::Foreign { .. }
        | StateDirectoryError::Writable { .. }
        | StateDirectoryError::NotRegular { .. } => StartFailure::configuration(error),
        StateDirectoryError::Locked { .. } => error.into(),
        StateDirectoryError::Io { path, source } => advised(directory_advice(path, source), error),
        StateDirectoryError::Lock { path, source } => advised(file_advice(path, source), error),
    }
}

/// The ledger cannot be opened.
#[must_use]
pub fn ledger(error: OpenError) -> StartFailure {
    match &error {
        OpenError::Newer { .. } | OpenError::Corrupt { .. } | OpenError::Refused { .. } => {
            StartFailure::configuration(error)
        }
        OpenError::Io { path, source } => advised(file_advice(path, source), error),
        OpenError::Database { .. } => error.into(),
    }
}

/// The audit trail cannot be kept.
#[must_use]
pub fn audit(error: AuditError) -> StartFailure {
    match &error {
        AuditError::NotOurs { .. } => StartFailure::configuration(error),
        AuditError::Open { path, source } => advised(file_advice(path, source), error),
        AuditError::Write(_) | AuditError::Behind | AuditError::Closed => error.into(),
    }
}

/// With advice it is a person's to mend.
fn advised(
    advice: Option<String>,
    error: impl std::error::Error + Send + Sync + 'static,
) -> StartFailure {
    match advice {
        Some(advice) => {
            let chain = causes(&error);
            StartFailure::configuration(anyhow::anyhow!("{chain}: {advice}"))
        }
        None => error.into(),
    }
}

fn us() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// What a person has to do about a directory that cannot be made or opened.
fn directory_advice(path: &Path, error: &io::Error) -> Option<String> {
    let elsewhere = "or name another one in Lifecycle.state_dir";
    let (us, shown) = (us(), path.display());
    let advice = match Errno::from_io_error(error)? {
        Errno::NOENT => {
            let parent = path.parent().unwrap_or(path).display();
            format!(
                "the bot makes it, but not the directory that it lies in: type `mkdir -p {parent}`, {elsewhere}"
            )
        }
        Errno::NOTDIR | Errno::LOOP => {
            format!(
                "the path has to lead to a directory, and not by a symbolic link at its end: mend it, {elsewhere}"
            )
        }
        Errno::ACCESS | Errno::PERM => match owner_advice(path) {
            Some(advice) => advice,
            None => format!(
                "the bot runs as user id {us}: type `sudo install -d -m 0750 -o {us} {shown}`, {elsewhere}"
            ),
        },
        Errno::ROFS => {
            format!("mount it for writing, {elsewhere}")
        }
        _ => return None,
    };
    Some(advice)
}

/// What a person has to do who is not the owner of the directory at `path`, which exists: it is not taken from its owner,
/// whose bot would not start any more.
fn owner_advice(path: &Path) -> Option<String> {
    let owner = match path.symlink_metadata() {
        Ok(metadata) => metadata.uid(),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Some(
                "a directory above it lets this user not in: type it with sudo, or as the user that runs the bot (`sudo -u \
                 USER …`)"
                    .to_owned(),
            );
        }
        Err(_) => return None,
    };
    (owner != us()).then(|| {
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let (user, word) = named(owner, &passwd);
        format!(
            "the directory belongs to {user}: type it as that user (`sudo -u {word} …`), or name another directory in \
             Lifecycle.state_dir"
        )
    })
}

/// The user with this id, and how sudo takes it, by the text of passwd(5).
fn named(id: u32, passwd: &str) -> (String, String) {
    let name = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(id)).then_some(name)
    });
    match name {
        Some(name) => (name.to_owned(), name.to_owned()),
        None => (format!("user id {id}"), format!("'#{id}'")),
    }
}

/// What a person has to do about a file of ours in the state directory that cannot be opened.
fn file_advice(path: &Path, error: &io::Error) -> Option<String> {
    let (us, shown) = (us(), path.display());
    match Errno::from_io_error(error)? {
        Errno::ISDIR | Errno::LOOP => Some(format!(
            "it has to be a file of the bot's own: move {shown} away"
        )),
        Errno::ACCESS | Errno::PERM => {
            if let Some(advice) = path.parent().and_then(owner_advice) {
                return Some(advice);
            }
            // What is not there yet is to be made in its directory.
            let (barrier, mode) = match path.symlink_metadata() {
                Ok(_) => (path, "u+rw"),
                Err(_) => (path.parent().unwrap_or(path), "u+rwx"),
            };
            let barrier = barrier.display();
            Some(format!(
                "the bot runs as user id {us}, which has to own this: type `sudo chown {us} {barrier}` and \
                 `sudo chmod {mode} {barrier}`"
            ))
        }
        Errno::ROFS => Some("mount it for writing".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_named_as_sudo_knows_it() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nmatterbot:x:998:997::/:/bin/false\n";
        let is = |name: &str, word: &str| (name.to_owned(), word.to_owned());
        assert_eq!(named(998, passwd), is("matterbot", "matterbot"));
        assert_eq!(named(7, passwd), is("user id 7", "'#7'"));
    }

    #[test]
    fn advice_names_the_configuration_that_was_named() {
        let text = "it is damaged: type `matterbot ledger restore` to go back";
        let mut options = config::Options::default();
        assert_eq!(naming(text, &options), text);
        options.path = Some("/etc/a bot's.yaml".into());
        assert_eq!(
            naming(text, &options),
            r"it is damaged: type `matterbot --config '/etc/a bot'\''s.yaml' ledger restore` to go back"
        );
        options.path = Some("/etc/bot.yaml".into());
        assert!(naming(text, &options).contains("--config /etc/bot.yaml ledger restore`"));
    }
}
