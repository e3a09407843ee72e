//! The user that the command modules of a service of the host run as, and what it may write.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Its name.
pub const NAME: &str = "matterbot-modules";

/// Its home, the state directory of its service.
pub const HOME: &str = "/var/lib/matterbot-modules";

/// Its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User {
    /// The user's.
    pub id: u32,
    /// Its group's.
    pub group: u32,
}

impl User {
    /// The user of this host; `None` if there is no service for modules.
    #[must_use]
    pub fn of_host() -> Option<Self> {
        Self::find(&fs::read_to_string("/etc/passwd").unwrap_or_default())
    }

    /// The user in the text of passwd(5).
    fn find(passwd: &str) -> Option<Self> {
        let fields = passwd
            .lines()
            .map(|line| line.split(':').collect::<Vec<_>>());
        for field in fields {
            if let [name, _, id, group, ..] = field.as_slice()
                && *name == NAME
            {
                let (id, group) = (id.parse().ok()?, group.parse().ok()?);
                return Some(Self { id, group });
            }
        }
        None
    }

    /// Whether it may write the folder at `path`, by its mode.
    #[must_use]
    pub fn may_write(self, path: &Path) -> bool {
        fs::metadata(path).is_ok_and(|metadata| {
            let mode = metadata.mode();
            metadata.uid() == self.id && mode & 0o200 != 0
                || metadata.gid() == self.group && mode & 0o020 != 0
                || mode & 0o002 != 0
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn it_is_found_by_its_whole_name() {
        let passwd = "matterbot-modules2:x:1:2::/:/x\nmatterbot-modules:x:998:997::/:/x\n";
        let user = User {
            id: 998,
            group: 997,
        };
        assert_eq!(User::find(passwd), Some(user));
        assert_eq!(User::find("root:x:0:0::/:/x\n"), None);
    }

    #[test]
    fn what_is_its_own_its_groups_or_everybodys_can_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let owner = fs::metadata(folder.path()).unwrap();
        let (id, group) = (owner.uid(), owner.gid());
        let stranger = (id + 1, group + 1);
        for (mode, user, may) in [
            (0o700, (id, group), true),
            (0o500, (id, group), false),
            (0o770, (id + 1, group), true),
            (0o750, (id + 1, group), false),
            (0o707, stranger, true),
            (0o775, stranger, false),
        ] {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
            let (id, group) = user;
            let user = User { id, group };
            assert_eq!(user.may_write(folder.path()), may, "{mode:o} {user:?}");
        }
    }
}
