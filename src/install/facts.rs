//! What is on this host already; read only.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::module::user;

use super::folders::Folders;
use super::layout::{Host, Layout, Scope};
use super::step;

/// What a plan is made from.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Where the parts lie, or will.
    pub layout: Layout,
    /// The program that runs now.
    pub executable: PathBuf,
    /// What is in the program's place.
    pub program: Program,
    /// The unit files of our name that exist, ours first.
    pub units: Vec<Found>,
    /// The declarations of users and of modes that exist.
    pub declarations: Vec<Found>,
    /// Whether a configuration exists.
    pub configured: bool,
    /// Whether the token lies where systemd reads it.
    pub credential: bool,
    /// Whether there is a state directory.
    pub state: bool,
    /// The folders of drop-ins that hold changes of somebody else's to the units.
    pub drop_ins: Vec<PathBuf>,
    /// Whether a systemd runs here (sd_booted(3)); in a chroot none does.
    pub booted: bool,
    /// The unit's `ActiveState`, where a systemd says it.
    pub active: String,
    /// Whether the user's services run without a session; nothing for the host's.
    pub lingering: Option<bool>,
    /// What the command modules need to see and to write; nothing for a user's service.
    pub folders: Option<Folders>,
    /// Whether the command modules have a state directory.
    pub modules_state: bool,
    /// Whether the user `matterbot` exists.
    pub user_exists: bool,
    /// Whether the user of the command modules exists.
    pub modules_user_exists: bool,
    /// The effective user id.
    pub user_id: u32,
}

/// What is in the program's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// Nothing.
    Absent,
    /// What runs now.
    Same,
    /// Something else: another version, or another program.
    Other,
}

/// A file that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where.
    pub path: PathBuf,
    /// What it holds; empty for a unit that is masked.
    pub text: String,
}

impl Facts {
    /// Looks at the host; changes nothing.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn gather(layout: Layout) -> anyhow::Result<Self> {
        let executable = std::env::current_exe().context("finding the program that runs")?;
        let scope = layout.scope;
        let user_id = rustix::process::geteuid().as_raw();
        let booted = Path::new("/run/systemd/system").is_dir();
        let units = std::iter::once(&layout.unit).chain(&layout.other_units);
        let units = found(units)?;
        let host = layout.host.as_ref();
        let declarations = found(host.iter().flat_map(|host| {
            [&host.sysusers, &host.tmpfiles]
                .into_iter()
                .chain(host.modules.files())
        }))?;
        Ok(Self {
            program: compare(&executable, &layout.program)?,
            units,
            declarations,
            configured: exists(&layout.config),
            credential: host.is_some_and(|host| exists(&host.credential)),
            state: exists(&layout.state),
            drop_ins: layout
                .drop_ins()
                .filter(|folder| holds_more(folder, host))
                .collect(),
            booted,
            active: active_state(scope, booted),
            lingering: (scope == Scope::User).then(|| lingers(user_id)),
            folders: host.map(|_| Folders::of_configuration(&layout.config)),
            modules_state: host.is_some_and(|host| exists(&host.modules.state)),
            user_exists: user_exists("matterbot"),
            modules_user_exists: user_exists(user::NAME),
            user_id,
            executable,
            layout,
        })
    }

    /// Whether this user may do what `command` does.
    ///
    /// # Errors
    /// Anybody but root touches the host's service.
    pub fn require_permission(&self, command: &str) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.layout.scope == Scope::User || self.user_id == 0,
            "only root can {command} a service of this host: type `sudo {program} {command}`, or see what it would do \
             with --dry-run; `{program} {command} --user` needs no root",
            program = self.executable.display()
        );
        Ok(())
    }
}

/// Something is there, though it may be unreadable or lead nowhere.
fn exists(path: &Path) -> bool {
    match fs::symlink_metadata(path) {
        Ok(_) => true,
        Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
    }
}

/// Something is in `folder` beside the drop-in that we write.
fn holds_more(folder: &Path, host: Option<&Host>) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths = entries.map(|entry| entry.path());
    paths.any(|path| host.is_none_or(|host| path != host.modules.folders))
}

fn found<'a>(paths: impl Iterator<Item = &'a PathBuf>) -> anyhow::Result<Vec<Found>> {
    let mut found: Vec<Found> = Vec::new();
    for path in paths.filter(|path| exists(path)) {
        // A link to /dev/null is a masked unit, one that leads nowhere has no text either.
        let text = match fs::read(path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        };
        found.push(Found {
            path: path.clone(),
            text,
        });
    }
    Ok(found)
}

fn compare(executable: &Path, place: &Path) -> anyhow::Result<Program> {
    if !exists(place) {
        return Ok(Program::Absent);
    }
    let read = |path: &Path| fs::read(path).with_context(|| format!("reading {}", path.display()));
    Ok(if read(executable)? == read(place)? {
        Program::Same
    } else {
        Program::Other
    })
}

fn active_state(scope: Scope, booted: bool) -> String {
    let mut arguments = vec![
        "show",
        "--property=ActiveState",
        "--value",
        super::layout::UNIT,
    ];
    if scope == Scope::User {
        arguments.insert(0, "--user");
    }
    booted
        .then(|| step::output("systemctl", &arguments))
        .flatten()
        .unwrap_or_default()
}

fn lingers(user_id: u32) -> bool {
    let arguments = [
        "show-user",
        &user_id.to_string(),
        "--property=Linger",
        "--value",
    ];
    step::output("loginctl", &arguments).is_some_and(|answer| answer == "yes")
}

/// A system user that systemd-sysusers made is in the file itself.
fn user_exists(name: &str) -> bool {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let mut names = users.lines().filter_map(|line| line.split(':').next());
    names.any(|known| known == name)
}
