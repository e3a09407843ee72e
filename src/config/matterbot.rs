//! The section `Matterbot`: the server, the account, who may, and upstream's behaviour of the bot.

use std::path::PathBuf;
use std::time::Duration;

use crate::secret::Secret;

/// The section `Matterbot`.
#[derive(Debug, Clone, PartialEq)]
pub struct Matterbot {
    /// The server's host name or address, without scheme, port and path.
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

/// Where log lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogTarget {
    /// The journal if it reads our standard error, else standard output.
    Standard,
    /// A file of our own.
    File(PathBuf),
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

/// Who brings the bot back after a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceManager {
    /// Whoever proves to; without proof the bot replaces itself.
    Auto,
    /// systemd.
    Systemd,
    /// s6.
    S6,
    /// Somebody whom the bot cannot ask: leave with status 75.
    Exit,
    /// Nobody: the bot replaces itself.
    None,
}

impl Matterbot {
    /// The server's address without the API's path, `https://chat.example.org:443`; permalinks start with it.
    #[must_use]
    pub fn base_url(&self) -> String {
        let scheme = match self.scheme {
            Scheme::Https => "https",
            Scheme::Http => "http",
        };
        let subpath = self.basepath.strip_suffix(API_PATH).unwrap_or_default();
        let host = if self.host.parse::<std::net::Ipv6Addr>().is_ok() {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        format!("{scheme}://{host}:{}{subpath}", self.port)
    }

    /// The address of the API, `https://chat.example.org:443/api/v4`.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("{}{API_PATH}", self.base_url())
    }
}

/// Where a server has its API, below its own path.
const API_PATH: &str = "/api/v4";
