//! The section `Matterbot`: the server, the account, who may, and upstream's behaviour of the bot.

use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::time::Duration;

use super::environment::Environment;
use super::file::File;
use super::notes::Text;
use crate::id::ChannelId;

use super::section::Section;
use super::server::{self, API_PATH};
use super::token::TokenSource;
use super::{rename, roles, token, words};
use crate::lifecycle::supervisor::ServiceManager;
use crate::logging::LogTarget;
use crate::secret::Secret;

/// The section `Matterbot`.
#[derive(Debug, Clone, PartialEq)]
pub struct Matterbot {
    /// The server's host name or address, without scheme, port and path; an IPv6 address without brackets.
    pub host: String,
    /// The server's port.
    pub port: u16,
    /// How the server is spoken to.
    pub scheme: Scheme,
    /// The path of the API, `/api/v4` or that below the server's subpath; starts with a slash and ends without one.
    pub basepath: String,
    /// The account's name; the server tells it to who has the token, so it is only used to warn.
    pub username: Option<String>,
    /// The access token, called `password` in the file.
    pub token: Secret,
    /// Where the token was found.
    pub token_source: TokenSource,
    /// The team's name as in its URL.
    pub teamname: String,
    /// User ids and roles that may do everything.
    pub botadmins: Vec<String>,
    /// User ids and roles that may restart.
    pub botoperators: Vec<String>,
    /// Where log lines go.
    pub logfile: LogTarget,
    /// The file of the module binds.
    pub bindmap: PathBuf,
    /// The file of the feed subscriptions: this key, else that of `Modules`.
    pub feedmap: PathBuf,
    /// Words for help.
    pub helpcmds: Vec<String>,
    /// Words for binds.
    pub mapcmds: Vec<String>,
    /// Words for feeds.
    pub feedcmds: Vec<String>,
    /// By which names the lifecycle commands are known: every pair of a name in lower case, without a sigil,
    /// and the built-in that it runs (`restart`, `reload`, `start`, `stop` or `reset`). A built-in that the file
    /// does not rename stands in it under its own name.
    pub lifecyclecmds: Vec<(String, String)>,
    /// Who may subscribe channels to feeds.
    pub feedmode: FeedMode,
    /// Upstream's greeting of new members.
    pub welcome: Welcome,
    /// Whether the bot's own module answers trigger module commands.
    pub recursion: bool,
    /// The longest post, in characters.
    pub msglength: usize,
    /// Whether commands are logged.
    pub logcmd: bool,
    /// Whether their parameters are logged too.
    pub logcmdparams: bool,
    /// How many calls of one module run at once.
    pub command_workers: usize,
    /// How long a call may take.
    pub command_timeout: Duration,
    /// How many calls of one user run at once.
    pub user_concurrency: usize,
    /// Who brings the bot back after a restart.
    pub service_manager: ServiceManager,
}

/// How the server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// TLS.
    Https,
    /// Plain text.
    Http,
}

/// Who may subscribe channels to feeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedMode {
    /// Admins.
    Admin,
    /// Everyone, but for the feeds that are for admins.
    User,
}

/// Upstream's greeting of new members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Welcome {
    /// Whether there is one.
    pub enabled: bool,
    /// Its first line.
    pub banner: String,
    /// The id of the channel whose members are greeted, and where.
    pub channel: Option<String>,
    /// A file whose text follows the banner.
    pub file: PathBuf,
}

impl Matterbot {
    /// What permalinks start with, `https://chat.example.org/ops/pl`; a slash and the post's identifier follow.
    #[must_use]
    pub fn permalink_base(&self) -> String {
        format!("{}/{}/pl", self.base_url(), self.teamname)
    }

    /// The server's address without the API's path, `https://chat.example.org`.
    #[must_use]
    pub fn base_url(&self) -> String {
        let scheme = match self.scheme {
            Scheme::Https => "https",
            Scheme::Http => "http",
        };
        let subpath = self.basepath.strip_suffix(API_PATH).unwrap_or_default();
        let host = if self.host.parse::<Ipv6Addr>().is_ok() {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        match (self.scheme, self.port) {
            (Scheme::Https, 443) | (Scheme::Http, 80) => format!("{scheme}://{host}{subpath}"),
            (_, port) => format!("{scheme}://{host}:{port}{subpath}"),
        }
    }

    /// The address of the API, `https://chat.example.org/api/v4`.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("{}{API_PATH}", self.base_url())
    }
}

/// The longest post that servers store, in characters (`POST_MESSAGE_MAX_RUNES_V2`).
const LONGEST_POST: u32 = 16383;

