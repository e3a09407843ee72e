//! Where the token comes from, and that nobody sees it.

use std::path::PathBuf;

use matterbot::config::{Environment, TokenSource};
use matterbot::secret::Secret;

use super::{Folder, LEAST, diagnose};

const WITHOUT: &str = "Matterbot:\n  host: h\n  teamname: t\n  botadmins: [system_admin]\n";

fn credentials(content: &[u8]) -> (tempfile::TempDir, Environment) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), content).unwrap();
    let environment = Environment {
        credentials_directory: Some(folder.path().to_path_buf()),
        ..Environment::default()
    };
    (folder, environment)
}

fn variable(token: &str) -> Environment {
    Environment {
        token: Some(Secret::new(token)),
        ..Environment::default()
    }
}

#[test]
fn a_credential_comes_first_then_the_variable_then_the_file() {
    let folder = Folder::with(LEAST);
    let token = |environment: &Environment| {
        let matterbot = folder.load(environment, true).unwrap().config.matterbot;
        assert!(
            !matterbot
                .token_source
                .to_string()
                .contains(matterbot.token.expose())
        );
        (matterbot.token.expose().to_owned(), matterbot.token_source)
    };
    let (directory, mut environment) = credentials(b"from-systemd\n");
    environment.token = Some(Secret::new("from-variable\n"));
    let path = directory.path().join("token");
    assert_eq!(
        token(&environment),
        (
            "from-systemd".to_owned(),
            TokenSource::Credential(path.clone())
        )
    );
    std::fs::remove_file(path).unwrap();
    assert_eq!(
        token(&environment),
        ("from-variable".to_owned(), TokenSource::Variable)
    );
    environment.token = None;
    environment.credentials_directory = Some(PathBuf::from("/nonexistent"));
    assert_eq!(
        token(&environment),
        ("k4yk4yk4yk4yk4yk4yk4yk4yk4".to_owned(), TokenSource::File)
    );
}

#[test]
fn a_source_that_holds_no_token_is_an_error_even_if_another_does() {
    let folder = Folder::with(LEAST);
    for content in [&b"\n"[..], b"a b", b"\xff\xfe", b"caf\xc3\xa9"] {
        let (directory, environment) = credentials(content);
        let text = folder.diagnose(&environment, false);
        let start = format!(
            "config.yaml: error: Matterbot.password: the credential {}/token is ",
            directory.path().display()
        );
        assert!(text.starts_with(&start) && !text.contains("a b"), "{text}");
    }
    let (directory, environment) = credentials(b"x");
    std::fs::remove_file(directory.path().join("token")).unwrap();
    std::fs::create_dir(directory.path().join("token")).unwrap();
    assert!(
        folder
            .diagnose(&environment, false)
            .contains("cannot be read")
    );
    assert_eq!(
        folder.diagnose(&variable(" "), false),
        "config.yaml: error: Matterbot.password: MATTERBOT_TOKEN is empty \
         (help: unset it, or put the bot's access token into it)",
    );
}

#[test]
fn the_file_needs_a_token_unless_another_source_has_one() {
    let help = "create an access token for the bot in Integrations > Bot Accounts, and put it here";
    let with = |password: &str| diagnose(&format!("{WITHOUT}  password: {password}\n"));
    let at = "config.yaml:5:13: error: Matterbot.password:";
    assert_eq!(with("\"\""), format!("{at} is empty (help: {help})"));
    assert_eq!(
        with("\"<mattermost bot password>\""),
        format!("{at} is still the placeholder (help: {help})")
    );
    assert_eq!(
        with("two words"),
        format!(
            "{at} is no token: a token has only letters, digits and signs, and no spaces (help: {help})"
        ),
    );
    assert_eq!(with("[k4y]"), format!("{at} expected a text, got a list"));
    for yaml in [
        WITHOUT.to_owned(),
        format!("{WITHOUT}  password: \"<mattermost bot password>\"\n"),
    ] {
        assert_eq!(Folder::with(yaml).diagnose(&variable("k4y"), true), "");
    }
}

#[test]
fn a_file_that_others_can_read_is_a_warning_if_the_token_stands_in_it() {
    let folder = Folder::with(LEAST);
    folder.set_mode(0o644);
    let expected = "config.yaml:3:13: warning: Matterbot.password: everybody on this host can read this file (mode 0644), \
                    and the token stands in it (help: type `chmod o-rwx config.yaml`, or use MATTERBOT_TOKEN)";
    assert_eq!(folder.diagnose(&Environment::default(), true), expected);
    // The bot's own group may, as `install` leaves it.
    folder.set_mode(0o640);
    assert_eq!(folder.diagnose(&Environment::default(), true), "");
    if rustix::process::geteuid().is_root() {
        let file = folder.path("config.yaml");
        std::os::unix::fs::chown(file, Some(65_534), Some(65_534)).unwrap();
        let text = folder.diagnose(&Environment::default(), true);
        assert!(
            text.contains("its group can read this file (mode 0640)"),
            "{text}"
        );
        assert!(text.contains("`chmod g-rwx config.yaml`"), "{text}");
    }
    let folder = Folder::with(WITHOUT);
    folder.set_mode(0o644);
    assert_eq!(folder.diagnose(&variable("k4y"), true), "");
}

#[test]
fn nothing_shows_the_token() {
    let token = "c0hw6y4sw7yuxbyp9u36ezd3to";
    let folder = Folder::with(LEAST.replace("k4yk4yk4yk4yk4yk4yk4yk4yk4", token));
    let loaded = folder.load(&variable(token), true).unwrap();
    assert!(!format!("{loaded:?} {:?}", variable(token)).contains(token));
    // The usual slips: under another key, without a space, as a key, in a list, in an alias or a tag, and unbalanced.
    for slip in [
        "port: TOKEN",
        "password:TOKEN",
        "password: [TOKEN]",
        "password TOKEN",
        "{password TOKEN}",
        "? TOKEN",
        "TOKEN: 1",
        "password: *TOKEN",
        "password: !TOKEN x",
        "password: !!int TOKEN",
        "password: \"TOKEN",
        "password: 'TOKEN\n  port: 1",
        "password: TOKEN: x",
        "password: {TOKEN: TOKEN}",
        "scheme: TOKEN",
        "lifecyclecmds: [\"@TOKEN\"]",
        "password: &TOKEN x\n  a: *b",
        "password: |\n  TOKEN",
        "host: TOKEN/x",
        "pasword: TOKEN",
        "password: TOKEN x",
        "teamname: TOKEN~",
        "basepath: TOKEN",
    ] {
        let yaml = format!("{WITHOUT}  {}\n", slip.replace("TOKEN", token));
        let text = diagnose(&yaml);
        assert!(!text.contains(token), "{slip}: {text}");
    }
}

#[test]
fn a_placeholder_is_no_token_wherever_it_stands() {
    let folder = Folder::with(LEAST);
    let text = folder.diagnose(&variable("<token>"), false);
    assert!(
        text.contains("MATTERBOT_TOKEN is still the placeholder"),
        "{text}"
    );
    let (_directory, environment) = credentials(b"<token>\n");
    let text = folder.diagnose(&environment, false);
    assert!(text.contains("token is still the placeholder"), "{text}");
    let text = diagnose(&LEAST.replace("k4yk4yk4yk4yk4yk4yk4yk4yk4", "\"<token>\""));
    assert!(
        text.contains("password: is still the placeholder"),
        "{text}"
    );
}
