//! The token of a host's service, which systemd gives to the bot alone: whoever checks the configuration has another
//! environment than the bot.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use crate::config::{self, Environment, Invalid, Loaded};

/// The configuration at `path` as it was read, and whether its token was, or why not.
pub(super) struct Read {
    pub(super) loaded: Result<Loaded, Invalid>,
    /// Why the token is unknown, which is no mistake.
    pub(super) without_token: Option<String>,
}

/// Reads the configuration at `path` as this process would, and a service's as the service would.
pub(super) fn read(path: &Path, strict: bool) -> Read {
    let environment = Environment::of_process();
    let loaded = config::load(path, &environment, strict);
    let is_token_elsewhere =
        environment.credentials_directory.is_some() || environment.token.is_some();
    match &loaded {
        Err(invalid)
            if !is_token_elsewhere && config::is_of_service(path) && invalid.is_about_token() =>
        {
            with_credential(path, environment, strict, Path::new(config::CREDENTIAL))
                .unwrap_or_else(|| known(loaded))
        }
        _ => known(loaded),
    }
}

fn known(loaded: Result<Loaded, Invalid>) -> Read {
    Read {
        loaded,
        without_token: None,
    }
}

/// The configuration with the token that `credential` holds, or as far as it can be read without; none if there is no
/// such file.
fn with_credential(
    path: &Path,
    environment: Environment,
    strict: bool,
    credential: &Path,
) -> Option<Read> {
    match File::open(credential) {
        Ok(_) => {
            let credential = Some(credential.to_owned());
            let environment = Environment {
                credential,
                ..environment
            };
            Some(known(config::load(path, &environment, strict)))
        }
        // The folder of credentials is root's alone on most hosts, so that nobody else can tell whether it is there.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Some(Read {
            loaded: config::load(path, &environment.with_any_token(), strict),
            without_token: Some(format!(
                "the service has its token from {}, which this user may not read: neither the token was checked, nor was \
                 the server asked (type it with sudo)",
                credential.display()
            )),
        }),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TokenSource;

    #[test]
    fn the_token_of_a_service_is_read_where_it_lies() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let yaml = "Matterbot: {host: h, teamname: t, botadmins: [system_admin]}\n";
        let config = file("config.yaml", yaml);
        let credential = folder.path().join("token");
        let read = || with_credential(&config, Environment::default(), true, &credential);
        assert!(read().is_none());
        file("token", "k4yk4yk4yk4yk4yk4yk4yk4yk4\n");
        let matterbot = read().unwrap().loaded.unwrap().config.matterbot;
        assert_eq!(
            matterbot.token_source,
            TokenSource::Credential(credential.clone())
        );
        file("token", "two words");
        let read = read().unwrap();
        assert!(read.loaded.is_err() && read.without_token.is_none());
    }
}
