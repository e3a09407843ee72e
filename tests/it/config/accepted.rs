//! What is accepted, and what it becomes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use matterbot::config::{
    self, CatchUp, Environment, FeedMode, LogTarget, Quota, Scheme, ServiceManager, TokenSource,
};

use super::{Folder, LEAST, diagnose, diagnose_added, load, load_added};

/// The keys of upstream's defaults file, filled in.
const UPSTREAM: &str = include_str!("../../data/config/upstream.yaml");

#[test]
fn the_least() {
    let config = load(LEAST);
    let matterbot = &config.matterbot;
    assert_eq!(matterbot.base_url(), "https://chat.example.org");
    assert_eq!(matterbot.api_url(), "https://chat.example.org/api/v4");
    assert_eq!(matterbot.token.expose(), "k4yk4yk4yk4yk4yk4yk4yk4yk4");
    assert_eq!(matterbot.token_source, TokenSource::File);
    assert_eq!(matterbot.service_manager, ServiceManager::Auto);
    assert_eq!(matterbot.logfile, LogTarget::Standard);
    assert!(!config.debug);
}

#[test]
fn the_defaults_of_the_lifecycle() {
    let lifecycle = load(LEAST).lifecycle;
    let seconds = Duration::from_secs;
    assert_eq!(lifecycle.drain, seconds(20));
    assert_eq!(lifecycle.cooldown, seconds(10));
    assert_eq!(
        lifecycle.budget,
        Quota {
            count: 3,
            window: seconds(300)
        }
    );
    assert_eq!(
        lifecycle.rate,
        Quota {
            count: 60,
            window: seconds(10)
        }
    );
    assert_eq!(lifecycle.notice_expiry, seconds(600));
    assert_eq!(
        lifecycle.catch_up,
        CatchUp {
            max_age: seconds(600),
            max_posts: 2000
        }
    );
    assert_eq!(lifecycle.ack_after, seconds(1));
    assert_eq!(lifecycle.channels, [""; 0]);
}

#[test]
fn a_file_of_upstream() {
    let folder = Folder::with(UPSTREAM);
    let loaded = folder.load(&Environment::default(), true).unwrap();
    let warnings: Vec<_> = loaded
        .warnings
        .iter()
        .map(|warning| warning.key.as_str())
        .collect();
    assert_eq!(warnings, ["Modules.window", "AI"]);
    let config = loaded.config;
    assert_eq!(
        config.matterbot.botadmins,
        ["4xp9fdt7pbgium38k0k6w0aj7y", "system_admin"]
    );
    assert_eq!(config.matterbot.helpcmds, ["!help", "@help"]);
    assert_eq!(config.matterbot.feedmode, FeedMode::Admin);
    assert_eq!(
        config.matterbot.logfile,
        LogTarget::File(folder.path("matterfeed.log"))
    );
    assert_eq!(config.matterbot.feedmap, folder.path("feedmap.json"));
    assert_eq!(config.modules.commanddir, folder.path("commands"));
    assert_eq!(config.modules.timer, Duration::from_secs(600));
    assert!(config.matterbot.welcome.enabled && config.matterbot.recursion);
}

#[test]
fn truth_values_as_in_yaml_1_1() {
    for (written, truth) in [
        ("yes", true),
        ("On", true),
        ("TRUE", true),
        ("1", true),
        ("true", true),
        ("no", false),
        ("OFF", false),
        ("False", false),
        ("0", false),
        ("~", false),
        ("", false),
    ] {
        let config = load(&format!(
            "{LEAST}  recursion: {written}\ndebug: {written}\n"
        ));
        assert_eq!(
            (config.matterbot.recursion, config.debug),
            (truth, truth),
            "{written}"
        );
    }
}

#[test]
fn a_text_is_what_is_written() {
    let name = |written: &str| {
        load(&LEAST.replace("team\n", &format!("{written}\n")))
            .matterbot
            .teamname
    };
    assert_eq!(name("2024"), "2024");
    assert_eq!(name("0x10"), "0x10");
    assert_eq!(name("1_0"), "1_0");
    assert_eq!(name("No"), "No");
    assert_eq!(name("' team '"), "team");
    let token = load(&LEAST.replace("k4yk4yk4yk4yk4yk4yk4yk4yk4", "12345678901234567890e12345"))
        .matterbot
        .token;
    assert_eq!(token.expose(), "12345678901234567890e12345");
}

