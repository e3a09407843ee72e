//! Where the parts of the service lie, and what is written there.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::config::CREDENTIAL;

/// The unit's name.
pub const UNIT: &str = "matterbot.service";

/// The socket that the bot reaches its command modules by.
pub const MODULES_SOCKET_UNIT: &str = "matterbot-modules.socket";

/// The service that the command modules run in.
pub const MODULES_SERVICE_UNIT: &str = "matterbot-modules.service";

/// What every file of ours begins with; a file without it is somebody else's.
pub const MARK: &str = "# Written by `matterbot install";

/// Whose service it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The host's, under a user of its own.
    System,
    /// One user's, in the user manager.
    User,
}

/// The places of the service's parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Whose service it is.
    pub scope: Scope,
    /// The program.
    pub program: PathBuf,
    /// The unit file that we write.
    pub unit: PathBuf,
    /// Where else systemd would find a unit of this name (systemd.unit(5)).
    pub other_units: Vec<PathBuf>,
    /// The configuration.
    pub config: PathBuf,
    /// The state directory.
    pub state: PathBuf,
    /// What only a service of the host has.
    pub host: Option<Host>,
}

/// The places that only a service of the host has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Declares the user (sysusers.d(5)).
    pub sysusers: PathBuf,
    /// Declares modes and owners (tmpfiles.d(5)).
    pub tmpfiles: PathBuf,
    /// The token, for systemd to read.
    pub credential: PathBuf,
    /// The units of the command modules.
    pub modules: ModuleUnits,
}

/// The places of the units that the command modules run in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleUnits {
    /// The socket that the bot connects to.
    pub socket: PathBuf,
    /// The service that the connection starts.
    pub service: PathBuf,
    /// What of the configuration the service must see: a drop-in of ours.
    pub folders: PathBuf,
    /// Their state directory.
    pub state: PathBuf,
}

impl ModuleUnits {
    fn of_host() -> Self {
        let units = Path::new("/etc/systemd/system");
        Self {
            socket: units.join(MODULES_SOCKET_UNIT),
            service: units.join(MODULES_SERVICE_UNIT),
            folders: units.join("matterbot-modules.service.d/10-folders.conf"),
            state: PathBuf::from("/var/lib/matterbot-modules"),
        }
    }

    /// The files that we write.
    #[must_use]
    pub fn files(&self) -> [&PathBuf; 3] {
        [&self.socket, &self.service, &self.folders]
    }
}

impl Layout {
    /// The places for `scope`.
    ///
    /// # Errors
    /// A user's service of a user without a home directory.
    pub fn new(scope: Scope) -> anyhow::Result<Self> {
        match scope {
            Scope::System => Ok(Self::of_host()),
            Scope::User => {
                let absolute = |name| {
                    std::env::var_os(name)
                        .map(PathBuf::from)
                        .filter(|path| path.is_absolute())
                };
                let home = absolute("HOME").context(
                    "HOME names no directory, so there is no place for a user's service",
                )?;
                let config = absolute("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config"));
                Ok(Self::of_user(&home, &config))
            }
        }
    }

    /// The places of the host's service.
    #[must_use]
    pub fn of_host() -> Self {
        let other = [
            "/run/systemd/system",
            "/usr/local/lib/systemd/system",
            "/usr/lib/systemd/system",
            "/lib/systemd/system",
        ];
        Self {
            scope: Scope::System,
            program: PathBuf::from("/usr/local/bin/matterbot"),
            unit: Path::new("/etc/systemd/system").join(UNIT),
            other_units: other.map(|path| Path::new(path).join(UNIT)).to_vec(),
            config: PathBuf::from("/etc/matterbot/config.yaml"),
            state: PathBuf::from("/var/lib/matterbot"),
            host: Some(Host {
                sysusers: PathBuf::from("/etc/sysusers.d/matterbot.conf"),
                tmpfiles: PathBuf::from("/etc/tmpfiles.d/matterbot.conf"),
                credential: PathBuf::from(CREDENTIAL),
                modules: ModuleUnits::of_host(),
            }),
        }
    }

    /// The places of the service of the user with these directories.
    #[must_use]
    pub fn of_user(home: &Path, config: &Path) -> Self {
        let other = [
            "/etc/systemd/user",
            "/usr/local/lib/systemd/user",
            "/usr/lib/systemd/user",
        ];
        Self {
            scope: Scope::User,
            program: home.join(".local/bin/matterbot"),
            unit: config.join("systemd/user").join(UNIT),
            other_units: other.map(|path| Path::new(path).join(UNIT)).to_vec(),
            config: config.join("matterbot/config.yaml"),
            state: home.join(".local/state/matterbot"),
            host: None,
        }
    }

    /// The folders of drop-ins that change our units.
    pub fn drop_ins(&self) -> impl Iterator<Item = PathBuf> {
        let modules = self.host.iter().map(|host| &host.modules);
        let modules = modules.flat_map(|modules| [&modules.socket, &modules.service]);
        std::iter::once(&self.unit).chain(modules).map(|unit| {
            let mut folder = unit.as_os_str().to_owned();
            folder.push(".d");
            PathBuf::from(folder)
        })
    }

    /// The text of the unit.
    #[must_use]
    pub fn unit_text(&self) -> &'static str {
        match self.scope {
            Scope::System => include_str!("../../contrib/systemd/matterbot.service"),
            Scope::User => include_str!("../../contrib/systemd/matterbot.user.service"),
        }
    }

    /// The text of a first configuration: the example, with the places of this service.
    #[must_use]
    pub fn config_text(&self) -> String {
        let state = match self.scope {
            Scope::System => "/var/lib/matterbot",
            // As the bot itself understands it, so that no name of a home directory has to be quoted.
            Scope::User => "~/.local/state/matterbot",
        };
        let commands = match self.scope {
            // The modules' unit cannot see the folder of the configuration.
            Scope::System => "  commanddir: \"/opt/matterbot/commands\"\n",
            Scope::User => COMMANDS,
        };
        include_str!("../../config.example.yaml")
            .replace(COMMANDS, commands)
            .replace(BINDMAP, &format!("  bindmap: \"{state}/bindmap.json\"\n"))
            .replace(FEEDMAP, &format!("  feedmap: \"{state}/feedmap.json\"\n"))
            .replace(STATE, &format!("  state_dir: \"{state}\"\n"))
    }
}