/// Reads the section of `file`. Its feed map is the one that the section names.
pub(super) fn read(
    section: &mut Section<'_, '_>,
    environment: &Environment,
    file: &File,
) -> (Matterbot, Option<PathBuf>) {
    let (token, token_source) = token::read(section, environment, file);
    let botadmins = roles::read(section, "botadmins");
    let botoperators = roles::read(section, "botoperators");
    roles::anybody(section, &botadmins, &botoperators);
    let feedmap = section.file("feedmap");
    let lifecyclecmds = rename::read(section);
    let matterbot = Matterbot {
        host: server::host(section),
        port: u16::try_from(section.whole("port", 443, 1..=65535)).unwrap_or(443),
        scheme: section.choice(
            "scheme",
            Scheme::Https,
            &[("https", Scheme::Https), ("http", Scheme::Http)],
        ),
        basepath: server::basepath(section),
        username: server::username(section),
        token,
        token_source,
        teamname: server::teamname(section),
        botadmins,
        botoperators,
        logfile: logfile(section),
        bindmap: section
            .file("bindmap")
            .unwrap_or_else(|| section.relative("bindmap.json")),
        feedmap: feedmap
            .clone()
            .unwrap_or_else(|| section.relative("feedmap.json")),
        helpcmds: words::help(section, &lifecyclecmds),
        mapcmds: words::mapping(section),
        feedcmds: section.words("feedcmds", &FEED_COMMANDS),
        lifecyclecmds,
        feedmode: section.choice(
            "feedmode",
            FeedMode::Admin,
            &[("admin", FeedMode::Admin), ("user", FeedMode::User)],
        ),
        welcome: welcome(section),
        recursion: section.truth("recursion", false),
        msglength: msglength(section),
        logcmd: section.truth("logcmd", true),
        logcmdparams: section.truth("logcmdparams", false),
        command_workers: section.whole("command_workers", 8, 1..=1024) as usize,
        command_timeout: section.seconds("command_timeout", 30, 0.1..=86400.0),
        user_concurrency: section.whole("user_concurrency", 2, 1..=1024) as usize,
        service_manager: service_manager(section),
    };
    section.dead(
        "channelmap",
        "nothing reads this key any more; channels are bound in the chat",
    );
    (matterbot, feedmap)
}

/// Upstream's words for feeds.
const FEED_COMMANDS: [&str; 10] = [
    "!subscribe",
    "@subscribe",
    "!sub",
    "@sub",
    "!unsubscribe",
    "@unsubscribe",
    "!unsub",
    "@unsub",
    "!feeds",
    "@feeds",
];

/// Absent, empty and `-` mean the journal or standard output.
fn logfile(section: &mut Section<'_, '_>) -> LogTarget {
    match section.text("logfile").as_deref() {
        None | Some("" | "-") => LogTarget::Standard,
        Some(_) => section
            .file("logfile")
            .map_or(LogTarget::Standard, LogTarget::File),
    }
}

/// What stands in upstream's example in the place of the welcome channel's id.
const PLACEHOLDER: &str = "abc";

fn welcome(section: &mut Section<'_, '_>) -> Welcome {
    let channel = section
        .text("welcome_channel")
        .filter(|channel| !channel.is_empty());
    let is_odd = |channel: &String| channel != PLACEHOLDER && channel.parse::<ChannelId>().is_err();
    if channel.as_ref().is_some_and(is_odd) {
        let text = Text::new("this is no channel's id, so nobody is welcomed")
            .help("in Mattermost \"View Info\" of the channel shows its id");
        section.warning("welcome_channel", text);
    }
    Welcome {
        enabled: section.truth("welcome", true),
        banner: section
            .text("welcome_banner")
            .unwrap_or_else(|| "**Welcome to this Mattermost!**".to_owned()),
        channel,
        file: section
            .file("welcome_file")
            .unwrap_or_else(|| section.relative("welcome.msg")),
    }
}

/// A longer post than the server takes is only a warning: upstream starts with it.
fn msglength(section: &mut Section<'_, '_>) -> usize {
    let length = section.whole("msglength", LONGEST_POST, 200..=1_000_000);
    if length > LONGEST_POST {
        section.warning(
            "msglength",
            Text::new(format!(
                "servers take at most {LONGEST_POST} characters; so does the bot"
            )),
        );
    }
    length.min(LONGEST_POST) as usize
}

fn service_manager(section: &mut Section<'_, '_>) -> ServiceManager {
    section.choice(
        "service_manager",
        ServiceManager::Auto,
        &[
            ("auto", ServiceManager::Auto),
            ("systemd", ServiceManager::Systemd),
            ("s6", ServiceManager::S6),
            ("exit", ServiceManager::Exit),
            ("none", ServiceManager::None),
        ],
    )
}