#[test]
fn addresses() {
    let urls = |lines: &str, host: &str| {
        let config = load(&format!(
            "{}{lines}",
            LEAST.replace("chat.example.org", host)
        ));
        (config.matterbot.base_url(), config.matterbot.api_url())
    };
    let both = |base: &str| (base.to_owned(), format!("{base}/api/v4"));
    assert_eq!(
        urls("  scheme: HTTP\n  port: 8065\n", "127.0.0.1"),
        both("http://127.0.0.1:8065")
    );
    assert_eq!(
        urls("  port: 8_443\n", "\"::1\""),
        both("https://[::1]:8443")
    );
    assert_eq!(urls("", "\"[::1]\""), both("https://[::1]"));
    assert_eq!(
        urls("  basepath: /chat/api/v4/\n", "example.org"),
        both("https://example.org/chat")
    );
    assert_eq!(load(LEAST).matterbot.scheme, Scheme::Https);
}

#[test]
fn paths() {
    let folder = Folder::with(format!(
        "{LEAST}  bindmap: ./state/bindmap.json\n  logfile: ~/bot.log\nModules:\n  python: python3.12\n  \
         commanddir: /opt/commands\n",
    ));
    let environment = Environment {
        home: Some(PathBuf::from("/home/bot")),
        ..Environment::default()
    };
    let config = folder.load(&environment, true).unwrap().config;
    assert_eq!(config.file, folder.path("config.yaml"));
    assert_eq!(config.matterbot.bindmap, folder.path("state/bindmap.json"));
    assert_eq!(
        config.matterbot.logfile,
        LogTarget::File(PathBuf::from("/home/bot/bot.log"))
    );
    assert_eq!(
        config.modules.python.as_deref(),
        Some(Path::new("python3.12"))
    );
    assert_eq!(config.modules.commanddir, Path::new("/opt/commands"));
    assert_eq!(config.modules.moduledir, folder.path("modules"));
    assert_eq!(
        load_added("Modules: {python: /usr/bin/python3}\n")
            .modules
            .python
            .as_deref(),
        Some(Path::new("/usr/bin/python3"))
    );
}

#[test]
fn the_state_directory() {
    let of = |lines: &str, variable: Option<&str>| {
        let folder = Folder::with(format!("{LEAST}{lines}"));
        let environment = Environment {
            state_directory: variable.map(Into::into),
            ..Environment::default()
        };
        let state = folder
            .load(&environment, true)
            .unwrap()
            .config
            .lifecycle
            .state_dir;
        state
            .strip_prefix(folder.0.path())
            .map(Path::to_path_buf)
            .unwrap_or(state)
    };
    let bindmap = "  bindmap: var/bindmap.json\n";
    assert_eq!(of(bindmap, None), Path::new("var"));
    assert_eq!(of(bindmap, Some("")), Path::new("var"));
    assert_eq!(
        of(bindmap, Some("/var/lib/matterbot:/var/lib/other")),
        Path::new("/var/lib/matterbot")
    );
    assert_eq!(
        of(
            "Lifecycle: {state_dir: state}\n",
            Some("/var/lib/matterbot")
        ),
        Path::new("state")
    );
}

#[test]
fn the_feed_map_of_either_section() {
    let of = |lines: &str| {
        load_added(lines)
            .matterbot
            .feedmap
            .file_name()
            .unwrap()
            .to_owned()
    };
    assert_eq!(of(""), "feedmap.json");
    assert_eq!(of("Modules: {feedmap: b.json}\n"), "b.json");
    assert_eq!(of("  feedmap: a.json\n"), "a.json");
    assert_eq!(
        of("  feedmap: a.json\nModules: {feedmap: a.json}\n"),
        "a.json"
    );
}

#[test]
fn the_log_file() {
    for written in ["", "~", "\"\"", "\"-\"", "'-'"] {
        assert_eq!(
            load_added(&format!("  logfile: {written}\n"))
                .matterbot
                .logfile,
            LogTarget::Standard,
            "{written}"
        );
    }
}

#[test]
fn names_of_the_lifecycle_commands() {
    let names = |lines: &str| {
        let names = load_added(lines).matterbot.lifecyclecmds;
        names
            .iter()
            .map(|(name, command)| format!("{name}={command}"))
            .collect::<Vec<_>>()
            .join(" ")
    };
    let default = "restart=restart reload=reload start=start stop=stop reset=reset";
    assert_eq!(names(""), default);
    assert_eq!(names("  lifecyclecmds: []\n"), default);
    assert_eq!(
        names("  lifecyclecmds: [\"!reload\", \"@reload\", \"!restart\", \"@restart\"]\n"),
        "reload=reload restart=restart start=start stop=stop reset=reset",
    );
    assert_eq!(
        names("  lifecyclecmds: [\"@Bot-Restart\", \"!go-restart\", \"@bot-start\"]\n"),
        "bot-restart=restart go-restart=restart bot-start=start reload=reload stop=stop reset=reset",
    );
}