const BINDMAP: &str = "  bindmap: \"bindmap.json\"\n";
const FEEDMAP: &str = "  feedmap: \"feedmap.json\"\n";
const COMMANDS: &str = "  commanddir: \"commands\"\n";
const STATE: &str = "  state_dir:\n";

/// The text that declares the user.
pub const SYSUSERS: &str = include_str!("../../contrib/systemd/matterbot.sysusers");

/// The socket of the command modules.
pub const MODULES_SOCKET: &str = include_str!("../../contrib/systemd/matterbot-modules.socket");

/// The service of the command modules.
pub const MODULES_SERVICE: &str = include_str!("../../contrib/systemd/matterbot-modules.service");

/// The text that declares modes and owners.
pub const TMPFILES: &str = include_str!("../../contrib/systemd/matterbot.tmpfiles");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_carries_our_mark() {
        let user = Layout::of_user(Path::new("/home/ada"), Path::new("/home/ada/.config"));
        for text in [
            Layout::of_host().unit_text(),
            user.unit_text(),
            SYSUSERS,
            TMPFILES,
            MODULES_SOCKET,
            MODULES_SERVICE,
        ] {
            assert!(text.starts_with(MARK), "{text}");
        }
    }

    #[test]
    fn a_first_configuration_keeps_state_in_the_state_directory() {
        for (layout, state) in [
            (Layout::of_host(), "/var/lib/matterbot"),
            (
                Layout::of_user(Path::new("/home/ada"), Path::new("/home/ada/.config")),
                "~/.local/state/matterbot",
            ),
        ] {
            let text = layout.config_text();
            for line in [
                format!("\n  bindmap: \"{state}/bindmap.json\"\n"),
                format!("\n  feedmap: \"{state}/feedmap.json\"\n"),
                format!("\n  state_dir: \"{state}\"\n"),
            ] {
                assert!(text.contains(&line), "{line}");
            }
        }
    }

    #[test]
    fn drop_ins_lie_beside_each_unit() {
        let folders: Vec<PathBuf> = Layout::of_host().drop_ins().collect();
        let names = [
            "matterbot.service.d",
            "matterbot-modules.socket.d",
            "matterbot-modules.service.d",
        ];
        let units = Path::new("/etc/systemd/system");
        assert_eq!(folders, names.map(|name| units.join(name)));
    }

    #[test]
    fn a_first_configuration_of_a_host_names_a_folder_that_modules_can_see() {
        let text = Layout::of_host().config_text();
        let line = "\n  commanddir: \"/opt/matterbot/commands\"\n";
        assert!(text.contains(line), "{text}");
    }

    #[test]
    fn units_name_the_places_of_the_layout() {
        let host = Layout::of_host();
        let start = format!(
            "\nExecStart={} --config {}\n",
            host.program.display(),
            host.config.display()
        );
        assert!(host.unit_text().contains(&start));
        let user = Layout::of_user(Path::new("/home/ada"), Path::new("/home/ada/.config"));
        let start = "\nExecStart=%h/.local/bin/matterbot --config %E/matterbot/config.yaml\n";
        assert!(user.unit_text().contains(start));
    }
}