#[test]
fn anchors_aliases_and_merge_keys() {
    let yaml = "Matterbot:\n  <<: [{host: a.example.org, port: 8065}, {port: 1, teamname: team}]\n  \
                host: chat.example.org\n  botadmins: &admins [system_admin]\n  botoperators: *admins\n  password: k4y\n";
    let matterbot = load(yaml).matterbot;
    assert_eq!(matterbot.base_url(), "https://chat.example.org:8065");
    assert_eq!(matterbot.botoperators, ["system_admin"]);
    assert_eq!(matterbot.teamname, "team");
}

#[test]
fn a_byte_order_mark_and_foreign_line_ends() {
    load(&format!("\u{feff}{}", LEAST.replace('\n', "\r\n")));
}

#[test]
fn what_is_only_odd_is_a_warning() {
    for (lines, expected) in [
        (
            "  username: MatterBot\n",
            "config.yaml:6:13: warning: Matterbot.username: servers reserve the name `matterbot`: no account can have it \
             (help: create the bot under another name, such as matter-bot)",
        ),
        (
            "  username: \"<mattermost bot account name>\"\n",
            "config.yaml:6:13: warning: Matterbot.username: is still the placeholder; the token alone says who the bot is",
        ),
        (
            "  msglength: 65535\n",
            "config.yaml:6:14: warning: Matterbot.msglength: servers take at most 16383 characters; so does the bot",
        ),
        (
            "  helpcmds: \"!help @help\"\n",
            "config.yaml:6:13: warning: Matterbot.helpcmds: expected a list of commands, got one text \
             (help: write each in quotes, in [ ])",
        ),
        (
            "  helpcmds: []\n",
            "config.yaml:6:13: warning: Matterbot.helpcmds: there is no word for help, so that nobody can ask for it \
             (help: remove this key: `!help` and `@help` are meant then)",
        ),
        (
            "  helpcmds: [\"@help\", \"@restart\"]\n",
            "config.yaml:6:23: warning: Matterbot.helpcmds[1]: \"@restart\" is a word of restart: a message that begins with it is \
             that command (help: choose another word for help)",
        ),
        (
            "  mapcmds: [\"@koppel\"]\n",
            "config.yaml:6:13: warning: Matterbot.mapcmds[0]: \"@koppel\" ends with none of bind, unbind and map, so it does \
             nothing (help: end it with the command that it stands for, such as \"@team-bind\")",
        ),
        (
            "  port: \"443\"\n",
            "config.yaml:6:9: warning: Matterbot.port: is a text, and read as 443 (help: write it without quotes)",
        ),
        (
            "  welcome: \"True\"\n  msglength: 4000.0\n",
            "config.yaml:6:12: warning: Matterbot.welcome: is a text, and read as yes (help: write it without quotes)\n\
             config.yaml:7:14: warning: Matterbot.msglength: is read as 4000 (help: write it without a fraction)",
        ),
        (
            "  botoperators: [\"@alice\"]\n",
            "config.yaml:6:18: warning: Matterbot.botoperators[0]: this is neither a user id (26 letters and digits) nor \
             a role of servers (system_…), so it admits nobody (help: a user name does not work here; the id is in the \
             user's profile in the System Console)",
        ),
        (
            "Feeds: {news: {url: x}}\n",
            "config.yaml:6:1: warning: Feeds: the feed process that reads this section is no part of this version",
        ),
        (
            "  channelmap: {}\nModules: {lookback: 20}\n",
            "config.yaml:6:3: warning: Matterbot.channelmap: nothing reads this key any more; channels are bound in the \
             chat\n\
             config.yaml:7:11: warning: Modules.lookback: nothing reads this key, nor does upstream; it can be removed",
        ),
    ] {
        assert_eq!(diagnose_added(lines), expected);
    }
    assert_eq!(
        diagnose(&LEAST.replace("[system_admin]", "[]")),
        "config.yaml:5:14: warning: Matterbot.botadmins: there are no admins and no operators: nobody may restart the \
         bot (help: put your user id here, from System Console > Users)",
    );
}

#[test]
fn without_a_name_one_of_two_places_is_taken() {
    let places = ["./config.yaml", "/etc/matterbot/config.yaml"];
    match config::find(None) {
        Ok(found) => assert!(found.exists() && places.contains(&found.to_str().unwrap())),
        Err(invalid) => {
            let text = invalid.to_string();
            assert!(
                places
                    .iter()
                    .all(|place| text.contains(place) && !Path::new(place).exists()),
                "{text}"
            );
        }
    }
}

#[test]
fn a_named_file_is_taken_as_it_is_named() {
    assert_eq!(
        config::find(Some(Path::new("other.yaml"))).unwrap(),
        Path::new("other.yaml")
    );
}
